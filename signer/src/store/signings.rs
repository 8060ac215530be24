//! Writing into the ledger, for many requests with few statements: the writer is what everybody waits for.

use std::collections::{HashMap, HashSet};

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::rows::places;
use sqlx::AssertSqlSafe;

use super::ledger::{form_text, parse_position};
use crate::api::SignatureForm;
use crate::digest::Digest;
use crate::error::Error;
use crate::ids::{AuthorisationId, CredentialId, SigningId};

/// A new signature.
#[derive(Clone, Debug)]
pub(crate) struct NewSignature {
    pub(crate) position: usize,
    pub(crate) form: SignatureForm,
    pub(crate) digest: Digest,
    /// What the signature is over, where that is a longer digest.
    pub(crate) hashed: Option<Vec<u8>>,
    pub(crate) signature: Vec<u8>,
}

/// What the signatures of one request have in common.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "fields are named as their columns")]
pub(crate) struct Signing {
    pub(crate) signing_id: SigningId,
    pub(crate) authorisation_id: AuthorisationId,
    pub(crate) credential_id: CredentialId,
    pub(crate) serial: String,
    pub(crate) client: String,
    pub(crate) signed_at: Millis,
}

/// What has to hold when signatures are stored, as it was when they were made.
#[derive(Clone, Default, Debug)]
pub(crate) struct Under {
    /// The version of the credential.
    pub(crate) version: i64,
    /// The secret that was shown, as it is stored: since then another may have come in its place. None where none was shown.
    pub(crate) sad: Option<String>,
    /// The request that is answered later, where they are for one: what was accepted in time is finished after the end of its authorisation,
    /// unless that was ended.
    pub(crate) job: Option<String>,
}

/// How many rows one statement may carry: few sizes, so that few statements are prepared and kept.
const ROWS: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

/// Stores what the signatures of each request have in common, if its credential is active and at the version that was read,
/// and its authorisation is still open, or was when the request was accepted, and has the secret that was shown. Says for which it did.
pub(crate) async fn insert(tx: &mut Tx, signings: &[(&Signing, &Under)]) -> Result<HashSet<String>, Error> {
    let mut stored = HashSet::with_capacity(signings.len());
    let mut rest = signings;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rows_of(rest.len()));
        stored.extend(insert_rows(tx, now).await?);
        rest = later;
    }
    Ok(stored)
}

