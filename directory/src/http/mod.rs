//! The routes of the register.

mod answer;
mod changes;
mod headers;
mod organisations;
mod rbac;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, put};
use utoipa::OpenApi;

use crate::register::Register;

/// Largest body. A batch of a hundred rows takes some tens of KiB; photos and imports have limits of their own.
const LARGEST: usize = 512 * 1024;

/// Everything under `/directory`.
pub fn router(register: Register) -> Router {
    let own = Router::new()
        .route("/directory/changes", get(changes::list))
        .route("/directory/consumers", get(changes::consumers))
        .route("/directory/consumers/{name}", put(changes::advance));
    let own = own.merge(organisations::router()).merge(rbac::router());
    own.layer(DefaultBodyLimit::max(LARGEST)).with_state(register)
}

/// The routes of the feed.
#[derive(OpenApi)]
#[openapi(paths(changes::list, changes::consumers, changes::advance))]
struct Document;

/// The register's routes as OpenAPI.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = Document::openapi();
    whole.merge(organisations::Document::openapi());
    whole.merge(rbac::Document::openapi());
    whole
}
