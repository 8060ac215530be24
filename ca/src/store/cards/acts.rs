//! `ca_card_act`: what happened to a card, and who had it.

use platform::clock::Millis;
use platform::db::{self, Tx};
use sqlx::{AnyPool, Row as _};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CardAct {
    pub(crate) act_id: String,
    pub(crate) card_id: String,
    pub(crate) act: String,
    /// The state that it led to.
    pub(crate) state: String,
    pub(crate) subject: String,
    pub(crate) client: String,
    pub(crate) user_id: Option<String>,
    pub(crate) location_id: String,
    pub(crate) reason: Option<String>,
    pub(crate) witness: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) at: Millis,
}

pub(crate) async fn insert_act(tx: &mut Tx, act: &CardAct) -> Result<(), db::Error> {
    sqlx::query(
        "INSERT INTO ca_card_act (act_id, card_id, act, state, subject, client, user_id, location_id, reason, witness, note, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(act.act_id.as_str())
    .bind(act.card_id.as_str())
    .bind(act.act.as_str())
    .bind(act.state.as_str())
    .bind(act.subject.as_str())
    .bind(act.client.as_str())
    .bind(act.user_id.as_deref())
    .bind(act.location_id.as_str())
    .bind(act.reason.as_deref())
    .bind(act.witness.as_deref())
    .bind(act.note.as_deref())
    .bind(act.at.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// What happened to a card behind a mark, in its order.
pub(crate) async fn acts(
    read: &AnyPool,
    card: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<CardAct>, db::Error> {
    let rows = sqlx::query(
        "SELECT act_id, card_id, act, state, subject, client, user_id, location_id, reason, witness, note, at \
         FROM ca_card_act WHERE card_id = $1 AND act_id > $2 ORDER BY act_id LIMIT $3",
    )
    .bind(card)
    .bind(after)
    .bind(limit)
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(CardAct {
                act_id: row.try_get("act_id")?,
                card_id: row.try_get("card_id")?,
                act: row.try_get("act")?,
                state: row.try_get("state")?,
                subject: row.try_get("subject")?,
                client: row.try_get("client")?,
                user_id: row.try_get("user_id")?,
                location_id: row.try_get("location_id")?,
                reason: row.try_get("reason")?,
                witness: row.try_get("witness")?,
                note: row.try_get("note")?,
                at: Millis(row.try_get("at")?),
            })
        })
        .collect()
}
