//! What organisations ask of those who sign in for them, on the wire; and what an agent tells.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::session::CardRemoved;

/// What an organisation asks of those who sign in for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// With what they may: `smartcard`, `security-key`, `platform-key`, `passkey`, `totp`. Anything if it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authenticators: Vec<String>,
    /// What becomes of their sessions when the card is taken out, where more is asked than is set here for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_removed: Option<CardRemoved>,
}

/// A card was taken out, as the agent of a workstation tells.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardRemoval {
    /// The secret that the agent was given when the card signed in.
    pub secret: String,
    /// How many milliseconds before this was sent the card was taken out; absent where it was just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ago_ms: Option<u64>,
}

/// What was done about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CardRemovalDone {
    /// What became of the session: `ended`, `locked` or `kept`.
    pub session: String,
}
