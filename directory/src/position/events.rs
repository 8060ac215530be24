//! What positions write into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

use super::rights::AccessProfile;

/// An act on a position. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PositionEvent {
    /// A position was made.
    PositionCreated {
        /// The position.
        position: String,
        /// Its organisation.
        organisation: String,
        /// The highest rank in the registration authority that it gives.
        rank: Option<String>,
        /// What it gives.
        access_profiles: Vec<AccessRecorded>,
        /// Positions it includes.
        included: Vec<String>,
    },
    /// What a position gives, or what it is called, was changed.
    PositionChanged {
        /// The position.
        position: String,
        /// The version that was made.
        version: i64,
        /// The highest rank in the registration authority that it gives now.
        rank: Option<String>,
        /// What it gives now.
        access_profiles: Vec<AccessRecorded>,
        /// Positions it includes now.
        included: Vec<String>,
    },
    /// The positions that the holders of a sponsor's position may assign were set.
    #[serde(rename = "position-assignable-set")]
    AssignableSet {
        /// The sponsor's position.
        position: String,
        /// Those that may be assigned now.
        assignable: Vec<String>,
    },
    /// A position was closed.
    PositionClosed {
        /// The position.
        position: String,
        /// How many assignments ended with it.
        assignments_ended: u64,
    },
}

/// What a position gives in one organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccessRecorded {
    /// The access profile.
    pub access_profile: String,
    /// Where.
    pub organisation: String,
    /// The job role.
    pub job_role: String,
    /// Areas of work.
    pub areas: Vec<String>,
    /// Added activities.
    pub activities: Vec<String>,
    /// Workgroups.
    pub workgroups: Vec<String>,
}

impl audit::Event for PositionEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::PositionCreated { .. } => "position-created",
            Self::PositionChanged { .. } => "position-changed",
            Self::AssignableSet { .. } => "position-assignable-set",
            Self::PositionClosed { .. } => "position-closed",
        }
    }
}

/// What access profiles give, as it is recorded.
pub(super) fn recorded(profiles: &[AccessProfile]) -> Vec<AccessRecorded> {
    fn texts<T: ToString>(codes: &[T]) -> Vec<String> {
        codes.iter().map(ToString::to_string).collect()
    }
    let one = |profile: &AccessProfile| AccessRecorded {
        access_profile: profile.id.to_string(),
        organisation: profile.organisation.to_string(),
        job_role: profile.codes.job_role.to_string(),
        areas: texts(&profile.codes.areas),
        activities: texts(&profile.codes.activities),
        workgroups: texts(&profile.workgroups),
    };
    profiles.iter().map(one).collect()
}
