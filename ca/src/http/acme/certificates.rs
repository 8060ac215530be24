//! Certificates: RFC 8555 7.4.2 and 7.6.

use axum::response::Response;
use platform::web::Path;

use super::{Flattened, Post, Refusals};

/// A certificate with what leads to the root (RFC 8555 7.4.2).
#[utoipa::path(
    post, path = "/acme/certificates/{serial}", tag = "acme",
    params(("serial" = String, Path, description = "The serial in hexadecimal")),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "PEM"),
        Refusals
    )
)]
pub(in crate::http) async fn show(Path(serial): Path<String>, post: Post) -> Response {
    post.answer(async |acme, signed| acme.certificate(&serial, None, signed).await).await
}

/// The same with another chain, which the answer of the first names (RFC 8555 7.4.2).
#[utoipa::path(
    post, path = "/acme/certificates/{serial}/alternates/{number}", tag = "acme",
    params(
        ("serial" = String, Path, description = "The serial in hexadecimal"),
        ("number" = usize, Path, description = "Which chain, from 1"),
    ),
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "PEM"),
        Refusals
    )
)]
pub(in crate::http) async fn alternate(
    Path((serial, number)): Path<(String, usize)>,
    post: Post,
) -> Response {
    post.answer(async |acme, signed| acme.certificate(&serial, Some(number), signed).await).await
}

/// Revokes a certificate (RFC 8555 7.6).
#[utoipa::path(
    post, path = "/acme/revoke-cert", tag = "acme",
    request_body(content_type = "application/jose+json", content = Flattened),
    responses(
        (status = 200, description = "Revoked"),
        Refusals
    )
)]
pub(in crate::http) async fn revoke(post: Post) -> Response {
    post.answer(async |acme, signed| acme.revoke(signed).await).await
}
