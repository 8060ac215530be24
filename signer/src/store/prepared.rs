//! Rows of `signer_prepared`, and how much each application has of them.

use platform::clock::Millis;
use platform::db::Tx;
use platform::db::rows::{list, places};
use sqlx::{AnyPool, AssertSqlSafe};

use super::Reader;
use super::signings::rows_of;
use crate::digest::Digest;
use crate::error::Error;

/// How many digests one statement names.
const TOGETHER: usize = 250;

/// A prepared prescription as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct PreparedRow {
    pub(crate) client: String,
    /// Of the statement that was answered.
    pub(crate) digest: Digest,
    pub(crate) form: String,
    pub(crate) author_at: Millis,
    pub(crate) signed_info: String,
    pub(crate) document: Vec<u8>,
    pub(crate) prepared_at: Millis,
    pub(crate) expires_at: Millis,
}

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// It is there now.
    New,
    /// Something of the same digest was there before: now it is this document, until the later end.
    Before,
    /// The application has as much as may be; nothing was stored.
    Full,
}

/// Stores a prescription, if its application then has at most so many octets.
pub(crate) async fn insert(tx: &mut Tx, row: &PreparedRow, most: u64) -> Result<Kept, Error> {
    let (octets, most) = (size(row.document.len()), i64::try_from(most).unwrap_or(i64::MAX));
    let known: Option<i64> = sqlx::query_scalar(
        "UPDATE signer_prepared SET expires_at = CASE WHEN expires_at > $1 THEN expires_at ELSE $1 END \
         WHERE client = $2 AND digest = $3 RETURNING CAST(LENGTH(document) AS BIGINT)",
    )
    .bind(row.expires_at.0)
    .bind(&row.client)
    .bind(&row.digest.0[..])
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(before) = known {
        return replace(tx, row, octets - before, most).await;
    }
    if octets > most || !take_share(tx, &row.client, octets, most).await? {
        return Ok(Kept::Full);
    }
    sqlx::query(
        "INSERT INTO signer_prepared (client, digest, form, author_at, signed_info, document, prepared_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&row.client)
    .bind(&row.digest.0[..])
    .bind(&row.form)
    .bind(row.author_at.0)
    .bind(&row.signed_info)
    .bind(row.document.as_slice())
    .bind(row.prepared_at.0)
    .bind(row.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(Kept::New)
}

/// Puts a document into the place of the one that has the same digest: what is not signed may differ, the names by which its resources speak of
/// each other, and the application goes on with the one that it sent last.
async fn replace(tx: &mut Tx, row: &PreparedRow, more: i64, most: i64) -> Result<Kept, Error> {
    if more > 0 && !take_share(tx, &row.client, more, most).await? {
        return Ok(Kept::Full);
    }
    if more < 0 {
        give_back(tx, &row.client, -more).await?;
    }
    sqlx::query("UPDATE signer_prepared SET form = $1, document = $2 WHERE client = $3 AND digest = $4")
        .bind(&row.form)
        .bind(row.document.as_slice())
        .bind(&row.client)
        .bind(&row.digest.0[..])
        .execute(&mut *tx)
        .await?;
    Ok(Kept::Before)
}

/// Stores many with few statements, if none was there before and there is room for all; false if not, and then nothing of them may stand.
pub(crate) async fn insert_all(tx: &mut Tx, rows: &[&PreparedRow], most: u64) -> Result<bool, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    // In one order everywhere, so that two machines wait for each other and do not lock up.
    let mut shares = std::collections::BTreeMap::new();
    for row in rows {
        *shares.entry(row.client.as_str()).or_insert(0_i64) += size(row.document.len());
    }
    for (client, octets) in shares {
        if octets > most || !take_share(tx, client, octets, most).await? {
            return Ok(false);
        }
    }
    let mut rest = rows;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rows_of(rest.len()));
        if !insert_rows(tx, now).await? {
            return Ok(false);
        }
        rest = later;
    }
    Ok(true)
}

/// Stores some of them with one statement; false if one was there before.
async fn insert_rows(tx: &mut Tx, rows: &[&PreparedRow]) -> Result<bool, Error> {
    // The text is made of constants and numbers alone.
    let sql = format!(
        "INSERT INTO signer_prepared (client, digest, form, author_at, signed_info, document, prepared_at, expires_at) \
         VALUES {} ON CONFLICT (client, digest) DO NOTHING",
        places(rows.len(), 8)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for row in rows {
        query = query
            .bind(&row.client)
            .bind(&row.digest.0[..])
            .bind(&row.form)
            .bind(row.author_at.0)
            .bind(&row.signed_info)
            .bind(row.document.as_slice())
            .bind(row.prepared_at.0)
            .bind(row.expires_at.0);
    }
    Ok(query.execute(&mut *tx).await?.rows_affected() == rows.len() as u64)
}

/// Takes so many octets of what an application may have; false if there is not as much left.
async fn take_share(tx: &mut Tx, client: &str, octets: i64, most: i64) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO signer_prepared_share (client, octets) VALUES ($1, $2) ON CONFLICT (client) DO UPDATE \
         SET octets = signer_prepared_share.octets + excluded.octets \
         WHERE signer_prepared_share.octets + excluded.octets <= $3",
    )
    .bind(client)
    .bind(octets)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives an application so many octets back.
