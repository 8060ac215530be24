//! What the sandbox writes into the audit record, beside the events of sessions and authenticators.

use serde::Serialize;
use utoipa::ToSchema;

/// One act of the sandbox.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SandboxEvent {
    /// Sign-in was opened as a sandbox, in which nobody proves who they are.
    SandboxOpened {
        /// How many people its page offers.
        personas: u64,
    },
    /// A relying party was answered with an error because somebody wanted that.
    ErrorForced {
        /// Which relying party.
        client: String,
        /// The error.
        error: String,
    },
    /// A logout token was shown to whoever is signed in, and sent to nobody.
    LogoutTokenShown {
        /// For which relying party.
        client: String,
        /// The session, as in tokens.
        sid: String,
        /// Whose.
        user: String,
    },
}

impl audit::Event for SandboxEvent {
    const MODULE: &'static str = "authn";

    fn name(&self) -> &'static str {
        match self {
            Self::SandboxOpened { .. } => "sandbox-opened",
            Self::ErrorForced { .. } => "error-forced",
            Self::LogoutTokenShown { .. } => "logout-token-shown",
        }
    }
}
