//! Rows of `authn_attempt`, `authn_known_address` and `authn_known_browser`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::Reader;
use crate::error::Error;

/// From when on the next attempt on a subject is looked at; none where nothing went wrong.
pub(crate) async fn next_at<'c>(reader: impl Reader<'c>, subject: &str) -> Result<Option<Millis>, Error> {
    let found: Option<i64> = sqlx::query_scalar("SELECT next_at FROM authn_attempt WHERE subject = $1")
        .bind(subject)
        .fetch_optional(reader)
        .await?;
    Ok(found.map(Millis))
}

/// How many attempts on a subject went wrong in a row, of which the last was not before `forgotten`.
pub(crate) async fn failures<'c>(
    reader: impl Reader<'c>,
    subject: &str,
    forgotten: Millis,
) -> Result<u32, Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT failures FROM authn_attempt WHERE subject = $1 AND failed_at >= $2")
            .bind(subject)
            .bind(forgotten.0)
            .fetch_optional(reader)
            .await?;
    Ok(found.map_or(0, |failures| u32::try_from(failures).unwrap_or(u32::MAX)))
}

/// What is counted of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many attempts count.
    pub(crate) failures: u32,
    /// From when on the next of them is to be forgotten.
    pub(crate) since: Millis,
}

/// What is counted of a subject, nothing if it is new, held until the transaction is over; none if another attempt has slowed it down
/// meanwhile.
pub(crate) async fn hold(tx: &mut Tx, subject: &str, now: Millis) -> Result<Option<Tally>, Error> {
    let held: Option<(i64, i64)> = sqlx::query_as(
        "INSERT INTO authn_attempt (subject, failures, next_at, failed_at) VALUES ($1, 0, $2, $2) \
         ON CONFLICT (subject) DO UPDATE SET failures = authn_attempt.failures WHERE authn_attempt.next_at <= $2 \
         RETURNING failures, failed_at",
    )
    .bind(subject)
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(held.map(|(failures, since)| Tally {
        failures: u32::try_from(failures.max(0)).unwrap_or(u32::MAX),
        since: Millis(since),
    }))
}

/// Stores what is counted of a subject that is held, and from when on the next attempt is looked at.
pub(crate) async fn keep(tx: &mut Tx, subject: &str, tally: Tally, next_at: Millis) -> Result<(), Error> {
    sqlx::query("UPDATE authn_attempt SET failures = $2, failed_at = $3, next_at = $4 WHERE subject = $1")
        .bind(subject)
        .bind(i64::from(tally.failures))
        .bind(tally.since.0)
        .bind(next_at.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Counts what is not slowed down, and says how many there are in a row. What lies before `forgotten` counts no more.
pub(crate) async fn count(
    tx: &mut Tx,
    subject: &str,
    forgotten: Millis,
    now: Millis,
) -> Result<Option<u32>, Error> {
    let failures: Option<i64> = sqlx::query_scalar(
        "INSERT INTO authn_attempt (subject, failures, next_at, failed_at) VALUES ($1, 1, $2, $2) \
         ON CONFLICT (subject) DO UPDATE SET \
         failures = CASE WHEN authn_attempt.failed_at < $3 THEN 1 ELSE authn_attempt.failures + 1 END, failed_at = $2 \
         WHERE authn_attempt.next_at <= $2 RETURNING failures",
    )
    .bind(subject)
    .bind(now.0)
    .bind(forgotten.0)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(failures.map(|failures| u32::try_from(failures).unwrap_or(u32::MAX)))
}

/// Forgets what went wrong.
pub(crate) async fn forget(tx: &mut Tx, subject: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_attempt WHERE subject = $1").bind(subject).execute(&mut *tx).await?;
    Ok(())
}

/// Takes back one attempt that was right after all, which was counted at `counted` and slowed the next one down until `next_at`. What
/// others have slowed down since stays so, and nothing is remembered longer than without it.
pub(crate) async fn take_back(
    tx: &mut Tx,
    subject: &str,
    (counted, next_at): (Millis, Millis),
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_attempt SET failures = failures - 1, \
         next_at = CASE WHEN next_at = $3 THEN $2 ELSE next_at END WHERE subject = $1 AND failures > 0",
    )
    .bind(subject)
    .bind(counted.0)
    .bind(next_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Whether a person has signed in from there since then.
pub(crate) async fn is_known<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
    address: &str,
    since: Millis,
) -> Result<bool, Error> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT seen_at FROM authn_known_address WHERE user_id = $1 AND address = $2 AND seen_at >= $3",
    )
    .bind(person.as_str())
    .bind(address)
    .bind(since.0)
    .fetch_optional(reader)
    .await?;
    Ok(found.is_some())
}

/// Notes that a person has signed in from there.
pub(crate) async fn know(tx: &mut Tx, person: &UserId, address: &str, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_known_address (user_id, address, seen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, address) DO UPDATE SET seen_at = $3",
    )
    .bind(person.as_str())
    .bind(address)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// By what the attempts of a person in a browser are counted, if they have signed in there since then.
pub(crate) async fn device<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
    browser: &[u8],
    since: Millis,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT device FROM authn_known_browser WHERE browser = $1 AND user_id = $2 AND seen_at >= $3",
    )
    .bind(browser)
    .bind(person.as_str())
    .bind(since.0)
    .fetch_optional(reader)
    .await?)
}

