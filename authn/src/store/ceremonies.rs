//! Rows of `authn_ceremony`.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{Reader, keys};
use crate::error::Error;

/// What may be under way for a request that waits: the beginnings of the names, before the request's own.
const OF_REQUESTS: [&str; 3] = ["sign-in", "card", "card-challenge"];
/// For how many requests at once it is erased.
const PAGE: usize = 100;

/// Stores what is under way, in the place of what was.
pub(crate) async fn put(
    tx: &mut Tx,
    ceremony: &str,
    ticket: Option<&[u8]>,
    state: &str,
    expires_at: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_ceremony (ceremony, ticket, state, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (ceremony) DO UPDATE SET ticket = $2, state = $3, expires_at = $4",
    )
    .bind(ceremony)
    .bind(ticket)
    .bind(state)
    .bind(expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores a challenge under a name that nobody had before. Anybody may ask for one, so that it is counted for the network that did.
pub(crate) async fn challenge(
    tx: &mut Tx,
    (ceremony, hash): (&str, &[u8]),
    state: &str,
    network: &str,
    expires_at: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_ceremony (ceremony, ticket, state, network, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(ceremony)
    .bind(hash)
    .bind(state)
    .bind(network)
    .bind(expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Erases what is under way for requests that wait no more.
pub(super) async fn erase_of(tx: &mut Tx, requests: &[String]) -> Result<(), Error> {
    for page in requests.chunks(PAGE) {
        let names: Vec<String> = page
            .iter()
            .flat_map(|request| OF_REQUESTS.map(|beginning| format!("{beginning}/{request}")))
            .collect();
        let (names, places) = keys(names.iter().map(String::as_str));
        // Made of our own words and numbers only.
        let mut query =
            sqlx::query(AssertSqlSafe(format!("DELETE FROM authn_ceremony WHERE ceremony IN ({places})")));
        for name in names {
            query = query.bind(name.to_owned());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// What is under way, without taking it.
pub(crate) async fn look<'c>(
    reader: impl Reader<'c>,
    ceremony: &str,
    now: Millis,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar("SELECT state FROM authn_ceremony WHERE ceremony = $1 AND expires_at > $2")
        .bind(ceremony)
        .bind(now.0)
        .fetch_optional(reader)
        .await?)
}

/// Takes what is under way, once; none if it is over, or if it is not `state` any more.
pub(crate) async fn take(tx: &mut Tx, ceremony: &str, state: &str, now: Millis) -> Result<bool, Error> {
    let done =
        sqlx::query("DELETE FROM authn_ceremony WHERE ceremony = $1 AND state = $2 AND expires_at > $3")
            .bind(ceremony)
            .bind(state)
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a hand-over by its ticket, once.
pub(crate) async fn take_ticket(
    tx: &mut Tx,
    ceremony: &str,
    ticket: &[u8],
    now: Millis,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar(
        "DELETE FROM authn_ceremony WHERE ceremony = $1 AND ticket = $2 AND expires_at > $3 RETURNING state",
    )
    .bind(ceremony)
    .bind(ticket)
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// What is under way is taken once, by its state or its ticket, in time, and a newer one takes the place of an older.
        async fn ceremonies_are_used_once(db: Db) {
            let answers = db.write(|tx| Box::pin(async move {
                put(tx, "a", None, "one", Millis(100)).await?;
                put(tx, "a", None, "two", Millis(100)).await?;
                put(tx, "b", Some(&[1; 32]), "card", Millis(100)).await?;
                put(tx, "c", None, "late", Millis(10)).await?;
                let old = take(tx, "a", "one", Millis(50)).await?;
                let new = take(tx, "a", "two", Millis(50)).await?;
                let again = take(tx, "a", "two", Millis(50)).await?;
                let late = take(tx, "c", "late", Millis(10)).await?;
                let wrong = take_ticket(tx, "b", &[2; 32], Millis(50)).await?;
                let right = take_ticket(tx, "b", &[1; 32], Millis(50)).await?;
                let twice = take_ticket(tx, "b", &[1; 32], Millis(50)).await?;
                Ok::<_, Error>(([old, new, again, late], [wrong, right, twice]))
            })).await.unwrap();
            assert_eq!(answers, ([false, true, false, false], [None, Some("card".to_owned()), None]));
            assert_eq!(look(db.read(), "a", Millis(50)).await.unwrap(), None);
        }
    }
}
