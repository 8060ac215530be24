//! The routes of sign-in.

mod authorise;
mod browser;
mod clients;
mod discovery;
mod end_session;
mod form;
mod pages;
mod reading;
mod tokens;
mod userinfo;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use utoipa::OpenApi;

use crate::oidc::face::REALM;
use crate::provider::Provider;

/// Largest body: a form of the protocol, or a registration with its keys.
const LARGEST: usize = 128 * 1024;

/// Everything that sign-in answers.
pub fn router(provider: Provider) -> Router {
    plain().merge(realm()).merge(clients::router()).layer(DefaultBodyLimit::max(LARGEST)).with_state(provider)
}

/// The protocol under plain paths.
fn plain() -> Router<Provider> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::document))
        .route("/jwks", get(discovery::keys))
        .route("/authorize", get(authorise::show).post(authorise::send))
        .route("/authorize/continue/{interaction}", get(authorise::proceed).post(authorise::choose))
        .route("/token", post(tokens::exchange))
        .route("/userinfo", get(userinfo::show).post(userinfo::send))
        .route("/introspect", post(tokens::introspect))
        .route("/revoke", post(tokens::revoke))
        .route("/par", post(tokens::push))
        .route("/end-session", get(end_session::show).post(end_session::send))
}

/// The same as relying parties of CIS2 know it.
#[rustfmt::skip]
fn realm() -> Router<Provider> {
    Router::new()
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/.well-known/openid-configuration", get(discovery::document))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/connect/jwk_uri", get(discovery::keys))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/authorize", get(authorise::show).post(authorise::send))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/access_token", post(tokens::exchange))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/userinfo", get(userinfo::show).post(userinfo::send))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/introspect", post(tokens::introspect))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/token/revoke", post(tokens::revoke))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/par", post(tokens::push))
        .route("/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare/connect/endSession", get(end_session::show).post(end_session::send))
}

/// The plain path of everything, and what it is below the realm.
const BELOW_THE_REALM: [(&str, &str); 9] = [
    ("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
    ("/jwks", "/connect/jwk_uri"),
    ("/authorize", "/authorize"),
    ("/token", "/access_token"),
    ("/userinfo", "/userinfo"),
    ("/introspect", "/introspect"),
    ("/revoke", "/token/revoke"),
    ("/par", "/par"),
    ("/end-session", "/connect/endSession"),
];

/// The routes of the protocol.
#[derive(OpenApi)]
#[openapi(paths(
    discovery::document,
    discovery::keys,
    authorise::show,
    authorise::send,
    authorise::proceed,
    authorise::choose,
    tokens::exchange,
    tokens::introspect,
    tokens::revoke,
    tokens::push,
    userinfo::show,
    userinfo::send,
    end_session::show,
    end_session::send,
))]
struct Document;

/// The routes of sign-in as OpenAPI; those of the protocol a second time below the realm of CIS2.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let mut further = Vec::new();
    for (plain, below) in BELOW_THE_REALM {
        let Some(item) = document.paths.paths.get(plain) else { continue };
        let mut item = item.clone();
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.operation_id = operation.operation_id.take().map(|id| format!("cis2_{id}"));
        }
        further.push((format!("{REALM}{below}"), item));
    }
    document.paths.paths.extend(further);
    document.merge(clients::Document::openapi());
    document
}
