//! Which systems were withdrawn, and what the others are.

use platform::clock::Millis;
use platform::db::{self, Tx};

use crate::api::SystemContent;
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

/// What the register knows of a system, withdrawn or not; `None` where it does not know it.
///
/// For modules that share the register's database.
pub async fn registered(tx: &mut Tx, system: &str) -> Result<Option<SystemContent>, db::Error> {
    let content: Option<String> =
        sqlx::query_scalar("SELECT content FROM directory_system WHERE folded = $1")
            .bind(folded(system))
            .fetch_optional(&mut *tx)
            .await?;
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| db::Error::corrupt("directory_system.content", error))
    };
    content.map(read).transpose()
}

/// Since when the register knows a system, withdrawn or not; `None` where it does not know it.
///
/// For modules that share the register's database.
pub async fn registered_at(tx: &mut Tx, system: &str) -> Result<Option<Millis>, db::Error> {
    let at: Option<i64> = sqlx::query_scalar("SELECT made_at FROM directory_system WHERE folded = $1")
        .bind(folded(system))
        .fetch_optional(&mut *tx)
        .await?;
    Ok(at.map(Millis))
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    const CONTENT: &str =
        r#"{"kind":"accredited","organisation":"RXX","party_key":"RXX-0000001","interactions":["urn:a:b"]}"#;

    platform::both_engines! {
        /// A system that was withdrawn is found in whatever letters; one that is there, or is not known, is not. What those are that are
        /// known is told, withdrawn or not.
        async fn the_withdrawn_are_found(db: Db) {
            let found = db
                .write(|tx| {
                    Box::pin(async move {
                        for (id, at) in [("s918999410559", Some(1_i64)), ("200000000017", None)] {
                            sqlx::query(
                                "INSERT INTO directory_system (identifier, folded, kind, content, content_sha256, made_at, changed_at, \
                                 withdrawn_at, version) VALUES ($1, $1, 'accredited', $3, '', 1, 1, $2, 1)",
                            )
                            .bind(id)
                            .bind(at)
                            .bind(CONTENT)
                            .execute(&mut *tx)
                            .await?;
                        }
                        let mut found = Vec::new();
                        for id in ["S918999410559", "200000000017", "200000000018"] {
                            found.push(withdrawn(&mut *tx, id).await?);
                        }
                        for (id, organisation) in [("S918999410559", Some("RXX")), ("200000000017", Some("RXX")), ("1", None)] {
                            let known = registered(&mut *tx, id).await?;
                            assert_eq!(known.as_ref().map(SystemContent::organisation), organisation, "{id}");
                            assert_eq!(registered_at(&mut *tx, id).await?, organisation.map(|_| Millis(1)), "{id}");
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
