//! Subscriptions over FHIR, as the operator sees them.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A program that is told over FHIR when something changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramTold {
    /// The id of its subscription.
    pub subscription: String,
    /// The client id of the program.
    pub client: String,
    /// Of which API it is: `workers` or `organisations`.
    pub face: String,
    /// Why, in its words.
    pub reason: String,
    /// Where it is told.
    pub endpoint: String,
    /// Why it is told no more; left out while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was made.
    #[schema(value_type = i64)]
    pub made_at: Millis,
    /// Until when it is told.
    #[schema(value_type = i64)]
    pub until: Millis,
}
