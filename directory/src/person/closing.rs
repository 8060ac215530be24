//! Leaving, and coming back.

use platform::db::Tx;
use platform::id::UserId;

use super::events::Event;
use super::note::note;
use super::profile::{Profile, keep, open};
use super::text;
use crate::acting::Doing;
use crate::api::{ChangeKind, ClosePerson, CloseReason, Closing, ReopenPerson};
use crate::authority::Act;
use crate::changes;
use crate::error::Error;
use crate::request;
use crate::store::{assignments_end, leavings, people};
use crate::version::Expected;
use crate::workgroup;

/// Why open requests about somebody who left, and by them, are decided by nobody.
const LEFT: &str = "The profile of whom it is about, or of who asked, was closed.";

/// What somebody is told who wants their own profile closed: nobody does that, and not everybody asks for it.
pub(crate) fn own_closing() -> Error {
    Error::NotAllowed {
        code: "own-closing",
        sentence: "Nobody closes their own profile: your registration authority does it, and it ends everything that you hold. \
                   Tell your sponsor or your registration authority that you leave. Whoever makes requests in their role asks \
                   for it by one (close-person), which somebody else decides."
            .to_owned(),
    }
}

/// Closes a profile: it, every live assignment and every place in a workgroup end in one act, and the row that tells the rest commits with it.
pub(crate) async fn close(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    asked: ClosePerson,
) -> Result<Profile, Error> {
    let mut profile = open(tx, user, expected).await?;
    if doing.actor.is(user) {
        return Err(own_closing());
    }
    doing.demand_on(tx, Act::ClosePerson, &profile).await?;
    let notes = asked.notes.map(|notes| text::notes("notes", &notes)).transpose()?;
    profile.state = profile.state.close(Closing { at: doing.now, reason: asked.reason, notes })?;
    let ended =
        assignments_end::end_all_of(tx, user, &doing.recorded().subject, doing.now, asked.reason.word())
            .await?;
    let told: Vec<_> = ended
        .iter()
        .map(|id| (ChangeKind::AssignmentEnded, id.to_string(), Some(user.to_string())))
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    workgroup::remove_all_of(tx, doing, user).await?;
    request::end_all_of(tx, doing, user, LEFT).await?;
    let event = Event::PersonClosed {
        user_id: user.to_string(),
        reason: asked.reason,
        assignments: ended.iter().map(ToString::to_string).collect(),
    };
    let closed = note(tx, doing, profile, ChangeKind::PersonClosed, &event).await?;
    settle_leavings(tx, user).await?;
    Ok(closed)
}

/// What was to come on a last day has come with a closing, or comes no more after an opening: nobody who is back is closed by it.
async fn settle_leavings(tx: &mut Tx, user: &UserId) -> Result<(), Error> {
    let told = changes::last(tx).await?;
    leavings::set_all_told(tx, user, told).await
}

/// Closes the profile of somebody whose last day has passed, in the transaction that tells of it; one that is not open, or
/// not known, stays as it is. Says whether it was closed.
pub(crate) async fn close_who_left(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    why: &str,
) -> Result<bool, Error> {
    let Some(mut profile) = people::find(&mut *tx, user).await? else { return Ok(false) };
    if profile.state.demand_open().is_err() {
        return Ok(false);
    }
    keep(tx, &profile).await?;
    let closing = Closing { at: doing.now, reason: CloseReason::Left, notes: Some(why.to_owned()) };
    profile.state = profile.state.close(closing)?;
    workgroup::remove_all_of(tx, doing, user).await?;
    request::end_all_of(tx, doing, user, LEFT).await?;
    let event =
        Event::PersonClosed { user_id: user.to_string(), reason: CloseReason::Left, assignments: Vec::new() };
    note(tx, doing, profile, ChangeKind::PersonClosed, &event).await?;
    settle_leavings(tx, user).await?;
    Ok(true)
}

/// Opens a closed profile again. What ended stays ended: access is given anew.
pub(crate) async fn reopen(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    request: &ReopenPerson,
) -> Result<Profile, Error> {
    let mut profile = open(tx, user, expected).await?;
    doing.demand_on(tx, Act::ReopenPerson, &profile).await?;
    profile.state = profile.state.reopen()?;
    let event = Event::PersonReopened { user_id: user.to_string(), reason: request.reason };
    let opened = note(tx, doing, profile, ChangeKind::PersonReopened, &event).await?;
    settle_leavings(tx, user).await?;
    Ok(opened)
}
