//! Which people have left.

use std::collections::HashSet;

use platform::db::rows::list;
use platform::db::{self, Tx};
use sqlx::AssertSqlSafe;

/// How many ids one statement asks for: few sizes, so that few statements are prepared and kept.
const IDS: [usize; 3] = [1, 4, 16];
/// The largest.
const MOST_IDS: usize = 16;

/// Which of these people the register knows and has closed, by user id. Whom it does not know it has not closed.
///
/// Asked in the transaction of what is done for them, so that a person who has left is seen at once, however late the
/// consumers of the change feed are. For modules that share the register's database.
pub async fn closed(tx: &mut Tx, users: &[&str]) -> Result<HashSet<String>, db::Error> {
    let mut found = HashSet::new();
    let mut rest = users;
    while !rest.is_empty() {
        let size = IDS.into_iter().find(|size| rest.len() <= *size).unwrap_or(MOST_IDS);
        let (now, later) = rest.split_at(size.min(rest.len()));
        // The text is made of constants and numbers alone.
        let sql = format!(
            "SELECT user_id FROM directory_person WHERE state <> 'open' AND user_id IN ({})",
            list(1, size)
        );
        // The last fills what is left of the size: that is less than another statement.
        let filled = now.iter().chain(now.last().into_iter().cycle()).take(size);
        let query = filled.fold(sqlx::query_scalar(AssertSqlSafe(sql)), |query, user| query.bind(*user));
        let rows: Vec<String> = query.fetch_all(&mut *tx).await?;
        found.extend(rows);
        rest = later;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// Whoever is closed is found among many; whoever is open, or not known, is not.
        async fn the_closed_are_found(db: Db) {
            let found = db
                .write(|tx| {
                    Box::pin(async move {
                        for (user, state) in [("555021942107", "open"), ("555021942115", "closed"), ("555021942123", "merged")] {
                            sqlx::query(
                                "INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', $2, 1)",
                            )
                            .bind(user)
                            .bind(state)
                            .execute(&mut *tx)
                            .await?;
                        }
                        let many: Vec<String> = (0..20).map(|number| format!("9{number:011}")).collect();
                        let mut asked: Vec<&str> = many.iter().map(String::as_str).collect();
                        asked.extend(["555021942107", "555021942115", "555021942123"]);
                        closed(tx, &asked).await
                    })
                })
                .await
                .unwrap();
            assert_eq!(found, HashSet::from(["555021942115".to_owned(), "555021942123".to_owned()]));
            let few = ["555021942107", "555021942115"];
            for asked in [&few[..], &few[..1], &few[1..], &[]] {
                let found = closed(&mut db.read().acquire().await.unwrap(), asked).await.unwrap();
                assert_eq!(found.len(), usize::from(asked.contains(&"555021942115")), "{asked:?}");
            }
        }
    }
}
