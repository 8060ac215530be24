//! What an OCSP answer and a signature need of `ca_certificate` and `ca_scope`, and no more.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use platform::clock::Millis;
use platform::db::rows::list;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::certificates::{Revocation, State, told};
use super::{millis, reason};
use crate::api::Reason;
use crate::ocsp::Standing;
use crate::serial::Serial;

/// How many serials a statement may name: few sizes, so that few statements are prepared and kept.
const SIZES: [usize; 7] = [1, 4, 8, 16, 24, 32, 64];

/// How often anything was revoked, held, resumed or abandoned, over all scopes of all issuers. It never falls.
const CHANGES: &str = "SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) AS changes FROM ca_scope";

/// By size, each made once.
static STATEMENTS: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| SIZES.map(statement));

/// The count, and beside it all rows as one text, `;` between rows and `,` between fields, which neither serials nor ids nor
/// states contain: a row by itself is a hand-over between threads by itself.
fn statement(size: usize) -> String {
    format!(
        "SELECT ({CHANGES}) AS changes, \
         (SELECT string_agg(serial || ',' || issuer || ',' || state || ',' || COALESCE(CAST(revoked_at AS TEXT), '') || ',' \
            || COALESCE(CAST(reason AS TEXT), '') || ',' || COALESCE(CAST(invalidity_at AS TEXT), ''), ';') \
          FROM ca_certificate WHERE serial IN ({})) AS found",
        list(1, size)
    )
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
    let Some(first) = groups.next() else {
        let changes = sqlx::query(CHANGES).fetch_one(read).await?.try_get("changes")?;
        return Ok(Seen { changes, rows: HashMap::new() });
    };
    let first = ask(read, first).await?;
    let rows = HashMap::with_capacity(serials.len());
    let mut seen = Seen { changes: first.try_get("changes")?, rows };
    seen.take(first.try_get("found")?)?;
    for group in groups {
        seen.take(ask(read, group).await?.try_get("found")?)?;
    }
    Ok(seen)
}

async fn ask(read: &AnyPool, group: &[Serial]) -> Result<AnyRow, db::Error> {
    let place = SIZES.iter().position(|size| group.len() <= *size).unwrap_or(SIZES.len() - 1);
    let mut query = sqlx::query(STATEMENTS[place].as_str());
    // The last one fills what is left: asking twice finds it once.
    for serial in group.iter().chain(group.last().into_iter().cycle()).take(SIZES[place]) {
        query = query.bind(serial.to_string());
    }
    Ok(query.fetch_one(read).await?)
}

impl Seen {
    /// Takes in rows in the form of [`statement`]; where there is none there is no text.
    fn take(&mut self, found: Option<&str>) -> Result<(), db::Error> {
        for row in found.into_iter().flat_map(|found| found.split(';')) {
            let (serial, rest) = row.split_once(',').unwrap_or((row, ""));
            let serial =
                Serial::parse(serial).ok_or_else(|| db::Error::corrupt("ca_certificate.serial", serial))?;
            let read = read(rest).inspect_err(|error| {
                tracing::error!(%serial, %error, "the row of certificate {serial} cannot be read: {error}");
            });
            self.rows.insert(serial, read.ok());
        }
        Ok(())
    }
}

fn read(fields: &str) -> Result<Row, db::Error> {
    let corrupt = || db::Error::corrupt("ca_certificate", fields);
    let fields: Vec<&str> = fields.split(',').collect();
    let [issuer, state, revoked_at, reason, invalidity_at] = fields[..] else { return Err(corrupt()) };
    let number =
        |text: &str| (!text.is_empty()).then(|| text.parse::<i64>().map_err(|_| corrupt())).transpose();
    let standing = standing(state, number(revoked_at)?, number(reason)?, number(invalidity_at)?)?;
    Ok(Row { issuer: issuer.to_owned(), standing })
}

fn standing(
    state: &str,
    revoked_at: Option<i64>,
    code: Option<i64>,
    invalidity_at: Option<i64>,
) -> Result<Standing, db::Error> {
    // What was dropped was never signed, and what is in flight has not left yet.
    if !matches!(State::parse(state)?, State::Issued | State::Abandoned) {
        return Ok(Standing::NeverIssued);
    }
    let Some(revoked_at) = revoked_at else { return Ok(Standing::Good) };
    Ok(Standing::Revoked(Revocation {
        revoked_at: Millis(revoked_at),
        reason: reason(code)?.unwrap_or(Reason::Unspecified),
        invalidity_date: told(millis(invalidity_at)),
    }))
}

/// How many serials one statement asks for: few sizes, so that few statements are prepared and kept.
const SERIALS: [usize; 3] = [1, 4, 16];
/// The largest.
const MOST_SERIALS: usize = 16;

/// Which of these certificates are neither revoked nor on hold, by serial in our own hexadecimal; their validity in time is
/// not looked at.
///
/// Asked in the transaction of what is done with them, so that a revocation which was answered before is seen, whichever
/// process made it. For modules that share the authority's database.
pub async fn in_force(tx: &mut Tx, serials: &[&str]) -> Result<HashSet<String>, db::Error> {
    let mut found = HashSet::with_capacity(serials.len());
    let mut rest = serials;
    while !rest.is_empty() {
        let size = SERIALS.into_iter().find(|size| rest.len() <= *size).unwrap_or(MOST_SERIALS);
        let (now, later) = rest.split_at(size.min(rest.len()));
        // The text is made of constants and numbers alone.
        let sql = format!(
            "SELECT serial FROM ca_certificate WHERE state = 'issued' AND revoked_at IS NULL AND serial IN ({})",
            list(1, size)
        );
        // The last fills what is left of the size: that is less than another statement.
        let filled = now.iter().chain(now.last().into_iter().cycle()).take(size);
        let query = filled.fold(sqlx::query_scalar(AssertSqlSafe(sql)), |query, serial| query.bind(*serial));
        let rows: Vec<String> = query.fetch_all(&mut *tx).await?;
        found.extend(rows);
        rest = later;
    }
    Ok(found)
}
