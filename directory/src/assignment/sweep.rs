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
use crate::error::Error;
use crate::register::Register;
use crate::store::{assignments, leavings};
use crate::{campaign, request, workgroup};

/// How many of each kind are swept in one call.
const AT_ONCE: u32 = 500;

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
    /// Tells of what has ended by `now`: at most some hundreds of each kind, each once, however often and on however many
    /// machines it is called.
    pub async fn sweep(&self, now: Millis) -> Result<Swept, Error> {
        let unconfirmed = campaign::sweep(self, now).await?;
        let requests = request::sweep(self, now).await?;
        let swept = self.act_itself(now, |tx, doing| {
            Box::pin(async move {
                let ended = assignments_ended(tx, &doing).await?;
                Ok((ended, leavings_due(tx, &doing).await?))
            })
        });
        let (assignments, leavings) = swept.await?;
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
async fn leavings_due(tx: &mut Tx, doing: &Doing) -> Result<u64, Error> {
    let due = leavings::due(tx, doing.today(), AT_ONCE).await?;
    for leaving in &due {
        let told = tell(tx, doing, leaving).await?;
        leavings::set_told(tx, &leaving.id, told).await?;
    }
    Ok(u64::try_from(due.len()).unwrap_or(u64::MAX))
}