/// Gives a browser another secret, for everybody who is known in it: what it held before tells nothing any more.
pub(crate) async fn move_browser(tx: &mut Tx, was: &[u8], is: &[u8]) -> Result<(), Error> {
    sqlx::query("UPDATE authn_known_browser SET browser = $2 WHERE browser = $1")
        .bind(was)
        .bind(is)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Notes that a person has signed in in a browser; `fresh` is by what its attempts are counted if they never did before.
pub(crate) async fn know_browser(
    tx: &mut Tx,
    person: &UserId,
    browser: &[u8],
    fresh: &str,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_known_browser (device, browser, user_id, seen_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (browser, user_id) DO UPDATE SET seen_at = $4",
    )
    .bind(fresh)
    .bind(browser)
    .bind(person.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Forgets from where and in which browsers a person has signed in.
pub(crate) async fn forget_places(tx: &mut Tx, person: &UserId) -> Result<(), Error> {
    for sql in [
        "DELETE FROM authn_known_address WHERE user_id = $1",
        "DELETE FROM authn_known_browser WHERE user_id = $1",
    ] {
        sqlx::query(sql).bind(person.as_str()).execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// What is not slowed down is counted in a row, and anew once the old ones are forgotten.
        async fn attempts_are_counted(db: Db) {
            let counted = db.write(|tx| Box::pin(async move {
                let mut counted = Vec::new();
                for (subject, forgotten, now) in [("a", 0, 10), ("a", 0, 11), ("a", 12, 13), ("b", 0, 13)] {
                    counted.push(count(tx, subject, Millis(forgotten), Millis(now)).await?);
                }
                forget(tx, "b").await?;
                Ok::<_, Error>(counted)
            })).await.unwrap();
            assert_eq!(counted, [Some(1), Some(2), Some(1), Some(1)]);
            for (subject, since, expected) in [("a", 13, 1), ("a", 14, 0), ("b", 0, 0)] {
                assert_eq!(failures(db.read(), subject, Millis(since)).await.unwrap(), expected, "{subject} {since}");
            }
            assert_eq!(next_at(db.read(), "b").await.unwrap(), None);
        }

        /// What is counted is held and kept, and not held while it is slowed down.
        async fn attempts_are_held(db: Db) {
            let held = db.write(|tx| Box::pin(async move {
                let mut held = vec![hold(tx, "a", Millis(10)).await?];
                keep(tx, "a", Tally { failures: 3, since: Millis(7) }, Millis(20)).await?;
                for now in [19, 20] {
                    held.push(hold(tx, "a", Millis(now)).await?);
                }
                Ok::<_, Error>(held)
            })).await.unwrap();
            let tally = |failures, since| Some(Tally { failures, since: Millis(since) });
            assert_eq!(held, [tally(0, 10), None, tally(3, 7)]);
        }

        /// A right attempt takes back what it counted and its own delay; not the delay that another has earned meanwhile, and nothing
        /// is remembered longer because of it.
        async fn right_attempts_are_taken_back(db: Db) {
            let seen = db.write(|tx| Box::pin(async move {
                let mut seen = Vec::new();
                hold(tx, "a", Millis(10)).await?;
                keep(tx, "a", Tally { failures: 3, since: Millis(7) }, Millis(20)).await?;
                take_back(tx, "a", (Millis(10), Millis(20))).await?;
                seen.push((next_at(&mut *tx, "a").await?, hold(tx, "a", Millis(10)).await?));
                keep(tx, "a", Tally { failures: 4, since: Millis(7) }, Millis(99)).await?;
                take_back(tx, "a", (Millis(10), Millis(20))).await?;
                seen.push((next_at(&mut *tx, "a").await?, hold(tx, "a", Millis(99)).await?));
                Ok::<_, Error>(seen)
            })).await.unwrap();
            let tally = |failures| Some(Tally { failures, since: Millis(7) });
            assert_eq!(seen, [(Some(Millis(10)), tally(2)), (Some(Millis(99)), tally(3))]);
        }

        /// From where somebody signed in is known for a while.
        async fn addresses_are_known(db: Db) {
            let person: UserId = "555021942107".parse().unwrap();
            let who = person.clone();
            db.write(move |tx| Box::pin(async move {
                know(tx, &who, "192.0.2.7", Millis(5)).await?;
                know(tx, &who, "192.0.2.7", Millis(9)).await
            })).await.unwrap();
            for (address, since, known) in [("192.0.2.7", 9, true), ("192.0.2.7", 10, false), ("192.0.2.8", 0, false)] {
                assert_eq!(is_known(db.read(), &person, address, Millis(since)).await.unwrap(), known, "{address}");
            }
        }

        /// A browser is known for those who signed in in it, under its newest secret alone, and for a while.
        async fn browsers_are_known(db: Db) {
            let (one, two): (UserId, UserId) = ("555021942107".parse().unwrap(), "555021942115".parse().unwrap());
            let (first, second) = (one.clone(), two.clone());
            db.write(move |tx| Box::pin(async move {
                know_browser(tx, &first, &[1; 32], "a", Millis(5)).await?;
                know_browser(tx, &second, &[1; 32], "b", Millis(6)).await?;
                move_browser(tx, &[1; 32], &[2; 32]).await?;
                know_browser(tx, &first, &[2; 32], "c", Millis(9)).await
            })).await.unwrap();
            for (who, browser, since, known) in [
                (&one, [2; 32], 9, Some("a")), (&one, [2; 32], 10, None), (&one, [1; 32], 0, None), (&two, [2; 32], 6, Some("b")),
            ] {
                let found = device(db.read(), who, &browser, Millis(since)).await.unwrap();
                assert_eq!(found.as_deref(), known, "{who} {since}");
            }
            let who = one.clone();
            db.write(move |tx| Box::pin(async move { forget_places(tx, &who).await })).await.unwrap();
            assert_eq!(device(db.read(), &one, &[2; 32], Millis(0)).await.unwrap(), None);
            assert!(device(db.read(), &two, &[2; 32], Millis(0)).await.unwrap().is_some());
        }
    }
}
