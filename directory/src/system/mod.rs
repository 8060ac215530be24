//! Systems that take part in messaging: accredited systems, known by their ASID, and message handling systems.
//!
//! The register says what a system is; the faces of the directory (`ldap`, `fhir`) show it. An identifier is given once: a
//! system that was withdrawn keeps it.

mod acts;
mod content;
mod events;
mod identifier;
mod import;
mod ldif;
mod record;

use platform::clock::Millis;

use crate::api::SystemContent;
use crate::version::Version;

pub(crate) use acts::{change, create, withdraw};
pub(crate) use content::{checked, digest, folded, keys};
pub use events::SystemEvent;
pub(crate) use identifier::SystemId;
pub(crate) use import::{Mode, import};

/// A system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct System {
    pub(crate) id: SystemId,
    pub(crate) content: SystemContent,
    pub(crate) made_at: Millis,
    pub(crate) changed_at: Millis,
    /// From when on it is on no face any more.
    pub(crate) withdrawn_at: Option<Millis>,
    pub(crate) version: Version,
}