async fn give_back(tx: &mut Tx, client: &str, octets: i64) -> Result<(), Error> {
    sqlx::query("UPDATE signer_prepared_share SET octets = octets - $1 WHERE client = $2")
        .bind(octets)
        .bind(client)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// What an application had prepared under this digest, as long as it is kept.
pub(crate) async fn by_digest<'c>(
    reader: impl Reader<'c>,
    client: &str,
    digest: &Digest,
    now: Millis,
) -> Result<Option<PreparedRow>, Error> {
    let row: Option<(String, i64, String, Vec<u8>, i64, i64)> = sqlx::query_as(
        "SELECT form, author_at, signed_info, document, prepared_at, expires_at FROM signer_prepared \
         WHERE client = $1 AND digest = $2 AND expires_at > $3",
    )
    .bind(client)
    .bind(&digest.0[..])
    .bind(now.0)
    .fetch_optional(reader)
    .await?;
    Ok(row.map(|(form, author_at, signed_info, document, prepared_at, expires_at)| PreparedRow {
        client: client.to_owned(),
        digest: *digest,
        form,
        author_at: Millis(author_at),
        signed_info,
        document,
        prepared_at: Millis(prepared_at),
        expires_at: Millis(expires_at),
    }))
}

/// Under which of these digests an application had something prepared that is kept, in no order.
pub(crate) async fn which(
    reader: &AnyPool,
    client: &str,
    digests: &[Digest],
    now: Millis,
) -> Result<Vec<Digest>, Error> {
    let mut found = Vec::new();
    for digests in digests.chunks(TOGETHER) {
        // The text is made of constants and numbers alone.
        let sql = format!(
            "SELECT digest FROM signer_prepared WHERE client = $1 AND expires_at > $2 AND digest IN ({})",
            list(3, digests.len())
        );
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(client.to_owned()).bind(now.0);
        for digest in digests {
            query = query.bind(digest.0.to_vec());
        }
        let rows: Vec<Vec<u8>> = query.fetch_all(reader).await?;
        for octets in rows {
            let octets = octets.try_into().map_err(|_| Error::StoredRow { what: "digest" })?;
            found.push(Digest(octets));
        }
    }
    Ok(found)
}

