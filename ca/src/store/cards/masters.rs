//! Which cards have keys from which master key: by the names of their keys, `aes-256 3.2` and `3.2` of master key 3.

use platform::db;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

use super::rows::{COLUMNS, Card, read_row};
use crate::cards::CardState;

/// Cards in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyCount {
    pub(crate) state: CardState,
    /// How many have keys from any master key.
    pub(crate) cards: i64,
    /// How many have one from another than that of now.
    pub(crate) left: i64,
}

/// A key from another master key than that of now, whose names begin as `$2` and `$3` say.
const IS_LEFT: &str =
    "((management <> 'factory' AND management NOT LIKE $2) OR (puk <> 'factory' AND puk NOT LIKE $3))";

/// How the names of keys from a master key begin.
fn names(master: u32) -> (String, String) {
    (format!("% {master}.%"), format!("{master}.%"))
}

/// The cards of an organisation that have keys, by their state.
pub(crate) async fn key_counts(
    read: &AnyPool,
    organisation: &str,
    master: u32,
) -> Result<Vec<KeyCount>, db::Error> {
    let (management, puk) = names(master);
    let sql = format!(
        "SELECT state, CAST(COUNT(*) AS BIGINT) AS cards, CAST(SUM(CASE WHEN {IS_LEFT} THEN 1 ELSE 0 END) AS BIGINT) AS waiting \
         FROM ca_card WHERE organisation = $1 AND state <> 'destroyed' AND (management <> 'factory' OR puk <> 'factory') \
         GROUP BY state ORDER BY state"
    );
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(organisation).bind(management).bind(puk).fetch_all(read).await?;
    rows.iter()
        .map(|row| {
            let state: String = row.try_get("state")?;
            Ok(KeyCount {
                state: state
                    .parse::<CardState>()
                    .map_err(|error| db::Error::corrupt("ca_card.state", error))?,
                cards: row.try_get("cards")?,
                left: row.try_get("waiting")?,
            })
        })
        .collect()
}

/// The cards of an organisation that have a key from another master key, behind a mark.
pub(crate) async fn of_other_masters(
    read: &AnyPool,
    organisation: &str,
    master: u32,
    after: &str,
    limit: i64,
) -> Result<Vec<Card>, db::Error> {
    let (management, puk) = names(master);
    let sql = format!(
        "SELECT {COLUMNS} FROM ca_card WHERE organisation = $1 AND state <> 'destroyed' AND {IS_LEFT} AND card_id > $4 \
         ORDER BY card_id LIMIT $5"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(organisation).bind(management).bind(puk);
    let rows = query.bind(after).bind(limit).fetch_all(read).await?;
    rows.iter().map(read_row).collect()
}
