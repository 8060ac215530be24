//! What is recorded of questions over FHIR.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A question over FHIR that concerns people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum FhirEvent {
    /// People, or roles of people, were answered. What was asked for is not written here: it may hold names.
    WorkersShown {
        /// The kind of resource that was asked for: `Practitioner` or `PractitionerRole`.
        resource: String,
        /// The user ids of those who were shown or counted, or were asked for by an id or a number and found not to be meant.
        people: Vec<String>,
    },
    /// An export in bulk was begun. Whom each part of it showed is recorded when the part is fetched.
    ExportBegun {
        /// Its id.
        export: String,
        /// The kinds of resources.
        resources: Vec<String>,
    },
    /// A program is told from now on when something changes. What of is not written here: it may hold names.
    SubscriptionMade {
        /// Its id.
        subscription: String,
        /// Where it is told.
        endpoint: String,
    },
    /// A program is told no more.
    SubscriptionEnded {
        /// Its id.
        subscription: String,
        /// Why: `deleted` by whose it was, `operator`, `over`, or `failed`.
        why: String,
    },
}

impl audit::Event for FhirEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::WorkersShown { .. } => "workers-shown",
            Self::ExportBegun { .. } => "export-begun",
            Self::SubscriptionMade { .. } => "subscription-made",
            Self::SubscriptionEnded { .. } => "subscription-ended",
        }
    }
}
