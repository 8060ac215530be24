//! Telling of what has ended by its date. Dates decide what is live; the sweep only tells those who follow.

use std::collections::BTreeSet;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::AssignmentEvent;
use super::leaving::tell;
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::ids::LeavingId;
use crate::register::Register;
use crate::store::{assignments, leavings};
use crate::{campaign, request, workgroup};

/// How many of each kind are swept in one call.
const AT_ONCE: u32 = 500;
/// How many leavings are told in one act: a profile that closes ends much, and others wait for the register's turn meanwhile.
const LEAVINGS: u32 = 25;

/// Where a leaving stands in the order in which they are told.
type Place = (Day, LeavingId);

/// What one sweep did. While any number is at its most, there may be more: sweep again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Assignments whose last day had passed, and that was told.
    pub assignments: u64,
    /// Leavings whose last day had passed.
    pub leavings: u64,
    /// Requests that nobody decided in time.
    pub requests: u64,
    /// Assignments that a campaign ended because nobody confirmed them.
    pub unconfirmed: u64,
}

impl Swept {
    /// Whether nothing was left to do.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Register {
    /// Tells of what has ended by `now`: at most some hundreds of each kind, and every leaving, each once, however often and on however
    /// many machines it is called. A leaving that cannot be told is logged, and tried again by the next call.
    pub async fn sweep(&self, now: Millis) -> Result<Swept, Error> {
        let unconfirmed = campaign::sweep(self, now).await?;
        let requests = request::sweep(self, now).await?;
        let ended =
            self.act_itself(now, |tx, doing| Box::pin(async move { assignments_ended(tx, &doing).await }));
        let assignments = ended.await?;
        let leavings = leavings_due(self, now).await?;
        Ok(Swept { assignments, leavings, requests, unconfirmed })
    }
}

async fn assignments_ended(tx: &mut Tx, doing: &Doing) -> Result<u64, Error> {
    let ended = assignments::mark_ended(tx, doing.today(), AT_ONCE).await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let told: Vec<_> = ended
        .iter()
        .map(|(id, user)| (ChangeKind::AssignmentEnded, id.to_string(), Some(user.to_string())))
        .collect();
    changes::tell_many(tx, doing.now, &told).await?;
    let assignments = ended.iter().map(|(id, _)| id.to_string()).collect();
    let event = AssignmentEvent::AssignmentsExpired { assignments };
    audit::record(tx, doing.now, &doing.recorded(), &event).await?;
    let users: BTreeSet<UserId> = ended.iter().map(|(_, user)| user.clone()).collect();
    workgroup::follow(tx, doing, &users).await?;
    Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
}

/// After the assignments: a leaving is told once everything that ended with it is.
///
/// Where an act with several fails, each of them has one of its own, so that whichever cannot be told keeps no other from it.
async fn leavings_due(register: &Register, now: Millis) -> Result<u64, Error> {
    let (mut told, mut most) = (0_u64, LEAVINGS);
    let mut after: Option<Place> = None;
    loop {
        match some_told(register, now, after.clone(), most).await {
            Ok((many, last)) => {
                told += u64::from(many);
                if many < most {
                    return Ok(told);
                }
                after = last;
            }
            Err(_) if most > 1 => most = 1,
            Err(error) => {
                let Some(next) = next_due(register, now, after.as_ref()).await? else { return Ok(told) };
                let leaving = &next.1;
                tracing::warn!(%leaving, %error, "the leaving {leaving} could not be told, and is tried again: {error}");
                (after, most) = (Some(next), LEAVINGS);
            }
        }
    }
}

/// Tells some leavings in one act; gives how many, and the place of the last.
async fn some_told(
    register: &Register,
    now: Millis,
    after: Option<Place>,
    most: u32,
) -> Result<(u32, Option<Place>), Error> {
    let told = register.act_itself(now, move |tx, doing| {
        Box::pin(async move {
            let due = leavings::due(tx, doing.today(), after.as_ref(), most).await?;
            for leaving in &due {
                let told = tell(tx, &doing, leaving).await?;
                leavings::set_told(tx, &leaving.id, told).await?;
            }
            let last = due.last().map(|leaving| (leaving.last_day, leaving.id.clone()));
            Ok((u32::try_from(due.len()).unwrap_or(u32::MAX), last))
        })
    });
    told.await
}

/// The place of the next leaving that is due.
async fn next_due(register: &Register, now: Millis, after: Option<&Place>) -> Result<Option<Place>, Error> {
    let mut read = register.db.read().acquire().await?;
    let due = leavings::due(&mut read, Day::of(now), after, 1).await?;
    Ok(due.into_iter().next().map(|leaving| (leaving.last_day, leaving.id)))
}
