//! Orders, authorizations and challenges: RFC 8555 7.4 and 7.5.

use axum::response::Response;
use platform::web::Path;

use super::{Flattened, Post, Refusals};

/// Orders a certificate (RFC 8555 7.4, RFC 9773 5).
#[utoipa::path(
    post, path = "/acme/new-order", tag = "acme",
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 201, description = "The order"),
        Refusals
    )
)]
pub(in crate::http) async fn create(post: Post) -> Response {
    post.answer(async |acme, signed| acme.new_order(signed).await).await
}

/// An order as it stands.
#[utoipa::path(
    post, path = "/acme/orders/{order}", tag = "acme",
    params(("order" = String, Path, description = "The order")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "The order"),
        Refusals
    )
)]
pub(in crate::http) async fn show(Path(order): Path<String>, post: Post) -> Response {
    post.answer(async |acme, signed| acme.order(&order, signed).await).await
}

/// Has the certificate of a ready order issued (RFC 8555 7.4).
#[utoipa::path(
    post, path = "/acme/orders/{order}/finalize", tag = "acme",
    params(("order" = String, Path, description = "The order")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "The order: valid, or processing"),
        Refusals
    )
)]
pub(in crate::http) async fn finalize(Path(order): Path<String>, post: Post) -> Response {
    post.answer(async |acme, signed| acme.finalize(&order, signed).await).await
}

/// Shows an authorization, or gives it up (RFC 8555 7.5).
#[utoipa::path(
    post, path = "/acme/authorizations/{authorization}", tag = "acme",
    params(("authorization" = String, Path, description = "The authorization")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "The authorization"),
        Refusals
    )
)]
pub(in crate::http) async fn authorization(Path(authorization): Path<String>, post: Post) -> Response {
    post.answer(async |acme, signed| acme.authorization(&authorization, signed).await).await
}

/// Answers a challenge (RFC 8555 7.5.1).
#[utoipa::path(
    post, path = "/acme/challenges/{authorization}/{challenge}", tag = "acme",
    params(("authorization" = String, Path, description = "The authorization"), ("challenge" = String, Path, description = "http-01, tls-alpn-01 or device-attest-01")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "The challenge"),
        Refusals
    )
)]
pub(in crate::http) async fn challenge(
    Path((authorization, challenge)): Path<(String, String)>,
    post: Post,
) -> Response {
    post.answer(async |acme, signed| acme.challenge(&authorization, &challenge, signed).await).await
}
