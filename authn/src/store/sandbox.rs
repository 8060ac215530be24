//! What the sandbox asks of the data.

use platform::id::ClientId;

use super::{Reader, read};
use crate::error::Error;

/// How many relying parties of one session are shown.
const SHOWN: i64 = 50;

/// The relying parties that have something of a session.
pub(crate) async fn clients_of_session<'c>(
    reader: impl Reader<'c>,
    sid: &str,
) -> Result<Vec<ClientId>, Error> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT client_id FROM authn_grant WHERE sid = $1 AND ended_at IS NULL ORDER BY client_id LIMIT $2",
    )
    .bind(sid.to_owned())
    .bind(SHOWN)
    .fetch_all(reader)
    .await?;
    rows.iter().map(|id| read("authn_grant.client_id", id)).collect()
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::grants;

    platform::both_engines! {
        /// Each relying party is listed once, of that session alone.
        async fn clients_are_listed(db: Db) {
            db.write(|tx| Box::pin(async move {
                for (client, sid) in [("b", "s"), ("a", "s"), ("a", "s"), ("c", "other")] {
                    grants::insert_all(tx, &[&grants::tests::sample(client, sid, 1)]).await?;
                }
                Ok::<_, Error>(())
            })).await.unwrap();
            let found = clients_of_session(db.read(), "s").await.unwrap();
            assert_eq!(found.iter().map(ClientId::as_str).collect::<Vec<_>>(), ["a", "b"]);
        }
    }
}
