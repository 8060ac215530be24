//! What is recorded of systems.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::SystemKind;

/// An act on systems. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum SystemEvent {
    /// A system was registered.
    SystemRegistered {
        /// Its identifier.
        system: String,
        /// What kind.
        kind: SystemKind,
        /// The ODS code of its organisation.
        organisation: String,
        /// SHA-256 of what it is.
        content_sha256: String,
    },
    /// A system was changed.
    SystemChanged {
        /// Its identifier.
        system: String,
        /// The ODS code of its organisation now.
        organisation: String,
        /// SHA-256 of what it is now.
        content_sha256: String,
    },
    /// A system was withdrawn.
    SystemWithdrawn {
        /// Its identifier.
        system: String,
    },
    /// A part of a file of systems was brought in.
    SystemsImported {
        /// How many systems are new.
        created: i64,
        /// How many have changed.
        changed: i64,
        /// SHA-256 over what they are, in their order.
        content_sha256: String,
    },
}

impl audit::Event for SystemEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::SystemRegistered { .. } => "system-registered",
            Self::SystemChanged { .. } => "system-changed",
            Self::SystemWithdrawn { .. } => "system-withdrawn",
            Self::SystemsImported { .. } => "systems-imported",
        }
    }
}
