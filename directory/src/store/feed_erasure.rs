//! What retention erases of `directory_feed_event`.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::places;
use crate::error::Error;

/// Erases events that were settled before a time, oldest first; says how many. Up to where an employee's events were done is
/// kept, so that none of them is done again.
pub(crate) async fn erase(tx: &mut Tx, before: Millis, limit: u32) -> Result<u64, Error> {
    let over: Vec<(String,)> = sqlx::query_as(
        "SELECT feed_event_id FROM directory_feed_event WHERE COALESCE(settled_at, received_at) < $1 \
         AND state <> 'quarantined' ORDER BY COALESCE(settled_at, received_at) LIMIT $2",
    )
    .bind(before.0)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    if over.is_empty() {
        return Ok(0);
    }
    let ids = places(1, over.len());
    for text in [
        format!(
            "INSERT INTO directory_feed_order (client, employee, sequence) \
             SELECT client, employee, MAX(sequence) FROM directory_feed_event \
             WHERE feed_event_id IN {ids} AND state = 'applied' GROUP BY client, employee \
             ON CONFLICT (client, employee) DO UPDATE SET sequence = excluded.sequence \
             WHERE directory_feed_order.sequence < excluded.sequence"
        ),
        format!("DELETE FROM directory_feed_event WHERE feed_event_id IN {ids}"),
    ] {
        // Made of our own words and numbers only.
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (id,) in &over {
            query = query.bind(id.clone());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
}
