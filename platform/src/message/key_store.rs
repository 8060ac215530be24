//! The row of `platform_message_key`, and what is encrypted to it.

use sqlx::{Any, Executor};

use super::MessageId;
use super::key::{NewKey, encrypt};
use crate::clock::Millis;
use crate::db::{Error, Tx};

/// The key under which messages lie, as it lies itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The private key, sealed by a token.
    pub sealed: Vec<u8>,
}

/// The key under which messages lie, if there is one.
pub async fn sealed_key<'c>(reader: impl Executor<'c, Database = Any>) -> Result<Option<SealedKey>, Error> {
    let found: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT sealed FROM platform_message_key WHERE number = 1")
            .fetch_optional(reader)
            .await?;
    Ok(found.map(|sealed| SealedKey { sealed }))
}

/// Keeps a new key with its sealed private half; false if there is one already, which stays.
pub async fn keep_key(tx: &mut Tx, key: &NewKey, sealed: &[u8], now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO platform_message_key (number, public_key, sealed, made_at) VALUES (1, $1, $2, $3) \
         ON CONFLICT (number) DO NOTHING",
    )
    .bind(key.public.clone())
    .bind(sealed.to_vec())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts another form of the sealed private key in the place of the one it was made from; false if that is there no more.
pub async fn replace_sealed_key(tx: &mut Tx, was: &SealedKey, is: &[u8]) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE platform_message_key SET sealed = $2 WHERE number = 1 AND sealed = $1")
        .bind(was.sealed.clone())
        .bind(is.to_vec())
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn public_key(tx: &mut Tx) -> Result<Option<Vec<u8>>, Error> {
    Ok(sqlx::query_scalar("SELECT public_key FROM platform_message_key WHERE number = 1")
        .fetch_optional(&mut *tx)
        .await?)
}

fn encrypted(public: &[u8], id: &MessageId, text: &str) -> Result<Vec<u8>, Error> {
    let unusable = |error: super::KeyError| Error::Corrupt {
        what: "platform_message_key.public_key",
        reason: error.to_string(),
    };
    encrypt(public, id, text).map_err(unusable)
}

/// What a message says, or what is to go with many of them, encrypted for this id; none where there is no key.
pub async fn sealed(tx: &mut Tx, id: &MessageId, text: &str) -> Result<Option<Vec<u8>>, Error> {
    public_key(tx).await?.map(|public| encrypted(&public, id, text)).transpose()
}

/// Encrypts what lies in clear, a page of it: a former version left it so. Nothing where there is no key.
pub(super) async fn seal_what_is_clear(tx: &mut Tx, limit: u32) -> Result<(), Error> {
    let Some(public) = public_key(tx).await? else { return Ok(()) };
    let clear: Vec<(String, String)> = sqlx::query_as(
        "SELECT message_id, body FROM platform_message WHERE state = 'due' AND body IS NOT NULL ORDER BY message_id LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    for (name, text) in clear {
        // A row that does not read back was written by a newer version, and is left out.
        let Ok(id) = name.parse::<MessageId>() else { continue };
        sqlx::query(
            "UPDATE platform_message SET body = NULL, sealed = $2 WHERE message_id = $1 AND state = 'due' \
             AND body IS NOT NULL",
        )
        .bind(name)
        .bind(encrypted(&public, &id, &text)?)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
