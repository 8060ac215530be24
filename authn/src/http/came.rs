//! A browser that came to sign in.

use std::net::IpAddr;

use axum::extract::{Extension, FromRequestParts};
use http::StatusCode;
use http::request::Parts;
use platform::clock::Millis;
use platform::web::{Path, PeerAddress};

use super::page::Failed;
use crate::interaction::Interaction;
use crate::pages::Told;
use crate::provider::Provider;
use crate::sign_in::{Visit, waiting};

/// A browser that came for a request of its own that still waits.
pub(super) struct Came {
    /// The secret in the address.
    pub(super) secret: String,
    /// The request.
    pub(super) interaction: Interaction,
    /// What is known of the browser.
    pub(super) visit: Visit,
    /// When.
    pub(super) now: Millis,
}

impl Came {
    /// Where the browser goes on when somebody is signed in.
    pub(super) fn onward(&self) -> String {
        format!("/authorize/continue/{}", self.secret)
    }
}

/// From where a request came.
pub(super) fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip())
}

/// The same, of what a handler was given.
pub(super) fn came_from(peer: Option<Extension<PeerAddress>>) -> Option<IpAddr> {
    peer.map(|Extension(peer)| peer.0.ip())
}

/// The request of a browser is over, or never was this browser's.
fn over(site: &str) -> Failed {
    let told = Told {
        title: "Start again from your service".to_owned(),
        sentence: "This sign-in took too long, was finished, or was begun in another browser. Go back to the service that you \
                   want to use, and sign in from there."
            .to_owned(),
        field: None,
    };
    Failed::told(site, StatusCode::NOT_FOUND, &told, None)
}

impl FromRequestParts<Provider> for Came {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, provider: &Provider) -> Result<Self, Failed> {
        let site = &provider.config.name;
        let Ok(Path(secret)) = Path::<String>::from_request_parts(parts, provider).await else {
            return Err(over(site));
        };
        let now = provider.now();
        let found = waiting(provider, &parts.headers, &secret, now).await?;
        let interaction = found.ok_or_else(|| over(site))?.1.interaction;
        let visit = Visit::new(&interaction, &parts.headers, address(parts));
        Ok(Self { secret, interaction, visit, now })
    }
}
