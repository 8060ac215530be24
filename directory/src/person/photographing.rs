//! Photographs of people, set and taken away.

use bytes::Bytes;
use platform::db::Tx;
use platform::id::UserId;

use super::allowed::not_asked;
use super::events::Event;
use super::note::note;
use super::photo;
use super::profile::{Profile, open};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::authority::Act;
use crate::error::Error;
use crate::store::people_photos;
use crate::version::{Expected, Version};

/// Which photograph is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// None: there must not be one yet.
    Nothing,
    /// This version, or whichever there is or is not.
    Present(Expected),
}

async fn ready(tx: &mut Tx, doing: &Doing, user: &UserId) -> Result<Profile, Error> {
    let profile = open(tx, user, Expected::Any).await?;
    doing.demand_on(tx, Act::ChangePerson, &profile).await.map_err(not_asked)?;
    profile.state.demand_open()?;
    profile.demand_person()?;
    Ok(profile)
}

/// Sets a photograph, and gives its version.
pub(crate) async fn set(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    replaced: Replaced,
    bytes: &Bytes,
) -> Result<Version, Error> {
    let profile = ready(tx, doing, user).await?;
    let photo = photo::checked(bytes)?;
    let present = people_photos::head(&mut *tx, user).await?.map(|(version, _)| version);
    let holds = match (replaced, present) {
        (Replaced::Nothing, present) => present.is_none(),
        (Replaced::Present(expected), Some(version)) => expected.holds(version),
        (Replaced::Present(expected), None) => expected == Expected::Any,
    };
    if !holds {
        return Err(Error::Changed { what: "photograph", present: present.unwrap_or(Version(0)) });
    }
    let version = people_photos::put(tx, user, &photo, bytes, doing.now).await?;
    let event = Event::PhotoSet { user_id: user.to_string(), sha256: photo.sha256 };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
    Ok(version)
}

/// Takes a photograph away.
pub(crate) async fn remove(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
) -> Result<(), Error> {
    let profile = ready(tx, doing, user).await?;
    let present = people_photos::head(&mut *tx, user).await?.map(|(version, _)| version);
    let Some(present) = present else { return Err(Error::unknown("photograph", user)) };
    if !expected.holds(present) {
        return Err(Error::Changed { what: "photograph", present });
    }
    people_photos::remove(tx, user).await?;
    let event = Event::PhotoRemoved { user_id: user.to_string() };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
    Ok(())
}
