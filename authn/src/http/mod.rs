//! The routes of sign-in.

mod account;
mod answers;
mod assets;
mod authenticators;
mod authorise;
mod callers;
mod came;
mod card_removals;
mod cards;
mod cis1;
mod clients;
mod connection_manager;
mod discovery;
mod end_session;
mod enrol;
mod enrol_app;
mod enrol_key;
mod form;
mod own;
mod own_cards;
mod page;
mod policies;
mod reading;
mod reports;
mod sandbox;
mod sessions;
mod sign_in;
mod sign_in_app;
mod sign_in_card;
mod sign_in_key;
mod signing;
mod tokens;
mod unlock_card;
mod userinfo;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use utoipa::OpenApi;

use crate::oidc::face::REALM;
use crate::provider::Provider;
pub use callers::TokenCallers;
pub use cards::{cards_router, in_pages};
pub use page::page_of;

/// Largest body of the pages and of the routes for people: what a key answers has some kilobytes.
const LARGEST_OF_PEOPLE: usize = 64 * 1024;
/// Largest body: a form of the protocol, or a registration with its keys.
const LARGEST: usize = 128 * 1024;

/// Everything that sign-in answers.
pub fn router(provider: Provider) -> Router {
    let protocol = plain()
        .merge(csc_version_1())
        .merge(realm())
        .merge(clients::router())
        .merge(connection_manager::router())
        .layer(DefaultBodyLimit::max(LARGEST));
    let alone = from_fn_with_state(provider.clone(), page::by_tls_alone);
    let mut router = protocol.merge(for_people().layer(alone));
    if provider.config.cis1.is_some() {
        router = router.merge(cis1::router().layer(DefaultBodyLimit::max(LARGEST_OF_PEOPLE)));
    }
    if provider.config.sandbox.is_some() {
        router = router.merge(sandbox::router().layer(DefaultBodyLimit::max(LARGEST_OF_PEOPLE)));
    }
    router.with_state(provider)
}

/// The protocol under plain paths.
fn plain() -> Router<Provider> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery::document))
        .route("/.well-known/ssf-configuration", get(discovery::security_events))
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

/// What of it clients of version 1 of the API of the Cloud Signature Consortium look for below the address that `info` gives as `oauth2` (1.0.4.0,
/// 8.3): they know no metadata.
fn csc_version_1() -> Router<Provider> {
    Router::new()
        .route("/oauth2/authorize", get(authorise::show).post(authorise::send))
        .route("/oauth2/token", post(tokens::exchange))
        .route("/oauth2/revoke", post(tokens::revoke))
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

/// Whether a path of ours needs to know what time it is whatever the method: sign-in goes on by GET, and whether a session, a token
/// or a request is over hangs on the clock.
pub fn needs_the_time(path: &str) -> bool {
    const PATHS: [&str; 13] = [
        "/authorize",
        "/oauth2",
        "/sign-in",
        "/enrol",
        "/account",
        "/userinfo",
        "/end-session",
        "/connect/endSession",
        "/card",
        "/login",
        "/saml",
        "/sessionmanager",
        "/sandbox",
    ];
    let path = path.strip_prefix(REALM).unwrap_or(path);
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    PATHS.iter().any(|whole| path.strip_prefix(whole).is_some_and(below))
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

/// The plain path, and the one of clients of version 1 of the API of the Cloud Signature Consortium.
const CSC_VERSION_1: [(&str, &str); 3] =
    [("/authorize", "/oauth2/authorize"), ("/token", "/oauth2/token"), ("/revoke", "/oauth2/revoke")];

/// The pages, and the routes about people.
fn for_people() -> Router<Provider> {
    sign_in::router()
        .merge(sign_in_app::router())
        .merge(sign_in_card::router())
        .merge(sign_in_key::router())
        .merge(unlock_card::router())
        .merge(enrol::router())
        .merge(enrol_app::router())
        .merge(enrol_key::router())
        .merge(account::router())
        .merge(own_cards::router())
        .merge(sessions::router())
        .merge(authenticators::router())
        .merge(reports::router())
        .merge(signing::router())
        .merge(policies::router())
        .merge(card_removals::router())
        .merge(assets::router())
        .layer(DefaultBodyLimit::max(LARGEST_OF_PEOPLE))
}

/// Style and script.
#[derive(OpenApi)]
#[openapi(paths(assets::show))]
struct Assets;

/// The routes of the protocol.
#[derive(OpenApi)]
#[openapi(paths(
    discovery::document,
    discovery::security_events,
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

/// The routes of sign-in as OpenAPI; those of the protocol again below the realm of CIS2, and as version 1 of the CSC API has them, those of the registry as its Connection Manager has them. The pages are for people and not in it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let realm = BELOW_THE_REALM.map(|(plain, below)| (plain, format!("{REALM}{below}"), "cis2"));
    let older = CSC_VERSION_1.map(|(plain, path)| (plain, path.to_owned(), "csc_v1"));
    repeat(&mut document, realm.into_iter().chain(older));
    for area in [
        clients::Document::openapi(),
        Assets::openapi(),
        sessions::Document::openapi(),
        authenticators::Document::openapi(),
        reports::Document::openapi(),
        signing::Document::openapi(),
        policies::Document::openapi(),
        card_removals::Document::openapi(),
    ] {
        document.merge(area);
    }
    let again = connection_manager::PATHS.map(|(plain, path)| (plain, path.to_owned(), "connection_manager"));
    repeat(&mut document, again);
    document
}

/// Describes paths once more under another name, each with the word with which its operations begin there.
fn repeat(
    document: &mut utoipa::openapi::OpenApi,
    names: impl IntoIterator<Item = (&'static str, String, &'static str)>,
) {
    for (plain, path, begins) in names {
        let Some(item) = document.paths.paths.get(plain) else { continue };
        let mut item = item.clone();
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.operation_id = operation.operation_id.take().map(|id| format!("{begins}_{id}"));
        }
        document.paths.paths.insert(path, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever signs in or tells of somebody needs the time, on both faces; what is published does not.
    #[test]
    fn sign_in_needs_the_time() {
        for path in [
            "/authorize",
            "/authorize/continue/abc",
            "/oauth2/authorize",
            "/sign-in/abc/card",
            "/end-session",
            "/account",
            "/userinfo",
            "/card/abc",
            "/login/authlogout",
            "/saml/RoleAssertion",
            "/sessionmanager/session/update",
        ] {
            assert!(needs_the_time(path), "{path}");
        }
        for below in ["/authorize", "/userinfo", "/connect/endSession"] {
            assert!(needs_the_time(&format!("{REALM}{below}")), "{below}");
        }
        for path in [
            "/",
            "/jwks",
            "/.well-known/openid-configuration",
            "/authn/assets/brand.css",
            "/authorizes",
            "/accounts",
        ] {
            assert!(!needs_the_time(path), "{path}");
        }
        assert!(!needs_the_time(&format!("{REALM}/connect/jwk_uri")));
    }
}
