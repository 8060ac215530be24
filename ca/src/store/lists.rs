//! `ca_list`, `ca_list_part`: signed revocation lists, and the entries of the next.

use platform::clock::Millis;
use platform::db::{self, Db, Engine, Tx};
use sqlx::any::{Any, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::{AnyPool, Row as _, raw_sql};

use super::certificates::told;
use super::{millis, reason};
use crate::api::Reason;
use crate::crl::Kind;
use crate::crl::list::{Cause, Entry, FIRST_OF_2050};
use crate::serial::Serial;

/// How many lists of a kind are kept in each scope.
const KEPT: i64 = 5;

/// Which list this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListId {
    pub(crate) issuer: String,
    pub(crate) shard: i64,
    pub(crate) kind: Kind,
    pub(crate) number: i64,
}

/// A signed list without its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredList {
    pub(crate) id: ListId,
    /// The complete list a delta list goes back to.
    pub(crate) base: Option<i64>,
    pub(crate) this_update: Millis,
    pub(crate) next_update: Millis,
    pub(crate) entries: i64,
    pub(crate) size: i64,
}

/// Stores one part of a list that is being made; nobody sees it before [`insert`].
pub(crate) async fn insert_part(tx: &mut Tx, id: &ListId, part: i64, octets: &[u8]) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_list_part (issuer, shard, kind, number, part, octets) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.issuer.as_str())
    .bind(id.shard)
    .bind(id.kind.as_str())
    .bind(id.number)
    .bind(part)
    .bind(octets)
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores a list whose parts are all there, and drops the lists that are too old to keep and parts that belong to none.
pub(crate) async fn insert(tx: &mut Tx, list: &StoredList) -> Result<(), db::Error> {
    let ListId { issuer, shard, kind, number } = &list.id;
    sqlx::query(
        "INSERT INTO ca_list (issuer, shard, kind, number, base, this_update, next_update, entries, size) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(issuer.as_str())
    .bind(shard)
    .bind(kind.as_str())
    .bind(number)
    .bind(list.base)
    .bind(list.this_update.0)
    .bind(list.next_update.0)
    .bind(list.entries)
    .bind(list.size)
    .execute(&mut *tx)
    .await?;
    let row = sqlx::query(
        "SELECT MIN(number) AS oldest FROM (SELECT number FROM ca_list \
         WHERE issuer = $1 AND shard = $2 AND kind = $3 ORDER BY number DESC LIMIT $4) AS kept",
    )
    .bind(issuer.as_str())
    .bind(shard)
    .bind(kind.as_str())
    .bind(KEPT)
    .fetch_one(&mut *tx)
    .await?;
    let oldest: i64 = row.try_get("oldest")?;
    for delete in [
        "DELETE FROM ca_list WHERE issuer = $1 AND shard = $2 AND kind = $3 AND number < $4",
        "DELETE FROM ca_list_part WHERE issuer = $1 AND shard = $2 AND kind = $3 AND number < $4",
    ] {
        let query = sqlx::query(delete).bind(issuer.as_str()).bind(shard).bind(kind.as_str()).bind(oldest);
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// The newest list of a kind in a scope.
pub(crate) async fn newest(
    read: &AnyPool,
    issuer: &str,
    shard: i64,
    kind: Kind,
) -> Result<Option<StoredList>, db::Error> {
    let row = sqlx::query(
        "SELECT number, base, this_update, next_update, entries, size FROM ca_list \
         WHERE issuer = $1 AND shard = $2 AND kind = $3 ORDER BY number DESC LIMIT 1",
    )
    .bind(issuer)
    .bind(shard)
    .bind(kind.as_str())
    .fetch_optional(read)
    .await?;
    row.map(|row| {
        Ok(StoredList {
            id: ListId { issuer: issuer.to_owned(), shard, kind, number: row.try_get("number")? },
            base: row.try_get("base")?,
            this_update: Millis(row.try_get("this_update")?),
            next_update: Millis(row.try_get("next_update")?),
            entries: row.try_get("entries")?,
            size: row.try_get("size")?,
        })
    })
    .transpose()
}

/// The newest list of each kind in every scope, and until when it holds.
pub(crate) async fn every_newest(read: &AnyPool) -> Result<Vec<(ListId, Millis)>, db::Error> {
    let rows = sqlx::query(
        "SELECT l.issuer, l.shard, l.kind, l.number, l.next_update FROM ca_list l \
         JOIN ca_scope s ON s.issuer = l.issuer AND s.shard = l.shard \
         WHERE (l.kind = 'complete' AND l.number = s.complete_number) \
            OR (l.kind = 'delta' AND l.number = s.delta_number) ORDER BY l.issuer, l.shard, l.kind",
    )
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            let kind: &str = row.try_get("kind")?;
            let kind = if kind == Kind::Delta.as_str() { Kind::Delta } else { Kind::Complete };
            let (issuer, shard, number) =
                (row.try_get("issuer")?, row.try_get("shard")?, row.try_get("number")?);
            Ok((ListId { issuer, shard, kind, number }, Millis(row.try_get("next_update")?)))
        })
        .collect()
}

/// The part after this one, with its number; the first is after -1.
pub(crate) async fn part_after(
    read: &AnyPool,
    id: &ListId,
    part: i64,
) -> Result<Option<(i64, Vec<u8>)>, db::Error> {
    let row = sqlx::query(
        "SELECT part, octets FROM ca_list_part \
         WHERE issuer = $1 AND shard = $2 AND kind = $3 AND number = $4 AND part > $5 ORDER BY part LIMIT 1",
    )
    .bind(id.issuer.as_str())
    .bind(id.shard)
    .bind(id.kind.as_str())
    .bind(id.number)
    .bind(part)
    .fetch_optional(read)
    .await?;
    row.map(|row| Ok((row.try_get("part")?, row.try_get("octets")?))).transpose()
}

/// Which certificates a list made now names.
///
/// RFC 5280 3.3: a certificate stays until one list made after its end has carried it, so those that ended since
/// `ended_after`, when the list before was made, are still there.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) issuer: String,
    pub(crate) shard: i64,
    pub(crate) ended_after: Millis,
    /// For a delta list: the changes that its base knows.
    pub(crate) changed_after: Option<i64>,
    /// When the list is made. A clock a little ahead of ours may have written a row.
    pub(crate) now: Millis,
}

