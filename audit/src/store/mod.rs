//! All SQL of the audit record. Times are milliseconds, hashes are octets, sizes are BIGINT.

pub(crate) mod checkpoints;
pub(crate) mod cursor;
pub(crate) mod entries;
pub(crate) mod events;
pub(crate) mod log;
pub(crate) mod tiles;

/// A count as the database keeps it. Sizes and positions stay below 2^63 because each one is a stored row.
pub(crate) fn to_db(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count read back; the columns never hold a negative one.
pub(crate) fn from_db(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
