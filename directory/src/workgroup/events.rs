//! What workgroups write into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

/// An act on a workgroup. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum WorkgroupEvent {
    /// A workgroup was made.
    WorkgroupCreated {
        /// The workgroup.
        workgroup: String,
        /// Its organisation.
        organisation: String,
        /// The one above.
        parent: Option<String>,
    },
    /// A workgroup was renamed or moved.
    WorkgroupChanged {
        /// The workgroup.
        workgroup: String,
        /// The one above it now.
        parent: Option<String>,
    },
    /// A role profile was put into a workgroup.
    WorkgroupMemberAdded {
        /// The workgroup.
        workgroup: String,
        /// The membership.
        member: String,
        /// The role profile.
        role_profile: String,
        /// Whose it is.
        user: String,
        /// The first day.
        start: String,
        /// The last day.
        end: Option<String>,
    },
    /// A membership got another end.
    WorkgroupMemberRedated {
        /// The workgroup.
        workgroup: String,
        /// The membership.
        member: String,
        /// Whose it is.
        user: String,
        /// The last day now.
        end: Option<String>,
    },
    /// A role profile was taken out of a workgroup.
    WorkgroupMemberRemoved {
        /// The workgroup.
        workgroup: String,
        /// The membership.
        member: String,
        /// Whose it was.
        user: String,
    },
}

impl audit::Event for WorkgroupEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::WorkgroupCreated { .. } => "workgroup-created",
            Self::WorkgroupChanged { .. } => "workgroup-changed",
            Self::WorkgroupMemberAdded { .. } => "workgroup-member-added",
            Self::WorkgroupMemberRedated { .. } => "workgroup-member-redated",
            Self::WorkgroupMemberRemoved { .. } => "workgroup-member-removed",
        }
    }
}
