//! Erasing what retention no longer allows.

use std::time::Duration;

use platform::id::UserId;

use super::events::Event;
use super::note::note;
use super::profile::open;
use super::retention::{Erasure, Retention, due};
use super::state::State;
use crate::api::ChangeKind;
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::request;
use crate::store::people_erasure;
use crate::version::Expected;

/// How many profiles are looked at in one step.
const STEP: u32 = 50;

impl Register {
    /// Erases what is due of people who left, and codes whose time is over. Says of how many profiles something was
    /// erased in this step; call it again until that is none.
    ///
    /// A crash between two profiles leaves each of them whole or erased with its event.
    pub async fn sweep_people(&self) -> Result<u64, Error> {
        let (now, rules) = (self.now(), self.config.retention);
        let mut erased = 0;
        for what in Erasure::ALL {
            let over = now.minus(Duration::from_secs(u64::from(rules.days(what)) * 86_400));
            // Those of whom there is nothing to erase are passed over once, and for good.
            loop {
                let overdue = people_erasure::overdue(self.db.read(), what, over, STEP).await?;
                let whole = overdue.len() == usize::try_from(STEP).unwrap_or(usize::MAX);
                let before = erased;
                for user in overdue {
                    erased += u64::from(self.sweep_person(user, rules).await?);
                }
                if !whole || erased > before {
                    break;
                }
            }
        }
        Ok(erased)
    }

    /// Erases everything that is due of somebody. Says whether there was anything.
    async fn sweep_person(&self, user: UserId, rules: Retention) -> Result<bool, Error> {
        let (now, today) = (self.now(), self.today());
        let done = self.act_itself(now, move |tx, doing| {
            Box::pin(async move {
                let mut profile = open(tx, &user, Expected::Any).await?;
                // Whoever came back since keeps everything.
                let State::Closed(closing) = &profile.state else {
                    people_erasure::keep(tx, &user).await?;
                    return Ok(false);
                };
                let mut what = Vec::new();
                for one in due(Some(Day::of(closing.at)), &Erasure::ALL, today, &rules) {
                    people_erasure::settle(tx, &user, one).await?;
                    if !people_erasure::holds(tx, &user, one).await? {
                        continue;
                    }
                    people_erasure::erase(tx, &user, one, now).await?;
                    request::erase_of(tx, &user, one).await?;
                    if one == Erasure::Numbers {
                        profile.national_insurance = None;
                    }
                    what.push(one);
                }
                if what.is_empty() {
                    return Ok(false);
                }
                let event = Event::PersonErased { user_id: user.to_string(), what };
                note(tx, &doing, profile, ChangeKind::PersonChanged, &event).await?;
                Ok(true)
            })
        });
        done.await
    }
}
