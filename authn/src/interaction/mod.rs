//! An authorisation request that waits for somebody to sign in: what the protocol and the sign-in pages agree on.

mod acr;
mod method;

use platform::clock::Millis;
use platform::id::ClientId;

pub(crate) use acr::{Acceptable, Acr};
pub(crate) use method::{Level, Method};

platform::text_id!(
    /// A waiting authorisation request, by its row. What the browser holds is another thing: a secret.
    InteractionId
);

/// A waiting authorisation request, as the sign-in pages see it. Stored in one row; its secret is 256 random bits, in the URL as
/// base64url, in the row as SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interaction {
    /// Its row.
    pub id: InteractionId,
    /// Which relying party asks.
    pub client: ClientId,
    /// What people call that relying party.
    pub client_name: String,
    /// What is wanted of the person.
    pub wanted: Wanted,
    /// When it came.
    pub created_at: Millis,
    /// Until when somebody can sign in for it.
    pub expires_at: Millis,
}

/// What an authorisation request wants of the person who signs in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wanted {
    /// Which methods satisfy what was asked for.
    pub acceptable: Acceptable,
    /// Asked for by `prompt=login` or `max_age`: a session whose sign-in is older does not do.
    pub fresh_after: Option<Millis>,
    /// Who is expected, as the relying party guesses. Never proof of anything.
    pub login_hint: Option<String>,
    /// In which languages, the most wanted first.
    pub ui_locales: Vec<String>,
    /// The role that was chosen for this request, before its person signed in with what the organisation of the role asks for. It is of
    /// the session only when the request is granted in it: whoever cancels has chosen nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl Wanted {
    /// Whether somebody who signed in then and so satisfies this.
    pub(crate) fn satisfied_by(&self, method: Method, authenticated_at: Millis) -> bool {
        self.acceptable.allows(method) && self.fresh_after.is_none_or(|after| authenticated_at >= after)
    }
}
