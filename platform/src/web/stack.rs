//! What lies around every router: limits, identity of the request, its line in the log, its metrics.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, header};
use http_body_util::Limited;
use metrics::Gauge;
use serde::Deserialize;
use std::net::IpAddr;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tracing::{Instrument as _, Span};

use super::around::{Answer, Onward, Step, Steps, around};
use super::body::{Paced, Timely};
use super::crowd::{Crowd, Sending};
use super::listener::PeerAddress;
use super::numbers::Numbers;
use super::rate::{self, Limiter, Rate};
use super::rest::{Places, Rest};
use crate::clock::Clock;
use crate::id::RequestId;
use crate::panics::caught;
use crate::problem::{Kind, Problem};

/// How much a request may ask of the server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How large a body may be.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time_out_ms: u64,
    /// How long a request may take in all.
    pub request_time_out_ms: u64,
    /// How many requests are worked on at the same time; further ones are refused.
    pub in_flight: usize,
    /// How many bodies one address may be sending at the same time.
    pub bodies_per_address: usize,
    /// How many requests one address may make; absent means as many as it likes.
    pub per_client: Option<Rate>,
    /// Which bodies may be longer.
    #[serde(skip)]
    pub streams: Streams,
}

/// Bodies that are worked on as they come, so that they may be as long as a file is. Their time-out is for a pause of the
/// sender, and the one of requests for the beginning of the answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Streams {
    /// The patterns of their routes.
    pub routes: &'static [&'static str],
    /// How large such a body may be.
    pub bytes: usize,
}

impl Limits {
    /// How large the body of a route may be.
    fn most_bytes(&self, route: &str) -> usize {
        if self.streams.routes.contains(&route) { self.streams.bytes } else { self.body_bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            body_time_out_ms: 15_000,
            request_time_out_ms: 30_000,
            in_flight: 1024,
            bodies_per_address: 256,
            per_client: None,
            streams: Streams::default(),
        }
    }
}

/// What is told of the requests that come to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The port's name in the metrics.
    pub port: &'static str,
    /// Which requests have a line in the log.
    pub lines: Lines,
}

/// Which requests have a line in the log. The metrics count all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Every one.
    All,
    /// Those that are refused or fail; the others when the log is asked for `debug`. For a port where everybody fetches
    /// what is public, ten thousand times in a second: there a line costs as much as the answer, and tells nothing.
    Failures,
}

/// Puts the limits around a router, and problems where it has no route. Every answer carries `x-request-id`.
pub fn stack(router: Router, limits: &Limits, told: Told) -> Router {
    stack_within(router, limits, told, Vec::new())
}

/// The same within steps that lie around the limits too.
pub fn stack_within(router: Router, limits: &Limits, told: Told, mut steps: Steps) -> Router {
    steps.push(Box::new(Guard {
        limits: limits.clone(),
        lines: told.lines,
        under_way: metrics::gauge!("http_requests_in_flight", "port" => told.port),
        numbers: Numbers::default(),
        places: Semaphore::new(limits.in_flight),
        unwanted: Places::default(),
        crowd: Crowd::new(limits.bodies_per_address),
        rate: limits.per_client.map(Limiter::new),
        clock: Clock::system(),
    }));
    let router = router
        .fallback(async || Problem::not_found("not-found", "There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::MethodNotAllowed, "method-not-allowed", "This method is not for this address.")
        });
    around(router, steps)
}

struct Guard {
    limits: Limits,
    lines: Lines,
    under_way: Gauge,
    numbers: Numbers,
    places: Semaphore,
    unwanted: Places,
    crowd: Crowd,
    rate: Option<Limiter<IpAddr>>,
    clock: Clock,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl Step for Guard {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        Box::pin(answer(self, request, onward))
    }
}

async fn answer(guard: &Guard, request: Request, onward: Onward<'_>) -> Response {
    let started = Instant::now();
    let _under_way = UnderWay::new(&guard.under_way);
    let id = RequestId::new(guard.clock.now());
    let method = known_method(request.method());
    // The pattern and never the path, which may name a person.
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);

    let span = match guard.lines {
        Lines::All => tracing::info_span!("request", request_id = %id, method, route),
        Lines::Failures => tracing::debug_span!("request", request_id = %id, method, route),
    };
    let mut response = guarded(guard, route, request, onward).instrument(span.clone()).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    // A browser takes our answers for what they say they are.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let (status, took) = (response.status(), started.elapsed());
    log(guard, &span, &response, (method, route), took);
    guard.numbers.count(method, route, status, took);
    response
}

