//! The routes of the signer.

mod archivals;
mod credentials;
mod csc;
mod dss;
mod evidence_records;
mod logo;
mod prescriptions;
mod signatures;
mod time_stamps;
mod verification_page;
mod verifications;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

use utoipa::OpenApi;

pub use csc::CscWords;

use crate::signer::Signer;

/// Largest body of everything but `signDoc` and verifications, which alone may carry documents. A thousand digests take 50 KiB.
const LARGEST: usize = 256 * 1024;

/// Largest question for a time-stamp: a digest, a nonce and a policy.
const LARGEST_QUESTION: usize = 4 * 1024;

/// Everything under `/csc/v2` and `/signer`, and the time-stamp authority, in one list.
pub fn router(signer: Signer) -> Router {
    let largest = signer.config.max_body_bytes;
    let service = if signer.sign_in.is_some() { dss::router() } else { Router::new() };
    let documents = Router::new()
        .route("/csc/v2/signatures/signDoc", post(csc::sign_doc))
        .route("/signer/verifications", post(verifications::verify))
        .route("/signer/archivals", post(archivals::archive))
        .layer(DefaultBodyLimit::max(largest));
    let csc = Router::new()
        .route("/csc/v2/info", post(csc::info))
        .route("/csc/v2/credentials/list", post(csc::credentials_list))
        .route("/csc/v2/credentials/info", post(csc::credentials_info))
        .route("/csc/v2/credentials/authorize", post(csc::authorize))
        .route("/csc/v2/credentials/extendTransaction", post(csc::extend))
        .route("/csc/v2/signatures/signHash", post(csc::sign_hash))
        .route("/csc/v2/signatures/signPolling", post(csc::poll))
        .route("/csc/v2/signatures/timestamp", post(csc::timestamp))
        .route("/csc/v1/info", post(csc::v1::info))
        .route("/csc/v1/credentials/list", post(csc::v1::list))
        .route("/csc/v1/credentials/info", post(csc::v1::credential))
        .route("/csc/v1/credentials/authorize", post(csc::v1::authorize))
        .route("/csc/v1/signatures/signHash", post(csc::v1::sign_hash))
        .route("/csc/v1/{*method}", post(csc::not_implemented))
        .route("/csc/v2/{*method}", post(csc::not_implemented));
    let csc = if signer.sign_in.is_some() { csc.merge(csc_signed_in()) } else { csc };
    let own = Router::new()
        .route("/signer/logo.png", get(logo::show))
        .route("/signer/credentials", post(credentials::create).get(credentials::list))
        .route("/signer/credentials/{credential}", get(credentials::show).delete(credentials::destroy))
        .route("/signer/credentials/{credential}/passphrase", put(credentials::set_passphrase))
        .route("/signer/credentials/{credential}/renew", post(credentials::renew))
        .route("/signer/credentials/{credential}/rekey", post(credentials::rekey))
        .route("/signer/credentials/{credential}/suspend", post(credentials::suspend))
        .route("/signer/credentials/{credential}/resume", post(credentials::resume))
        .route("/signer/credentials/{credential}/revoke", post(credentials::revoke))
        .route("/signer/prescriptions/prepare", post(prescriptions::prepare))
        .route("/signer/prescriptions/signatures", post(prescriptions::put_together))
        .route("/signer/evidence-records", post(evidence_records::create))
        .route("/signer/evidence-records/renewals", post(evidence_records::renew))
        .route("/signer/evidence-records/{records}", get(evidence_records::show))
        .route("/signer/signatures", get(signatures::list))
        .route("/signer/signatures/{id}/evidence", get(signatures::evidence));
    let stamps = Router::new()
        .route("/tsa", post(time_stamps::ask))
        .layer(DefaultBodyLimit::max(LARGEST_QUESTION.min(largest)));
    let small = csc.merge(own).layer(DefaultBodyLimit::max(LARGEST.min(largest)));
    small.merge(documents).merge(stamps).merge(service).with_state(signer)
}

/// What needs people to sign in.
fn csc_signed_in() -> Router<Signer> {
    Router::new()
        .route("/csc/v2/credentials/authorizeCheck", post(csc::authorize_check))
        .route("/csc/v2/credentials/getChallenge", post(csc::challenge))
}

/// Whether a path of ours needs to know what time it is whatever the method: whether a request to sign is over hangs on the clock.
pub fn needs_the_time(path: &str) -> bool {
    [
        "/signing-service/sign",
        "/signing-service/account",
        "/signing-service/authorise",
        "/signing-service/confirm",
    ]
    .iter()
    .any(|whole| path.starts_with(whole))
}

/// The routes as OpenAPI.
#[derive(OpenApi)]
#[openapi(paths(
    csc::info::info,
    csc::credentials::credentials_list,
    csc::credentials::credentials_info,
    csc::authorize::authorize,
    csc::authorize::authorize_check,
    csc::authorize::challenge,
    csc::authorize::extend,
    csc::sign_hash::sign_hash,
    csc::sign_doc::sign_doc,
    csc::polling::poll,
    csc::timestamp::timestamp,
    csc::v1::info,
    csc::v1::list,
    csc::v1::credential,
    csc::v1::authorize,
    csc::v1::sign_hash,
    logo::show,
    credentials::create,
    credentials::list,
    credentials::show,
    credentials::set_passphrase,
    credentials::renew,
    credentials::rekey,
    credentials::suspend,
    credentials::resume,
    credentials::revoke,
    credentials::destroy,
    prescriptions::prepare,
    prescriptions::put_together,
    evidence_records::create,
    evidence_records::renew,
    evidence_records::show,
    archivals::archive,
    verifications::verify,
    signatures::list,
    signatures::evidence,
    dss::service::request,
    dss::service::response,
    dss::service::ping,
    dss::service::status,
    time_stamps::ask,
))]
struct Document;

/// The signer's routes as OpenAPI.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
