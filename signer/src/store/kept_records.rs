//! Rows of `signer_evidence_record`.

use platform::clock::Millis;
use platform::db::Tx;
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use super::{Reader, read_id};
use crate::error::Error;
use crate::ids::RecordsId;

/// The evidence records of one request as they are stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RecordsRow {
    pub(crate) records_id: RecordsId,
    pub(crate) client: String,
    /// The object identifier of the hash.
    pub(crate) hash: String,
    /// One after the other.
    pub(crate) digests: Vec<u8>,
    /// The time-stamps, each about the one before; base64.
    pub(crate) tokens: Vec<String>,
    /// With what the last of them is signed.
    pub(crate) algorithm: String,
    /// What came behind these, each in another hash (RFC 4998 5.3).
    pub(crate) chains: Vec<ChainRow>,
    /// The revocation lists that belong to it, each by its SHA-256 in hexadecimal; none of a client's.
    pub(crate) lists: Vec<String>,
    pub(crate) renew_at: Millis,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
}

/// A further chain of the records of a row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ChainRow {
    /// The object identifier of its hash.
    pub(crate) hash: String,
    /// What it is of, in the order of the digests, one after the other: each of a digest in its hash and of the chains before; base64.
    pub(crate) leaves: String,
    /// The time-stamps, each about the one before; base64.
    pub(crate) tokens: Vec<String>,
}

impl RecordsRow {
    /// The hash of the last chain, and its time-stamps.
    pub(crate) fn last_chain(&self) -> (&str, &[String]) {
        match self.chains.last() {
            Some(chain) => (&chain.hash, &chain.tokens),
            None => (&self.hash, &self.tokens),
        }
    }

    /// The time-stamps of the last chain, to which further ones are added.
    pub(crate) fn last_tokens(&mut self) -> &mut Vec<String> {
        match self.chains.last_mut() {
            Some(chain) => &mut chain.tokens,
            None => &mut self.tokens,
        }
    }

    /// How many time-stamps came after the first.
    pub(crate) fn renewals(&self) -> usize {
        let later: usize = self.chains.iter().map(|chain| chain.tokens.len()).sum();
        (self.tokens.len() + later).saturating_sub(1)
    }
}

type Columns =
    (String, String, String, Vec<u8>, String, String, Option<String>, Option<String>, i64, i64, i64);

const COLUMNS: &str =
    "records_id, client, hash, digests, tokens, algorithm, chains, lists, renew_at, created_at, expires_at";

/// What is due: its certificate ends soon, or time-stamps are signed with something else now, or it is of the ledger and in a hash that is to be
/// followed by another.
const DUE: &str = "expires_at > $1 AND (renew_at <= $1 OR algorithm <> $2 OR \
     (client = $3 AND COALESCE(chain_hash, hash) IN ($4, $5)))";

