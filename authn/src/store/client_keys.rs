//! Rows of `authn_client_keys`: the keys of relying parties as they were last fetched.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;

use super::Reader;
use crate::error::Error;

/// What is known of the keys of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// From where.
    pub(crate) uri: String,
    /// The set, if there ever was one.
    pub(crate) keys: Option<String>,
    /// When that was fetched.
    pub(crate) fetched_at: Option<Millis>,
    /// When it was last tried.
    pub(crate) tried_at: Millis,
    /// How that went.
    pub(crate) outcome: String,
}

type Columns = (String, Option<String>, Option<i64>, i64, String);

/// What is known of the keys of a client.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, client: &ClientId) -> Result<Option<Row>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT uri, keys, fetched_at, tried_at, outcome FROM authn_client_keys WHERE client_id = $1",
    )
    .bind(client.as_str().to_owned())
    .fetch_optional(reader)
    .await?;
    Ok(row.map(|(uri, keys, fetched_at, tried_at, outcome)| Row {
        uri,
        keys,
        fetched_at: fetched_at.map(Millis),
        tried_at: Millis(tried_at),
        outcome,
    }))
}

/// Takes the next attempt for one machine; false if another has it or had it since `before`. Where this one stops in between, it is
/// tried again when the pause is over. A set from another place goes.
pub(crate) async fn claim(
    tx: &mut Tx,
    client: &ClientId,
    uri: &str,
    now: Millis,
    before: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO authn_client_keys (client_id, uri, tried_at, outcome) VALUES ($1, $2, $3, 'under way') \
         ON CONFLICT (client_id) DO UPDATE SET \
           keys = CASE WHEN authn_client_keys.uri = excluded.uri THEN authn_client_keys.keys ELSE NULL END, \
           fetched_at = CASE WHEN authn_client_keys.uri = excluded.uri THEN authn_client_keys.fetched_at ELSE NULL END, \
           uri = excluded.uri, tried_at = excluded.tried_at, outcome = excluded.outcome \
         WHERE authn_client_keys.tried_at <= $4 OR authn_client_keys.uri <> excluded.uri",
    )
    .bind(client.as_str().to_owned())
    .bind(uri.to_owned())
    .bind(now.0)
    .bind(before.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down how an attempt went. What could not be fetched leaves the set from the same place as it was; one from another place
/// goes.
pub(crate) async fn put(
    tx: &mut Tx,
    client: &ClientId,
    uri: &str,
    keys: Option<&str>,
    now: Millis,
    outcome: &str,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_client_keys (client_id, uri, keys, fetched_at, tried_at, outcome) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (client_id) DO UPDATE SET \
           keys = CASE WHEN excluded.keys IS NULL AND authn_client_keys.uri = excluded.uri \
             THEN authn_client_keys.keys ELSE excluded.keys END, \
           fetched_at = CASE WHEN excluded.keys IS NULL AND authn_client_keys.uri = excluded.uri \
             THEN authn_client_keys.fetched_at ELSE excluded.fetched_at END, \
           uri = excluded.uri, tried_at = excluded.tried_at, outcome = excluded.outcome",
    )
    .bind(client.as_str().to_owned())
    .bind(uri.to_owned())
    .bind(keys.map(str::to_owned))
    .bind(keys.map(|_| now.0))
    .bind(now.0)
    .bind(outcome.to_owned())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// An attempt is one machine's, until the pause is over or the keys are elsewhere; what is known stays meanwhile.
        async fn attempts_are_claimed(db: Db) {
            let client: ClientId = "rp".parse().unwrap();
            let claimed = |uri: &'static str, now: i64, before: i64| {
                let (db, id) = (db.clone(), client.clone());
                async move {
                    db.write(move |tx| Box::pin(async move { claim(tx, &id, uri, Millis(now), Millis(before)).await })).await.unwrap()
                }
            };
            assert!(claimed("a", 10, -20).await);
            assert!(!claimed("a", 11, -19).await, "under way");
            let id = client.clone();
            db.write(move |tx| Box::pin(async move { put(tx, &id, "a", Some("set"), Millis(12), "ok").await })).await.unwrap();
            assert!(!claimed("a", 41, 11).await);
            assert!(claimed("a", 42, 12).await);
            let row = find(db.read(), &client).await.unwrap().unwrap();
            assert_eq!((row.keys.as_deref(), row.fetched_at, row.outcome.as_str()), (Some("set"), Some(Millis(12)), "under way"));
            assert!(claimed("b", 43, 13).await, "elsewhere");
            let row = find(db.read(), &client).await.unwrap().unwrap();
            assert_eq!((row.keys, row.fetched_at, row.uri.as_str()), (None, None, "b"));
        }

        /// A failure keeps the set that was there; another address does not.
        async fn failures_keep_the_set(db: Db) {
            let client: ClientId = "rp".parse().unwrap();
            let steps: [(&str, Option<&str>, i64, &str); 4] =
                [("a", None, 1, "no"), ("a", Some("set"), 2, "ok"), ("a", None, 3, "no"), ("b", None, 4, "no")];
            let expected = [
                (None, None, 1, "no"),
                (Some("set"), Some(2), 2, "ok"),
                (Some("set"), Some(2), 3, "no"),
                (None, None, 4, "no"),
            ];
            for ((uri, keys, now, outcome), wanted) in steps.into_iter().zip(expected) {
                let id = client.clone();
                db.write(move |tx| Box::pin(async move {
                    put(tx, &id, uri, keys, Millis(now), outcome).await
                })).await.unwrap();
                let row = find(db.read(), &client).await.unwrap().unwrap();
                let fetched = row.fetched_at.map(|at| at.0);
                assert_eq!((row.keys.as_deref(), fetched, row.tried_at.0, row.outcome.as_str()), wanted);
                assert_eq!(row.uri, uri);
            }
        }
    }
}
