//! Rows of `authn_code`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::ClientId;
use serde::{Deserialize, Serialize};

use super::{Reader, read};
use crate::error::Error;
use crate::token::GrantId;

/// A code as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// SHA-256 of what was given out, in hexadecimal.
    pub(crate) hash: String,
    /// What it gives.
    pub(crate) grant: GrantId,
    /// To whom.
    pub(crate) client: ClientId,
    /// What it is bound to.
    pub(crate) bound: Bound,
    /// Until when it can be used.
    pub(crate) expires_at: Millis,
    /// When it was used.
    pub(crate) used_at: Option<Millis>,
}

/// What whoever uses a code has to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    /// Where the browser was sent.
    pub(crate) redirect_uri: String,
    /// The S256 challenge, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<String>,
    /// The thumbprint of the key that proves whose it is, if one was named. RFC 9449 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// Stores a code.
pub(crate) async fn insert(tx: &mut Tx, code: &Code) -> Result<(), Error> {
    let bound =
        serde_json::to_string(&code.bound).map_err(|_| Error::Stored { what: "authn_code.content" })?;
    sqlx::query(
        "INSERT INTO authn_code (code_hash, grant_id, client_id, content, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(code.hash.clone())
    .bind(code.grant.as_str().to_owned())
    .bind(code.client.as_str().to_owned())
    .bind(bound)
    .bind(code.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A code, used ones among them.
pub(crate) async fn find<'c>(reader: impl Reader<'c>, hash: &str) -> Result<Option<Code>, Error> {
    let row: Option<(String, String, String, String, i64, Option<i64>)> = sqlx::query_as(
        "SELECT code_hash, grant_id, client_id, content, expires_at, used_at FROM authn_code WHERE code_hash = $1",
    )
    .bind(hash.to_owned())
    .fetch_optional(reader)
    .await?;
    let Some((hash, grant, client, bound, expires_at, used_at)) = row else { return Ok(None) };
    Ok(Some(Code {
        hash,
        grant: read("authn_code.grant_id", &grant)?,
        client: read("authn_code.client_id", &client)?,
        bound: serde_json::from_str(&bound).map_err(|_| Error::Stored { what: "authn_code.content" })?,
        expires_at: Millis(expires_at),
        used_at: used_at.map(Millis),
    }))
}

/// Takes a code as used; false if it was used before, by whomever.
pub(crate) async fn consume(tx: &mut Tx, hash: &str, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE authn_code SET used_at = $2 WHERE code_hash = $1 AND used_at IS NULL")
        .bind(hash.to_owned())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A code reads back, and is used once.
        async fn codes_are_used_once(db: Db) {
            let code = Code {
                hash: "hash".to_owned(), grant: GrantId::new(Millis(1)), client: "rp".parse().unwrap(),
                bound: Bound { redirect_uri: "https://rp.example/cb".to_owned(), challenge: Some("c".to_owned()), key: Some("k".to_owned()) },
                expires_at: Millis(9), used_at: None,
            };
            let stored = code.clone();
            let used = db.write(move |tx| Box::pin(async move {
                insert(tx, &stored).await?;
                let before = find(&mut *tx, "hash").await?;
                let once = (consume(tx, "hash", Millis(2)).await?, consume(tx, "hash", Millis(3)).await?);
                Ok::<_, Error>((before, once))
            })).await.unwrap();
            assert_eq!(used, (Some(code), (true, false)));
            assert_eq!(find(db.read(), "hash").await.unwrap().unwrap().used_at, Some(Millis(2)));
            assert!(find(db.read(), "other").await.unwrap().is_none());
        }
    }
}
