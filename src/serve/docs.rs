//! The description of the API, and the pages of the public port.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::SwaggerUi;

/// Where the description of the API is.
const DESCRIPTION: &str = "/openapi.json";

/// The API of every module, as one document.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Lanyard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Systems call with their TLS client certificate on the systems port. The public port serves what \
             anybody may read.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    let mut document = OpenApiBuilder::new().info(info).build();
    document.merge(ca::openapi());
    document.merge(signer::openapi());
    document.merge(directory::openapi());
    document.merge(authn::openapi());
    document.merge(audit::openapi());
    document
}

/// The practice statement, at the address that a first configuration puts into certificates.
const PRACTICE_STATEMENT: &str = include_str!("../../docs/cps.md");

/// `/`, `/cps`, `/docs/` and `/openapi.json`.
pub(super) fn router() -> Router {
    // RFC 7763 2.
    let markdown = || async { ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], PRACTICE_STATEMENT) };
    Router::new()
        .route("/", get(|| async { Html(FRONT) }))
        .route("/cps", get(markdown))
        .merge(SwaggerUi::new("/docs").url(DESCRIPTION, openapi()))
}

const FRONT: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lanyard</title>
<style>body { font-family: system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; line-height: 1.5 }</style>
<h1>Lanyard</h1>
<p>This is a Care Identity Service: it issues certificates, signs prescriptions, and keeps a record of both.</p>
<ul>
<li><a href="/docs/">The API, to read and to try</a> (<a href="/openapi.json">as OpenAPI</a>)</li>
<li><a href="/cps">The practice statement of the certificate authority</a></li>
<li><a href="/audit/checkpoint">The newest signed checkpoint of the audit record</a></li>
</ul>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// The document holds the routes of every module, each once.
    #[test]
    fn every_module_is_described() {
        let document = serde_json::to_value(openapi()).unwrap();
        for path in [
            "/ca/certificates",
            "/csc/v2/signatures/signDoc",
            "/signer/credentials",
            "/directory/changes",
            "/authn/configs/{team}",
            "/token",
            "/audit/checkpoint",
        ] {
            assert!(document["paths"][path].is_object(), "{path}");
        }
        assert_eq!(document["info"]["title"], "Lanyard");
    }
}
