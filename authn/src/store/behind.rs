//! The session behind what was given, read with it or by its name: mostly all that has to be known of it in one question.

use platform::clock::Millis;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Reader, read};
use crate::error::Error;
use crate::interaction::Method;
use crate::session::{Found, Opener, Session};

/// The columns of a session that is `s`, for [`joined`].
macro_rules! columns {
    () => {
        "s.session_id AS s_session_id, s.sid AS s_sid, s.user_id AS s_user_id, s.method AS s_method, \
         s.authenticator AS s_authenticator, s.proofs AS s_proofs, s.authenticated_at AS s_authenticated_at, \
         s.last_used_at AS s_last_used_at, s.expires_at AS s_expires_at, \
         (SELECT l.locked_at FROM authn_session_lock l WHERE l.session_id = s.session_id) AS s_locked_at, \
         (SELECT a.version FROM authn_authenticator a WHERE a.authenticator_id = s.authenticator \
         AND a.removed_at IS NULL AND a.suspended_at IS NULL AND a.created_by <> 'sandbox') AS s_opener"
    };
}
pub(super) use columns;

/// The session that nobody has ended with this name.
pub(crate) async fn by_sid<'c>(reader: impl Reader<'c>, sid: &str) -> Result<Option<Found>, Error> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM authn_session s WHERE s.sid = $1 AND s.ended_at IS NULL"
    ))
    .bind(sid)
    .fetch_optional(reader)
    .await?;
    row.as_ref().map_or(Ok(None), joined)
}

/// A session in a row of something else, if there is one.
pub(super) fn joined(row: &AnyRow) -> Result<Option<Found>, Error> {
    let Some(id) = row.try_get::<Option<String>, _>("s_session_id")? else { return Ok(None) };
    let method: Method = read("authn_session.method", row.try_get("s_method")?)?;
    let session = Session {
        id: read("authn_session.session_id", &id)?,
        sid: row.try_get("s_sid")?,
        person: read("authn_session.user_id", row.try_get("s_user_id")?)?,
        method,
        level: method.level(),
        bound: read("authn_session.authenticator", row.try_get("s_authenticator")?)?,
        proofs: row.try_get::<Option<i64>, _>("s_proofs")?.unwrap_or(0),
        authenticated_at: Millis(row.try_get("s_authenticated_at")?),
        last_used_at: Millis(row.try_get("s_last_used_at")?),
        expires_at: Millis(row.try_get("s_expires_at")?),
        locked: row.try_get::<Option<i64>, _>("s_locked_at")?.is_some(),
    };
    let kept = row.try_get::<Option<i64>, _>("s_opener")?.is_some();
    Ok(Some(Found { session, opener: if kept { Opener::Kept } else { Opener::Elsewhere } }))
}
