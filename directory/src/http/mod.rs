//! The routes of the register.

mod acting;
mod actor;
mod answer;
mod assignments;
mod campaigns;
mod changes;
mod feed;
mod feed_links;
mod fhir;
mod fhir_around;
mod fhir_changes;
mod fhir_described;
mod fhir_exports;
mod fhir_face;
mod fhir_subscriptions;
mod fhir_versions;
mod headers;
mod import_lines;
mod incoming;
mod input;
mod organisations;
mod organisations_import;
mod people;
mod people_acts;
mod people_contacts;
mod people_import;
mod people_messages;
mod people_photo;
mod permissions;
mod positions;
mod rbac;
mod rbac_import;
mod reports;
mod requests;
mod scim;
mod scim_around;
mod scim_conditions;
mod scim_search;
mod scim_users;
mod spine;
mod subscriptions;
mod systems;
mod systems_import;
mod terminology;
mod workers;
mod workgroups;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, put};
use platform::web::around;
use utoipa::OpenApi;

use crate::register::Register;

pub use fhir_around::{FhirWords, takes_api_keys};
pub use scim_around::ScimWords;

/// Largest body. A batch of a hundred rows takes some tens of KiB; photos and imports have limits of their own.
const LARGEST: usize = 512 * 1024;

/// Everything under `/directory`.
pub fn router(register: Register) -> Router {
    let own = Router::new()
        .route("/directory/changes", get(changes::list))
        .route("/directory/consumers", get(changes::consumers))
        .route("/directory/consumers/{name}", put(changes::advance));
    let own = own
        .merge(organisations::router())
        .merge(rbac::router())
        .merge(people::router())
        .merge(people_acts::router())
        .merge(people_contacts::router())
        .merge(people_messages::router())
        .merge(people_photo::router())
        .merge(people_import::router())
        .merge(scim::router())
        .merge(scim_users::router())
        .merge(scim_search::router())
        .merge(actor::router())
        .merge(permissions::router())
        .merge(positions::router())
        .merge(assignments::router())
        .merge(workgroups::router())
        .merge(requests::router())
        .merge(campaigns::router())
        .merge(feed::router())
        .merge(feed_links::router())
        .merge(reports::router())
        .merge(organisations_import::router())
        .merge(rbac_import::router())
        .merge(subscriptions::router())
        .merge(systems::router())
        .merge(systems_import::router());
    around(own, vec![Box::new(acting::Acting)])
        // Faces of other APIs: they have their own words for who may not.
        .merge(spine::router())
        .merge(workers::router())
        .merge(terminology::router())
        .merge(fhir_exports::router())
        .merge(fhir_subscriptions::router())
        .merge(fhir_changes::router())
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
    people_messages::list,
    people_photo::read,
    people_photo::put,
    people_photo::remove,
    people_photo::log,
    people_photo::give,
    people_photo::take_back,
    people_import::import,
))]
struct People;

/// The routes for personnel systems.
#[derive(OpenApi)]
#[openapi(paths(
    scim::service_provider_config,
    scim::resource_types,
    scim::resource_type,
    scim::schemas,
    scim::schema,
    scim_search::list,
    scim_search::search,
    scim_search::search_all,
    scim_users::create,
    scim_users::read,
    scim_users::replace,
    scim_users::patch,
    scim_users::remove,
))]
struct Scim;

/// The register's routes as OpenAPI.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = Document::openapi();
    let areas = vec![
        actor::Document::openapi(),
        permissions::Document::openapi(),
        organisations::Document::openapi(),
        rbac::Document::openapi(),
        People::openapi(),
        Scim::openapi(),
        positions::Document::openapi(),
        assignments::Document::openapi(),
        workgroups::Document::openapi(),
        requests::Document::openapi(),
        campaigns::Document::openapi(),
        feed::Document::openapi(),
        feed_links::Document::openapi(),
        reports::Document::openapi(),
        organisations_import::Document::openapi(),
        rbac_import::Document::openapi(),
        subscriptions::Document::openapi(),
        systems::Document::openapi(),
        systems_import::Document::openapi(),
        spine::Document::openapi(),
        workers::Document::openapi(),
        terminology::Document::openapi(),
        fhir_exports::openapi(),
        fhir_subscriptions::openapi(),
        fhir_changes::Document::openapi(),
    ];
    for area in areas {
        whole.merge(area);
    }
    fhir_described::complete(&mut whole);
    whole
}
