//! Export: the entries as JSON lines, and as OpenTelemetry logs.

pub mod otlp;

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::api::Entry;
use crate::canonical;
use crate::error::Error;
use crate::log::Log;
use crate::store::entries::{EntryRow, entries_from};

/// How many entries are read at once.
pub(crate) const PAGE: u32 = 500;

/// Up to `limit` entries behind `after`, of those that the tree of `size` leaves covers.
pub(crate) async fn page(
    log: &Log,
    log_epoch: u64,
    after: Option<u64>,
    size: u64,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let from = after.map_or(0, |after| after.saturating_add(1));
    let rows = entries_from(log.shared.db.read(), log_epoch, from, size, i64::from(limit)).await?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: EntryRow) -> Result<Entry, Error> {
    let record =
        serde_json::from_slice(&row.body).map_err(|_| Error::Corrupt { what: "audit_event.body" })?;
    Ok(Entry { position: row.position, salt: BASE64_STANDARD.encode(row.salt), record })
}

/// Write the entries behind `after` that are in the signed tree, one canonical JSON object a line. Returns the
/// cursor: the position of the last one, to be given as `after` next time.
pub async fn json_lines(log: &Log, after: Option<u64>, mut out: impl Write) -> Result<Option<u64>, Error> {
    let log_epoch = log.current().log_epoch;
    let size = log.signed_head(log_epoch).await?.size;
    let mut cursor = after;
    loop {
        let entries = page(log, log_epoch, cursor, size, PAGE).await?;
        let Some(last) = entries.last() else { return Ok(cursor) };
        cursor = Some(last.position);
        for entry in &entries {
            out.write_all(&line(entry)?).map_err(Error::Sink)?;
        }
    }
}

/// One entry as a line.
pub(crate) fn line(entry: &Entry) -> Result<Vec<u8>, Error> {
    let mut line = canonical::bytes(entry).map_err(|_| Error::Corrupt { what: "audit_event.body" })?;
    line.push(b'\n');
    Ok(line)
}
