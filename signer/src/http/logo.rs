//! The logo of the service, which `info` of the CSC API names.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::signer::Signer;

/// Where it is, below the origin of the public port.
const PATH: &str = "/signer/logo.png";
/// CSC API 11.1: PNG or JPEG, 256 pixels wide and high at most.
const LOGO: &[u8] = include_bytes!("../../assets/logo.png");

/// The logo.
#[utoipa::path(get, path = "/signer/logo.png", tag = "signer",
    responses((status = 200, description = "The image", content_type = "image/png", body = Vec<u8>)))]
pub(super) async fn show() -> Response {
    ([(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "public, max-age=3600")], LOGO).into_response()
}

/// Its address: that of the configuration, or ours where the origin of the public port is known.
pub(super) fn address(signer: &Signer) -> Option<String> {
    let ours = || Some(format!("{}{PATH}", signer.sign_in.as_ref()?.origin));
    signer.config.logo.clone().or_else(ours)
}
