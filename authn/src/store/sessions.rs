//! Rows of `authn_session`.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Reader, read};
use crate::error::Error;
use crate::interaction::Method;
use crate::session::{Session, SessionId};

type Columns = (String, String, String, String, i64, i64, i64);

fn session(row: Columns) -> Result<Session, Error> {
    let (id, sid, person, method, authenticated_at, last_used_at, expires_at) = row;
    let method: Method = read("authn_session.method", &method)?;
    Ok(Session {
        id: read("authn_session.session_id", &id)?,
        sid,
        person: read("authn_session.user_id", &person)?,
        method,
        level: method.level(),
        authenticated_at: Millis(authenticated_at),
        last_used_at: Millis(last_used_at),
        expires_at: Millis(expires_at),
    })
}

/// A session that goes on, by the hash of what its browser holds.
pub(crate) async fn live_by_secret<'c>(
    reader: impl Reader<'c>,
    secret: &[u8],
    now: Millis,
) -> Result<Option<Session>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT session_id, sid, user_id, method, authenticated_at, last_used_at, expires_at FROM authn_session \
         WHERE secret = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(secret.to_vec())
    .bind(now.0)
    .fetch_optional(reader)
    .await?;
    row.map(session).transpose()
}

/// A session that goes on, by its public name.
pub(crate) async fn live_by_sid<'c>(
    reader: impl Reader<'c>,
    sid: &str,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT session_id, sid, user_id, method, authenticated_at, last_used_at, expires_at FROM authn_session \
         WHERE sid = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(sid.to_owned())
    .bind(now.0)
    .fetch_optional(reader)
    .await?;
    row.map(session).transpose()
}

/// Ends a session; gives it if it was open.
pub(crate) async fn end(
    tx: &mut Tx,
    id: &SessionId,
    cause: &str,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "UPDATE authn_session SET ended_at = $2, end_cause = $3 WHERE session_id = $1 AND ended_at IS NULL \
         RETURNING session_id, sid, user_id, method, authenticated_at, last_used_at, expires_at",
    )
    .bind(id.as_str().to_owned())
    .bind(now.0)
    .bind(cause.to_owned())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(session).transpose()
}
