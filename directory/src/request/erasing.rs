//! What is erased of requests: those that are over when their time is, and what the others still say of somebody who left.

use std::time::Duration;

use platform::db::Tx;
use platform::id::UserId;
use serde_json::Value;

use super::Request;
use super::ask::Ask;
use super::events::RequestEvent;
use crate::error::Error;
use crate::person::Erasure;
use crate::register::Register;
use crate::store::requests;

/// How many requests one transaction erases.
const STEP: u32 = 500;
/// How many requests of one person are read together.
const AT_ONCE: u32 = 100;

impl Register {
    /// Erases requests that have been over for longer than retention allows, and drafts that nobody has touched for so long, each with
    /// its steps. What waits, is being decided or was approved stays. Says how many were erased in this step; call it again until that
    /// is none.
    pub async fn sweep_requests(&self) -> Result<u64, Error> {
        let (now, rules) = (self.now(), self.config.retention);
        let before = |days: u32| now.minus(Duration::from_secs(u64::from(days) * 86_400));
        let (over, drafts) = (before(rules.request_days), before(rules.draft_days));
        let erased = self.act_itself(now, move |tx, doing| {
            Box::pin(async move {
                let many = requests::erase(tx, over, drafts, STEP).await?;
                if many > 0 {
                    let event =
                        RequestEvent::RequestsErased { many, before: over.0, drafts_before: drafts.0 };
                    audit::record(tx, now, &doing.recorded(), &event).await?;
                }
                Ok(many)
            })
        });
        erased.await
    }
}

/// Erases from the requests about somebody what is erased of their profile.
pub(crate) async fn erase_of(tx: &mut Tx, user: &UserId, what: Erasure) -> Result<(), Error> {
    let mut after = None;
    loop {
        let some = requests::of_person(tx, user, after.as_ref(), AT_ONCE).await?;
        let Some(last) = some.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for request in some {
            let ask = without(request.ask.clone(), what);
            if ask != request.ask {
                requests::update(tx, &Request { ask, ..request }).await?;
            }
        }
    }
}

/// What was asked for, without what is erased.
fn without(ask: Ask, what: Erasure) -> Ask {
    match (what, ask) {
        (Erasure::Contacts, Ask::CreatePerson { organisation, profile }) => {
            Ask::CreatePerson { organisation, profile: less(profile, &["emails", "mobiles"]) }
        }
        (Erasure::Contacts, Ask::AddContact { person, channel, .. }) => {
            Ask::AddContact { person, channel, value: String::new() }
        }
        (Erasure::Numbers, Ask::Rename { person, change }) => {
            Ask::Rename { person, change: less(change, &["evidence"]) }
        }
        (_, ask) => ask,
    }
}

fn less(mut value: Value, members: &[&str]) -> Value {
    if let Value::Object(all) = &mut value {
        all.retain(|member, _| !members.contains(&member.as_str()));
    }
    value
}
