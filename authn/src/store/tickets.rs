//! Rows of `authn_ticket`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::{Reader, read};
use crate::error::Error;
use crate::session::{Session, SessionId};

/// A ticket of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The session.
    pub session: SessionId,
    /// Its name in tokens.
    pub sid: String,
    /// Whose it is.
    pub person: UserId,
    /// From where it was opened.
    pub address: Option<String>,
    /// `live` or `training`.
    pub mode: String,
}

/// Stores a ticket of a session.
pub(crate) async fn insert(
    tx: &mut Tx,
    hash: &[u8],
    session: &Session,
    address: Option<&str>,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_ticket (ticket_hash, session_id, sid, user_id, address, mode, issued_at) \
         VALUES ($1, $2, $3, $4, $5, 'live', $6)",
    )
    .bind(hash)
    .bind(session.id.as_str())
    .bind(&session.sid)
    .bind(session.person.as_str())
    .bind(address)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The ticket with this hash, whatever has become of its session.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, hash: &[u8]) -> Result<Option<Kept>, Error> {
    let row: Option<(String, String, String, Option<String>, String)> = sqlx::query_as(
        "SELECT session_id, sid, user_id, address, mode FROM authn_ticket WHERE ticket_hash = $1",
    )
    .bind(hash)
    .fetch_optional(reader)
    .await?;
    let Some((session, sid, person, address, mode)) = row else { return Ok(None) };
    Ok(Some(Kept {
        session: read("authn_ticket.session_id", &session)?,
        sid,
        person: read("authn_ticket.user_id", &person)?,
        address,
        mode,
    }))
}

/// Notes in which mode a ticket is used.
pub(crate) async fn set_mode(tx: &mut Tx, session: &SessionId, mode: &str) -> Result<(), Error> {
    sqlx::query("UPDATE authn_ticket SET mode = $2 WHERE session_id = $1")
        .bind(session.as_str())
        .bind(mode)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Why a session has ended; none of one that nobody has ended, or that was erased.
pub(crate) async fn end_cause<'c>(
    reader: impl Reader<'c>,
    session: &SessionId,
) -> Result<Option<String>, Error> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("SELECT end_cause FROM authn_session WHERE session_id = $1")
            .bind(session.as_str())
            .fetch_optional(reader)
            .await?;
    Ok(found.flatten())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::sessions;
    use crate::store::sessions::tests::made;

    platform::both_engines! {
        /// A ticket is found by its hash, with its mode, and says why its session has ended.
        async fn tickets_name_sessions(db: Db) {
            let session = made(1);
            let stored = session.clone();
            db.write(move |tx| Box::pin(async move {
                sessions::insert(tx, &stored, &[1; 32], None, None).await?;
                insert(tx, &[7; 32], &stored, Some("192.0.2.7"), Millis(1)).await?;
                set_mode(tx, &stored.id, "training").await
            })).await.unwrap();
            let kept = find(db.read(), &[7; 32]).await.unwrap().unwrap();
            assert_eq!((&kept.session, kept.sid.as_str(), kept.mode.as_str()), (&session.id, "sid-1", "training"));
            assert_eq!(kept.address.as_deref(), Some("192.0.2.7"));
            assert_eq!(find(db.read(), &[1; 32]).await.unwrap(), None, "the secret of a browser is no ticket");
            assert_eq!(end_cause(db.read(), &session.id).await.unwrap(), None);
            let id = session.id.clone();
            db.write(move |tx| Box::pin(async move { sessions::end(tx, &id, "left", Millis(2)).await })).await.unwrap();
            assert_eq!(end_cause(db.read(), &session.id).await.unwrap().as_deref(), Some("left"));
        }
    }
}
