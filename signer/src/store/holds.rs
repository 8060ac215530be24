//! Rows of `signer_hold`: the holds at the authority that a suspension placed.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;
use crate::ids::CredentialId;

/// A hold of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hold {
    pub(crate) serial: String,
    /// When it began; absent while the authority has not answered.
    pub(crate) held_at: Option<Millis>,
}

/// Writes down that a hold will be asked for.
pub(crate) async fn intend(tx: &mut Tx, credential: &CredentialId, serial: &str) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signer_hold (credential_id, serial) VALUES ($1, $2) \
         ON CONFLICT (credential_id, serial) DO UPDATE SET held_at = NULL",
    )
    .bind(credential.as_str())
    .bind(serial)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Writes down since when the authority holds.
pub(crate) async fn placed(
    tx: &mut Tx,
    credential: &CredentialId,
    serial: &str,
    held_at: Millis,
) -> Result<(), Error> {
    sqlx::query("UPDATE signer_hold SET held_at = $1 WHERE credential_id = $2 AND serial = $3")
        .bind(held_at.0)
        .bind(credential.as_str())
        .bind(serial)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The holds of a credential. A suspension places one for each certificate in force, so they are few.
pub(crate) async fn of_credential<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
) -> Result<Vec<Hold>, Error> {
    let rows: Vec<(String, Option<i64>)> =
        sqlx::query_as("SELECT serial, held_at FROM signer_hold WHERE credential_id = $1 ORDER BY serial")
            .bind(credential.as_str())
            .fetch_all(reader)
            .await?;
    Ok(rows.into_iter().map(|(serial, held_at)| Hold { serial, held_at: held_at.map(Millis) }).collect())
}

/// Forgets them, once the credential is no longer suspended.
pub(crate) async fn clear(tx: &mut Tx, credential: &CredentialId) -> Result<(), Error> {
    sqlx::query("DELETE FROM signer_hold WHERE credential_id = $1")
        .bind(credential.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
