//! Rows of `authn_card_watch` and `authn_session_lock`: cards that agents watch, and sessions that are locked.

use platform::clock::Millis;
use platform::db::Tx;

use super::sessions;
use crate::error::Error;
use crate::session::{Session, SessionId};

/// A session whose card an agent watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The session, which nobody has ended.
    pub(crate) session: Session,
    /// The serial number of the card's certificate.
    pub(crate) serial: String,
    /// Since when it is watched.
    pub(crate) since: Millis,
}

/// Makes a secret good for a session's card, in the place of the one before of the same card. A session ends with each card that signed in
/// to it, so that each of them stays watched, whatever else its holder signs in with.
pub(crate) async fn insert(
    tx: &mut Tx,
    secret: &[u8],
    session: &SessionId,
    serial: &str,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_card_watch WHERE session_id = $1 AND serial = $2")
        .bind(session.as_str())
        .bind(serial)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO authn_card_watch (secret, session_id, serial, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(secret)
    .bind(session.as_str())
    .bind(serial)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The open session of a secret.
pub(crate) async fn find(tx: &mut Tx, secret: &[u8]) -> Result<Option<Watched>, Error> {
    let row: Option<(String, String, i64)> = sqlx::query_as(
        "SELECT s.sid, w.serial, w.created_at FROM authn_card_watch w JOIN authn_session s ON s.session_id = w.session_id \
         WHERE w.secret = $1",
    )
    .bind(secret)
    .fetch_optional(&mut *tx)
    .await?;
    let Some((sid, serial, since)) = row else { return Ok(None) };
    let session = sessions::by_sid(&mut *tx, &sid).await?;
    Ok(session.map(|session| Watched { session, serial, since: Millis(since) }))
}

/// Watches a card no more by this secret.
pub(crate) async fn forget(tx: &mut Tx, secret: &[u8]) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_card_watch WHERE secret = $1").bind(secret).execute(&mut *tx).await?;
    Ok(())
}

/// Locks a session; one that is locked stays so.
pub(crate) async fn lock(tx: &mut Tx, session: &SessionId, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_session_lock (session_id, locked_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(session.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Unlocks a session whose holder has signed in again.
pub(super) async fn unlock(tx: &mut Tx, session: &SessionId) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_session_lock WHERE session_id = $1")
        .bind(session.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases what hangs on a session that is erased.
pub(super) async fn erase(tx: &mut Tx, session: &str) -> Result<(), Error> {
    for text in [
        "DELETE FROM authn_card_watch WHERE session_id = $1",
        "DELETE FROM authn_session_lock WHERE session_id = $1",
    ] {
        sqlx::query(text).bind(session).execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::sessions::tests::made;

    platform::both_engines! {
        /// A watch is one session's until that ends or the same card is watched anew; another card's stays beside it, and so does a lock
        /// until it is lifted.
        async fn cards_are_watched(db: Db) {
            let session = made(1);
            let id = session.id.clone();
            let seen = db.write(move |tx| Box::pin(async move {
                sessions::insert(tx, &session, &[1; 32], None, None).await?;
                insert(tx, &[7; 32], &id, "0a", Millis(1)).await?;
                insert(tx, &[8; 32], &id, "0a", Millis(2)).await?;
                let older = find(tx, &[7; 32]).await?;
                lock(tx, &id, Millis(3)).await?;
                lock(tx, &id, Millis(4)).await?;
                let locked = find(tx, &[8; 32]).await?;
                unlock(tx, &id).await?;
                let unlocked = sessions::by_sid(&mut *tx, "sid-1").await?;
                insert(tx, &[9; 32], &id, "0a", Millis(5)).await?;
                insert(tx, &[10; 32], &id, "0b", Millis(5)).await?;
                let both = [find(tx, &[8; 32]).await?, find(tx, &[9; 32]).await?, find(tx, &[10; 32]).await?];
                sessions::end(tx, &id, "signed-out", Millis(6)).await?;
                let over = find(tx, &[9; 32]).await?;
                Ok::<_, Error>((older, locked, unlocked, both, over))
            })).await.unwrap();
            let (older, locked, unlocked, both, over) = seen;
            let cards = both.map(|watched| watched.map(|one| one.serial));
            assert_eq!(cards, [None, Some("0a".to_owned()), Some("0b".to_owned())]);
            assert_eq!((older, over), (None, None));
            assert!(locked.is_some_and(|watched| watched.session.locked && watched.serial == "0a"));
            assert!(unlocked.is_some_and(|session| !session.locked));
        }
    }
}