/// Entries of one moment: what is written meanwhile is not seen.
pub(crate) struct Reading {
    connection: PoolConnection<Any>,
    selection: Selection,
}

/// How many entries of a shape there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) count: i64,
    pub(crate) example: Entry,
}

impl Selection {
    /// Opens a view of this moment.
    pub(crate) async fn open(self, db: &Db) -> Result<Reading, db::Error> {
        let mut connection = db.read().acquire().await?;
        // Whatever happens, the open transaction does not go back into the pool.
        connection.close_on_drop();
        let begin = match db.engine() {
            Engine::Sqlite => "BEGIN",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        };
        raw_sql(begin).execute(&mut *connection).await?;
        Ok(Reading { connection, selection: self })
    }

    /// Which rows, without their bounds. The plus keeps SQLite from walking every certificate of the issuer by its end,
    /// where an index has those that a list names.
    fn rows(&self) -> &'static str {
        match self.changed_after {
            None => "issuer = $1 AND shard = $2 AND revoked_at IS NOT NULL AND +not_after >= $3 AND $4 = $4",
            Some(_) => {
                "issuer = $1 AND shard = $2 AND changed IS NOT NULL AND changed > $4 AND +not_after >= $3"
            }
        }
    }
}

impl Reading {
    /// Names other certificates of the same moment.
    pub(crate) fn select(&mut self, changed_after: Option<i64>) {
        self.selection.changed_after = changed_after;
    }

