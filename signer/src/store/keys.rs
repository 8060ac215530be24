//! Rows of `signer_key`: wrapped keys, the spare ones included.

use hsm::{Alg, Wrapped};
use platform::clock::Millis;
use platform::db::Tx;

use super::{Reader, read_id};
use crate::error::Error;
use crate::ids::{CredentialId, KeyId};

/// A key as it is stored.
#[derive(Clone)]
pub(crate) struct KeyRow {
    pub(crate) key_id: KeyId,
    pub(crate) wrapped: Wrapped,
}

type Columns = (String, String, String, i64, Option<Vec<u8>>, Vec<u8>);

/// Stores a new key, for a credential or as a spare.
pub(crate) async fn insert(
    tx: &mut Tx,
    key: &KeyRow,
    credential: Option<&CredentialId>,
    now: Millis,
) -> Result<(), Error> {
    let wrapped = &key.wrapped;
    let mechanism =
        serde_json::to_string(&wrapped.mechanism).map_err(|_| Error::StoredRow { what: "mechanism" })?;
    sqlx::query(
        "INSERT INTO signer_key (key_id, credential_id, algorithm, mechanism, wrapping_version, wrapped, public_key, \
         created_at, claimed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(key.key_id.as_str())
    .bind(credential.map(CredentialId::as_str))
    .bind(wrapped.alg.to_string())
    .bind(mechanism)
    .bind(i64::from(wrapped.wrapping_version))
    .bind(wrapped.blob.as_slice())
    .bind(wrapped.public_key.as_slice())
    .bind(now.0)
    .bind(credential.map(|_| now.0))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Gives the oldest spare key to a credential, if there is a spare key.
///
/// The outer condition makes the claim safe where two machines chose the same row: one of them gets nothing, and makes a
/// key on the spot.
pub(crate) async fn claim_spare(
    tx: &mut Tx,
    alg: Alg,
    credential: &CredentialId,
    now: Millis,
) -> Result<Option<KeyRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "UPDATE signer_key SET credential_id = $1, claimed_at = $2 WHERE credential_id IS NULL AND key_id = \
         (SELECT key_id FROM signer_key WHERE credential_id IS NULL AND algorithm = $3 ORDER BY key_id LIMIT 1) \
         RETURNING key_id, algorithm, mechanism, wrapping_version, wrapped, public_key",
    )
    .bind(credential.as_str())
    .bind(now.0)
    .bind(alg.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    row.map(read).transpose()
}

/// How many spare keys of a kind there are.
pub(crate) async fn spares<'c>(reader: impl Reader<'c>, alg: Alg) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_key WHERE credential_id IS NULL AND algorithm = $1",
    )
    .bind(alg.to_string())
    .fetch_one(reader)
    .await?;
    Ok(count)
}

/// A key that was not destroyed.
pub(crate) async fn by_id<'c>(reader: impl Reader<'c>, key: &KeyId) -> Result<Option<KeyRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT key_id, algorithm, mechanism, wrapping_version, wrapped, public_key FROM signer_key \
         WHERE key_id = $1 AND wrapped IS NOT NULL AND destroyed_at IS NULL",
    )
    .bind(key.as_str())
    .fetch_optional(reader)
    .await?;
    row.map(read).transpose()
}

/// A key that was set aside for a credential's next certificate, when an earlier attempt at it was interrupted.
pub(crate) async fn set_aside<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
    current: &KeyId,
) -> Result<Option<KeyRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT key_id, algorithm, mechanism, wrapping_version, wrapped, public_key FROM signer_key \
         WHERE credential_id = $1 AND key_id <> $2 AND wrapped IS NOT NULL AND destroyed_at IS NULL \
         ORDER BY key_id LIMIT 1",
    )
    .bind(credential.as_str())
    .bind(current.as_str())
    .fetch_optional(reader)
    .await?;
    row.map(read).transpose()
}

