//! Taking events: each once, in their order, each whole or not at all.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use platform::caller::Caller;
use platform::db::{self, Tx};

use super::apply::apply;
use super::{FeedAct, Kept, Sender, Stop};
use crate::acting::{self, Doing};
use crate::api::{FeedDone, FeedEvent, FeedKind, FeedOutcome, FeedReason, FeedState, Trial};
use crate::authority::Rank;
use crate::error::Error;
use crate::ids::{FeedEventId, PositionId};
use crate::register::Register;
use crate::store::{feed_events, feed_links, savepoints};
use crate::version::Version;

/// How many events are taken at once.
pub(crate) const MOST: usize = 100;
/// The longest id, number or text of an event.
const LONGEST: usize = 200;

/// Whether an event was taken now or before.
enum Taken {
    Now(FeedOutcome),
    Before(FeedOutcome),
}

impl Taken {
    /// What became of it.
    fn outcome(self) -> FeedOutcome {
        match self {
            Self::Now(outcome) | Self::Before(outcome) => outcome,
        }
    }

    /// What would have become of it. Ids of what was undone are somebody else's one day.
    fn tried(self) -> FeedOutcome {
        match self {
            Self::Before(outcome) => outcome,
            Self::Now(mut outcome) => {
                outcome.event = None;
                for made in &mut outcome.done.made {
                    made.assignment = None;
                }
                outcome
            }
        }
    }
}

/// Why a transaction was undone.
enum Undone {
    /// It was a trial, of which this would have become.
    Tried(Vec<Taken>),
    Failed(Error),
}

