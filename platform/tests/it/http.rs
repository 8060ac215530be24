//! The layers around a router, and the extractors.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, post};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use platform::caller::CallerKind;
use platform::id::ClientId;
use platform::problem::MEDIA_TYPE;
use platform::web::{self, Json, Limits, Lines, Path, PeerAddress, Query, Rate, Streams, Told};
use platform::{Act, Caller, Problem};
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;

const KNOCK: Act = Act("door:knock");

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Knock {
    times: u8,
}

fn router() -> Router {
    Router::new()
        .route("/knocks", post(async |Json(knock): Json<Knock>| Json(knock)).get(async || "knock"))
        .route("/knocks/{id}", get(async |Path(id): Path<u8>| id.to_string()))
        .route("/search", get(async |Query(knock): Query<Knock>| Json(knock)))
        .route("/panic", get(async || -> &'static str { panic!("on purpose: swordfish") }))
        .route("/endless", get(async || std::future::pending::<()>().await))
        .route("/internal", get(async || Problem::internal("swordfish")))
        .route(
            "/door",
            get(async |caller: Caller| -> Result<String, Problem> {
                caller.may(KNOCK)?;
                Ok(caller.subject)
            }),
        )
}

/// The same where each caller may ask so often.
fn counted(rate: Rate) -> Router {
    web::around(router(), vec![Box::new(web::CallerLimit::new(rate))])
}

fn stack(router: Router, limits: &Limits) -> Router {
    web::stack(router, limits, Told { port: "test", lines: Lines::All })
}

fn limits() -> Limits {
    Limits { body_bytes: 100, body_time_out_ms: 50, request_time_out_ms: 200, ..Limits::default() }
}

async fn answer(router: &Router, request: Request<Body>) -> (Response<()>, serde_json::Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap_or_default())
}

fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let json = "application/json";
    Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, json).body(body.into()).unwrap()
}

/// Every refusal is a problem with its status and code, names its request, and shows nothing of what is inside.
#[tokio::test]
async fn refusals_are_problems() {
    let router = stack(router(), &limits());
    let long = "x".repeat(101);
    let cases = [
        ("GET", "/nowhere", "", 404, "not-found"),
        ("DELETE", "/knocks", "", 405, "method-not-allowed"),
        ("GET", "/knocks/many", "", 404, "not-found"),
        ("GET", "/search?times=many", "", 400, "query-invalid"),
        ("POST", "/knocks", "{", 400, "json-invalid"),
        ("POST", "/knocks", r#"{"times": 1, "loud": true}"#, 400, "json-invalid"),
        ("POST", "/knocks", &long, 413, "body-too-large"),
        ("GET", "/panic", "", 500, "internal"),
        ("GET", "/internal", "", 500, "internal"),
        ("GET", "/endless", "", 503, "request-timed-out"),
        ("GET", "/door", "", 401, "caller-unknown"),
    ];
    for (method, path, body, status, code) in cases {
        let (response, problem) = answer(&router, request(method, path, body.to_owned())).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path} {problem}");
        assert_eq!(problem["code"], code, "{method} {path}");
        assert_eq!(problem["status"], status);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert!(response.headers().contains_key("x-request-id"));
        assert!(!problem.to_string().contains("swordfish"));
    }
    let plain = Request::post("/knocks").body(Body::from("{}")).unwrap();
    assert_eq!(answer(&router, plain).await.0.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (response, _) = answer(&router, request("POST", "/knocks", r#"{"times": 3}"#)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

/// A body of unknown length is cut at the limit, and one that dawdles at its time.
#[tokio::test]
async fn bodies_end_in_size_and_in_time() {
    let router = stack(router(), &limits());
    let endless = http_body_util::StreamBody::new(Drip { bytes: b"          ", every: None });
    let (response, problem) = answer(&router, request("POST", "/knocks", Body::new(endless))).await;
    assert_eq!(
        (response.status(), &problem["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &"body-too-large".into())
    );

    let every = Some(Box::pin(tokio::time::sleep(Duration::from_millis(5))));
    let dawdling = http_body_util::StreamBody::new(Drip { bytes: b" ", every });
    let (response, problem) = answer(&router, request("POST", "/knocks", Body::new(dawdling))).await;
    assert_eq!((response.status(), &problem["code"]), (StatusCode::REQUEST_TIMEOUT, &"body-too-slow".into()));
}

/// A body of a route that reads as it comes is cut at a size of its own and when its sender pauses, and not by the time that
/// the whole of it takes.
#[tokio::test]
async fn streamed_bodies_end_in_size_and_at_a_pause() {
    let count = async |body: Body| -> Result<String, Problem> {
        let mut body = body;
        let mut octets = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                Problem::conflict("cut", cause.unwrap_or_default())
            })?;
            octets += frame.data_ref().map_or(0, bytes::Bytes::len);
        }
        Ok(octets.to_string())
    };
    let streams = Streams { routes: &["/files"], bytes: 3_000 };
    let limits = Limits { request_time_out_ms: 60_000, streams, ..limits() };
    let router = stack(Router::new().route("/files", post(count)), &limits);

    // Three times the time that any other body may take.
    let long = http_body_util::StreamBody::new(futures_util::StreamExt::take(drip(b"0123456789"), 30));
    let (response, octets) = answer(&router, request("POST", "/files", Body::new(long))).await;
    assert_eq!((response.status(), octets), (StatusCode::OK, 300.into()));

    let large = request("POST", "/files", "x".repeat(3_001));
    let (_, problem) = answer(&router, large).await;
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("length limit")), "{problem}");
    let told = Request::post("/files").header(header::CONTENT_LENGTH, "3001").body(Body::from("x")).unwrap();
    assert_eq!(answer(&router, told).await.0.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let paused = http_body_util::StreamBody::new(futures_util::StreamExt::chain(
        futures_util::StreamExt::take(drip(b"0123456789"), 2),
        futures_util::stream::pending(),
    ));
    let (_, problem) = answer(&router, request("POST", "/files", Body::new(paused))).await;
    assert_eq!(problem["detail"], "the body did not arrive in time");
}

/// The same bytes, one after each pause.
fn drip(bytes: &'static [u8]) -> Drip {
    Drip { bytes, every: Some(Box::pin(tokio::time::sleep(Duration::from_millis(5)))) }
}

/// The same bytes again and again, at once or one after each pause.
struct Drip {
    bytes: &'static [u8],
    every: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl futures_core::Stream for Drip {
    type Item = Result<http_body::Frame<bytes::Bytes>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if let Some(pause) = &mut self.every {
            std::task::ready!(pause.as_mut().poll(context));
            pause.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(5));
        }
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(bytes::Bytes::from_static(self.bytes)))))
    }
}