/// The kind of every key of a credential, destroyed ones included.
pub(crate) async fn algorithm<'c>(reader: impl Reader<'c>, key: &KeyId) -> Result<Option<Alg>, Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT algorithm FROM signer_key WHERE key_id = $1")
        .bind(key.as_str())
        .fetch_optional(reader)
        .await?;
    row.map(|(text,)| text.parse().map_err(|_| Error::StoredRow { what: "algorithm" })).transpose()
}

/// Deletes one wrapped key. What is left says that it was there; of one that stayed in the token its label too, until the
/// token has destroyed it.
pub(crate) async fn destroy(tx: &mut Tx, key: &KeyId, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE signer_key SET wrapped = CASE WHEN mechanism = '\"in-token\"' THEN wrapped END, destroyed_at = $1 \
         WHERE key_id = $2 AND wrapped IS NOT NULL AND destroyed_at IS NULL",
    )
    .bind(now.0)
    .bind(key.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Deletes every wrapped key of a credential.
pub(crate) async fn destroy_all(tx: &mut Tx, credential: &CredentialId, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE signer_key SET wrapped = CASE WHEN mechanism = '\"in-token\"' THEN wrapped END, destroyed_at = $1 \
         WHERE credential_id = $2 AND wrapped IS NOT NULL AND destroyed_at IS NULL",
    )
    .bind(now.0)
    .bind(credential.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many keys are under each version of the wrapping key, spare ones included. Version 0 is under none: such keys stay
/// in the token.
pub(crate) async fn by_wrapping_version<'c>(reader: impl Reader<'c>) -> Result<Vec<(u32, u64)>, Error> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT wrapping_version, CAST(COUNT(*) AS BIGINT) FROM signer_key WHERE wrapped IS NOT NULL AND wrapping_version > 0 \
         GROUP BY wrapping_version ORDER BY wrapping_version",
    )
    .fetch_all(reader)
    .await?;
    let read =
        |(version, count): (i64, i64)| Some((u32::try_from(version).ok()?, u64::try_from(count).ok()?));
    rows.into_iter().map(|row| read(row).ok_or(Error::StoredRow { what: "wrapping version" })).collect()
}

/// The next keys behind this one that are under another version of the wrapping key.
pub(crate) async fn under_others<'c>(
    reader: impl Reader<'c>,
    wrapping_version: u32,
    after: &str,
    most: i64,
) -> Result<Vec<KeyRow>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT key_id, algorithm, mechanism, wrapping_version, wrapped, public_key FROM signer_key \
         WHERE key_id > $1 AND wrapped IS NOT NULL AND wrapping_version > 0 AND wrapping_version <> $2 \
         ORDER BY key_id LIMIT $3",
    )
    .bind(after)
    .bind(i64::from(wrapping_version))
    .bind(most)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(read).collect()
}

