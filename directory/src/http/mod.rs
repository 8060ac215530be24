//! The routes of the register.

mod acting;
mod actor;
mod answer;
mod assignments;
mod campaigns;
mod changes;
mod headers;
mod input;
mod positions;
mod requests;
mod workgroups;

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
    own.merge(actor::router())
        .merge(positions::router())
        .merge(assignments::router())
        .merge(workgroups::router())
        .merge(requests::router())
        .merge(campaigns::router())
        .layer(axum::middleware::from_fn(acting::choose))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(register)
}

/// The routes of the feed.
#[derive(OpenApi)]
#[openapi(paths(changes::list, changes::consumers, changes::advance))]
struct Document;

/// The register's routes as OpenAPI.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    for area in [
        actor::Document::openapi(),
        positions::Document::openapi(),
        assignments::Document::openapi(),
        workgroups::Document::openapi(),
        requests::Document::openapi(),
        campaigns::Document::openapi(),
    ] {
        document.merge(area);
    }
    document
}
