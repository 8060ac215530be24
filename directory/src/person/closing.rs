//! Leaving, and coming back.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::doing::Doing;
use super::events::Event;
use super::note::note;
use super::profile::{Profile, open};
use super::text;
use crate::api::{ChangeKind, ClosePerson, Closing, ReopenPerson};
use crate::authority::Act;
use crate::changes;
use crate::error::Error;
use crate::store::assignments_end;
use crate::version::Expected;

/// Closes a profile: it and every live assignment end in one act, and the row that tells the rest commits with it.
pub(crate) async fn close(
    tx: &mut Tx,
    now: Millis,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    request: ClosePerson,
) -> Result<Profile, Error> {
    let mut profile = open(tx, user, expected).await?;
    doing.demand(tx, now, Act::ClosePerson, &profile).await?;
    let notes = request.notes.map(|notes| text::notes("notes", &notes)).transpose()?;
    profile.state = profile.state.close(Closing { at: now, reason: request.reason, notes })?;
    let ended = assignments_end::end_all_of(tx, user, doing.today, request.reason.word()).await?;
    let told: Vec<_> = ended
        .iter()
        .map(|id| (ChangeKind::AssignmentEnded, id.to_string(), Some(user.to_string())))
        .collect();
    changes::tell_many(tx, now, &told).await?;
    let event = Event::PersonClosed {
        user_id: user.to_string(),
        reason: request.reason,
        assignments: ended.iter().map(ToString::to_string).collect(),
    };
    note(tx, now, doing, profile, ChangeKind::PersonClosed, &event).await
}

/// Opens a closed profile again. What ended stays ended: access is given anew.
pub(crate) async fn reopen(
    tx: &mut Tx,
    now: Millis,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    request: &ReopenPerson,
) -> Result<Profile, Error> {
    let mut profile = open(tx, user, expected).await?;
    doing.demand(tx, now, Act::ReopenPerson, &profile).await?;
    profile.state = profile.state.reopen()?;
    let event = Event::PersonReopened { user_id: user.to_string(), reason: request.reason };
    note(tx, now, doing, profile, ChangeKind::PersonReopened, &event).await
}
