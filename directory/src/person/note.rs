//! The end of every act: the next version, its event, its line of history, and its row of the change feed.

use audit::Event as _;
use platform::db::Tx;

use super::events::Event;
use super::profile::Profile;
use super::state::State;
use crate::acting::Doing;
use crate::api::{ChangeKind, HistoryRow};
use crate::error::Error;
use crate::store::{people, people_erasure, people_names};
use crate::{changes, version::Version};

/// Stores a changed profile and everything that goes with it. The profile comes back as it is now.
pub(super) async fn note(
    tx: &mut Tx,
    doing: &Doing,
    profile: Profile,
    told: ChangeKind,
    event: &Event,
) -> Result<Profile, Error> {
    audit::record(tx, doing.now, &doing.recorded(), event).await?;
    also(tx, doing, profile, told, event).await
}

/// The same for the second profile of an act, whose event is recorded with the first.
pub(super) async fn also(
    tx: &mut Tx,
    doing: &Doing,
    mut profile: Profile,
    told: ChangeKind,
    event: &Event,
) -> Result<Profile, Error> {
    profile.changed_at = doing.now;
    if !people::save(tx, &profile).await? {
        // Somebody on another machine was faster.
        let present = people::find(&mut *tx, &profile.user_id).await?;
        let present = present.map_or(Version(0), |profile| profile.version);
        return Err(Error::Changed { what: "person", present });
    }
    profile.version = Version(profile.version.0 + 1);
    match (&profile.state, told) {
        (State::Closed(closing), ChangeKind::PersonClosed) => {
            people_erasure::expect(tx, &profile.user_id, closing.at).await?;
        }
        (_, ChangeKind::PersonReopened | ChangeKind::PersonMerged) => {
            people_erasure::keep(tx, &profile.user_id).await?;
        }
        _ => {}
    }
    line(tx, doing, &profile, told, event).await?;
    Ok(profile)
}

/// What goes with a profile that was stored as new.
pub(super) async fn first(
    tx: &mut Tx,
    doing: &Doing,
    profile: &Profile,
    told: ChangeKind,
    event: &Event,
) -> Result<(), Error> {
    audit::record(tx, doing.now, &doing.recorded(), event).await?;
    line(tx, doing, profile, told, event).await
}

/// The line of history and the row of the change feed of a version.
async fn line(
    tx: &mut Tx,
    doing: &Doing,
    profile: &Profile,
    told: ChangeKind,
    event: &Event,
) -> Result<(), Error> {
    let row = HistoryRow {
        version: profile.version.0,
        at: doing.now,
        act: event.name().to_owned(),
        by_kind: doing.caller.kind.to_string(),
        by: doing.caller.subject.clone(),
        details: serde_json::to_string(event).map_err(|_| Error::Stored { what: "event" })?,
    };
    people_names::note(tx, &profile.user_id, &row).await?;
    let user = profile.user_id.as_str();
    changes::tell(tx, doing.now, told, user, Some(user)).await?;
    Ok(())
}
