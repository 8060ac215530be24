//! `ca_card_batch`: cards that are issued together. How far they have come stands in their errands.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

/// Cards that are issued together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptBatch {
    pub(crate) batch_id: String,
    pub(crate) organisation: String,
    /// Who began it.
    pub(crate) subject: String,
    pub(crate) cards: i64,
    pub(crate) made_at: Millis,
}

/// A card of a batch with its errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchRow {
    pub(crate) errand_id: String,
    pub(crate) card_id: String,
    pub(crate) serial: String,
    pub(crate) card_state: String,
    pub(crate) user_id: Option<String>,
    pub(crate) state: String,
    pub(crate) step: String,
    pub(crate) fault: Option<String>,
    pub(crate) changed_at: Millis,
}

/// Stores a batch.
pub(crate) async fn insert_batch(tx: &mut Tx, batch: &KeptBatch) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_card_batch (batch_id, organisation, subject, cards, made_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(batch.batch_id.as_str())
    .bind(batch.organisation.as_str())
    .bind(batch.subject.as_str())
    .bind(batch.cards)
    .bind(batch.made_at.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// One batch.
pub(crate) async fn batch(read: &AnyPool, id: &str) -> Result<Option<KeptBatch>, db::Error> {
    let row = sqlx::query(
        "SELECT batch_id, organisation, subject, cards, made_at FROM ca_card_batch WHERE batch_id = $1",
    )
    .bind(id)
    .fetch_optional(read)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KeptBatch {
        batch_id: row.try_get("batch_id")?,
        organisation: row.try_get("organisation")?,
        subject: row.try_get("subject")?,
        cards: row.try_get("cards")?,
        made_at: Millis(row.try_get("made_at")?),
    }))
}

/// Open errands of a batch, with their cards, whose card bears a mark that begins so: those that have stopped, or that nobody has written since
/// `quiet`.
pub(crate) async fn marked_of_batch(
    read: &AnyPool,
    id: &str,
    mark: &str,
    quiet: Millis,
    most: i64,
) -> Result<Vec<(String, String)>, db::Error> {
    let rows = sqlx::query(
        "SELECT e.errand_id, e.card_id FROM ca_card_errand e JOIN ca_card c ON c.card_id = e.card_id \
         WHERE e.batch_id = $1 AND e.state = 'open' AND c.refused LIKE $2 AND (e.fault IS NOT NULL OR e.changed_at <= $3) \
         ORDER BY e.errand_id LIMIT $4",
    )
    .bind(id)
    .bind(format!("%{mark}%"))
    .bind(quiet.0)
    .bind(most)
    .fetch_all(read)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("errand_id")?, row.try_get("card_id")?))).collect()
}

/// The cards of a batch; there are never more than can be begun together.
pub(crate) async fn batch_rows(read: &AnyPool, id: &str, most: i64) -> Result<Vec<BatchRow>, db::Error> {
    let rows = sqlx::query(
        "SELECT e.errand_id, e.card_id, c.serial, c.state AS card_state, e.user_id, e.state, e.step, e.fault, e.changed_at \
         FROM ca_card_errand e JOIN ca_card c ON c.card_id = e.card_id WHERE e.batch_id = $1 ORDER BY e.errand_id LIMIT $2",
    )
    .bind(id)
    .bind(most)
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(BatchRow {
                errand_id: row.try_get("errand_id")?,
                card_id: row.try_get("card_id")?,
                serial: row.try_get("serial")?,
                card_state: row.try_get("card_state")?,
                user_id: row.try_get("user_id")?,
                state: row.try_get("state")?,
                step: row.try_get("step")?,
                fault: row.try_get("fault")?,
                changed_at: Millis(row.try_get("changed_at")?),
            })
        })
        .collect()
}
