//! What filling a register writes into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

/// A register was filled with invented rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum SeedingEvent {
    /// An empty register is about to be filled with invented people. The rows that follow have no events of their own.
    SeedingBegan {
        /// How many people.
        people: u64,
        /// What everything follows from.
        seed: u64,
    },
    /// The register is full.
    SeedingEnded {
        /// How many people.
        people: u64,
        /// What everything follows from.
        seed: u64,
    },
}

impl audit::Event for SeedingEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::SeedingBegan { .. } => "seeding-began",
            Self::SeedingEnded { .. } => "seeding-ended",
        }
    }
}
