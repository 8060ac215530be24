//! The routes of sign-in.

mod account;
mod assets;
mod authenticators;
mod came;
mod cards;
mod enrol;
mod enrol_app;
mod enrol_key;
mod own;
mod page;
mod sessions;
mod sign_in;
mod sign_in_app;
mod sign_in_card;
mod sign_in_key;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::OpenApi;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use utoipa::OpenApi;

use crate::oidc::face::REALM;
use crate::provider::Provider;
pub use cards::{cards_router, in_pages};

/// Largest body of the pages and of the routes for people: what a key answers has some kilobytes.
const LARGEST: usize = 64 * 1024;

/// Largest body: a form of the protocol, or a registration with its keys.
const LARGEST: usize = 128 * 1024;

/// Everything that sign-in answers.
pub fn router(provider: Provider) -> Router {
    for_people().with_state(provider)
}

/// The pages, and the routes about people.
fn for_people() -> Router<Provider> {
    sign_in::router()
        .merge(sign_in_app::router())
        .merge(sign_in_card::router())
        .merge(sign_in_key::router())
        .merge(enrol::router())
        .merge(enrol_app::router())
        .merge(enrol_key::router())
        .merge(account::router())
        .merge(sessions::router())
        .merge(authenticators::router())
        .merge(assets::router())
        .layer(DefaultBodyLimit::max(LARGEST))
}

/// Style and script.
#[derive(OpenApi)]
#[openapi(paths(assets::show))]
struct Assets;

/// The routes of sign-in as OpenAPI. The pages are for people and not in it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = Assets::openapi();
    for area in [sessions::Document::openapi(), authenticators::Document::openapi()] {
        whole.merge(area);
    }
    whole
}
