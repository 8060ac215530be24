//! The routes of the authority.

mod acme;
mod cards;
mod certificates;
mod cmp;
mod description;
mod est;
mod expiries;
mod exports;
mod generations;
mod issuers;
mod ocsp;
mod profiles;
mod public;
mod renewals;
mod reports;
mod revocations;
mod roads;
mod secrets;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use utoipa::OpenApi;

use crate::authority::Authority;
use crate::enrol::{Enrolment, LARGEST_BODY};

pub use acme::acme_router;
pub use cards::cards_router;
pub use public::public_router;
pub use reports::reports_router;

/// Whether what is asked for here refuses a clock that is behind in words of its own protocol: an ACME problem, a CMP error.
pub fn tells_of_the_time(path: &str) -> bool {
    path.starts_with("/acme/") || path == "/.well-known/cmp" || path.starts_with("/.well-known/cmp/")
}

/// Everything under `/ca`, for callers with acts.
pub fn router(authority: Authority) -> Router {
    Router::new()
        .route("/ca/certificates", post(certificates::issue).get(certificates::list))
        .route("/ca/certificates.csv", get(exports::csv))
        .route("/ca/certificates.jsonl", get(exports::json_lines))
        .route("/ca/certificates/{serial}", get(certificates::show))
        .route("/ca/certificates/{serial}/revocation", post(revocations::revoke).delete(revocations::resume))
        .route("/ca/profiles", get(profiles::list))
        .route("/ca/profiles/{id}", get(profiles::show))
        .route("/ca/issuers", get(issuers::list))
        .route("/ca/issuers/{id}", get(issuers::show))
        .route("/ca/issuers/{id}/crl", get(issuers::crl))
        .merge(acme::external_router())
        .route("/ca/generations", get(generations::list))
        .route("/ca/imports", post(generations::import))
        .route("/ca/issuers/{id}/generations", post(generations::create))
        .route("/ca/issuers/{id}/lists", get(issuers::lists))
        .route("/ca/enrolment-secrets", post(secrets::create).get(secrets::list))
        .route("/ca/enrolment-secrets/{reference}", delete(secrets::end))
        .route("/ca/expiries", get(expiries::list))
        .route("/ca/renewals", get(renewals::list))
        .route("/ca/renewals/notices", get(renewals::notices))
        .route(
            "/ca/renewals/{serial}/acknowledgement",
            post(renewals::acknowledge).delete(renewals::withdraw),
        )
        .with_state(authority)
}

/// EST and CMP: for callers with `ca:enrol`, who prove themselves by TLS or in the message.
pub fn enrolment_router(enrolment: Enrolment) -> Router {
    Router::new()
        .route("/.well-known/est/cacerts", get(est::cacerts))
        .route("/.well-known/est/csrattrs", get(est::csrattrs))
        .route("/.well-known/est/simpleenroll", post(est::simpleenroll))
        .route("/.well-known/est/simplereenroll", post(est::simplereenroll))
        .route("/.well-known/est/{label}/cacerts", get(est::cacerts))
        .route("/.well-known/est/{label}/csrattrs", get(est::csrattrs))
        .route("/.well-known/est/{label}/simpleenroll", post(est::simpleenroll))
        .route("/.well-known/est/{label}/simplereenroll", post(est::simplereenroll))
        .route("/.well-known/cmp", post(cmp::message))
        .route("/.well-known/cmp/{operation}", post(cmp::operation))
        .route("/.well-known/cmp/p/{label}", post(cmp::message))
        .route("/.well-known/cmp/p/{label}/{operation}", post(cmp::operation))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(enrolment)
}

/// The routes as OpenAPI.
#[derive(OpenApi)]
#[openapi(paths(
    certificates::issue,
    certificates::list,
    certificates::show,
    exports::csv,
    exports::json_lines,
    revocations::revoke,
    revocations::resume,
    profiles::list,
    profiles::show,
    generations::list,
    generations::create,
    generations::import,
    issuers::list,
    issuers::show,
    issuers::crl,
    ocsp::ask,
    ocsp::ask_with_a_slash,
    ocsp::ask_by_path,
    issuers::lists,
    expiries::list,
    renewals::list,
    renewals::notices,
    renewals::acknowledge,
    renewals::withdraw,
    public::crl,
    public::part_crl,
    public::issuer_certificate,
    est::cacerts,
    est::csrattrs,
    est::simpleenroll,
    est::simplereenroll,
    secrets::create,
    secrets::list,
    secrets::end,
    cmp::message,
    cmp::operation,
))]
struct Document;

/// The authority's routes as OpenAPI.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(acme::Document::openapi());
    document.merge(reports::Document::openapi());
    document.merge(cards::Document::openapi());
    roads::describe_labels(&mut document);
    description::complete(&mut document);
    document
}