/// An address that asks too often is told when to come again, and its neighbour is not.
#[tokio::test]
async fn too_many_requests_wait() {
    let one = std::num::NonZeroU32::MIN;
    let limits = Limits { per_client: Some(Rate { per_second: one, burst: one }), ..limits() };
    let router = stack(router(), &limits);
    let from = |address: &str| {
        let mut request = request("GET", "/knocks", "");
        request.extensions_mut().insert(PeerAddress(address.parse().unwrap()));
        request
    };
    assert_eq!(answer(&router, from("192.0.2.1:1000")).await.0.status(), StatusCode::OK);
    let (response, problem) = answer(&router, from("192.0.2.1:1001")).await;
    assert_eq!(
        (response.status(), &problem["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &"rate-limited".into())
    );
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(answer(&router, from("192.0.2.2:1000")).await.0.status(), StatusCode::OK);
}

/// More requests than the server works on at once are refused, and places become free again.
#[tokio::test]
async fn a_busy_server_refuses() {
    let router = stack(router(), &Limits { in_flight: 1, ..limits() });
    let held = tokio::spawn(router.clone().oneshot(request("GET", "/endless", "")));
    let busy = async {
        loop {
            let (response, problem) = answer(&router, request("GET", "/knocks", "")).await;
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                break problem;
            }
            tokio::task::yield_now().await;
        }
    };
    let problem = tokio::time::timeout(Duration::from_secs(5), busy).await.unwrap();
    assert_eq!(problem["code"], "server-busy");
    assert_eq!(held.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer(&router, request("GET", "/knocks", "")).await.0.status(), StatusCode::OK);
}

/// A crowd that sends slowly from one address takes no more places than an address may have: others come in, and so
/// does the address itself once its bodies have ended.
#[tokio::test]
async fn a_crowd_of_slow_senders_keeps_nobody_out() {
    let limits = Limits { in_flight: 6, bodies_per_address: 4, body_time_out_ms: 1_000, ..limits() };
    let limits = Limits { request_time_out_ms: 10_000, body_bytes: 10_000, ..limits };
    let router = stack(router(), &limits);
    let from = |address: &str, body: Body| {
        let mut request = request("POST", "/knocks", body);
        request.extensions_mut().insert(PeerAddress(address.parse().unwrap()));
        request
    };
    let slow = || {
        let every = Some(Box::pin(tokio::time::sleep(Duration::from_millis(50))));
        Body::new(http_body_util::StreamBody::new(Drip { bytes: b" ", every }))
    };
    let crowd: Vec<_> = (0..20)
        .map(|port| tokio::spawn(router.clone().oneshot(from(&format!("192.0.2.1:{port}"), slow()))))
        .collect();
    // Each of the crowd has its place or its refusal once it was polled.
    tokio::task::yield_now().await;
    let quick = || Body::from(r#"{"times": 3}"#);
    for _ in 0..10 {
        assert_eq!(answer(&router, from("192.0.2.2:9", quick())).await.0.status(), StatusCode::OK);
    }
    let (response, problem) = answer(&router, from("192.0.2.1:99", quick())).await;
    assert_eq!(
        (response.status(), &problem["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &"too-many-bodies".into())
    );
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    let mut waited = 0;
    for sender in crowd {
        let status = sender.await.unwrap().unwrap().status();
        waited += usize::from(status == StatusCode::REQUEST_TIMEOUT);
        assert!(matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS), "{status}");
    }
    assert_eq!(waited, 4);
    assert_eq!(answer(&router, from("192.0.2.1:99", quick())).await.0.status(), StatusCode::OK);
}

/// People who share one client id are counted each on their own, whatever client is between.
#[tokio::test]
async fn people_are_counted_one_by_one() {
    let one = std::num::NonZeroU32::MIN;
    let router = stack(counted(Rate { per_second: one, burst: one }), &limits());
    let ask = |person: &str| {
        let client = "shared".parse().unwrap();
        let caller = Caller::new(CallerKind::Person, person, client, ["door:knock"]);
        let mut request = request("GET", "/door", "");
        request.extensions_mut().insert(caller);
        let router = router.clone();
        async move { answer(&router, request).await.0.status() }
    };
    assert_eq!(ask("555000000108").await, StatusCode::OK);
    assert_eq!(ask("555000000108").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask("555000000116").await, StatusCode::OK);
}

/// A caller does what it has been granted and nothing else, and each client has its own rate.
#[tokio::test]
async fn callers_do_what_they_may() {
    let two = std::num::NonZeroU32::new(2).unwrap();
    let rate = Rate { per_second: std::num::NonZeroU32::MIN, burst: two };
    let router = stack(counted(rate), &limits());
    let ask = |client: &str, acts: &[&str]| {
        let client: ClientId = client.parse().unwrap();
        let caller = Caller::new(CallerKind::System, "200000000017", client, acts.iter().copied());
        let mut request = request("GET", "/door", "");
        request.extensions_mut().insert(caller);
        let router = router.clone();
        async move { answer(&router, request).await }
    };
    assert_eq!(ask("good", &["door:knock"]).await.0.status(), StatusCode::OK);
    let (response, problem) = ask("bad", &["door:paint"]).await;
    assert_eq!((response.status(), &problem["code"]), (StatusCode::FORBIDDEN, &"act-not-granted".into()));
    assert_eq!(ask("good", &["door:knock"]).await.0.status(), StatusCode::OK);
    assert_eq!(ask("good", &["door:knock"]).await.0.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask("other", &["door:knock"]).await.0.status(), StatusCode::OK);
}

/// What a log wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On a port that serves what is public a request that is answered has no line, and one that is refused has its line with
/// its id; elsewhere each has one. An answer carries the same either way.
#[tokio::test]
async fn lines_are_told_where_they_tell_something() {
    for (lines, expected) in [(Lines::All, 2), (Lines::Failures, 1)] {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let _log = tracing::subscriber::set_default(log);
        let router = web::stack(router(), &limits(), Told { port: "test", lines });
        let (good, _) = answer(&router, request("POST", "/knocks", r#"{"times": 3}"#)).await;
        let (refused, _) = answer(&router, request("GET", "/nowhere", "")).await;
        assert_eq!((good.status().as_u16(), refused.status().as_u16()), (200, 404));
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), expected, "{text}");
        let id = |response: &Response<()>| response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["span"]["request_id"], id(&refused).as_str());
        assert_eq!((&last["span"]["route"], &last["fields"]["status"]), (&"unmatched".into(), &404.into()));
        assert_eq!(text.contains(&id(&good)), lines == Lines::All);
        for response in [good, refused] {
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        }
    }
}
