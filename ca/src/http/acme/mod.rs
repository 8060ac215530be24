//! The routes of ACME, RFC 8555, and those by which operators let clients register.

mod accounts;
mod certificates;
mod external;
mod orders;
mod start;

use std::convert::Infallible;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use platform::web::{PeerAddress, Raw};
use utoipa::{IntoResponses, OpenApi, ToSchema};

use crate::acme::{Acme, Answer, Content, MOST_OCTETS, Posted, Problem, Signed};
use crate::authority::Authority;

/// RFC 8555 6.5.1.
const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

/// Everything under `/acme`. Requests prove themselves by their signature; nobody needs a certificate.
pub fn acme_router(authority: Authority) -> Router {
    Router::new()
        .route("/acme/directory", get(start::directory))
        .route("/acme/new-nonce", get(start::new_nonce))
        .route("/acme/new-account", post(accounts::create))
        .route("/acme/accounts/{account}", post(accounts::show))
        .route("/acme/accounts/{account}/orders", post(accounts::orders))
        .route("/acme/key-change", post(accounts::change_key))
        .route("/acme/new-order", post(orders::create))
        .route("/acme/orders/{order}", post(orders::show))
        .route("/acme/orders/{order}/finalize", post(orders::finalize))
        .route("/acme/authorizations/{authorization}", post(orders::authorization))
        .route("/acme/challenges/{authorization}/{challenge}", post(orders::challenge))
        .route("/acme/certificates/{serial}", post(certificates::show))
        .route("/acme/certificates/{serial}/alternates/{number}", post(certificates::alternate))
        .route("/acme/revoke-cert", post(certificates::revoke))
        .route("/acme/renewal-info/{certificate}", get(start::renewal_info))
        .method_not_allowed_fallback(async || {
            // RFC 8555 6.3
            refusal(&Problem {
                status: 405,
                ..Problem::malformed("this method is not for this address; POST")
            })
        })
        .layer(DefaultBodyLimit::max(MOST_OCTETS))
        .with_state(authority)
}

/// `/ca/acme`, for callers with an act.
pub(super) fn external_router() -> Router<Authority> {
    Router::new()
        .route("/ca/acme/external-accounts", post(external::create).get(external::list))
        .route("/ca/acme/external-accounts/{account}", delete(external::end))
}

/// The routes of ACME as OpenAPI.
#[derive(OpenApi)]
#[openapi(paths(
    start::directory,
    start::new_nonce,
    start::renewal_info,
    accounts::create,
    accounts::show,
    accounts::orders,
    accounts::change_key,
    orders::create,
    orders::show,
    orders::finalize,
    orders::authorization,
    orders::challenge,
    certificates::show,
    certificates::alternate,
    certificates::revoke,
    external::create,
    external::list,
    external::end,
))]
pub(super) struct Document;

/// A signed request as it came, with the authority that it came to.
pub(in crate::http) struct Post {
    authority: Authority,
    uri: Uri,
    headers: HeaderMap,
    address: Option<PeerAddress>,
    /// Or why it cannot be read, which is told as everything is told here.
    body: Result<Bytes, platform::problem::Problem>,
}

impl FromRequest<Authority> for Post {
    type Rejection = Infallible;

    async fn from_request(request: Request, authority: &Authority) -> Result<Post, Self::Rejection> {
        let (uri, headers) = (request.uri().clone(), request.headers().clone());
        let address = request.extensions().get::<PeerAddress>().copied();
        let body = Raw::from_request(request, authority).await.map(|Raw(body)| body);
        Ok(Post { authority: authority.clone(), uri, headers, address, body })
    }
}

impl Post {
    /// Finds out who asks, lets `act` answer, and puts around it what every answer has.
    async fn answer<F>(self, act: impl FnOnce(Acme, Signed) -> F) -> Response
    where
        F: Future<Output = Result<Answer, Problem>>,
    {
        let Post { authority, uri, headers, address, body } = self;
        let acme = match authority.acme() {
            Ok(acme) => acme,
            Err(error) => return platform::problem::Problem::from(error).into_response(),
        };
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // RFC 8555 6.4: the whole of the address is signed, a query with it.
        let path = uri.path_and_query().map_or(uri.path(), PathAndQuery::as_str);
        let address = address.map(PeerAddress::counted);
        let signed = match body {
            Ok(body) => acme.authenticate(&Posted { path, content_type, body: &body, address }).await,
            // RFC 8555 6.7: too large or too slow, it is a problem of ours all the same.
            Err(problem) => Err(problem.into()),
        };
        let outcome = match signed {
            Ok(signed) => act(acme.clone(), signed).await,
            Err(problem) => Err(problem),
        };
        let mut response = answered(outcome);
        // RFC 8555 6.5: every answer to a POST has one, also a refusal.
        if let Some(value) = acme.fresh_nonce().ok().and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
            response.headers_mut().insert(REPLAY_NONCE, value);
        }
        framed(&acme, response)
    }
}

/// A flattened JWS (RFC 7515 7.2.2), as RFC 8555 6.2 has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it says in the API description what `acme::jws` reads")]
pub(in crate::http) struct Flattened {
    /// The protected header in base64url: `alg`, `nonce`, `url`, and `jwk` or `kid`.
    protected: String,
    /// The payload in base64url; empty to fetch something.
    payload: String,
    /// The signature over both in base64url.
    signature: String,
}

/// What every signed request may get.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it says in the API description what `acme::problem` answers")]
pub(in crate::http) enum Refusals {
    /// A problem of RFC 8555 6.7.
    #[response(status = "4XX")]
    Problem,
}

/// The same for what is fetched without a signature.
async fn unsigned<F>(authority: &Authority, act: impl FnOnce(Acme) -> F) -> Response
where
    F: Future<Output = Result<Answer, Problem>>,
{
    match authority.acme() {
        Ok(acme) => {
            let response = answered(act(acme.clone()).await);
            framed(&acme, response)
        }
        Err(error) => platform::problem::Problem::from(error).into_response(),
    }
}

/// RFC 8555 7.1: where the directory is.
fn framed(acme: &Acme, mut response: Response) -> Response {
    if let Ok(link) = HeaderValue::from_str(&acme.index_link()) {
        response.headers_mut().append(header::LINK, link);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answered(outcome: Result<Answer, Problem>) -> Response {
    match outcome {
        Ok(answer) => success(answer),
        Err(problem) => refusal(&problem),
    }
}

fn success(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.content {
        Content::Nothing => status.into_response(),
        Content::Json(body) => {
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
        Content::PemChain(text) => {
            (status, [(header::CONTENT_TYPE, "application/pem-certificate-chain")], text).into_response()
        }
    };
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}

/// RFC 8555 6.7.
fn refusal(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = problem.body().to_string();
    let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
    let seconds = problem.retry_after.map(|after| after.as_secs().max(1).to_string());
    let more = [(header::RETRY_AFTER, seconds), (header::LOCATION, problem.location.clone())];
    for (name, value) in more {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
