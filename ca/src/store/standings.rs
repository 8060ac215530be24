//! What an OCSP answer and a signature need of `ca_certificate` and `ca_scope`, and no more.

use std::collections::{HashMap, HashSet};

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::certificates::{self, Revocation, State};
use super::{millis, reason};
use crate::api::Reason;
use crate::ocsp::Standing;
use crate::serial::Serial;

/// How many serials a statement may name: few sizes, so that few statements are prepared and kept.
const SIZES: [usize; 3] = [1, 8, 64];

/// How often anything was revoked, held, resumed or abandoned, over all scopes of all issuers. It never falls.
pub(crate) async fn changes(read: &AnyPool) -> Result<i64, db::Error> {
    let row = sqlx::query("SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) AS changes FROM ca_scope")
        .fetch_one(read)
        .await?;
    Ok(row.try_get("changes")?)
}

/// Where a serial stands with the issuer it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    issuer: String,
    standing: Standing,
}

impl Row {
    /// Where it stands for who asks about this issuer.
    pub(crate) fn of(&self, issuer: &str) -> Standing {
        if self.issuer == issuer { self.standing } else { Standing::NeverIssued }
    }
}

/// Where serials stand now. Those without a row are absent.
pub(crate) async fn rows(read: &AnyPool, serials: &[Serial]) -> Result<HashMap<Serial, Row>, db::Error> {
    let mut found = HashMap::with_capacity(serials.len());
    for group in serials.chunks(SIZES[SIZES.len() - 1]) {
        let size = SIZES.into_iter().find(|size| group.len() <= *size).unwrap_or(group.len());
        let places: Vec<String> = (1..=size).map(|number| format!("${number}")).collect();
        let mut query = sqlx::query(AssertSqlSafe(format!(
            "SELECT serial, issuer, state, revoked_at, reason, invalidity_at FROM ca_certificate WHERE serial IN ({})",
            places.join(", ")
        )));
        // The last one fills what is left: asking twice finds it once.
        let last = group.last().into_iter().cycle();
        for serial in group.iter().chain(last).take(size) {
            query = query.bind(serial.to_string());
        }
        for row in query.fetch_all(read).await? {
            found.insert(
                certificates::serial(&row)?,
                Row { issuer: row.try_get("issuer")?, standing: standing(&row)? },
            );
        }
    }
    Ok(found)
}

fn standing(row: &AnyRow) -> Result<Standing, db::Error> {
    // What was dropped was never signed, and what is in flight has not left yet.
    if !matches!(State::parse(row.try_get("state")?)?, State::Issued | State::Abandoned) {
        return Ok(Standing::NeverIssued);
    }
    let Some(revoked_at) = row.try_get::<Option<i64>, _>("revoked_at")? else { return Ok(Standing::Good) };
    Ok(Standing::Revoked(Revocation {
        revoked_at: Millis(revoked_at),
        reason: reason(row.try_get("reason")?)?.unwrap_or(Reason::Unspecified),
        invalidity_date: millis(row.try_get("invalidity_at")?),
    }))
}

/// How many serials one statement asks for: few sizes, so that few statements are prepared and kept.
const SERIALS: [usize; 3] = [16, 4, 1];

/// Which of these certificates are neither revoked nor on hold, by serial in our own hexadecimal; their validity in time is
/// not looked at.
///
/// Asked in the transaction of what is done with them, so that a revocation which was answered before is seen, whichever
/// process made it. For modules that share the authority's database.
pub async fn in_force(tx: &mut Tx, serials: &[&str]) -> Result<HashSet<String>, db::Error> {
    let mut found = HashSet::with_capacity(serials.len());
    let mut rest = serials;
    while !rest.is_empty() {
        let size = SERIALS.into_iter().find(|size| *size <= rest.len()).unwrap_or(1);
        let (now, later) = rest.split_at(size);
        let places: Vec<String> = (1..=size).map(|place| format!("${place}")).collect();
        // The text is made of constants and numbers alone.
        let sql = format!(
            "SELECT serial FROM ca_certificate WHERE state = 'issued' AND revoked_at IS NULL AND serial IN ({})",
            places.join(", ")
        );
        let query =
            now.iter().fold(sqlx::query_scalar(AssertSqlSafe(sql)), |query, serial| query.bind(*serial));
        let rows: Vec<String> = query.fetch_all(&mut *tx).await?;
        found.extend(rows);
        rest = later;
    }
    Ok(found)
}