/// Has what an application had prepared under these digests kept until then at most.
pub(crate) async fn shorten(
    tx: &mut Tx,
    client: &str,
    digests: &[Digest],
    until: Millis,
) -> Result<(), Error> {
    for digests in digests.chunks(TOGETHER) {
        // The text is made of constants and numbers alone.
        let sql = format!(
            "UPDATE signer_prepared SET expires_at = $1 WHERE client = $2 AND expires_at > $1 AND digest IN ({})",
            list(3, digests.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(until.0).bind(client.to_owned());
        for digest in digests {
            query = query.bind(digest.0.to_vec());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Erases so many rows whose time is over, and gives their applications the room back. Says how many.
pub(crate) async fn erase(tx: &mut Tx, now: Millis, most: i64) -> Result<usize, Error> {
    let erased: Vec<(String, i64)> = sqlx::query_as(
        "DELETE FROM signer_prepared WHERE (client, digest) IN (SELECT client, digest FROM signer_prepared \
         WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) \
         RETURNING client, CAST(LENGTH(document) AS BIGINT)",
    )
    .bind(now.0)
    .bind(most)
    .fetch_all(&mut *tx)
    .await?;
    let mut shares = std::collections::BTreeMap::new();
    for (client, octets) in &erased {
        *shares.entry(client.as_str()).or_insert(0) += octets;
    }
    for (client, octets) in shares {
        give_back(tx, client, octets).await?;
    }
    sqlx::query("DELETE FROM signer_prepared_share WHERE octets <= 0").execute(&mut *tx).await?;
    Ok(erased.len())
}

fn size(octets: usize) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    const MOST: u64 = 1_000;

    fn sample(client: &str, number: u8) -> PreparedRow {
        PreparedRow {
            client: client.to_owned(),
            digest: Digest([number; 32]),
            form: "fhir".to_owned(),
            author_at: Millis(1),
            signed_info: "<SignedInfo/>".to_owned(),
            document: vec![number; 100],
            prepared_at: Millis(1),
            expires_at: Millis(7_200_000),
        }
    }

    platform::both_engines! {
        /// Many are stored together where nothing is out of the ordinary; one that is there already, that comes twice, or for which there is no room, and none of
        /// them is.
        async fn many_are_stored_together(db: Db) {
            let store = async |rows: Vec<PreparedRow>| {
                db.write(move |tx| Box::pin(async move {
                    let all: Vec<&PreparedRow> = rows.iter().collect();
                    let done = insert_all(tx, &all, MOST).await?;
                    if done { Ok(()) } else { Err(Error::PreparedFull) }
                })).await.is_ok()
            };
            let count = async || -> (i64, i64) {
                let rows = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_prepared").fetch_one(db.read());
                let octets = "SELECT CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM signer_prepared_share";
                (rows.await.unwrap(), sqlx::query_scalar(octets).fetch_one(db.read()).await.unwrap())
            };
            assert!(store(vec![sample("practice", 1), sample("pharmacy", 1), sample("practice", 2)]).await);
            assert_eq!(count().await, (3, 300));
            assert!(!store(vec![sample("practice", 3), sample("practice", 2)]).await, "one is there");
            assert!(!store(vec![sample("practice", 3), sample("practice", 3)]).await, "one comes twice");
            assert!(!store((10..20).map(|number| sample("practice", number)).collect()).await, "there is no room");
            assert_eq!(count().await, (3, 300));
        }
    }

    platform::both_engines! {
        /// Of two documents with one digest the last is kept, and its octets count; one for which there is no room leaves the other as it is.
        async fn the_last_of_one_digest_is_kept(db: Db) {
            let store = async |client: &str, document: Vec<u8>, most: u64| {
                let row = PreparedRow { document, ..sample(client, 1) };
                db.write(move |tx| Box::pin(async move {
                    match insert(tx, &row, most).await? {
                        Kept::Full => Err(Error::PreparedFull),
                        kept => Ok(kept),
                    }
                })).await
            };
            let found = async |client: &str| {
                let row = by_digest(db.read(), client, &Digest([1; 32]), Millis(0)).await.unwrap().unwrap();
                let share = "SELECT octets FROM signer_prepared_share WHERE client = $1";
                let octets: i64 = sqlx::query_scalar(share).bind(client.to_owned()).fetch_one(db.read()).await.unwrap();
                (row.document, octets)
            };
            assert_eq!(store("practice", vec![1; 100], MOST).await.unwrap(), Kept::New);
            assert_eq!(store("pharmacy", vec![1; 100], MOST).await.unwrap(), Kept::New);
            for (octets, length) in [(2, 100), (3, 120), (4, 80)] {
                assert_eq!(store("practice", vec![octets; length], MOST).await.unwrap(), Kept::Before);
                assert_eq!(found("practice").await, (vec![octets; length], i64::try_from(length).unwrap()));
            }
            assert!(matches!(store("practice", vec![5; 81], 80).await, Err(Error::PreparedFull)));
            assert_eq!(store("practice", vec![6; 70], 60).await.unwrap(), Kept::Before, "fewer than there were");
            assert_eq!(found("practice").await, (vec![6; 70], 70));
            assert_eq!(found("pharmacy").await, (vec![1; 100], 100), "another's is another's");
        }
    }

    platform::both_engines! {
        /// What was decided about is kept until then and no longer, whatever is beside it; erased, it gives its application the room back.
        async fn what_was_decided_about_goes_sooner(db: Db) {
            let kept = db.write(|tx| Box::pin(async move {
                for row in [sample("practice", 1), sample("practice", 2), sample("pharmacy", 1)] {
                    insert(tx, &row, MOST).await?;
                }
                shorten(tx, "practice", &[Digest([1; 32]), Digest([9; 32])], Millis(1_000)).await?;
                // It never lengthens.
                shorten(tx, "practice", &[Digest([1; 32])], Millis(9_000_000)).await?;
                let many: Vec<Digest> = (0..=255).map(|number| Digest([number; 32])).collect();
                shorten(tx, "nobody", &many, Millis(1)).await?;
                assert_eq!(erase(tx, Millis(1_000), 10).await?, 1);
                Ok::<_, Error>(())
            }));
            kept.await.unwrap();
            let found = async |client: &str, number: u8| {
                by_digest(db.read(), client, &Digest([number; 32]), Millis(0)).await.unwrap().is_some()
            };
            assert!(!found("practice", 1).await && found("practice", 2).await && found("pharmacy", 1).await);
            let octets: i64 = sqlx::query_scalar("SELECT octets FROM signer_prepared_share WHERE client = 'practice'")
                .fetch_one(db.read()).await.unwrap();
            assert_eq!(octets, 100);
        }
    }
}
