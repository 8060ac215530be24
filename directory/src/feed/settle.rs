//! What the registration authority does with events in quarantine.

use platform::db::Tx;
use platform::id::UserId;

use super::take::{Tried, attempt, record};
use super::{FeedAct, Kept, Settled, person};
use crate::acting::{self, Doing};
use crate::api::{FeedReason, FeedState};
use crate::authority::{Act, Target};
use crate::error::Error;
use crate::ids::FeedEventId;
use crate::store::{feed_events, savepoints};
use crate::version::{Expected, Version};

/// How many events that waited are done with the one they waited for.
const MOST_WAITING: u32 = 100;

/// Tries an event again, by the rank of whoever says so; and then those of the same employee that waited for it.
pub(crate) async fn retry(
    tx: &mut Tx,
    doing: &Doing,
    id: &FeedEventId,
    expected: Expected,
    who: Option<UserId>,
) -> Result<Kept, Error> {
    let mut kept = quarantined(tx, doing, id, expected).await?;
    let tried = match who {
        Some(user) => attempt_for(tx, doing, &kept, user).await?,
        None => attempt(tx, doing, &kept.sender, &kept.sent).await?,
    };
    became(tx, doing, &mut kept, tried).await?;
    if kept.state == FeedState::Applied {
        release(tx, doing, &kept).await?;
    }
    Ok(kept)
}

/// Tries an event of somebody who is named. Nobody names themselves. That they are this employee is kept if the event is done, or
/// if only their identity is still to be verified.
async fn attempt_for(tx: &mut Tx, doing: &Doing, kept: &Kept, user: UserId) -> Result<Tried, Error> {
    let employer = acting::in_organisation_in(tx, &kept.sender.employer).await?;
    doing.demand(Act::ManageFeed, &Target { person: Some(user.clone()), ..employer })?;
    savepoints::begin(tx).await?;
    person::link(tx, doing, &kept.sender, &kept.sent.employee, user).await?;
    let tried = attempt(tx, doing, &kept.sender, &kept.sent).await?;
    match &tried {
        Ok(_) | Err((FeedReason::NotVerified, _)) => savepoints::keep(tx).await?,
        Err(_) => savepoints::undo(tx).await?,
    }
    Ok(tried)
}

/// Puts an event aside; those of the same employee that waited for it are done.
pub(crate) async fn discard(
    tx: &mut Tx,
    doing: &Doing,
    id: &FeedEventId,
    expected: Expected,
    why: String,
) -> Result<Kept, Error> {
    let mut kept = quarantined(tx, doing, id, expected).await?;
    kept.state = FeedState::Discarded;
    settled(doing, &mut kept, Some(why.clone()));
    feed_events::update(tx, &kept).await?;
    let event = FeedAct::FeedEventDiscarded { feed_event: id.to_string(), reason: why };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    release(tx, doing, &kept).await?;
    Ok(kept)
}

/// An event in quarantine that whoever acts may decide.
async fn quarantined(
    tx: &mut Tx,
    doing: &Doing,
    id: &FeedEventId,
    expected: Expected,
) -> Result<Kept, Error> {
    let kept = feed_events::find(tx, id).await?.ok_or_else(|| Error::unknown("event", id))?;
    let target = acting::in_organisation_in(tx, &kept.sender.employer).await?;
    doing.demand(Act::ManageFeed, &target)?;
    if !expected.holds(kept.version) {
        return Err(Error::Changed { what: "event", present: kept.version });
    }
    if kept.state != FeedState::Quarantined {
        let sentence = format!("This event is {} already; only those in quarantine are decided.", kept.state);
        return Err(Error::conflict("event-settled", sentence));
    }
    Ok(kept)
}

fn settled(doing: &Doing, kept: &mut Kept, discarded_why: Option<String>) {
    kept.settled = Some(Settled { by: doing.name(), at: doing.now, discarded_why });
    kept.version = Version(kept.version.0 + 1);
}

async fn again(tx: &mut Tx, doing: &Doing, kept: &mut Kept) -> Result<(), Error> {
    let tried = attempt(tx, doing, &kept.sender, &kept.sent).await?;
    became(tx, doing, kept, tried).await
}

async fn became(tx: &mut Tx, doing: &Doing, kept: &mut Kept, tried: Tried) -> Result<(), Error> {
    kept.became(tried);
    settled(doing, kept, None);
    feed_events::update(tx, kept).await?;
    record(tx, doing, kept).await
}

/// Does what waited for an event, in order, up to the first that still cannot be done.
async fn release(tx: &mut Tx, doing: &Doing, before: &Kept) -> Result<(), Error> {
    let (client, employee) = (&before.sender.client, &before.sent.employee);
    let last = feed_events::last_applied(tx, client, employee).await?;
    for mut kept in feed_events::quarantined_of(tx, client, employee, MOST_WAITING).await? {
        if last.is_some_and(|last| kept.sent.sequence <= last) {
            // It comes too late itself, and holds nothing up.
            continue;
        }
        if kept.reason != Some(FeedReason::Waits) {
            return Ok(());
        }
        again(tx, doing, &mut kept).await?;
        if kept.state != FeedState::Applied {
            return Ok(());
        }
    }
    Ok(())
}