    /// How many entries of each shape there are: their lengths are known by them before any entry is read.
    pub(crate) async fn shapes(&mut self) -> Result<Vec<Shape>, db::Error> {
        let Selection { issuer, shard, ended_after, changed_after, .. } = &self.selection;
        // Put together from constants only.
        let query = sqlx::AssertSqlSafe(format!(
            "SELECT CAST(COUNT(*) AS BIGINT) AS count, late, reason, dated FROM ( \
               SELECT CAST(CASE WHEN revoked_at >= {FIRST_OF_2050} THEN {FIRST_OF_2050} WHEN revoked_at IS NULL THEN NULL ELSE 0 END AS BIGINT) AS late, \
                 CAST(CASE WHEN reason = 0 THEN 0 WHEN reason IS NULL THEN NULL ELSE 1 END AS BIGINT) AS reason, \
                 CAST(CASE WHEN invalidity_at IS NULL THEN NULL ELSE 0 END AS BIGINT) AS dated \
               FROM ca_certificate WHERE {} \
             ) AS listed GROUP BY late, reason, dated",
            self.selection.rows()
        ));
        let query = sqlx::query(query)
            .bind(issuer.as_str())
            .bind(shard)
            .bind(ended_after.0)
            .bind(changed_after.unwrap_or(0));
        let rows = query.fetch_all(&mut *self.connection).await?;
        let now = self.selection.now;
        let shape = |row: &AnyRow| {
            let why = reason(row.try_get("reason")?)?;
            let (late, dated) = (millis(row.try_get("late")?), millis(row.try_get("dated")?));
            // Every serial is as long as this one.
            let example = entry(Serial::EXAMPLE, late, why, dated, now);
            Ok(Shape { count: row.try_get("count")?, example })
        };
        rows.iter().map(shape).collect()
    }

    /// So many entries after this serial, in the order of serials.
    ///
    /// They come as one text: a million rows, each handed over by itself, cost more than all else that a list needs.
    pub(crate) async fn page(&mut self, after: &str, limit: i64) -> Result<Vec<Entry>, db::Error> {
        let Selection { issuer, shard, ended_after, changed_after, .. } = &self.selection;
        let query = sqlx::AssertSqlSafe(format!(
            "SELECT string_agg(entry, ',') AS entries FROM ( \
               SELECT serial || ' ' || COALESCE(CAST(revoked_at AS TEXT), '') || ' ' || \
                 COALESCE(CAST(reason AS TEXT), '') || ' ' || COALESCE(CAST(invalidity_at AS TEXT), '') AS entry \
               FROM ca_certificate WHERE {} AND serial > $5 ORDER BY serial LIMIT $6 \
             ) AS page",
            self.selection.rows()
        ));
        let query = sqlx::query(query)
            .bind(issuer.as_str())
            .bind(shard)
            .bind(ended_after.0)
            .bind(changed_after.unwrap_or(0));
        let row = query.bind(after).bind(limit).fetch_one(&mut *self.connection).await?;
        let text: Option<String> = row.try_get("entries")?;
        let entries = text.iter().flat_map(|text| text.split(','));
        let mut entries: Vec<Entry> =
            entries.map(|text| read(text, self.selection.now)).collect::<Result<_, _>>()?;
        // An aggregate promises no order; it is the order of serials, and costs nothing then.
        entries.sort_unstable_by_key(|entry| entry.serial);
        Ok(entries)
    }
}

/// Reads a serial, when and why it was revoked, and since when it is invalid, with blanks between.
fn read(text: &str, now: Millis) -> Result<Entry, db::Error> {
    let corrupt = || db::Error::corrupt("ca_certificate", text);
    let parts: Vec<&str> = text.split(' ').collect();
    let [serial, at, why, since] = parts.as_slice() else { return Err(corrupt()) };
    let number =
        |text: &str| (!text.is_empty()).then(|| text.parse::<i64>()).transpose().map_err(|_| corrupt());
    let serial = Serial::parse(serial).ok_or_else(corrupt)?;
    Ok(entry(serial, millis(number(at)?), reason(number(why)?)?, millis(number(since)?), now))
}

fn entry(
    serial: Serial,
    revoked_at: Option<Millis>,
    why: Option<Reason>,
    invalidity_date: Option<Millis>,
    now: Millis,
) -> Entry {
    match revoked_at {
        Some(revoked_at) => Entry {
            serial,
            revoked_at: revoked_at.min(now),
            cause: Cause::Revoked(why.unwrap_or(Reason::Unspecified)),
            invalidity_date: told(invalidity_date),
        },
        // Its hold was lifted: RFC 5280 5.3.1, removeFromCRL.
        None => Entry { serial, revoked_at: now, cause: Cause::Resumed, invalidity_date: None },
    }
}
