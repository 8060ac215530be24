//! What applications ask.

use authn::api::ShownToken;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::problem::{Body, Problem};
use platform::web::{Json, Path, Query, Raw, TlsPeer};

use super::page::sign_in;
use crate::api::{Ping, SigningRequested, SigningResponse, StateQuery, Status};
use crate::dss::{Came, fetch, receive};
use crate::signer::Signer;

/// The revision of the API, as the service of NHS England calls it.
const REVISION: &str = "v1";

/// Asks a person to sign up to 250 documents. The body is a JWT that the application signs; the browser is to be sent to the address in
/// the answer, and comes back to the registered one.
#[utoipa::path(post, path = "/signing-service/signaturerequest", tag = "signing-service", params(StateQuery),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 200, body = SigningRequested),
        (status = 400, description = "The JWT or a document in it is not taken", body = Body),
        (status = 401, description = "The access token, or the signature of the JWT, is not good", body = Body),
        (status = 403, description = "It is for another person, or not allowed", body = Body),
        (status = 409, description = "The JWT came before, or the person has no credential", body = Body),
    ))]
pub(crate) async fn request(
    State(signer): State<Signer>,
    Query(query): Query<StateQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let shown = shown(&parts)?;
    let Raw(body) = Raw::from_request(Request::from_parts(parts, body), &signer).await?;
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| Problem::invalid("jwt-malformed", "The body is no signed JWT: it is not text."))?;
    let sign_in = sign_in(&signer)?;
    let token = receive(&signer, sign_in, Came { shown, state: query.state, text }).await?;
    Ok(unkept(Json(SigningRequested { token: token.text(), redirect_uri: sign_in.page(&token) })))
}

/// The signatures of a request, as often as it is asked.
#[utoipa::path(get, path = "/signing-service/signatureresponse/{token}", tag = "signing-service",
    params(("token" = String, Path)),
    responses(
        (status = 200, body = SigningResponse),
        (status = 401, description = "The access token is not good", body = Body),
        (status = 404, description = "There is no such request, or it is another's", body = Body),
        (status = 409, description = "The person has not decided yet", body = Body),
        (status = 410, description = "The person did not want to, or it is over", body = Body),
    ))]
pub(crate) async fn response(
    State(signer): State<Signer>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let shown = shown(&parts)?;
    Ok(unkept(Json(fetch(&signer, sign_in(&signer)?, &token, &shown).await?)))
}

/// Says which program answers.
#[utoipa::path(get, path = "/signing-service/_ping", tag = "signing-service",
    responses((status = 200, body = Ping)))]
pub(crate) async fn ping() -> Json<Ping> {
    Json(Ping { version: env!("CARGO_PKG_VERSION").to_owned(), revision: REVISION.to_owned() })
}

/// Says whether anything can be signed now.
#[utoipa::path(get, path = "/signing-service/_status", tag = "signing-service",
    responses((status = 200, body = Status), (status = 503, body = Status)))]
pub(crate) async fn status(State(signer): State<Signer>) -> Response {
    let ready = signer.hsm.health().ready() && crate::store::is_there(signer.db.read()).await;
    let (code, word) =
        if ready { (StatusCode::OK, "pass") } else { (StatusCode::SERVICE_UNAVAILABLE, "fail") };
    let status = Status { status: word.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    (code, Json(status)).into_response()
}

/// The access token of a request, with what it may be bound to. RFC 6750 2.1, RFC 9449 7.1.
fn shown(parts: &Parts) -> Result<ShownToken, Problem> {
    let (dpop, token) = authorization(&parts.headers).ok_or_else(|| {
        let sentence = "Show the access token of the person in the header Authorization: Bearer, or DPoP with its proof.";
        Problem::unauthenticated("token-missing", sentence)
    })?;
    let mut proofs = parts.headers.get_all("dpop").iter();
    let proof = match (proofs.next(), proofs.next()) {
        (None, _) => None,
        (Some(one), None) => Some(one.to_str().unwrap_or_default().to_owned()),
        // RFC 9449 4.3: not more than one.
        (Some(_), Some(_)) => Some(String::new()),
    };
    let leaf = parts.extensions.get::<TlsPeer>().and_then(|peer| peer.chain.first());
    Ok(ShownToken {
        token: token.to_owned(),
        dpop,
        proof,
        certificate: leaf.map(|leaf| URL_SAFE_NO_PAD.encode(digest(&SHA256, leaf))),
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
    })
}

fn authorization(headers: &HeaderMap) -> Option<(bool, &str)> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    match scheme {
        word if word.eq_ignore_ascii_case("bearer") => Some((false, token.trim())),
        word if word.eq_ignore_ascii_case("dpop") => Some((true, token.trim())),
        _ => None,
    }
}

/// An answer that nobody keeps on its way.
fn unkept(answer: impl axum::response::IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