/// By what rows are due.
#[derive(Clone, Debug)]
pub(crate) struct DueBy {
    pub(crate) now: Millis,
    /// With what time-stamps are signed now.
    pub(crate) algorithm: String,
    /// Whose hashes can be followed by others.
    pub(crate) rehashed: &'static str,
    /// The object identifiers of hashes that are to be followed by another; empty texts for none.
    pub(crate) aged: [&'static str; 2],
}

fn read(row: Columns) -> Result<RecordsRow, Error> {
    let (id, client, hash, digests, tokens, algorithm, chains, lists, renew_at, created_at, expires_at) = row;
    let unreadable = || Error::StoredRow { what: "evidence record" };
    let lists = lists.map(|lists| serde_json::from_str(&lists)).transpose().map_err(|_| unreadable())?;
    let chains = chains.map(|chains| serde_json::from_str(&chains)).transpose().map_err(|_| unreadable())?;
    Ok(RecordsRow {
        records_id: read_id(&id)?,
        client,
        hash,
        digests,
        tokens: serde_json::from_str(&tokens).map_err(|_| unreadable())?,
        algorithm,
        chains: chains.unwrap_or_default(),
        lists: lists.unwrap_or_default(),
        renew_at: Millis(renew_at),
        created_at: Millis(created_at),
        expires_at: Millis(expires_at),
    })
}

fn list(members: &[impl Serialize]) -> Result<String, Error> {
    serde_json::to_string(members).map_err(|_| Error::StoredRow { what: "evidence record" })
}

/// Stores new ones.
pub(crate) async fn insert(tx: &mut Tx, row: &RecordsRow) -> Result<(), Error> {
    let lists = if row.lists.is_empty() { None } else { Some(list(&row.lists)?) };
    sqlx::query(
        "INSERT INTO signer_evidence_record (records_id, client, hash, digests, tokens, algorithm, lists, renew_at, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(row.records_id.as_str())
    .bind(&row.client)
    .bind(&row.hash)
    .bind(row.digests.as_slice())
    .bind(list(&row.tokens)?)
    .bind(&row.algorithm)
    .bind(lists)
    .bind(row.renew_at.0)
    .bind(row.created_at.0)
    .bind(row.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many rows a client has.
pub(crate) async fn count(tx: &mut Tx, client: &str) -> Result<i64, Error> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_evidence_record WHERE client = $1";
    Ok(sqlx::query_scalar(sql).bind(client).fetch_one(&mut *tx).await?)
}

/// Those of a name, while they are kept.
pub(crate) async fn by_id<'c>(
    reader: impl Reader<'c>,
    id: &RecordsId,
    now: Millis,
) -> Result<Option<RecordsRow>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM signer_evidence_record WHERE records_id = $1 AND expires_at > $2");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(id.as_str().to_owned()).bind(now.0);
    let row: Option<Columns> = query.fetch_optional(reader).await?;
    row.map(read).transpose()
}

/// How many are due.
pub(crate) async fn due_count<'c>(reader: impl Reader<'c>, by: &DueBy) -> Result<i64, Error> {
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_evidence_record WHERE {DUE}");
    let query = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(by.now.0)
        .bind(by.algorithm.clone())
        .bind(by.rehashed)
        .bind(by.aged[0])
        .bind(by.aged[1]);
    Ok(query.fetch_one(reader).await?)
}

/// A row that is due.
pub(crate) struct Due {
    /// Its place among them: those that are due sooner stand before it.
    pub(crate) place: Place,
    /// The row, if it reads.
    pub(crate) row: Result<RecordsRow, Error>,
}

/// When a row is to be renewed, and its name.
pub(crate) type Place = (Millis, String);

/// So many of those that are due behind a place, the most urgent first. One that does not read hides none of the others.
pub(crate) async fn due<'c>(
    reader: impl Reader<'c>,
    by: &DueBy,
    (after, id): &Place,
    most: i64,
) -> Result<Vec<Due>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM signer_evidence_record WHERE {DUE} AND (renew_at > $6 OR (renew_at = $6 AND records_id > $7)) \
         ORDER BY renew_at, records_id LIMIT $8"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql))
        .bind(by.now.0)
        .bind(by.algorithm.clone())
        .bind(by.rehashed)
        .bind(by.aged[0])
        .bind(by.aged[1])
        .bind(after.0)
        .bind(id.clone())
        .bind(most);
    let rows: Vec<Columns> = query.fetch_all(reader).await?;
    let due = |columns: Columns| Due { place: (Millis(columns.8), columns.0.clone()), row: read(columns) };
    Ok(rows.into_iter().map(due).collect())
}

