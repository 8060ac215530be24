//! What stands around the routes of a port, in steps.
//!
//! Each layer of a router's own copies everything below it, twice, for every request: ten of them cost more than many an answer.
//! Steps are one layer together. They are shared and not copied, and one that has nothing to do with a request hands it on without
//! taking memory.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use tower::{Layer, Service};

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// One thing that is done to every request before its route.
pub trait Step: Send + Sync + 'static {
    /// Answers, or hands the request on, and may look at what comes back.
    fn take<'a>(&'a self, request: Request, onward: Onward<'a>) -> Answer<'a>;
}

/// Steps, the outermost first.
pub type Steps = Vec<Box<dyn Step>>;

/// What comes after a step: the next ones, and at last the route.
pub struct Onward<'a> {
    steps: &'a [Box<dyn Step>],
    route: &'a Route,
}

impl<'a> Onward<'a> {
    /// Hands the request on. What comes next begins at this call and not when its answer is first polled: whatever guards it, such as
    /// a span, a time limit or what catches a panic, has to be around the call, as an `async` block with both in it is.
    pub fn run(self, request: Request) -> Answer<'a> {
        if let Some((step, steps)) = self.steps.split_first() {
            return step.take(request, Onward { steps, route: self.route });
        }
        let answer = Route::clone(self.route).call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            response
        })
    }
}

/// The answer of a step that hands nothing on.
pub fn refused<'a>(answer: impl IntoResponse) -> Answer<'a> {
    Box::pin(ready(answer.into_response()))
}

/// Puts steps around everything that a router has by now.
pub fn around<S>(router: Router<S>, steps: Steps) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.layer(Around { steps: steps.into() })
}

#[derive(Clone)]
struct Around {
    steps: Arc<[Box<dyn Step>]>,
}

impl Layer<Route> for Around {
    type Service = Surrounded;

    fn layer(&self, route: Route) -> Surrounded {
        Surrounded { steps: Arc::clone(&self.steps), route: Arc::new(route) }
    }
}

/// A route with what stands around it.
#[derive(Clone)]
struct Surrounded {
    steps: Arc<[Box<dyn Step>]>,
    route: Arc<Route>,
}

impl Service<Request> for Surrounded {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { steps, route } = self.clone();
        Box::pin(async move { Ok(Onward { steps: &steps, route: &route }.run(request).await) })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    /// Writes its name into what the route answers, and refuses what names it.
    struct Named(&'static str);

    #[derive(Clone, Default)]
    struct Met(Vec<&'static str>);

    impl Step for Named {
        fn take<'a>(&'a self, mut request: Request, onward: Onward<'a>) -> Answer<'a> {
            if request.uri().query() == Some(self.0) {
                return refused(StatusCode::FORBIDDEN);
            }
            let mut met = request.extensions().get::<Met>().cloned().unwrap_or_default();
            met.0.push(self.0);
            request.extensions_mut().insert(met);
            onward.run(request)
        }
    }

    async fn asked(router: &Router, target: &str) -> (u16, String) {
        let request = Request::get(target).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Steps are taken in their order, each route has its own answer behind them, and who is refused meets none of what lies behind.
    #[tokio::test]
    async fn steps_are_taken_in_their_order() {
        let told = |word: &'static str| {
            get(move |request: Request| async move {
                let met = request.extensions().get::<Met>().cloned().unwrap_or_default();
                format!("{word}: {}", met.0.join(" "))
            })
        };
        let router = Router::new().route("/one", told("one")).route("/other", told("other"));
        let inner = around(router, vec![Box::new(Named("third"))]);
        let router = around(inner, vec![Box::new(Named("first")), Box::new(Named("second"))]);
        for (target, answer) in [
            ("/one", (200, "one: first second third")),
            ("/other", (200, "other: first second third")),
            ("/one?second", (403, "")),
            ("/one?third", (403, "")),
        ] {
            let (status, body) = asked(&router, target).await;
            assert_eq!((status, body.as_str()), answer, "{target}");
        }
    }
}
