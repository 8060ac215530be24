//! Rows of `authn_session_place`: from where sessions were used beside where they were opened.

use aws_lc_rs::digest::{SHA256, digest};
use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;
use crate::session::{Place, SessionId};

/// How many places of one session are kept.
pub(crate) const MOST: usize = 20;

/// Where a session was opened, and from where else it was used, in that order.
pub(crate) async fn of_session<'c>(
    reader: impl Reader<'c>,
    session: &SessionId,
) -> Result<Vec<Place>, Error> {
    let rows: Vec<(Option<String>, Option<String>, i64)> = sqlx::query_as(
        "SELECT address, agent, CAST(0 AS BIGINT) AS at FROM authn_session WHERE session_id = $1 UNION ALL \
         SELECT address, agent, at FROM authn_session_place WHERE session_id = $1 ORDER BY at",
    )
    .bind(session.as_str())
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(address, agent, _)| Place { address, agent }).collect())
}

/// Stores a further place; false if it is known.
pub(crate) async fn insert(
    tx: &mut Tx,
    session: &SessionId,
    place: &Place,
    at: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO authn_session_place (session_id, place, address, agent, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
    )
    .bind(session.as_str())
    .bind(name(place))
    .bind(place.address.as_deref())
    .bind(place.agent.as_deref())
    .bind(at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Erases what hangs on a session that is erased.
pub(super) async fn erase(tx: &mut Tx, session: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_session_place WHERE session_id = $1")
        .bind(session)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// A short name for a place, by which it is stored once.
fn name(place: &Place) -> String {
    let text = [place.address.as_deref(), place.agent.as_deref()].map(Option::unwrap_or_default).join("\n");
    hex::encode(digest(&SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::sessions;
    use crate::store::sessions::tests::made;

    platform::both_engines! {
        /// A place is stored once, after the one where the session was opened, and goes with it.
        async fn places_are_kept(db: Db) {
            let session = made(1);
            let id = session.id.clone();
            let place = |address: &str| Place { address: Some(address.to_owned()), agent: Some("Firefox".to_owned()) };
            let (desk, ward) = (place("192.0.2.7"), place("192.0.2.8"));
            let elsewhere = ward.clone();
            let (stored, known, gone) = db.write(move |tx| Box::pin(async move {
                sessions::insert(tx, &session, &[1; 32], Some("192.0.2.7"), Some("Firefox")).await?;
                let stored = (insert(tx, &id, &elsewhere, Millis(2)).await?, insert(tx, &id, &elsewhere, Millis(3)).await?);
                let known = of_session(&mut *tx, &id).await?;
                sessions::end(tx, &id, "signed-out", Millis(4)).await?;
                sessions::erase(tx, Millis(5), 10).await?;
                Ok::<_, Error>((stored, known, of_session(&mut *tx, &id).await?))
            })).await.unwrap();
            assert_eq!((stored, known, gone), ((true, false), vec![desk, ward], vec![]));
        }
    }
}