/// Stores the further time-stamp of a row that is still as it was; false if somebody was first.
pub(crate) async fn renew(tx: &mut Tx, row: &RecordsRow, before: &RecordsRow) -> Result<bool, Error> {
    let chains = if row.chains.is_empty() { None } else { Some(list(&row.chains)?) };
    let earlier = if before.chains.is_empty() { String::new() } else { list(&before.chains)? };
    let done = sqlx::query(
        "UPDATE signer_evidence_record SET tokens = $1, chains = $2, chain_hash = $3, algorithm = $4, renew_at = $5 \
         WHERE records_id = $6 AND tokens = $7 AND COALESCE(chains, '') = $8",
    )
    .bind(list(&row.tokens)?)
    .bind(chains)
    .bind(row.last_chain().0.to_owned())
    .bind(&row.algorithm)
    .bind(row.renew_at.0)
    .bind(row.records_id.as_str())
    .bind(list(&before.tokens)?)
    .bind(earlier)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Erases so many rows that are kept no more.
pub(crate) async fn erase(tx: &mut Tx, now: Millis, most: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM signer_evidence_record WHERE records_id IN (SELECT records_id FROM signer_evidence_record \
         WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(now.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// Records are due by time and by algorithm, are renewed once, and are erased when their time is over.
        async fn records_are_due(db: Db) {
            let row = RecordsRow {
                records_id: RecordsId::new(Millis(1)), client: "practice".to_owned(), hash: "2.16.840.1.101.3.4.2.1".to_owned(),
                digests: vec![7; 64], tokens: vec!["AA==".to_owned()], algorithm: "p-256".to_owned(), chains: Vec::new(), lists: Vec::new(),
                renew_at: Millis(10), created_at: Millis(1), expires_at: Millis(20),
            };
            let stored = row.clone();
            db.write(move |tx| Box::pin(async move { insert(tx, &stored).await })).await.unwrap();
            let sha_256 = "2.16.840.1.101.3.4.2.1";
            let by = |now, algorithm: &str, rehashed, aged| DueBy {
                now: Millis(now), algorithm: algorithm.to_owned(), rehashed, aged: [aged, ""],
            };
            for (by, expected) in [
                (by(9, "p-256", "practice", ""), 0), (by(10, "p-256", "practice", ""), 1), (by(9, "rsa-2048", "practice", ""), 1),
                (by(20, "rsa-2048", "practice", sha_256), 0), (by(9, "p-256", "practice", sha_256), 1), (by(9, "p-256", "another", sha_256), 0),
            ] {
                assert_eq!(due_count(db.read(), &by).await.unwrap(), expected, "{by:?}");
                let first = (Millis(0), String::new());
                let found = due(db.read(), &by, &first, 10).await.unwrap();
                for one in &found {
                    assert_eq!(one.row.as_ref().unwrap(), &row);
                    assert!(due(db.read(), &by, &one.place, 10).await.unwrap().is_empty());
                }
                let found = found.len();
                assert_eq!(i64::try_from(found).unwrap(), expected, "{by:?}");
            }
            let newer = RecordsRow { tokens: vec!["AA==".to_owned(), "BB==".to_owned()], renew_at: Millis(15), ..row.clone() };
            let chain = ChainRow { hash: "2.16.840.1.101.3.4.2.3".to_owned(), leaves: "AA==".to_owned(), tokens: vec!["CC==".to_owned()] };
            let newest = RecordsRow { chains: vec![chain], ..newer.clone() };
            assert_eq!((newer.renewals(), newest.renewals()), (1, 2));
            let (later, latest, before) = (newer.clone(), newest.clone(), row.clone());
            let renewed = db.write(move |tx| Box::pin(async move {
                let first = (renew(tx, &later, &before).await?, renew(tx, &later, &before).await?);
                let second = (renew(tx, &latest, &later).await?, renew(tx, &latest, &later).await?);
                Ok::<_, Error>((first, second, count(tx, "practice").await?))
            })).await.unwrap();
            assert_eq!(renewed, ((true, false), (true, false), 1));
            assert_eq!(by_id(db.read(), &row.records_id, Millis(9)).await.unwrap(), Some(newest));
            assert_eq!(due_count(db.read(), &by(9, "p-256", "practice", sha_256)).await.unwrap(), 0, "it is in another hash");
            let erased = db.write(|tx| Box::pin(async move {
                Ok::<_, Error>((erase(tx, Millis(19), 10).await?, erase(tx, Millis(20), 10).await?))
            })).await.unwrap();
            assert_eq!(erased, (0, 1));
        }
    }
}
