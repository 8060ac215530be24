//! `/signing-service`: the Digital Signature Service for applications, and the pages for those who sign.

mod account;
mod confirm;
mod page;
mod person;
pub(super) mod service;
mod sign;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::signer::Signer;

/// Largest request: 250 documents with long names, or what a card signed of them.
const LARGEST_REQUEST: usize = 1024 * 1024;
/// Largest body of a page: what a key answers has some kilobytes.
const LARGEST_OF_PEOPLE: usize = 64 * 1024;

/// The routes, where people can sign in.
pub(super) fn router() -> Router<Signer> {
    let requests = Router::new()
        .route("/signing-service/signaturerequest", post(service::request))
        .route("/signing-service/sign/{token}/card", post(sign::card_answer))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST));
    let others = Router::new()
        .route("/signing-service/signatureresponse/{token}", get(service::response))
        .route("/signing-service/_ping", get(service::ping))
        .route("/signing-service/_status", get(service::status))
        .route("/signing-service/sign/{token}", get(sign::show).post(sign::answer))
        .route("/signing-service/sign/{token}/options", post(sign::options))
        .route("/signing-service/sign/{token}/card/options", post(sign::card_options))
        .route("/signing-service/sign/{token}/cancel", post(sign::cancel))
        .route("/signing-service/authorise/{request}", get(confirm::begin))
        .route("/signing-service/confirm/{request}", get(confirm::show).post(confirm::answer))
        .route("/signing-service/confirm/{request}/options", post(confirm::options))
        .route("/signing-service/confirm/{request}/cancel", post(confirm::cancel))
        .route("/signing-service/account", get(account::show))
        .route("/signing-service/account/credentials/{credential}", get(account::ask))
        .route("/signing-service/account/credentials/{credential}/end", post(account::end))
        .layer(DefaultBodyLimit::max(LARGEST_OF_PEOPLE));
    requests.merge(others)
}