/// Puts a key's new form in the place of the one it was made from; false if that is there no more.
pub(crate) async fn replace_wrapped(tx: &mut Tx, old: &KeyRow, new: &Wrapped) -> Result<bool, Error> {
    let mechanism =
        serde_json::to_string(&new.mechanism).map_err(|_| Error::StoredRow { what: "mechanism" })?;
    let done = sqlx::query(
        "UPDATE signer_key SET mechanism = $1, wrapping_version = $2, wrapped = $3 WHERE key_id = $4 AND wrapped = $5",
    )
    .bind(mechanism)
    .bind(i64::from(new.wrapping_version))
    .bind(new.blob.as_slice())
    .bind(old.key_id.as_str())
    .bind(old.wrapped.blob.as_slice())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores that a key was made for one batch. It is in the token's session and nowhere else.
pub(crate) async fn insert_one_time(
    tx: &mut Tx,
    (key, credential): (&KeyId, &CredentialId),
    public_key: &[u8],
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signer_key (key_id, credential_id, algorithm, mechanism, wrapping_version, public_key, created_at, \
         claimed_at) VALUES ($1, $2, $3, '\"one-time\"', 0, $4, $5, $5)",
    )
    .bind(key.as_str())
    .bind(credential.as_str())
    .bind(Alg::P256.to_string())
    .bind(public_key)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Stores that a key is on a smartcard, and nowhere else.
pub(crate) async fn insert_on_card(
    tx: &mut Tx,
    (key, credential): (&KeyId, &CredentialId),
    (alg, public_key): (Alg, &[u8]),
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signer_key (key_id, credential_id, algorithm, mechanism, wrapping_version, public_key, created_at, \
         claimed_at) VALUES ($1, $2, $3, '\"card\"', 0, $4, $5, $5)",
    )
    .bind(key.as_str())
    .bind(credential.as_str())
    .bind(alg.to_string())
    .bind(public_key)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A key for one batch is gone.
pub(crate) async fn end_one_time(tx: &mut Tx, key: &KeyId, now: Millis) -> Result<(), Error> {
    sqlx::query("UPDATE signer_key SET destroyed_at = $1 WHERE key_id = $2 AND destroyed_at IS NULL")
        .bind(now.0)
        .bind(key.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Writes off so many keys for one batch that were made before a time and that nobody destroyed; how many.
pub(crate) async fn write_off_one_time(
    tx: &mut Tx,
    before: Millis,
    now: Millis,
    most: i64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE signer_key SET destroyed_at = $1 WHERE key_id IN (SELECT key_id FROM signer_key \
         WHERE mechanism = '\"one-time\"' AND destroyed_at IS NULL AND created_at <= $2 ORDER BY created_at LIMIT $3)",
    )
    .bind(now.0)
    .bind(before.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// The keys that are destroyed and may still be in the token, with their labels.
pub(crate) async fn left_in_token<'c>(reader: impl Reader<'c>) -> Result<Vec<(KeyId, String)>, Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT key_id, wrapped FROM signer_key WHERE destroyed_at IS NOT NULL AND wrapped IS NOT NULL \
         ORDER BY key_id LIMIT 64",
    )
    .fetch_all(reader)
    .await?;
    let label = |blob| String::from_utf8(blob).map_err(|_| Error::StoredRow { what: "label" });
    rows.into_iter().map(|(key, blob)| Ok((read_id(&key)?, label(blob)?))).collect()
}

/// The token has destroyed the key: nothing of it is left.
pub(crate) async fn forget_label(tx: &mut Tx, key: &KeyId) -> Result<(), Error> {
    sqlx::query("UPDATE signer_key SET wrapped = NULL WHERE key_id = $1 AND destroyed_at IS NOT NULL")
        .bind(key.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

fn read(row: Columns) -> Result<KeyRow, Error> {
    let (key_id, algorithm, mechanism, wrapping_version, wrapped, public_key) = row;
    Ok(KeyRow {
        key_id: read_id(&key_id)?,
        wrapped: Wrapped {
            alg: algorithm.parse().map_err(|_| Error::StoredRow { what: "algorithm" })?,
            mechanism: serde_json::from_str(&mechanism)
                .map_err(|_| Error::StoredRow { what: "mechanism" })?,
            wrapping_version: u32::try_from(wrapping_version)
                .map_err(|_| Error::StoredRow { what: "wrapping version" })?,
            blob: wrapped.ok_or(Error::StoredRow { what: "wrapped key" })?,
            public_key,
        },
    })
}

/// The public key of every key a credential has had, destroyed ones too. A re-key is an act of the desk, so they are few; of those that were made
/// for one batch the ones that were made since a time, before which the certificates of such are over.
pub(crate) async fn public_keys<'c>(
    reader: impl Reader<'c>,
    credential: &CredentialId,
    since: Millis,
) -> Result<Vec<Vec<u8>>, Error> {
    let sql = "SELECT public_key FROM signer_key WHERE credential_id = $1 \
               AND (mechanism <> '\"one-time\"' OR created_at > $2)";
    Ok(sqlx::query_scalar(sql).bind(credential.as_str()).bind(since.0).fetch_all(reader).await?)
}
