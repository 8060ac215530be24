//! Workgroups: a tree for each organisation, and the role profiles in them.

mod events;
mod following;
mod members;
mod tree;

use platform::id::{OdsCode, UserId};

use crate::day::Day;
use crate::ids::{MemberId, RoleProfileId, WorkgroupId};
use crate::version::Version;

pub use events::WorkgroupEvent;
pub(crate) use following::follow;
pub(crate) use members::{NewMember, add, redate, remove, remove_all_of};
pub(crate) use tree::{change, create};

/// A workgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workgroup {
    pub(crate) id: WorkgroupId,
    pub(crate) organisation: OdsCode,
    /// The one above; none for the root.
    pub(crate) parent: Option<WorkgroupId>,
    pub(crate) name: String,
    pub(crate) version: Version,
}

/// A role profile that was put into a workgroup directly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) workgroup: WorkgroupId,
    pub(crate) role_profile: RoleProfileId,
    pub(crate) user: UserId,
    pub(crate) from: Day,
    pub(crate) to: Option<Day>,
    pub(crate) version: Version,
}
