//! Which systems were withdrawn.

use platform::db::{self, Tx};

use crate::system::folded;

/// Whether the register knows this system and has withdrawn it. What it does not know it has not withdrawn.
///
/// Asked where something is done for the system, so that the withdrawal is seen at once, however late the consumers of the change feed
/// are. For modules that share the register's database.
pub async fn withdrawn(tx: &mut Tx, system: &str) -> Result<bool, db::Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT withdrawn_at FROM directory_system WHERE folded = $1 AND withdrawn_at IS NOT NULL",
    )
    .bind(folded(system))
    .fetch_optional(&mut *tx)
    .await?;
    Ok(at.is_some())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A system that was withdrawn is found in whatever letters; one that is there, or is not known, is not.
        async fn the_withdrawn_are_found(db: Db) {
            let found = db
                .write(|tx| {
                    Box::pin(async move {
                        for (id, at) in [("s918999410559", Some(1_i64)), ("200000000017", None)] {
                            sqlx::query(
                                "INSERT INTO directory_system (identifier, folded, kind, content, content_sha256, made_at, changed_at, \
                                 withdrawn_at, version) VALUES ($1, $1, 'accredited', '{}', '', 1, 1, $2, 1)",
                            )
                            .bind(id)
                            .bind(at)
                            .execute(&mut *tx)
                            .await?;
                        }
                        let mut found = Vec::new();
                        for id in ["S918999410559", "200000000017", "200000000018"] {
                            found.push(withdrawn(&mut *tx, id).await?);
                        }
                        Ok::<_, db::Error>(found)
                    })
                })
                .await
                .unwrap();
            assert_eq!(found, [true, false, false]);
        }
    }
}
