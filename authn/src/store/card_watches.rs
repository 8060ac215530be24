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
}

/// Makes a secret good for a session's card, in the place of the one before.
pub(crate) async fn insert(
    tx: &mut Tx,
    secret: &[u8],
    session: &SessionId,
    serial: &str,
    now: Millis,
) -> Result<(), Error> {
    forget(tx, session.as_str()).await?;
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
    let row: Option<(String, String)> = sqlx::query_as(
        "SELECT s.sid, w.serial FROM authn_card_watch w JOIN authn_session s ON s.session_id = w.session_id \
         WHERE w.secret = $1",
    )
    .bind(secret)
    .fetch_optional(&mut *tx)
    .await?;
    let Some((sid, serial)) = row else { return Ok(None) };
    Ok(sessions::by_sid(&mut *tx, &sid).await?.map(|session| Watched { session, serial }))
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

/// Unlocks a session whose holder has signed in again. Whoever watched its card before says nothing of it any more.
pub(crate) async fn unlock(tx: &mut Tx, session: &SessionId) -> Result<(), Error> {
    forget(tx, session.as_str()).await?;
    sqlx::query("DELETE FROM authn_session_lock WHERE session_id = $1")
        .bind(session.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases what hangs on a session that is erased.
pub(super) async fn erase(tx: &mut Tx, session: &str) -> Result<(), Error> {
    forget(tx, session).await?;
    sqlx::query("DELETE FROM authn_session_lock WHERE session_id = $1")
        .bind(session)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn forget(tx: &mut Tx, session: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM authn_card_watch WHERE session_id = $1").bind(session).execute(&mut *tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::sessions::tests::made;

    platform::both_engines! {
        /// A watch is one session's until that ends or its holder signs in again, and a lock lasts as long.
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
                sessions::end(tx, &id, "signed-out", Millis(6)).await?;
                let over = find(tx, &[9; 32]).await?;
                Ok::<_, Error>((older, locked, unlocked, over))
            })).await.unwrap();
            let (older, locked, unlocked, over) = seen;
            assert_eq!((older, over), (None, None));
            assert!(locked.is_some_and(|watched| watched.session.locked && watched.serial == "0a"));
            assert!(unlocked.is_some_and(|session| !session.locked));
        }
    }
}
