//! The port for cards: a card is shown by TLS, and the browser goes back with a ticket. The connection ends with the answer.

use std::net::IpAddr;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::caller::Caller;
use platform::problem::{Body, MEDIA_TYPE};
use platform::web::{PeerAddress, TlsPeer};

use super::assets;
use super::came::Came;
use super::own::Form;
use super::page::{Failed, see_other, status};
use crate::authenticator::smartcard;
use crate::error::Error;
use crate::interaction::Method;
use crate::pages::Told;
use crate::provider::Provider;
use crate::sign_in::{Visit, Why, waiting};

/// The largest problem that is told on a page.
const LARGEST: usize = 16 * 1024;

/// What the port for cards serves of sign-in. Whatever refuses the certificate must lie inside [`in_pages`].
pub fn cards_router(provider: Provider) -> Router {
    Router::new()
        .route("/card/{interaction}", post(show))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(provider)
}

/// Puts the refusals of whoever knows callers into the words of a page, for those who come with a browser; its style is there
/// whatever was refused.
pub fn in_pages(router: Router, provider: Provider) -> Router {
    let assets = assets::router().with_state(provider.clone());
    router.merge(assets).layer(from_fn_with_state(provider, told))
}

async fn show(
    State(provider): State<Provider>,
    caller: Option<Extension<Caller>>,
    peer: Option<Extension<TlsPeer>>,
    came: Came,
    _form: Form,
) -> Result<Response, Failed> {
    let caller = caller.as_ref().map(|Extension(caller)| caller);
    let leaf = peer.as_ref().and_then(|Extension(peer)| peer.chain.first()).map(Vec::as_slice);
    let why = if came.visit.acceptable.allows(Method::Smartcard) {
        match smartcard::hand_over(&provider, &came.visit, (caller, leaf), came.now).await? {
            Ok(ticket) => {
                let back = format!(
                    "{}/sign-in/{}/card?ticket={}",
                    provider.config.issuer,
                    came.secret,
                    ticket.text().as_str()
                );
                return Ok(closing(see_other(&back, &[])));
            }
            Err(why) => why,
        }
    } else {
        Why::NotEnough(Method::Smartcard)
    };
    let back = format!("{}/sign-in/{}?choose", provider.config.issuer, came.secret);
    let way = Some((back.as_str(), "Try again, or choose another way to sign in"));
    Err(Failed::told(&provider.config.name, status(&why), &Told::from(&why), way))
}

/// The next person at this desk proves the next card.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn told(State(provider): State<Provider>, request: Request, next: Next) -> Response {
    let shown = Shown::of(&request);
    let page = wants_page(request.headers());
    let response = closing(next.run(request).await);
    let problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|it| it == MEDIA_TYPE);
    let Some(shown) = shown.filter(|_| problem) else { return response };
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, LARGEST).await.unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Body>(&bytes) else {
        return Response::from_parts(parts, axum::body::Body::empty());
    };
    shown.refused(&provider, &body.code).await;
    if !page {
        return Response::from_parts(parts, axum::body::Body::from(bytes));
    }
    let back = format!("{}/sign-in/{}?choose", provider.config.issuer, shown.secret);
    let way = Some((back.as_str(), "Try again, or choose another way to sign in"));
    let told = in_words(&body, parts.status);
    let failed = Failed::told(&provider.config.name, parts.status, &told, way);
    closing(axum::response::IntoResponse::into_response(failed))
}

/// A card that was shown for a request, before anybody has looked at its certificate.
struct Shown {
    secret: String,
    headers: HeaderMap,
    address: Option<IpAddr>,
    leaf: Option<Vec<u8>>,
}

impl Shown {
    fn of(request: &Request) -> Option<Self> {
        let secret = request.uri().path().strip_prefix("/card/")?.to_owned();
        let peer = request.extensions().get::<TlsPeer>();
        Some(Self {
            secret,
            headers: request.headers().clone(),
            address: request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip()),
            leaf: peer.and_then(|peer| peer.chain.first()).cloned(),
        })
    }

    /// Records that its certificate was refused, if a browser of ours showed it to sign in.
    async fn refused(&self, provider: &Provider, code: &str) {
        if !code.starts_with("certificate-") {
            return;
        }
        let recorded = async {
            let now = provider.now();
            let Some((_, row)) = waiting(provider, &self.headers, &self.secret, now).await? else {
                return Ok(());
            };
            let visit = Visit::new(&row.interaction, &self.headers, self.address);
            smartcard::refused_before(provider, &visit, self.leaf.as_deref(), code, now).await
        };
        let recorded: Result<(), Error> = recorded.await;
        if let Err(error) = recorded {
            tracing::error!(%error, "a refused card was not recorded: {error}");
        }
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains("text/html"))
}

/// What the certificate's refusal means to whoever holds the card.
fn in_words(body: &Body, status: StatusCode) -> Told {
    match smartcard::why_of(&body.code) {
        Some(why) => Told::from(&why),
        None if status.is_server_error() => Told::from(&Why::CardUnknowable),
        None => Told::new("Your smartcard did not sign you in", body.detail.clone()),
    }
}
