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
    /// Whether it has, or had, several addresses.
    pub(crate) several: Option<Several>,
}

/// That a system has, or had, several addresses: its endpoints are known by these from then on, however many are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Several {
    /// From which version on.
    pub(crate) since: Version,
    /// The address that it had alone before, whose endpoint keeps the id that it had.
    pub(crate) first: Option<String>,
}

impl System {
    /// One that is registered.
    pub(crate) fn new(id: SystemId, content: SystemContent, now: Millis) -> Self {
        let since = Version::FIRST;
        let several = (addresses(&content).len() > 1).then_some(Several { since, first: None });
        Self { id, content, made_at: now, changed_at: now, withdrawn_at: None, version: since, several }
    }

    /// The same with what it is from now on.
    pub(crate) fn rewritten(self, content: SystemContent, now: Millis) -> Self {
        let version = Version(self.version.0 + 1);
        let before = addresses(&self.content);
        let first = match before {
            [one] => Some(one.clone()),
            _ => None,
        };
        let has_several = before.len() > 1 || addresses(&content).len() > 1;
        let new = has_several.then_some(Several { since: version, first });
        let several = self.several.or(new);
        Self {
            id: self.id,
            content,
            made_at: self.made_at,
            changed_at: now,
            withdrawn_at: self.withdrawn_at,
            version,
            several,
        }
    }

    /// What its endpoints are known by in this version, if it had several addresses until then.
    pub(crate) fn several(&self) -> Option<&Several> {
        self.several.as_ref().filter(|several| several.since <= self.version)
    }
}

/// The addresses of a message handling system.
fn addresses(content: &SystemContent) -> &[String] {
    match content {
        SystemContent::MessageHandling(system) => &system.endpoints,
        SystemContent::Accredited(_) => &[],
    }
}
