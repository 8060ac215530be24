//! What is recorded: an act, who did it, and when.

use platform::caller::Caller;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::canonical::{self, NotCanonical};

/// One kind of act of one module. A module's `events.rs` defines an enum and implements this for it.
///
/// Numbers in an event are whole and below 2^53; anything else is written as text.
pub trait Event: Serialize + ToSchema {
    /// The module that records it: the name of its crate.
    const MODULE: &'static str;

    /// What happened, in the words of the catalogue: lower case with hyphens, such as `certificate-issued`.
    fn name(&self) -> &'static str;
}

/// Who did it. Only what authorisation saw, never a name of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// `system`, `person`, or `module` for acts that nobody asked for, such as a scheduled list.
    pub kind: String,
    /// The stable identifier of the subject.
    pub subject: String,
    /// The client through which the subject spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The organisation in whose name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The role profile that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_profile: Option<String>,
    /// The session in which it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Actor {
    /// A module that acts by itself.
    pub fn system(module: &'static str) -> Self {
        Self {
            kind: "module".to_owned(),
            subject: module.to_owned(),
            client: None,
            organisation: None,
            role_profile: None,
            session: None,
        }
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self {
            kind: caller.kind.to_string(),
            subject: caller.subject.clone(),
            client: Some(caller.client.to_string()),
            organisation: caller.organisation.as_ref().map(ToString::to_string),
            role_profile: caller.role_profile.clone(),
            session: caller.session.clone(),
        }
    }
}

/// The name of a recorded event: a version 7 UUID. RFC 9562 5.7.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// The id for a moment and ten random octets.
    pub fn new(now: Millis, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.0).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string())
    }

    /// The id below which every id made before `moment` lies.
    pub(crate) fn lower_bound(moment: Millis) -> String {
        Self::new(moment, [0; 10]).0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that the leaf commits to. The members are those of the canonical JSON.
#[derive(Serialize)]
pub(crate) struct Envelope<'a, E> {
    pub(crate) id: &'a EventId,
    pub(crate) at: i64,
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) actor: &'a Actor,
    pub(crate) event: &'a E,
}

impl<E: Serialize> Envelope<'_, E> {
    /// The bytes that are stored and committed to.
    pub(crate) fn canonical(&self) -> Result<Vec<u8>, NotCanonical> {
        canonical::bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids carry the time in front, so that their order as text is the order of time.
    #[test]
    fn ids_sort_by_time() {
        let early = EventId::new(Millis(1_700_000_000_000), [255; 10]);
        let late = EventId::new(Millis(1_700_000_000_001), [0; 10]);
        assert!(early < late && early.as_str() < EventId::lower_bound(Millis(1_700_000_000_001)).as_str());
        assert_eq!(late.as_str(), "018bcfe5-6801-7000-8000-000000000000");
    }
}
