//! Giving notices: every certificate once at each distance from its end, by whichever process comes first.
//!
//! A mark says up to which end notices of a distance were given. Notices, their audit rows and the mark are written in
//! one transaction that holds the row of the last number: a process that is killed in it has given none of them, and two
//! processes give them one after the other.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use serde::Deserialize;

use crate::authority::Authority;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::profile::{DAY_MS, Profiles};
use crate::store::renewals::{self, Due, Mark};

/// How many notices one transaction holds, so that others who write wait little.
const AT_ONCE: usize = 200;
/// How many such transactions there are for one distance before the schedule goes on with other work.
const MOST_ROUNDS: usize = 50;
/// A notice is given when at most this part of a validity is left: those who renew every 90 days need none after 30.
const PARTS: i64 = 3;

/// The `[ca.renewals]` section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RenewalConfig {
    /// How many days before its end notice of a certificate is given.
    pub notice_days: NoticeDays,
}

/// Distances from the end in days, each once, the shortest first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<u16>")]
pub struct NoticeDays(Vec<u16>);

impl Default for NoticeDays {
    fn default() -> NoticeDays {
        NoticeDays(vec![7, 30, 60])
    }
}

impl TryFrom<Vec<u16>> for NoticeDays {
    type Error = &'static str;

    fn try_from(mut days: Vec<u16>) -> Result<NoticeDays, &'static str> {
        days.sort_unstable();
        let given = days.len();
        days.dedup();
        if days.len() < given || given > 8 || days.iter().any(|days| !(1..=730).contains(days)) {
            return Err("notice_days names up to 8 different numbers of days between 1 and 730");
        }
        Ok(NoticeDays(days))
    }
}

impl NoticeDays {
    /// Each distance with the next shorter one, or none.
    fn steps(&self) -> impl Iterator<Item = (u16, u16)> {
        let shorter = std::iter::once(0).chain(self.0.iter().copied());
        self.0.iter().copied().zip(shorter)
    }
}

/// What one transaction has given.
struct Round {
    given: Vec<Due>,
    /// Whether there was nothing left.
    done: bool,
}

impl Authority {
    /// Gives every notice that is due now, and says how many. Failures are logged and tried again.
    pub async fn give_renewal_notices(&self) -> usize {
        let mut given = 0;
        for (days, shorter) in self.desk().config.renewals.notice_days.steps() {
            for _ in 0..MOST_ROUNDS {
                match self.give_round(days, shorter).await {
                    Ok(round) => {
                        given += round.given.len();
                        count(days, &round.given);
                        if round.done {
                            break;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, days, "notices of certificates that end soon were not given: {error}");
                        break;
                    }
                }
            }
        }
        given
    }

    async fn give_round(&self, days: u16, shorter: u16) -> Result<Round, Error> {
        let now = self.desk().guarded_now()?;
        let silent = silent(&self.desk().profiles);
        let round = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { give(tx, Distance { days, shorter }, now, &silent).await })
            })
            .await;
        failpoint::pass("ca.renewals-given");
        round
    }
}

/// A distance and the next shorter one, in days.
#[derive(Clone, Copy)]
struct Distance {
    days: u16,
    shorter: u16,
}

async fn give(tx: &mut Tx, distance: Distance, now: Millis, silent: &[String]) -> Result<Round, Error> {
    let Distance { days, shorter } = distance;
    let after = |days: u16| Millis(now.0 + i64::from(days) * DAY_MS);
    let mut number = renewals::lock_number(tx).await?;
    // Whoever begins to tell people tells of what is given from now on.
    renewals::begin_telling(tx, number).await?;
    let name = format!("{days}-days");
    // Who begins with what ends soon gives each certificate one notice, at the nearest distance.
    let first = Mark { until: after(shorter), serial: String::new() };
    let mark = renewals::mark(tx, &name).await?.unwrap_or(first);
    let whole = i64::from(days) * DAY_MS * PARTS;
    let horizon = after(days);
    let rows = renewals::due(tx, &mark, horizon, whole, i64::try_from(AT_ONCE).unwrap_or(i64::MAX)).await?;
    let done = rows.len() < AT_ONCE;
    let reached = match rows.last() {
        Some(last) if !done => Mark { until: last.not_after, serial: last.serial.to_string() },
        _ => Mark { until: horizon.max(mark.until), serial: String::new() },
    };
    let mut given = Vec::new();
    for due in rows.into_iter().filter(|due| due.not_after >= now && !silent.contains(&due.profile)) {
        if renewals::insert_notice(tx, number + 1, &due.serial, days, now).await? {
            number += 1;
            audit::record(tx, now, &Actor::system("ca"), &event(&due, days)).await?;
            given.push(due);
        }
    }
    renewals::keep_number(tx, number).await?;
    renewals::keep_mark(tx, &name, &reached).await?;
    failpoint::pass("ca.renewals-written");
    Ok(Round { given, done })
}

fn event(due: &Due, days: u16) -> Event {
    Event::RenewalNoticed {
        serial: due.serial.to_string(),
        issuer: due.issuer.clone(),
        profile: due.profile.clone(),
        user_id: due.user_id.clone(),
        days,
        not_after: due.not_after,
    }
}

/// The profiles of our own responders, whose certificates renew themselves.
fn silent(profiles: &Profiles) -> Vec<String> {
    let ours = profiles.end_entity.iter().filter(|profile| profile.is_responder());
    ours.map(|profile| profile.id.to_string()).collect()
}

fn count(days: u16, given: &[Due]) {
    for due in given {
        let (profile, days) = (due.profile.clone(), days.to_string());
        metrics::counter!("ca_renewal_notices_total", "profile" => profile, "days" => days).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances are taken in any order, each once.
    #[test]
    fn distances_are_checked() {
        let parsed = |days: &[u16]| NoticeDays::try_from(days.to_vec());
        let steps: Vec<_> = parsed(&[60, 7, 30]).unwrap().steps().collect();
        assert_eq!(steps, [(7, 0), (30, 7), (60, 30)]);
        assert_eq!(parsed(&[60, 30, 7]), Ok(NoticeDays::default()));
        assert_eq!(parsed(&[]).unwrap().steps().count(), 0);
        for bad in [&[0][..], &[731], &[7, 7], &[1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
