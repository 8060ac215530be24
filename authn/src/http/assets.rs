//! Style and script of the pages.

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use platform::problem::Problem;
use platform::web::Path;

use crate::provider::Provider;

/// The files by their names.
const FILES: [(&str, &str, &str); 9] = [
    ("brand.css", "text/css; charset=utf-8", include_str!("../../assets/brand.css")),
    ("card.js", "text/javascript; charset=utf-8", include_str!("../../assets/card.js")),
    ("card-signing.js", "text/javascript; charset=utf-8", include_str!("../../assets/card-signing.js")),
    ("key.js", "text/javascript; charset=utf-8", include_str!("../../assets/key.js")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("../../assets/page.js")),
    ("renew-card.js", "text/javascript; charset=utf-8", include_str!("../../assets/renew-card.js")),
    ("unlock-card.js", "text/javascript; charset=utf-8", include_str!("../../assets/unlock-card.js")),
    ("watch.js", "text/javascript; charset=utf-8", include_str!("../../assets/watch.js")),
    ("nhsuk-frontend.css", "text/css; charset=utf-8", include_str!("../../assets/nhsuk-frontend.css")),
];

pub(super) fn router() -> Router<Provider> {
    Router::new().route("/authn/assets/{file}", get(show))
}

/// A style sheet or script of the sign-in pages.
#[utoipa::path(
    get, path = "/authn/assets/{file}", tag = "authn",
    params(("file" = String, Path, description = "Its name")),
    responses((status = 200, description = "The file"), (status = 404, description = "There is no such file"))
)]
pub(super) async fn show(Path(file): Path<String>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(name, _, _)| *name == file);
    let (_, kind, text) = found.ok_or_else(|| Problem::not_found("not-found", "There is no such file."))?;
    Ok(([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=3600")], *text).into_response())
}
