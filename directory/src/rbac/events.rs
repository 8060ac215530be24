//! What is recorded of releases.

use serde::Serialize;
use utoipa::ToSchema;

/// An act on the national role-based access control.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A release was brought in, and is in force from then on.
    RbacReleaseImported {
        /// Its number here.
        number: i64,
        /// Its name.
        release: String,
        /// SHA-256 of its content.
        sha256: String,
        /// How many job roles it has.
        job_roles: i64,
        /// How many areas of work.
        areas: i64,
        /// How many activities.
        activities: i64,
        /// How many inclusions of one activity in another.
        inclusions: i64,
        /// How many rows of baselines.
        baselines: i64,
        /// How many positions have another rank by it.
        positions: i64,
    },
    /// The stored ranks of positions were brought to what they follow from now.
    RanksSettled {
        /// The number of the release in force.
        number: i64,
        /// How many positions have another rank.
        positions: i64,
    },
}

impl audit::Event for Event {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::RbacReleaseImported { .. } => "rbac-release-imported",
            Self::RanksSettled { .. } => "ranks-settled",
        }
    }
}
