//! Which rows of `authn_authenticator` are suspended.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::authenticator::AuthenticatorId;
use crate::error::Error;

/// Suspends an authenticator; false if it was suspended, or taken away, before.
pub(crate) async fn suspend(tx: &mut Tx, id: &AuthenticatorId, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_authenticator SET suspended_at = $2, version = version + 1 WHERE authenticator_id = $1 \
         AND removed_at IS NULL AND suspended_at IS NULL",
    )
    .bind(id.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The JSON that verifies what an authenticator answers; none for an app.
pub(crate) async fn credential<'c>(
    reader: impl Reader<'c>,
    id: &AuthenticatorId,
) -> Result<Option<String>, Error> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("SELECT credential FROM authn_authenticator WHERE authenticator_id = $1")
            .bind(id.as_str())
            .fetch_optional(reader)
            .await?;
    Ok(found.flatten())
}

/// Lifts the suspension of an authenticator that is at this version, and puts this in the place of what verified it; false if it is
/// not suspended, or at another version.
pub(crate) async fn lift(
    tx: &mut Tx,
    id: &AuthenticatorId,
    credential: Option<&str>,
    at: i64,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_authenticator SET suspended_at = NULL, credential = $2, version = version + 1 \
         WHERE authenticator_id = $1 AND version = $3 AND removed_at IS NULL AND suspended_at IS NOT NULL",
    )
    .bind(id.as_str())
    .bind(credential)
    .bind(at)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
