//! What an access profile gives: activities, and a rank in the registration authority.

use platform::id::OdsCode;

use super::codes::{Activity, Area, JobRole};
use crate::authority::Rank;
use crate::ids::{AccessProfileId, PositionId, WorkgroupId};

/// What a position gives in one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessProfile {
    /// Its id.
    pub(crate) id: AccessProfileId,
    /// The position that gives it.
    pub(crate) position: PositionId,
    /// Where.
    pub(crate) organisation: OdsCode,
    /// The job role.
    pub(crate) job_role: JobRole,
    /// Areas of work.
    pub(crate) areas: Vec<Area>,
    /// Activities beside those of the job role.
    pub(crate) activities: Vec<Activity>,
    /// Workgroups that its holders are in.
    pub(crate) workgroups: Vec<WorkgroupId>,
}

impl AccessProfile {
    /// Every activity it comes to.
    pub(crate) fn effective(&self) -> Vec<String> {
        effective_activities(&self.job_role, &self.activities)
    }

    /// The rank it gives.
    pub(crate) fn rank(&self, local_smartcard_administrator: Option<&str>) -> Option<Rank> {
        let effective = self.effective();
        Rank::of(self.job_role.role(), effective.iter().map(String::as_str), local_smartcard_administrator)
    }

    /// Whether its holders are sponsors, who alone can have positions to assign.
    pub(crate) fn is_sponsors(&self) -> bool {
        self.effective().iter().any(|activity| activity == SPONSORS)
    }
}

/// The activity of sponsors: Approve RA Requests.
const SPONSORS: &str = "B1300";

/// The activities that a job role and added activities come to: the added ones, until the national baselines are read.
pub fn effective_activities(_job_role: &JobRole, added: &[Activity]) -> Vec<String> {
    let mut all: Vec<String> = added.iter().map(ToString::to_string).collect();
    all.sort();
    all.dedup();
    all
}
