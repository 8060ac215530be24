//! Whether the clock can be believed, looked at now and then and told to whoever asks.

use std::time::Duration;

use anyhow::Context;
use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method};
use platform::clock::{Accuracy, Clock, Discipline, HighWater, Untrusted};
use platform::problem::Problem;
use platform::web::{Answer, Onward, Step, refused};

use crate::config::TimeConfig;

/// How often the source is asked; chrony costs a process each time.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What the source said last. Clones share it; one of them has to [`ClockState::keep`] it.
#[derive(Clone)]
pub struct ClockState {
    config: TimeConfig,
    said: Discipline,
}

impl ClockState {
    /// Asks for the first time. A clock that cannot be believed starts no server.
    pub async fn start(config: &TimeConfig, said: Discipline) -> anyhow::Result<Self> {
        let first = config.source.check(config.limit()).await;
        let first = first.context("nothing is issued or signed on a clock that cannot be believed")?;
        said.tell(Ok(first));
        Ok(Self { config: *config, said })
    }

    /// What the source said last.
    pub fn said(&self) -> Result<Accuracy, Untrusted> {
        self.said.said()
    }

    /// Asks again and again, for as long as it is polled.
    pub async fn keep(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let said = self.config.source.check(self.config.limit()).await;
            if let Err(untrusted) = &said {
                tracing::error!(error = %untrusted, "nothing is issued or signed: {untrusted}");
            }
            self.said.tell(said);
        }
    }
}

/// Refuses whatever changes something, or signs somebody in, while the clock cannot be believed, or is behind a time that was used
/// already. Sign-in goes on by GET, and its pages are told in words for people. The time-stamp
/// authority looks at the same and refuses in its own form.
impl Step for Time {
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path();
        let sign_in = authn::needs_the_time(path) || signer::needs_the_time(path);
        let in_its_own_form = path == signer::api::TIME_STAMPS;
        if reads && !sign_in || in_its_own_form {
            return onward.run(request);
        }
        if self.is_believed() && ca::tells_of_the_time(path) {
            return onward.run(request);
        }
        match self.known() {
            Ok(()) => onward.run(request),
            Err(problem) if sign_in && wants_page(request.headers()) => refused(authn::page_of(problem)),
            Err(problem) => refused(problem),
        }
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains("text/html"))
}

/// What a change or a sign-in needs to know about the time.
pub(super) struct Time {
    pub(super) state: ClockState,
    pub(super) clock: Clock,
    pub(super) high_water: HighWater,
}

impl Time {
    /// Whether the source believes its clock; it may be behind a time that was used already all the same.
    fn is_believed(&self) -> bool {
        self.state.said().is_ok()
    }

    /// Whether it is known what time it is.
    fn known(&self) -> Result<(), Problem> {
        self.state.said().map_err(|untrusted| {
            Problem::unavailable("clock-untrusted", format!("{untrusted}."), LOOK_EVERY)
        })?;
        self.high_water.guard(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::any;
    use platform::clock::Millis;
    use platform::db::Db;
    use platform::web::around;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::TimeConfig;

    /// A server on a clock that says this, with a mark in the database.
    async fn serving(db: &Db, said: Result<Accuracy, Untrusted>, now: Millis) -> Router {
        let config = TimeConfig { source: platform::clock::Source::HostTrusted, limit_ms: 1000 };
        let state = ClockState { config, said: Discipline::unknown() };
        state.said.tell(said);
        let high_water = HighWater::open(db).await.unwrap();
        high_water.guard(Millis(1_000_000)).unwrap();
        let (clock, _hand) = Clock::manual(now);
        let time = Time { state, clock, high_water };
        let done = any(|| async { "done" });
        around(Router::new().fallback(done), vec![Box::new(time)])
    }

    async fn asks(router: &Router, method: &str, path: &str, accept: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("accept", accept);
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind.unwrap_or_default())
    }

    platform::both_engines! {
        /// On a clock that is not synchronised or behind the mark nothing is changed and nobody signs in, whatever the method and on
        /// the path for cards too, and a browser reads a page; what only reads goes on. On a good clock everything does.
        async fn nobody_signs_in_on_a_clock_that_is_not_believed(db: Db) {
            let good = Accuracy { bound: None };
            let untrusted = serving(&db, Err(Untrusted::NotSynchronised), Millis(1_000_000)).await;
            let behind = serving(&db, Ok(good), Millis(900_000)).await;
            let right = serving(&db, Ok(good), Millis(1_000_000)).await;
            let cis2 = "/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/authorize";
            for (method, path) in [
                ("GET", "/authorize?client_id=rp"),
                ("HEAD", "/authorize"),
                ("GET", cis2),
                ("GET", "/authorize/continue/secret"),
                ("GET", "/sign-in/secret/card?ticket=t"),
                ("POST", "/card/secret"),
                ("GET", "/end-session"),
                ("GET", "/userinfo"),
                ("GET", "/account"),
                ("POST", "/token"),
                ("POST", "/ca/certificates"),
            ] {
                for router in [&untrusted, &behind] {
                    assert_eq!(asks(router, method, path, "*/*").await.0, 503, "{method} {path}");
                }
                assert_eq!(asks(&right, method, path, "*/*").await.0, 200, "{method} {path}");
            }
            // These say so themselves, in the words of their protocols.
            for path in ["/acme/new-account", "/.well-known/cmp", "/.well-known/cmp/p/cards"] {
                assert_eq!(asks(&behind, "POST", path, "*/*").await.0, 200, "{path}");
                assert_eq!(asks(&untrusted, "POST", path, "*/*").await.0, 503, "{path}");
            }
            assert_eq!(asks(&untrusted, "POST", "/tsa", "*/*").await.0, 200, "it is asked itself");
            for path in ["/jwks", "/.well-known/openid-configuration", "/ca/issuers", "/authn/assets/brand.css"] {
                assert_eq!(asks(&untrusted, "GET", path, "*/*").await.0, 200, "{path}");
            }
            let (status, kind) = asks(&untrusted, "GET", "/authorize", "text/html,*/*").await;
            assert!(status == 503 && kind.starts_with("text/html"), "{status} {kind}");
            let (status, kind) = asks(&untrusted, "POST", "/ca/certificates", "text/html").await;
            assert!(status == 503 && kind == "application/problem+json", "{status} {kind}");
        }
    }
}
