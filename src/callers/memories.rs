//! When this process forgets who called.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::Callers;

/// Issuing takes nothing away from certificates that are there, and comes often: who calls would be verified anew for each
/// certificate. No other path is trusted to say which certificate it is about: a serial can be written in many ways.
const ISSUING: &str = "/ca/certificates";

/// Stands before the authority's routes: whatever may have changed the state of a certificate makes us forget, before it
/// is answered.
pub async fn forget_after_changes(State(callers): State<Callers>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    if request.method() == Method::POST && request.uri().path() == ISSUING {
        return next.run(request).await;
    }
    // Also when the request is given up on the way, after its change was stored.
    let forgetting = Forgetting(callers);
    let response = next.run(request).await;
    drop(forgetting);
    response
}

struct Forgetting(Callers);

impl Drop for Forgetting {
    fn drop(&mut self) {
        self.0.forget();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::routing::any;
    use directory::authority::Assurance;
    use platform::caller::Caller;
    use platform::clock::Clock;
    use platform::peer::Peer;
    use platform::web::Rate;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Clients;

    /// Issuing makes nobody forgotten, reading neither; whatever may have revoked something, under any path, does.
    #[tokio::test]
    async fn only_what_may_revoke_makes_us_forget() {
        let clock = Clock::system();
        let authority = ca::api::Client::new(Peer::local(Router::new(), Caller::module("test", &[])));
        let rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN };
        let callers = Callers::new(authority, Clients::default(), Assurance::Two, clock.clone(), rate);
        let layer = axum::middleware::from_fn_with_state(callers.clone(), forget_after_changes);
        let router = Router::new().fallback(any(async || "done")).layer(layer);
        let until = clock.now().plus(Duration::from_hours(1));
        for (method, path, forgets) in [
            (Method::POST, "/ca/certificates", false),
            (Method::GET, "/ca/certificates/01", false),
            (Method::POST, "/ca/certificates/01/revocation", true),
            (Method::POST, "/ca/certificates/", true),
            (Method::POST, "/ca/issuers", true),
        ] {
            let generation = callers.shared.generation.load(std::sync::atomic::Ordering::Acquire);
            callers.remember([7; 32], Caller::module("test", &[]), until, generation);
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap();
            assert_eq!(callers.recall(&[7; 32], clock.now()).is_none(), forgets, "{path}");
        }
    }
}
