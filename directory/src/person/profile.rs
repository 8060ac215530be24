//! A profile as the register keeps it.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{OdsCode, UserId};

use super::national_insurance::Kept;
use super::state::State;
use crate::api::{Gender, IdentityLevel, Name, Origin, PersonKind, Standing};
use crate::day::Day;
use crate::error::Error;
use crate::store::former::{self, Of, Somebody};
use crate::store::{people, people_evidence};
use crate::version::{Expected, Version};

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) user_id: UserId,
    pub(crate) kind: PersonKind,
    pub(crate) state: State,
    pub(crate) version: Version,
    pub(crate) standing: Standing,
    pub(crate) assurance: IdentityLevel,
    pub(crate) origin: Origin,
    pub(crate) name: Name,
    pub(crate) birth: Option<Day>,
    pub(crate) gender: Option<Gender>,
    pub(crate) national_insurance: Option<Kept>,
    pub(crate) organisation: Option<OdsCode>,
    /// Of a card or a robot.
    pub(crate) notes: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) changed_at: Millis,
}

impl Profile {
    /// Goes on if this is the profile of a person.
    pub(crate) fn demand_person(&self) -> Result<(), Error> {
        if self.kind == PersonKind::Person {
            return Ok(());
        }
        Err(Error::conflict(
            "not-a-person",
            "This profile is a card's or a robot's, and has nothing of the kind.",
        ))
    }

    /// Goes on if it was checked who this is.
    pub(crate) fn demand_verified(&self) -> Result<(), Error> {
        if self.standing == Standing::Verified {
            return Ok(());
        }
        Err(Error::conflict(
            "identity-unverified",
            "It was not checked who this is, and until then the profile is restricted. Verify the identity first.",
        ))
    }
}

/// Reads a profile for a change, if it still is what the caller read; what it is stays as a former version.
pub(crate) async fn open(tx: &mut Tx, user: &UserId, expected: Expected) -> Result<Profile, Error> {
    let profile = people::find(&mut *tx, user).await?.ok_or_else(|| Error::unknown("person", user))?;
    // Whoever was merged is told where they went, whatever version is meant.
    if !matches!(profile.state, State::Merged(_)) && !expected.holds(profile.version) {
        return Err(Error::Changed { what: "person", present: profile.version });
    }
    keep(tx, &profile).await?;
    Ok(profile)
}

/// Keeps what a person is before anything of it changes.
pub(super) async fn keep(tx: &mut Tx, profile: &Profile) -> Result<(), Error> {
    if profile.kind != PersonKind::Person || matches!(profile.state, State::Merged(_)) {
        return Ok(());
    }
    let (user, version) = (&profile.user_id, (profile.version, Some(profile.changed_at)));
    let registrations = people_evidence::registrations(&mut *tx, user).await?;
    let state = profile.state.word().word().to_owned();
    let somebody = Somebody { name: profile.name.clone(), registrations, state };
    former::keep(tx, Of::Person, user.as_str(), version, &somebody).await
}
