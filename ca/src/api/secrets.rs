//! Shared secrets for a first certificate by CMP, as they travel.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rfc3339;

/// For whom a secret is to be made, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolmentSecret {
    /// The road on which it can be used.
    pub road: String,
    /// The client whose first certificate it is for: the certificate's common name.
    pub client: String,
    /// The organisation's code that may stand in it.
    #[serde(default)]
    pub organisation: Option<String>,
    /// How many certificates it can be used for, 1 to 100; one, unless told.
    #[serde(default)]
    pub uses: Option<u32>,
    /// For how many seconds, 60 to 2,592,000 (30 days); one day, unless told.
    #[serde(default)]
    pub valid_seconds: Option<u32>,
}

/// A shared secret without the secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentSecretInfo {
    /// By what the client names it: `senderKID` of its messages.
    pub reference: String,
    /// The road on which it can be used.
    pub road: String,
    /// The client whose first certificate it is for.
    pub client: String,
    /// The organisation's code that may stand in it.
    pub organisation: Option<String>,
    /// How many certificates it can still be used for.
    pub uses_left: u32,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Millis,
    /// Until when it can be used.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String)]
    pub expires_at: Millis,
    /// When it was ended by hand.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Millis>,
}

/// A shared secret that was just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentSecret {
    /// What it is for.
    pub info: EnrolmentSecretInfo,
    /// The secret: its characters as they stand here are what both sides compute with. It is not shown again.
    pub secret: String,
}
