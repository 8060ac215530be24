//! Rows of `signer_attempt`: wrong passphrases in a row, for one credential and one client.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;
use crate::ids::CredentialId;

/// When this client's next attempt on this credential is looked at; `None` when no wrong one came before.
pub(crate) async fn next_at<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
    client: &str,
) -> Result<Option<Millis>, Error> {
    let row: Option<(i64,)> =
        sqlx::query_as("SELECT next_at FROM signer_attempt WHERE credential_id = $1 AND client = $2")
            .bind(credential.as_str())
            .bind(client)
            .fetch_optional(reader)
            .await?;
    Ok(row.map(|(next_at,)| Millis(next_at)))
}

/// Counts one more wrong passphrase and says how many there are now in a row.
pub(crate) async fn count_failure(
    tx: &mut Tx,
    credential: &CredentialId,
    client: &str,
    now: Millis,
) -> Result<u32, Error> {
    let (failures,): (i64,) = sqlx::query_as(
        "INSERT INTO signer_attempt (credential_id, client, failures, next_at, failed_at) VALUES ($1, $2, 1, $3, $3) \
         ON CONFLICT (credential_id, client) DO UPDATE SET failures = signer_attempt.failures + 1, failed_at = $3 \
         RETURNING failures",
    )
    .bind(credential.as_str())
    .bind(client)
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?;
    Ok(u32::try_from(failures).unwrap_or(u32::MAX))
}

/// Stores from when on the next attempt is looked at.
pub(crate) async fn delay(
    tx: &mut Tx,
    credential: &CredentialId,
    client: &str,
    next_at: Millis,
) -> Result<(), Error> {
    sqlx::query("UPDATE signer_attempt SET next_at = $1 WHERE credential_id = $2 AND client = $3")
        .bind(next_at.0)
        .bind(credential.as_str())
        .bind(client)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Forgets the wrong passphrases after the right one, unless the next attempt is not to be looked at yet. Another process that counts one at this
/// moment is waited for.
pub(crate) async fn clear(
    tx: &mut Tx,
    credential: &CredentialId,
    client: &str,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM signer_attempt WHERE credential_id = $1 AND client = $2 AND next_at <= $3")
        .bind(credential.as_str())
        .bind(client)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}
