//! Who is signed in with the browser that came.

use authn::api::BrowserQuery;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use platform::problem::{Kind, Problem};

use super::page::sign_in;
use crate::signer::Signer;

/// Whoever is signed in with this browser, with something that is worth enough to sign: sign-in knows by its session. The address of a page
/// lies in histories and logs, and shows nobody anything alone.
pub(super) struct Person {
    /// By their number.
    pub(super) user_id: String,
    /// The session, by its id.
    pub(super) session: String,
}

impl FromRequestParts<Signer> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, signer: &Signer) -> Result<Self, Problem> {
        let fields = parts.headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
        let cookie = fields.collect::<Vec<_>>().join("; ");
        let found = sign_in(signer)?.client.browser(&BrowserQuery { cookie }).await;
        let holder = found.map_err(|problem| match problem.kind {
            Kind::NotFound => Problem::unauthenticated(
                "not-signed-in",
                "You are not signed in, or it was too long ago. Open the service that you use, sign in there, and come back to \
                 this page.",
            ),
            _ => problem,
        })?;
        if holder.level < signer.config.dss.level.to_string() {
            let sentence = "You signed in with something that is not worth enough for signatures. Open the service that you use, sign \
                            in there with your security key, your device or your smartcard, and come back to this page.";
            return Err(Problem::forbidden("sign-in-too-weak", sentence));
        }
        Ok(Self { user_id: holder.user_id, session: holder.session })
    }
}
