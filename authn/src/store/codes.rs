//! Rows of `authn_code`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::looking::Lookup;
use platform::db::rows::{list, portions};
use platform::id::ClientId;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{behind, grants, read, rows_by};
use crate::error::Error;
use crate::session::Found;
use crate::token::{Grant, GrantId};

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

/// A code with all that stands behind it here.
pub(crate) struct Known {
    /// The code.
    pub(crate) code: Code,
    /// What it gives.
    pub(crate) grant: Grant,
    /// In which session, if nobody has ended that.
    pub(crate) session: Option<Found>,
}

/// A code with its grant, used and ended ones among them, and with the session: one question for all that are looked for together.
pub(crate) struct ByHash(pub(crate) String);

impl Lookup for ByHash {
    type Found = Option<Known>;
    type Error = Error;

    async fn find_all(wanted: &[Self], tx: &mut Tx) -> Result<Vec<Option<Known>>, Error> {
        let by = (FIND, "c.code_hash", "code_hash");
        let by_hash = rows_by(tx, by, wanted.iter().map(|one| one.0.as_str())).await?;
        let found: Result<Vec<Option<Known>>, Error> =
            wanted.iter().map(|one| by_hash.get(&one.0).map(known).transpose()).collect();
        let mut found = found?;
        let sessions = found.iter_mut().flatten().filter_map(|known| known.session.as_mut()).collect();
        behind::ask_for_cards(tx, sessions).await?;
        Ok(found)
    }
}

const FIND: &str = concat!(
    "SELECT c.code_hash, c.client_id, c.content AS bound, c.expires_at, c.used_at, g.grant_id AS g_grant_id, \
         g.client_id AS g_client_id, g.user_id, g.sid, g.content, g.created_at, g.expires_at AS g_expires_at, \
         g.ended_at AS g_ended_at, ",
    behind::columns!(),
    " FROM authn_code c JOIN authn_grant g ON g.grant_id = c.grant_id \
         LEFT JOIN authn_session s ON s.sid = g.sid AND s.ended_at IS NULL"
);

fn known(row: &AnyRow) -> Result<Known, Error> {
    let grant = grants::joined(row)?;
    let code = Code {
        hash: row.try_get("code_hash")?,
        grant: grant.id.clone(),
        client: read("authn_code.client_id", row.try_get("client_id")?)?,
        bound: serde_json::from_str(row.try_get("bound")?)
            .map_err(|_| Error::Stored { what: "authn_code.content" })?,
        expires_at: Millis(row.try_get("expires_at")?),
        used_at: row.try_get::<Option<i64>, _>("used_at")?.map(Millis),
    };
    Ok(Known { code, grant, session: behind::joined(row)? })
}

/// Takes codes as used whose grants go on, and says how many: not those that were used before, by whomever.
pub(crate) async fn consume(tx: &mut Tx, hashes: &[&String], now: Millis) -> Result<usize, Error> {
    let mut taken = 0;
    for part in portions(hashes) {
        let sql = format!(
            "UPDATE authn_code SET used_at = $1 WHERE code_hash IN ({}) AND used_at IS NULL AND EXISTS \
             (SELECT 1 FROM authn_grant g WHERE g.grant_id = authn_code.grant_id AND g.ended_at IS NULL)",
            list(2, part.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(now.0);
        for hash in part {
            query = query.bind((*hash).clone());
        }
        let done = query.execute(&mut *tx).await?;
        taken += usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
    }
    Ok(taken)
}

/// Whether a code was used; one that is not there was not.
pub(crate) async fn is_used(tx: &mut Tx, hash: &str) -> Result<bool, Error> {
    let used: Option<(String,)> =
        sqlx::query_as("SELECT code_hash FROM authn_code WHERE code_hash = $1 AND used_at IS NOT NULL")
            .bind(hash.to_owned())
            .fetch_optional(&mut *tx)
            .await?;
    Ok(used.is_some())
}

/// A code with its grant and session, alone.
#[cfg(test)]
pub(super) async fn find(tx: &mut Tx, hash: &str) -> Result<Option<Known>, Error> {
    Ok(ByHash::find_all(&[ByHash(hash.to_owned())], tx).await?.pop().flatten())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A code reads back, and is used once.
        async fn codes_are_used_once(db: Db) {
            let grant = grants::tests::sample("rp", "s", 1);
            let code = Code {
                hash: "hash".to_owned(), grant: grant.id.clone(), client: "rp".parse().unwrap(),
                bound: Bound { redirect_uri: "https://rp.example/cb".to_owned(), challenge: Some("c".to_owned()), key: Some("k".to_owned()) },
                expires_at: Millis(9), used_at: None,
            };
            let (stored, under) = (code.clone(), grant.clone());
            let used = db.write(move |tx| Box::pin(async move {
                grants::insert_all(tx, &[&under]).await?;
                insert(tx, &stored).await?;
                let before = find(tx, "hash").await?.map(|known| (known.code, known.grant, known.session.is_none()));
                let hash = "hash".to_owned();
                let twice = consume(tx, &[&hash, &hash], Millis(2)).await?;
                Ok::<_, Error>((before, (twice, consume(tx, &[&hash], Millis(3)).await?)))
            })).await.unwrap();
            assert_eq!(used, (Some((code.clone(), grant.clone(), true)), (1, 0)));
            assert_eq!(find(&mut db.read().acquire().await.unwrap(), "hash").await.unwrap().unwrap().code.used_at, Some(Millis(2)));
            let other = Code { hash: "other code".to_owned(), ..code };
            let late = db.write(move |tx| Box::pin(async move {
                insert(tx, &other).await?;
                grants::end(tx, &grant.id, "given-back", Millis(4)).await?;
                consume(tx, &[&other.hash], Millis(5)).await
            })).await.unwrap();
            assert_eq!(late, 0, "its grant has ended");
            assert!(find(&mut db.read().acquire().await.unwrap(), "other").await.unwrap().is_none());
        }
    }
}