async fn insert_rows(tx: &mut Tx, signings: &[(&Signing, &Under)]) -> Result<Vec<String>, Error> {
    const TYPES: [&str; 9] = ["TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT", "TEXT"];
    let values = values(signings.len(), TYPES.len(), |place, column| {
        // PostgreSQL does not see what the values are for.
        format!("CAST(${place} AS {})", TYPES[column])
    });
    // The text is made of constants and numbers alone.
    let sql = format!(
        "WITH new (signing_id, authorisation_id, credential_id, serial, client, signed_at, version, sad, job) AS \
         (VALUES {values}) \
         INSERT INTO signer_signing (signing_id, authorisation_id, credential_id, serial, client, signed_at) \
         SELECT new.signing_id, new.authorisation_id, new.credential_id, new.serial, new.client, new.signed_at FROM new \
         JOIN signer_credential ON signer_credential.credential_id = new.credential_id \
         AND signer_credential.state = 'active' AND signer_credential.version = new.version \
         JOIN signer_authorisation ON signer_authorisation.authorisation_id = new.authorisation_id \
         AND (new.sad = '' OR signer_authorisation.sad = new.sad) \
         AND (signer_authorisation.expires_at > new.signed_at OR EXISTS (SELECT 1 FROM signer_job \
         WHERE signer_job.job_id = new.job AND signer_job.authorisation_id = new.authorisation_id \
         AND signer_job.state = 'waiting')) \
         RETURNING signing_id"
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
    for (signing, under) in signings {
        query = query
            .bind(signing.signing_id.as_str())
            .bind(signing.authorisation_id.as_str())
            .bind(signing.credential_id.as_str())
            .bind(signing.serial.as_str())
            .bind(signing.client.as_str())
            .bind(signing.signed_at.0)
            .bind(under.version)
            .bind(under.sad.as_deref().unwrap_or_default())
            .bind(under.job.as_deref().unwrap_or_default());
    }
    Ok(query.fetch_all(&mut *tx).await?)
}

/// Takes back what the signatures of a request would have had in common: there are none.
pub(crate) async fn delete(tx: &mut Tx, signing: &SigningId) -> Result<(), Error> {
    sqlx::query("DELETE FROM signer_signing WHERE signing_id = $1")
        .bind(signing.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Stores signatures and says for each request at which positions it did: a position that has one keeps it.
pub(crate) async fn insert_signatures(
    tx: &mut Tx,
    signatures: &[(&Signing, &NewSignature)],
) -> Result<HashMap<String, Vec<usize>>, Error> {
    let mut stored: HashMap<String, Vec<usize>> = HashMap::new();
    let mut rest = signatures;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rows_of(rest.len()));
        for (signing, position) in insert_signature_rows(tx, now).await? {
            stored.entry(signing).or_default().push(parse_position(position)?);
        }
        rest = later;
    }
    Ok(stored)
}

async fn insert_signature_rows(
    tx: &mut Tx,
    signatures: &[(&Signing, &NewSignature)],
) -> Result<Vec<(String, i64)>, Error> {
    let values = places(signatures.len(), 7);
    // The text is made of constants and numbers alone.
    let sql = format!(
        "INSERT INTO signer_signature (authorisation_id, signing_id, position, form, digest, hashed, signature) \
         VALUES {values} \
         ON CONFLICT (authorisation_id, position) DO NOTHING RETURNING signing_id, position"
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for (signing, signature) in signatures {
        query = query
            .bind(signing.authorisation_id.as_str())
            .bind(signing.signing_id.as_str())
            .bind(i64::try_from(signature.position).map_err(|_| Error::StoredRow { what: "position" })?)
            .bind(form_text(signature.form))
            .bind(signature.digest.0.as_slice())
            .bind(signature.hashed.as_deref())
            .bind(signature.signature.as_slice());
    }
    Ok(query.fetch_all(&mut *tx).await?)
}

/// How many of those that are left one statement carries.
pub(super) fn rows_of(left: usize) -> usize {
    ROWS.into_iter().find(|rows| *rows <= left).unwrap_or(1)
}

/// So many rows of so many columns, each place written as `text` has it: its number from 1 on and its column.
fn values(rows: usize, columns: usize, text: impl Fn(usize, usize) -> String) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (0..columns).map(|column| text(row * columns + column + 1, column)).collect();
        format!("({})", places.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

/// Rows for tests of what is stored.
#[cfg(test)]
pub(crate) mod testing {
    use platform::db::Db;

    use super::{Signing, Tx};
    use crate::error::Error;

    /// What has to be there for a signing: its certificate, its credential at version 7 and its authorisation.
    pub(crate) async fn make_ready(db: &Db, signing: &Signing, expires_at: i64) {
        let signing = signing.clone();
        let done: Result<(), Error> =
            db.write(move |tx| Box::pin(async move { insert_all(tx, &signing, expires_at).await })).await;
        done.unwrap();
    }

    async fn insert_all(tx: &mut Tx, signing: &Signing, expires_at: i64) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO ca_certificate (serial, issuer, profile, state, instance, subject, common_name, not_before, \
             not_after, reserved_at) VALUES ($1, 'remote-signing', 'test', 'issued', 1, '', '', 0, 9, 0)",
        )
        .bind(signing.serial.as_str())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO signer_credential (credential_id, request_id, user_id, state, version, subject, key_id, serial, \
             created_at, changed_at) VALUES ($1, $1, '555021942107', 'active', 7, '{}', 'key', $2, 0, 0)",
        )
        .bind(signing.credential_id.as_str())
        .bind(signing.serial.as_str())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO signer_authorisation (authorisation_id, sad, credential_id, client, digests, created_at, \
             expires_at) VALUES ($1, $1, $2, 'practice-system', $3, 0, $4)",
        )
        .bind(signing.authorisation_id.as_str())
        .bind(signing.credential_id.as_str())
        .bind(&[0_u8; 64][..])
        .bind(expires_at)
        .execute(&mut *tx)
        .await?;
        Ok(())
    }

    /// Revokes the certificate of a signing, as another process would.
    pub(crate) async fn revoke(db: &Db, signing: &Signing) {
        let serial = signing.serial.clone();
        let done: Result<(), Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE ca_certificate SET revoked_at = 1, reason = 1 WHERE serial = $1";
                    sqlx::query(sql).bind(serial).execute(&mut *tx).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }

    /// Closes a person in the register, as that does when they leave.
    pub(crate) async fn leave(db: &Db, user: &str) {
        let user = user.to_owned();
        let done: Result<(), Error> = db
            .write(move |tx| {
                Box::pin(async move {
                    let sql = "INSERT INTO directory_person (user_id, kind, state, version) \
                               VALUES ($1, 'person', 'closed', 1)";
                    sqlx::query(sql).bind(user).execute(&mut *tx).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }

    /// How many requests, signatures and events are stored.
    pub(crate) async fn stored(db: &Db) -> (i64, i64, i64) {
        sqlx::query_as(
            "SELECT CAST((SELECT COUNT(*) FROM signer_signing) AS BIGINT), \
             CAST((SELECT COUNT(*) FROM signer_signature) AS BIGINT), \
             CAST((SELECT COUNT(*) FROM audit_event WHERE module = 'signer') AS BIGINT)",
        )
        .fetch_one(db.read())
        .await
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places are counted through all rows.
    #[test]
    fn places_are_counted_on() {
        assert_eq!(values(2, 3, |place, column| format!("{place}:{column}")), "(1:0,2:1,3:2),(4:0,5:1,6:2)");
    }

    /// Any number of rows is made of few sizes.
    #[test]
    fn rows_come_in_few_sizes() {
        for (left, rows) in [(1, 1), (3, 2), (250, 128), (122, 64), (7, 4)] {
            assert_eq!(rows_of(left), rows, "{left}");
        }
    }
}
