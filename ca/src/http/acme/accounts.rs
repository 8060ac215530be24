//! Accounts: RFC 8555 7.3.

use axum::response::Response;
use platform::web::{Path, Query};
use serde::Deserialize;

use super::{Flattened, Post, Refusals};

/// Where a page of orders begins.
#[derive(Deserialize)]
pub(in crate::http) struct OrdersQuery {
    before: Option<String>,
}

/// Registers a key under an external account (RFC 8555 7.3).
#[utoipa::path(
    post, path = "/acme/new-account", tag = "acme",
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 201, description = "Registered"),
        (status = 200, description = "The key is registered already"),
        Refusals
    )
)]
pub(in crate::http) async fn create(post: Post) -> Response {
    post.answer(async |acme, signed| acme.new_account(signed).await).await
}

/// Shows an account, changes its contacts, or deactivates it (RFC 8555 7.3.2).
#[utoipa::path(
    post, path = "/acme/accounts/{account}", tag = "acme",
    params(("account" = String, Path, description = "The account")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "The account"),
        Refusals
    )
)]
pub(in crate::http) async fn show(Path(account): Path<String>, post: Post) -> Response {
    post.answer(async |acme, signed| acme.account(&account, signed).await).await
}

/// The account's orders, newest first (RFC 8555 7.1.2.1).
#[utoipa::path(
    post, path = "/acme/accounts/{account}/orders", tag = "acme",
    params(("account" = String, Path, description = "The account")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "One page"),
        Refusals
    )
)]
pub(in crate::http) async fn orders(
    Path(account): Path<String>,
    Query(query): Query<OrdersQuery>,
    post: Post,
) -> Response {
    post.answer(async |acme, signed| acme.orders_of(&account, query.before.as_deref(), signed).await).await
}

/// Puts a new key in the place of an account's (RFC 8555 7.3.5).
#[utoipa::path(
    post, path = "/acme/key-change", tag = "acme",
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "Changed"),
        Refusals
    )
)]
pub(in crate::http) async fn change_key(post: Post) -> Response {
    post.answer(async |acme, signed| acme.key_change(signed).await).await
}
