//! Rows of `signer_time_stamp_unit`: who signs time-stamps; and of `signer_counter`.

use platform::clock::Millis;
use platform::db::Tx;

use super::Reader;
use crate::error::Error;

/// The counter of processes that give time-stamps.
const SERIES: &str = "time-stamp-series";

/// A unit as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct UnitRow {
    pub(crate) generation: i64,
    pub(crate) key_label: String,
    pub(crate) serial: String,
    pub(crate) certificate: Vec<u8>,
    /// Issuing certificate first, root last; base64.
    pub(crate) chain: Vec<String>,
}

type Columns = (i64, String, String, Vec<u8>, String);

/// Stores a unit; `false` if another process has stored this generation.
pub(crate) async fn insert(tx: &mut Tx, row: &UnitRow, now: Millis) -> Result<bool, Error> {
    let chain = serde_json::to_string(&row.chain).map_err(|_| Error::StoredRow { what: "chain" })?;
    let done = sqlx::query(
        "INSERT INTO signer_time_stamp_unit (generation, key_label, serial, certificate, chain, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (generation) DO NOTHING",
    )
    .bind(row.generation)
    .bind(&row.key_label)
    .bind(&row.serial)
    .bind(row.certificate.as_slice())
    .bind(chain)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The newest unit.
pub(crate) async fn newest<'c>(reader: impl Reader<'c>) -> Result<Option<UnitRow>, Error> {
    let row: Option<Columns> = sqlx::query_as(
        "SELECT generation, key_label, serial, certificate, chain FROM signer_time_stamp_unit \
         ORDER BY generation DESC LIMIT 1",
    )
    .fetch_optional(reader)
    .await?;
    row.map(read).transpose()
}

/// The oldest former units whose keys may still be in the token.
pub(crate) async fn former<'c>(reader: impl Reader<'c>, newest: i64) -> Result<Vec<UnitRow>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT generation, key_label, serial, certificate, chain FROM signer_time_stamp_unit \
         WHERE generation < $1 AND key_destroyed_at IS NULL ORDER BY generation LIMIT 16",
    )
    .bind(newest)
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(read).collect()
}

/// Keeps that a unit's key is destroyed; `false` if that is known already.
pub(crate) async fn mark_destroyed(tx: &mut Tx, generation: i64, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE signer_time_stamp_unit SET key_destroyed_at = $1 WHERE generation = $2 AND key_destroyed_at IS NULL",
    )
    .bind(now.0)
    .bind(generation)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The next number of a process that gives time-stamps: no other has it, and none gets it later.
pub(crate) async fn next_series(tx: &mut Tx) -> Result<u32, Error> {
    let (number,): (i64,) = sqlx::query_as(
        "INSERT INTO signer_counter (name, number) VALUES ($1, 1) \
         ON CONFLICT (name) DO UPDATE SET number = signer_counter.number + 1 RETURNING number",
    )
    .bind(SERIES)
    .fetch_one(&mut *tx)
    .await?;
    u32::try_from(number).map_err(|_| Error::StoredRow { what: "counter" })
}

fn read((generation, key_label, serial, certificate, chain): Columns) -> Result<UnitRow, Error> {
    let chain = serde_json::from_str(&chain).map_err(|_| Error::StoredRow { what: "chain" })?;
    Ok(UnitRow { generation, key_label, serial, certificate, chain })
}
