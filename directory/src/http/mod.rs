//! The routes of the register.

mod acting;
mod actor;
mod answer;
mod assignments;
mod campaigns;
mod changes;
mod headers;
mod people;
mod people_acts;
mod people_contacts;
mod people_photo;

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
    own.merge(people::router())
        .merge(people_acts::router())
        .merge(people_contacts::router())
        .merge(people_photo::router())
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(register)
}

/// The routes of the feed.
#[derive(OpenApi)]
#[openapi(paths(changes::list, changes::consumers, changes::advance))]
struct Document;

/// The routes of people.
#[derive(OpenApi)]
#[openapi(paths(
    people::list,
    people::create,
    people::read,
    people::change,
    people::history,
    people_acts::rename,
    people_acts::evidence,
    people_acts::verify,
    people_acts::register_with,
    people_acts::unregister,
    people_acts::close,
    people_acts::reopen,
    people_acts::merge,
    people_contacts::add_email,
    people_contacts::remove_email,
    people_contacts::send_email_code,
    people_contacts::verify_email,
    people_contacts::add_mobile,
    people_contacts::remove_mobile,
    people_contacts::send_mobile_code,
    people_contacts::verify_mobile,
    people_photo::read,
    people_photo::put,
    people_photo::remove,
    people_photo::log,
    people_photo::give,
    people_photo::take_back,
))]
struct People;

/// The register's routes as OpenAPI.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(People::openapi());
    document
}
