//! Telling people by message that certificates of theirs end soon, after the notices of it were given.
//!
//! A mark says up to which notice people were told. It moves in the transaction that posts the messages: a process that is killed
//! in it has told nobody, and where no more messages are taken nothing moves, and the rest is told later.

use std::collections::BTreeMap;
use std::time::Duration;

use directory::api::{Day, Letter, Told, tell_by_message};
use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::UserId;

use crate::authority::Authority;
use crate::error::Error;
use crate::store::renewals::{self, Told as Row};

/// How many notices one transaction tells of. So many places must be free for it among the messages that wait.
const AT_ONCE: i64 = 100;
/// How many such transactions there are before the schedule goes on with other work.
const MOST_ROUNDS: usize = 50;
/// For how long it is worth telling, unless the certificate ends before.
const WORTH: Duration = Duration::from_hours(14 * 24);
/// Under which kind the register shows what became of a message.
const KIND: &str = "certificate-notice";

/// Why a round was undone.
enum Stop {
    /// No more messages are taken.
    Full,
    /// Something failed.
    Failed(Error),
}

impl From<db::Error> for Stop {
    fn from(error: db::Error) -> Stop {
        Stop::Failed(error.into())
    }
}

/// What one transaction told.
struct Round {
    people: usize,
    /// Whether there was nothing left.
    done: bool,
}

impl Authority {
    /// Tells people of the notices that were given of their certificates, each person once for what was given together; says how
    /// many people. Failures are logged and tried again.
    pub async fn tell_of_renewals(&self) -> usize {
        let mut people = 0;
        for _ in 0..MOST_ROUNDS {
            let now = match self.desk().guarded_now() {
                Ok(now) => now,
                Err(error) => {
                    tracing::warn!(%error, "people were not told of certificates that end soon: {error}");
                    break;
                }
            };
            let round =
                self.desk().db.write(move |tx: &mut Tx| Box::pin(async move { tell(tx, now).await })).await;
            match round {
                Ok(round) => {
                    people += round.people;
                    if round.done {
                        break;
                    }
                }
                Err(Stop::Full) => {
                    tracing::warn!(
                        "people are told later of certificates that end soon: too many messages wait to be sent"
                    );
                    break;
                }
                Err(Stop::Failed(error)) => {
                    tracing::warn!(%error, "people were not told of certificates that end soon: {error}");
                    break;
                }
            }
        }
        people
    }
}

async fn tell(tx: &mut Tx, now: Millis) -> Result<Round, Stop> {
    renewals::lock_number(tx).await?;
    let Some(mark) = renewals::mark(tx, renewals::TOLD).await? else {
        // Before the first notice there is nothing to tell.
        return Ok(Round { people: 0, done: true });
    };
    let rows = renewals::to_tell(tx, mark.until.0, AT_ONCE).await?;
    let Some(last) = rows.last().map(|row| row.number) else {
        return Ok(Round { people: 0, done: true });
    };
    let done = i64::try_from(rows.len()).unwrap_or(i64::MAX) < AT_ONCE;
    let mut theirs: BTreeMap<UserId, Vec<Row>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.concerns && row.not_after > now) {
        // An id that is none of the register's is nobody whom it could tell.
        if let Some(user) = row.user_id.as_deref().and_then(|user| user.parse().ok()) {
            theirs.entry(user).or_default().push(row);
        }
    }
    let mut people = 0;
    for (user, rows) in &theirs {
        match tell_by_message(tx, user, &letter(rows, now), now).await? {
            Told::Posted(_) => people += 1,
            Told::Nowhere => {}
            Told::Full => return Err(Stop::Full),
        }
    }
    renewals::keep_mark(tx, renewals::TOLD, &renewals::Mark { until: Millis(last), serial: String::new() })
        .await?;
    Ok(Round { people, done })
}

/// What somebody reads of certificates that end soon.
fn letter(rows: &[Row], now: Millis) -> Letter {
    let first = rows.iter().map(|row| row.not_after).min().unwrap_or(now);
    let mut ends: Vec<(Millis, &str)> =
        rows.iter().map(|row| (row.not_after, row.profile.as_str())).collect();
    ends.sort_unstable();
    // One certificate may have had two notices by now.
    ends.dedup();
    let lines: Vec<String> =
        ends.iter().map(|(end, profile)| format!("- {profile}, on {}", day(*end))).collect();
    let what = if ends.len() == 1 { "A certificate of yours ends" } else { "Certificates of yours end" };
    Letter {
        kind: KIND,
        subject: format!("{what} soon"),
        text: format!(
            "{what} soon:\n\n{}\n\nFrom then on you cannot sign in or sign with it. Renew it before: you are asked when you sign in \
             with it, and your registration authority helps where that does not work.\n\nIf you have renewed it already, you \
             need do nothing. Nobody will ask you for your passcode.\n",
            lines.join("\n")
        ),
        short: format!(
            "{what} on {}. Renew before then, or you cannot sign in with it. Your registration authority helps.",
            day(first)
        ),
        until: first.min(now.plus(WORTH)),
    }
}

fn day(at: Millis) -> String {
    Day::of(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(profile: &str, not_after: Millis) -> Row {
        let (profile, user_id) = (profile.to_owned(), Some("555021942107".to_owned()));
        Row { number: 1, profile, user_id, not_after, concerns: true }
    }

    /// People read what ends when and what to do; a text message holds it.
    #[test]
    fn letters_say_what_ends_and_what_to_do() {
        let now = Millis(1_795_540_800_000);
        let (soon, later) = (now.plus(Duration::from_hours(7 * 24)), now.plus(Duration::from_hours(60 * 24)));
        let both = letter(
            &[row("card-signing", later), row("card-authentication", soon), row("card-authentication", soon)],
            now,
        );
        assert_eq!(both.until, soon);
        insta::assert_snapshot!(both.text, @r"
        Certificates of yours end soon:

        - card-authentication, on 2026-12-01
        - card-signing, on 2027-01-23

        From then on you cannot sign in or sign with it. Renew it before: you are asked when you sign in with it, and your registration authority helps where that does not work.

        If you have renewed it already, you need do nothing. Nobody will ask you for your passcode.
        ");
        let one = letter(&[row("card-signing", later)], now);
        assert_eq!((one.subject.as_str(), one.until), ("A certificate of yours ends soon", now.plus(WORTH)));
        assert!(both.short.len() <= 160 && both.short.is_ascii(), "{}", both.short);
    }
}
