//! What the provider says of itself, and its keys.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Uri, header};
use serde_json::Value;

use crate::oidc::discovery;
use crate::oidc::face::Face;
use crate::provider::Provider;

/// For how long clients may keep it: as they do with CIS2, at most an hour; the keys less, so that a new one is soon known.
const KEEP_DOCUMENT: &str = "public, max-age=3600";
const KEEP_KEYS: &str = "public, max-age=300";

/// The provider's description, OpenID Connect Discovery 1.0.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "sign-in",
    responses((status = 200, description = "The document", body = Object))
)]
pub(super) async fn document(State(provider): State<Provider>, uri: Uri) -> Response {
    kept(KEEP_DOCUMENT, &discovery::document(&provider, Face::of_path(uri.path())))
}

/// What the provider says of the security events that it pushes, as the Shared Signals Framework 1.0 has it. To whom is registered
/// with the relying party.
#[utoipa::path(
    get, path = "/.well-known/ssf-configuration", tag = "sign-in",
    responses((status = 200, description = "The document", body = Object))
)]
pub(super) async fn security_events(State(provider): State<Provider>) -> Response {
    kept(KEEP_DOCUMENT, &discovery::security_events(&provider))
}

/// The public keys that tokens are signed with, RFC 7517.
#[utoipa::path(
    get, path = "/jwks", tag = "sign-in",
    responses((status = 200, description = "The keys", body = Object))
)]
pub(super) async fn keys(State(provider): State<Provider>) -> Response {
    kept(KEEP_KEYS, &provider.keys.set())
}

fn kept(how_long: &'static str, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, how_long),
        // Programs in browsers read both.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, body.to_string()).into_response()
}