impl From<db::Error> for Undone {
    fn from(error: db::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Takes events in one transaction: each that can be done is done, each other one is kept in quarantine. A crash leaves
/// nothing of them; sent again, those that were taken do nothing.
pub(crate) async fn take(
    register: &Register,
    caller: Caller,
    sender: Sender,
    events: Vec<FeedEvent>,
    trial: Trial,
) -> Result<Vec<FeedOutcome>, Error> {
    let (shared, now) = (register.clone(), register.now());
    let done: Result<Vec<Taken>, Undone> = register
        .db
        .write(move |tx| {
            Box::pin(async move {
                acting::in_turn(tx, &shared).await?;
                let mut doing = Doing::begin(tx, &shared, caller, now).await?;
                let positions = feed_links::positions(tx, &sender.employer, None).await?;
                may_assign(&mut doing, &positions);
                let mut taken = Vec::with_capacity(events.len());
                for event in events {
                    taken.push(one(tx, &doing, &sender, event).await?);
                }
                if trial == Trial::Yes { Err(Undone::Tried(taken)) } else { Ok(taken) }
            })
        })
        .await;
    match done {
        Ok(taken) => {
            for outcome in
                taken.iter().filter_map(|taken| if let Taken::Now(now) = taken { Some(now) } else { None })
            {
                metrics::counter!("directory_feed_events_total", "state" => outcome.state.word())
                    .increment(1);
            }
            Ok(taken.into_iter().map(Taken::outcome).collect())
        }
        Err(Undone::Tried(taken)) => Ok(taken.into_iter().map(Taken::tried).collect()),
        Err(Undone::Failed(error)) => Err(error),
    }
}

/// A personnel system assigns the positions that are linked to its own, and ends those that were.
fn may_assign(doing: &mut Doing, positions: &BTreeSet<PositionId>) {
    for role in doing.actor.roles.iter_mut().filter(|role| role.rank == Rank::Personnel) {
        role.assignable.clone_from(positions);
    }
}

/// Takes one event.
async fn one(tx: &mut Tx, doing: &Doing, sender: &Sender, event: FeedEvent) -> Result<Taken, Error> {
    if let Some(sentence) = malformed(&event) {
        return Ok(Taken::Now(refused(&event.id, FeedReason::Malformed, sentence)));
    }
    let fingerprint = fingerprint(&event)?;
    if let Some(before) = feed_events::by_theirs(tx, &sender.client, &event.id).await? {
        return Ok(if before.fingerprint == fingerprint {
            Taken::Before(outcome(before))
        } else {
            let sentence = "An event with this id came before with other content. Give a new event a new id.";
            Taken::Now(refused(&event.id, FeedReason::EventIdReused, sentence))
        });
    }
    let tried = attempt(tx, doing, sender, &event).await?;
    let mut kept = Kept {
        id: FeedEventId::new(doing.now),
        sender: sender.clone(),
        fingerprint,
        sent: event,
        state: FeedState::Applied,
        reason: None,
        sentence: None,
        done: FeedDone::default(),
        received_at: doing.now,
        settled: None,
        version: Version::FIRST,
    };
    kept.became(tried);
    feed_events::insert(tx, &kept).await?;
    record(tx, doing, &kept).await?;
    Ok(Taken::Now(outcome(kept)))
}

fn refused(id: &str, reason: FeedReason, sentence: impl Into<String>) -> FeedOutcome {
    let id = id.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let (reason, sentence, done) = (Some(reason), Some(sentence.into()), FeedDone::default());
    FeedOutcome { id, event: None, state: FeedState::Refused, reason, sentence, done }
}

/// What became of an event that is kept.
fn outcome(kept: Kept) -> FeedOutcome {
    FeedOutcome {
        id: kept.sent.id,
        event: Some(kept.id.to_string()),
        state: kept.state,
        reason: kept.reason,
        sentence: kept.sentence,
        done: kept.done,
    }
}

/// What makes an event none that could be kept.
fn malformed(event: &FeedEvent) -> Option<String> {
    let needed = [("id", Some(&event.id)), ("employee", Some(&event.employee))];
    let others = [
        ("user_id", event.user_id.as_ref()),
        ("position", event.position.as_ref()),
        ("from_position", event.from_position.as_ref()),
        ("day", Some(&event.day)),
        ("end", event.end.as_ref()),
        ("reason", event.reason.as_ref()),
    ];
    if let Some((member, _)) = needed.iter().find(|(_, text)| text.is_some_and(|text| text.trim().is_empty()))
    {
        return Some(format!("The member {member} is empty."));
    }
    let bad = |text: &str| text.chars().count() > LONGEST || text.chars().any(char::is_control);
    let found = needed.iter().chain(&others).find(|(_, text)| text.is_some_and(|text| bad(text)));
    if let Some((member, _)) = found {
        return Some(format!(
            "The member {member} has more than {LONGEST} characters, or some that cannot be seen."
        ));
    }
    let counted = i64::try_from(event.sequence).is_ok_and(|sequence| sequence > 0);
    (!counted).then(|| "The member sequence is a number from 1 on.".to_owned())
}

fn fingerprint(event: &FeedEvent) -> Result<String, Error> {
    let text = serde_json::to_vec(event).map_err(|_| Error::Stored { what: "feed event" })?;
    Ok(hex::encode(digest(&SHA256, &text).as_ref()))
}

/// What was done of an event, or why it was not.
pub(super) type Tried = Result<FeedDone, (FeedReason, String)>;

/// Tries to do an event. What was done of one that is not done is undone.
pub(super) async fn attempt(
    tx: &mut Tx,
    doing: &Doing,
    sender: &Sender,
    event: &FeedEvent,
) -> Result<Tried, Error> {
    // Whoever has left loses what they hold at once, whatever of before is still to be looked at.
    let behind = match in_order(tx, sender, event).await? {
        Some((FeedReason::Waits, sentence)) if event.kind == FeedKind::Leaver => {
            Some((FeedReason::Waits, sentence))
        }
        Some(stopped) => return Ok(Err(stopped)),
        None => None,
    };
    savepoints::begin(tx).await?;
    match apply(tx, doing, sender, event).await {
        Ok(done) => {
            savepoints::keep(tx).await?;
            Ok(Ok(done))
        }
        Err(Stop::Quarantine(reason, sentence)) => {
            savepoints::undo(tx).await?;
            Ok(Err(behind.unwrap_or((reason, sentence))))
        }
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The events of an employee are done in their order, and none before an earlier one that lies in quarantine and could still
/// be done.
async fn in_order(
    tx: &mut Tx,
    sender: &Sender,
    event: &FeedEvent,
) -> Result<Option<(FeedReason, String)>, Error> {
    let last = feed_events::last_applied(tx, &sender.client, &event.employee).await?;
    if last.is_some_and(|last| last >= event.sequence) {
        let sentence = "This event or a later one of this employee was done already. Look whether anything is left to do, and put it \
             aside.";
        return Ok(Some((FeedReason::OutOfOrder, sentence.to_owned())));
    }
    let earlier =
        feed_events::first_quarantined(tx, &sender.client, &event.employee, &event.id, last).await?;
    Ok(match earlier {
        Some(earlier) if earlier < event.sequence => {
            let sentence = "An earlier event of this employee is in quarantine; this one is done after it.";
            Some((FeedReason::Waits, sentence.to_owned()))
        }
        Some(earlier) if earlier == event.sequence => {
            let sentence = "Another event of this employee with the same sequence is in quarantine.";
            Some((FeedReason::Contradicts, sentence.to_owned()))
        }
        _ => None,
    })
}

impl Kept {
    /// Notes what became of it.
    pub(super) fn became(&mut self, tried: Tried) {
        (self.state, self.reason, self.sentence, self.done) = match tried {
            Ok(done) => (FeedState::Applied, None, None, done),
            Err((reason, sentence)) => {
                (FeedState::Quarantined, Some(reason), Some(sentence), FeedDone::default())
            }
        };
    }
}

/// Records what became of an event.
pub(super) async fn record(tx: &mut Tx, doing: &Doing, kept: &Kept) -> Result<(), Error> {
    let (feed_event, client) = (kept.id.to_string(), kept.sender.client.clone());
    let (their_id, kind) = (kept.sent.id.clone(), kept.sent.kind);
    let event = match kept.reason {
        Some(reason) => FeedAct::FeedEventQuarantined { feed_event, client, their_id, kind, reason },
        None => FeedAct::FeedEventApplied {
            feed_event,
            client,
            their_id,
            kind,
            user: kept.done.person.clone(),
            made: kept.done.made.iter().filter_map(|made| made.assignment.clone()).collect(),
            ended: kept.done.ended.iter().map(|ended| ended.assignment.clone()).collect(),
        },
    };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    Ok(())
}
