//! `ca_card_print`: faces that are printed on cards.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

/// What became of a face that is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrintRow {
    pub(crate) print_id: String,
    pub(crate) card_id: String,
    /// `printing`, `printed` or `failed`.
    pub(crate) state: String,
    /// Why it failed.
    pub(crate) words: Option<String>,
    /// Who had it printed.
    pub(crate) subject: String,
    pub(crate) begun_at: Millis,
    pub(crate) ended_at: Option<Millis>,
}

/// Stores a print that begins; false if the card has one that goes on.
pub(crate) async fn insert_print(tx: &mut Tx, print: &PrintRow) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "INSERT INTO ca_card_print (print_id, card_id, state, subject, begun_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
    )
    .bind(print.print_id.as_str())
    .bind(print.card_id.as_str())
    .bind(print.state.as_str())
    .bind(print.subject.as_str())
    .bind(print.begun_at.0)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One print of a card.
pub(crate) async fn print(read: &AnyPool, card: &str, id: &str) -> Result<Option<PrintRow>, db::Error> {
    let row = sqlx::query(
        "SELECT print_id, card_id, state, words, subject, begun_at, ended_at FROM ca_card_print \
         WHERE print_id = $1 AND card_id = $2",
    )
    .bind(id)
    .bind(card)
    .fetch_optional(read)
    .await?;
    row.as_ref().map(read_row).transpose()
}

/// Prints that go on and were begun before a time.
pub(crate) async fn prints_from_before(
    read: &AnyPool,
    before: Millis,
    most: i64,
) -> Result<Vec<PrintRow>, db::Error> {
    let rows = sqlx::query(
        "SELECT print_id, card_id, state, words, subject, begun_at, ended_at FROM ca_card_print \
         WHERE state = 'printing' AND begun_at < $1 ORDER BY begun_at LIMIT $2",
    )
    .bind(before.0)
    .bind(most)
    .fetch_all(read)
    .await?;
    rows.iter().map(read_row).collect()
}

/// Writes how a print ended; false if that is written already.
pub(crate) async fn end_print(
    tx: &mut Tx,
    id: &str,
    (state, words): (&str, Option<&str>),
    now: Millis,
) -> Result<bool, db::Error> {
    let done = sqlx::query(
        "UPDATE ca_card_print SET state = $1, words = $2, ended_at = $3 WHERE print_id = $4 AND state = 'printing'",
    )
    .bind(state)
    .bind(words)
    .bind(now.0)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn read_row(row: &AnyRow) -> Result<PrintRow, db::Error> {
    Ok(PrintRow {
        print_id: row.try_get("print_id")?,
        card_id: row.try_get("card_id")?,
        state: row.try_get("state")?,
        words: row.try_get("words")?,
        subject: row.try_get("subject")?,
        begun_at: Millis(row.try_get("begun_at")?),
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Millis),
    })
}
