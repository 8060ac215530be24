//! Erasing what retention no longer allows.

use std::time::Duration;

use super::contact::COUNTED_OVER;
use super::events::Event;
use super::note::note;
use super::profile::open;
use super::retention::{Erasure, due};
use super::state::State;
use crate::api::ChangeKind;
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::store::{people_contacts, people_erasure};
use crate::version::Expected;

/// How many profiles are looked at in one step.
const STEP: i64 = 50;

impl Register {
    /// Erases what is due of people who left, and codes whose time is over. Says of how many profiles something was
    /// erased in this step; call it again until that is none.
    ///
    /// A crash between two profiles leaves each of them whole or erased with its event.
    pub async fn sweep_people(&self) -> Result<u64, Error> {
        let (now, today, rules) = (self.now(), self.today(), self.config.retention);
        let oldest = now.minus(COUNTED_OVER);
        let swept: Result<(), Error> = self
            .db
            .write(move |tx| Box::pin(async move { people_contacts::sweep(tx, now, oldest).await }))
            .await;
        swept?;
        let before = |what| now.minus(Duration::from_secs(u64::from(rules.days(what)) * 86_400));
        let overdue = people_erasure::overdue(self.db.read(), before, STEP).await?;
        let mut erased = 0;
        for (user, holds) in overdue {
            let done = self.act_itself(now, move |tx, doing| {
                Box::pin(async move {
                    let mut profile = open(tx, &user, Expected::Any).await?;
                    // Whoever came back since keeps everything.
                    let State::Closed(closing) = &profile.state else { return Ok(false) };
                    let what = due(Some(Day::of(closing.at)), &holds, today, &rules);
                    if what.is_empty() {
                        return Ok(false);
                    }
                    for one in &what {
                        people_erasure::erase(tx, &user, *one, now).await?;
                        if *one == Erasure::Numbers {
                            profile.national_insurance = None;
                        }
                    }
                    let event = Event::PersonErased { user_id: user.to_string(), what };
                    note(tx, &doing, profile, ChangeKind::PersonChanged, &event).await?;
                    Ok(true)
                })
            });
            erased += u64::from(done.await?);
        }
        Ok(erased)
    }
}