/// The request's line in the log, where it has one.
fn log(
    guard: &Guard,
    span: &Span,
    response: &Response,
    (method, route): (&'static str, &str),
    took: Duration,
) {
    let (status, milliseconds) = (response.status().as_u16(), took.as_secs_f64() * 1000.0);
    let failed = response.status().is_client_error() || response.status().is_server_error();
    match guard.lines {
        Lines::All => span.in_scope(|| {
            tracing::info!(status, milliseconds, "{method} {route} answered {status}");
        }),
        Lines::Failures if failed => {
            let request_id = response.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
            tracing::info_span!("request", request_id, method, route).in_scope(|| {
                tracing::info!(status, milliseconds, "{method} {route} answered {status}");
            });
        }
        Lines::Failures => span.in_scope(|| {
            tracing::debug!(status, milliseconds, "{method} {route} answered {status}");
        }),
    }
}

/// One request more that is under way, until this is dropped.
struct UnderWay<'g>(&'g Gauge);

impl<'g> UnderWay<'g> {
    fn new(gauge: &'g Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The answer of the router, or the refusal of a limit.
async fn guarded(guard: &Guard, route: &str, request: Request, onward: Onward<'_>) -> Response {
    let admitted = admit(guard, route, &request);
    let (_place, sending) = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => {
            // The body is not wanted; it still has to come to its end for the answer to be seen.
            drop(unread(request, &guard.limits, &guard.unwanted));
            return problem.into_response();
        }
    };
    let limit = Duration::from_millis(guard.limits.request_time_out_ms);
    let request = bounded(request, guard, route, sending);
    // What a step does before it waits for anything is caught and timed too.
    match timeout(limit, caught(async move { onward.run(request).await })).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panicked)) => Problem::internal("a handler panicked").into_response(),
        Err(_) => {
            let detail = "The request took too long and was given up. Try again shortly.";
            Problem::unavailable("request-timed-out", detail, Duration::from_secs(1)).into_response()
        }
    }
}

/// A place among the requests in flight, and one for its body where it has one and comes over a network.
fn admit<'g>(
    guard: &'g Guard,
    route: &str,
    request: &Request,
) -> Result<(SemaphorePermit<'g>, Option<Sending>), Problem> {
    let address = request.extensions().get::<PeerAddress>().map(|address| rate::key(*address));
    if let (Some(limiter), Some(address)) = (&guard.rate, &address) {
        limiter.check(address)?;
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let most = guard.limits.most_bytes(route);
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|it| it > most as u64) {
        let detail = format!("The body may have {most} bytes at most.");
        return Err(Problem::too_large("body-too-large", detail));
    }
    let sends = !http_body::Body::is_end_stream(request.body());
    let sending = address.filter(|_| sends).map(|address| guard.crowd.enter(address)).transpose()?;
    let place = guard.places.try_acquire().map_err(|_| {
        Problem::unavailable("server-busy", "The server is busy. Try again shortly.", Duration::from_secs(1))
    })?;
    Ok((place, sending))
}

/// The body of a request, to be read by nobody.
fn unread(request: Request, limits: &Limits, unwanted: &Places) -> Rest<Body> {
    let expects = request.headers().contains_key(header::EXPECT);
    let time = Duration::from_millis(limits.body_time_out_ms);
    Rest::new(request.into_body(), time, expects, unwanted)
}

/// The request with a body that ends in time and in size.
fn bounded(mut request: Request, guard: &Guard, route: &str, sending: Option<Sending>) -> Request {
    // Most requests have none, and a timer for each would cost.
    if http_body::Body::is_end_stream(request.body()) {
        return request;
    }
    // Ours answers with a problem and covers what is not read by an extractor.
    DefaultBodyLimit::disable().apply(&mut request);
    let limits = &guard.limits;
    let time = Duration::from_millis(limits.body_time_out_ms);
    let expects = request.headers().contains_key(header::EXPECT);
    request.map(|body| {
        let body = Rest::new(body, time, expects, &guard.unwanted).counted(sending);
        let body = Limited::new(body, limits.most_bytes(route));
        if limits.streams.routes.contains(&route) {
            return Body::new(Paced::new(body, time));
        }
        Body::new(Timely::new(body, time))
    })
}

/// The method's name if it is one that is used, so that a client cannot invent metrics.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
