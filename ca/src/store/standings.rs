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
const CHANGES: &str = "SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) AS changes FROM ca_scope";

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

/// What was seen at one moment; with more serials than a statement names, the rows may be newer than the count.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The count of changes.
    pub(crate) changes: i64,
    /// By serial; a row that cannot be read is `None`, which is no reason to leave its neighbours without an answer.
    rows: HashMap<Serial, Option<Row>>,
}

impl Seen {
    /// The row of a serial that was asked for, if there is one.
    pub(crate) fn row(&self, serial: &Serial) -> Result<Option<&Row>, db::Error> {
        match self.rows.get(serial) {
            None => Ok(None),
            Some(Some(row)) => Ok(Some(row)),
            Some(None) => Err(db::Error::corrupt("ca_certificate", serial)),
        }
    }
}

/// The count of changes and where these serials stand, read in one statement.
pub(crate) async fn look(read: &AnyPool, serials: &[Serial]) -> Result<Seen, db::Error> {
    let mut groups = serials.chunks(SIZES[SIZES.len() - 1]);
    let first = rows(read, groups.next().unwrap_or_default()).await?;
    let changes = first.first().map_or(Ok(0), |row| row.try_get("changes"))?;
    let mut seen = Seen { changes, rows: HashMap::with_capacity(serials.len()) };
    seen.take(&first)?;
    for group in groups {
        seen.take(&rows(read, group).await?)?;
    }
    Ok(seen)
}

/// The count beside each row that there is, and by itself where there is none.
async fn rows(read: &AnyPool, group: &[Serial]) -> Result<Vec<AnyRow>, db::Error> {
    let Some(last) = group.last() else { return Ok(sqlx::query(CHANGES).fetch_all(read).await?) };
    let size = SIZES.into_iter().find(|size| group.len() <= *size).unwrap_or(group.len());
    let places: Vec<String> = (1..=size).map(|number| format!("${number}")).collect();
    // The text is made of constants and numbers alone.
    let mut query = sqlx::query(AssertSqlSafe(format!(
        "SELECT counted.changes, found.serial, found.issuer, found.state, found.revoked_at, found.reason, \
         found.invalidity_at \
         FROM ({CHANGES}) AS counted LEFT JOIN ca_certificate AS found ON found.serial IN ({})",
        places.join(", ")
    )));
    // The last one fills what is left: asking twice finds it once.
    for serial in group.iter().chain(std::iter::repeat(last)).take(size) {
        query = query.bind(serial.to_string());
    }
    Ok(query.fetch_all(read).await?)
}

impl Seen {
    fn take(&mut self, rows: &[AnyRow]) -> Result<(), db::Error> {
        for row in rows.iter().filter(|row| row.len() > 1) {
            // Absent beside a count that stands by itself.
            if row.try_get::<Option<&str>, _>("serial")?.is_none() {
                continue;
            }
            let serial = certificates::serial(row)?;
            let read = read(row).inspect_err(|error| {
                tracing::error!(%serial, %error, "the row of certificate {serial} cannot be read: {error}");
            });
            self.rows.insert(serial, read.ok());
        }
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<Row, db::Error> {
    Ok(Row { issuer: row.try_get("issuer")?, standing: standing(row)? })
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
