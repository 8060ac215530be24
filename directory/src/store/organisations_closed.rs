//! Organisations that are closed while positions are open there.

use platform::db::Tx;
use platform::id::OdsCode;
use sqlx::AssertSqlSafe;

use super::{list, read};
use crate::day::Day;
use crate::error::Error;
use crate::organisation::Closed;

/// Which organisations are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    /// These, whether they are closed or not.
    These(&'a [OdsCode]),
    /// Those that are closed.
    Closed,
}

/// An open position in the organisation or that gives something there.
const THERE: &str = "SELECT p.position_id FROM directory_position p WHERE p.organisation = o.ods AND p.state = 'open' \
                     UNION SELECT q.position_id FROM directory_access_profile f JOIN directory_position q \
                     ON q.position_id = f.position_id AND q.state = 'open' \
                     WHERE f.organisation = o.ods AND f.removed_at IS NULL";

/// Those in which something is open, by their codes, without those that follow them.
pub(crate) async fn left_open(tx: &mut Tx, of: Of<'_>, today: Day, most: u32) -> Result<Vec<Closed>, Error> {
    let (which, codes) = match of {
        Of::These(codes) => (format!("o.ods IN ({})", list(3, codes.len())), codes),
        Of::Closed => ("o.status = 'inactive'".to_owned(), &[][..]),
    };
    // The last day stands in an expression, so that SQLite does not go along those of everybody.
    let text = format!(
        "SELECT o.ods, o.name, (SELECT CAST(COUNT(*) AS BIGINT) FROM ({THERE}) there), \
         (SELECT CAST(COUNT(*) AS BIGINT) FROM directory_assignment a WHERE a.organisation = o.ods \
          AND a.state = 'live' AND COALESCE(a.to_day, '9999-12-31') >= $1) \
         FROM directory_organisation o WHERE {which} AND EXISTS ({THERE}) ORDER BY o.ods LIMIT $2"
    );
    // Made of our own words and numbers only.
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(today.to_string()).bind(i64::from(most));
    for code in codes {
        query = query.bind(code.as_str().to_owned());
    }
    let rows: Vec<(String, String, i64, i64)> = query.fetch_all(&mut *tx).await?;
    rows.into_iter()
        .map(|(ods, name, positions, assignments)| {
            Ok(Closed {
                organisation: read("directory_organisation.ods", &ods)?,
                name,
                successors: Vec::new(),
                positions: u64::try_from(positions).unwrap_or(0),
                assignments: u64::try_from(assignments).unwrap_or(0),
            })
        })
        .collect()
}
