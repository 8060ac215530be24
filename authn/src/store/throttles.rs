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

/// Counts an attempt, and says how many there are in a row; none if another one has slowed the subject down meanwhile. What lies
/// before `forgotten` counts no more.
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

/// Stores from when on the next attempt is looked at.
pub(crate) async fn delay(tx: &mut Tx, subject: &str, next_at: Millis) -> Result<(), Error> {
    sqlx::query("UPDATE authn_attempt SET next_at = $2 WHERE subject = $1")
        .bind(subject)
        .bind(next_at.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Forgets what went wrong.
pub(crate) async fn forget(tx: &mut Tx, subject: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_attempt WHERE subject = $1").bind(subject).execute(&mut *tx).await?;
    Ok(())
}

/// Takes back one attempt that was right after all.
pub(crate) async fn take_back(tx: &mut Tx, subject: &str, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_attempt SET failures = failures - 1, next_at = $2 WHERE subject = $1 AND failures > 0",
    )
    .bind(subject)
    .bind(now.0)
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
        /// Attempts are counted in a row, not while they are slowed down, and anew once the old ones are forgotten.
        async fn attempts_are_counted(db: Db) {
            let counted = db.write(|tx| Box::pin(async move {
                let mut counted = Vec::new();
                counted.push(count(tx, "a", Millis(0), Millis(10)).await?);
                counted.push(count(tx, "a", Millis(0), Millis(11)).await?);
                delay(tx, "a", Millis(20)).await?;
                counted.push(count(tx, "a", Millis(0), Millis(19)).await?);
                counted.push(count(tx, "a", Millis(0), Millis(20)).await?);
                take_back(tx, "a", Millis(20)).await?;
                counted.push(count(tx, "a", Millis(0), Millis(21)).await?);
                counted.push(count(tx, "a", Millis(22), Millis(23)).await?);
                counted.push(count(tx, "b", Millis(0), Millis(23)).await?);
                forget(tx, "b").await?;
                Ok::<_, Error>(counted)
            })).await.unwrap();
            assert_eq!(counted, [Some(1), Some(2), None, Some(3), Some(3), Some(1), Some(1)]);
            assert_eq!(next_at(db.read(), "a").await.unwrap(), Some(Millis(20)));
            for (subject, since, expected) in [("a", 23, 1), ("a", 24, 0), ("b", 0, 0)] {
                assert_eq!(failures(db.read(), subject, Millis(since)).await.unwrap(), expected, "{subject} {since}");
            }
            assert_eq!(next_at(db.read(), "b").await.unwrap(), None);
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
