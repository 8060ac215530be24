//! The private port: whether the process lives, whether it can work, and its numbers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use platform::clock::Millis;
use platform::db::lease;
use platform::telemetry::Metrics;
use platform::web::{Identity, Json};
use serde::Serialize;

use super::ClockState;
use crate::wiring::{self, App};

/// How long an event may wait for its place in the tree. The sequencer promises two seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a list may fail before that is told.
const LONGEST_FAILING: Duration = Duration::from_mins(1);

/// What `/ready` answers.
#[derive(Debug, Serialize)]
struct Readiness {
    /// Whether every check passed.
    ready: bool,
    /// Each check.
    checks: Vec<Check>,
}

/// One thing the service cannot do without.
#[derive(Debug, Serialize)]
struct Check {
    /// What is looked at.
    name: &'static str,
    /// Whether it is as it must be.
    ok: bool,
    /// What was seen.
    detail: String,
}

impl Check {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into() }
    }

    fn bad(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: false, detail: detail.into() }
    }
}

/// What the private port needs to answer.
#[derive(Clone)]
struct Private {
    app: App,
    authority: ca::api::Client,
    clock: ClockState,
    numbers: Numbers,
}

/// What the process measures, and the TLS certificates it shows.
#[derive(Clone)]
pub(super) struct Numbers {
    pub(super) metrics: Metrics,
    pub(super) identities: Vec<Arc<Identity>>,
}

/// `/live`, `/ready`, `/metrics`.
pub(super) fn router(app: App, clock: ClockState, numbers: Numbers) -> Router {
    let authority = app.operator();
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(measured))
        .with_state(Private { app, authority, clock, numbers })
}

async fn ready(State(private): State<Private>) -> Response {
    let Private { app, authority, clock, .. } = private;
    let now = app.clock.now();
    let checks = vec![
        token(&app),
        database(&app, now).await,
        trusted(&app, &clock, now),
        record(&app, now).await,
        lists(&authority, now).await,
    ];
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, checks })).into_response()
}

async fn measured(State(private): State<Private>) -> Response {
    let Private { app, numbers, .. } = private;
    // Every TLS port shows the same certificate; while it is replaced, the one that ends first counts.
    let shown = numbers.identities.iter().filter_map(|identity| identity.certificate());
    let ends = shown.filter_map(|der| pki::Certificate::from_der(&der).ok()).map(|read| read.not_after_ms());
    if let Some(end) = ends.min() {
        // Whole minutes, which a float holds exactly.
        let minutes = i32::try_from((end - app.clock.now().0) / 60_000).unwrap_or(i32::MAX);
        metrics::gauge!("tls_certificate_days_left").set(f64::from(minutes) / 1_440.0);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], numbers.metrics.render()).into_response()
}

fn token(app: &App) -> Check {
    let health = app.hsm.health();
    let states: Vec<_> =
        health.tokens.iter().map(|token| format!("{}: {}", token.label, state(&token.state))).collect();
    Check { name: "token", ok: health.ready(), detail: states.join("; ") }
}

fn state(state: &hsm::TokenState) -> String {
    match state {
        hsm::TokenState::Opening => "being opened".to_owned(),
        hsm::TokenState::Ready => "ready".to_owned(),
        hsm::TokenState::Sick { why, .. } => format!("sick: {why}"),
        hsm::TokenState::PinRefused => "refused the PIN".to_owned(),
        hsm::TokenState::PinLocked => "PIN locked".to_owned(),
    }
}

/// A row goes all the way through the writer, so that a full disk is seen.
async fn database(app: &App, now: Millis) -> Check {
    match lease::acquire(&app.db, "readiness", "readiness", now, Duration::ZERO).await {
        Ok(_) => Check::good("database", format!("{:?} commits", app.db.engine())),
        Err(error) => Check::bad("database", error.to_string()),
    }
}

fn trusted(app: &App, clock: &ClockState, now: Millis) -> Check {
    if let Err(behind) = app.high_water.guard(now) {
        return Check::bad("clock", behind.detail);
    }
    match clock.said() {
        Ok(accuracy) => Check::good("clock", wiring::told(accuracy)),
        Err(untrusted) => Check::bad("clock", untrusted.to_string()),
    }
}

/// The sequencer follows: nothing waits for longer than it may take.
async fn record(app: &App, now: Millis) -> Check {
    const NAME: &str = "audit record";
    match app.log.oldest_waiting().await {
        Ok(None) => Check::good(NAME, "every event is in the tree"),
        Ok(Some(since)) if now.since(since) < LONGEST_WAIT => Check::good(NAME, "the newest events follow"),
        Ok(Some(since)) => Check::bad(NAME, format!("an event of {since} is not in the tree yet")),
        Err(error) => Check::bad(NAME, error.to_string()),
    }
}

/// A change has to be on a list within a minute: docs/cps.md 4.2.
fn cannot_be_made(list: &ca::api::ListInfo, now: Millis) -> Option<String> {
    let since = list.failing_since.filter(|since| now.since(*since) > LONGEST_FAILING)?;
    Some(format!("{}: the next one cannot be made since {since}; the log says why", list.url))
}

async fn lists(authority: &ca::api::Client, now: Millis) -> Check {
    const NAME: &str = "revocation lists";
    let issuers = match authority.issuers().await {
        Ok(issuers) => issuers,
        Err(problem) => return Check::bad(NAME, problem.detail),
    };
    let (mut current, mut stale) = (0, Vec::new());
    // A generation whose certificate has ended makes no more lists.
    for issuer in issuers.iter().filter(|issuer| issuer.not_after >= now) {
        match authority.lists(&issuer.id).await {
            Ok(lists) if lists.is_empty() => stale.push(format!("{}: no list yet", issuer.id)),
            Ok(lists) => {
                let old = lists.iter().filter(|list| list.next_update <= now);
                stale.extend(old.map(|list| format!("{}: out of date since {}", list.url, list.next_update)));
                stale.extend(lists.iter().filter_map(|list| cannot_be_made(list, now)));
                current += lists.len();
            }
            Err(problem) => stale.push(format!("{}: {}", issuer.id, problem.detail)),
        }
    }
    if stale.is_empty() {
        Check::good(NAME, format!("{current} are current"))
    } else {
        Check::bad(NAME, stale.join("; "))
    }
}
