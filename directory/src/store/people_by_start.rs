//! People with a name that many have, in the order of their ids: by the first letters of their keys, of which an index holds them in that
//! order. To gather everybody who has the name takes the longer the more there are; here a page takes what stands before its end under
//! the same letters.

use platform::db::Tx;
use platform::id::UserId;

use super::read;
use crate::error::Error;

/// How many letters of a key the index `directory_person_key_start` begins with.
const LETTERS: usize = 3;

/// Joined to nothing, a key finds no index of its own, so that no planner gathers everybody who has it after all.
const PAGE: &str = "SELECT k.user_id FROM directory_person_key k JOIN directory_person p ON p.user_id = k.user_id \
     WHERE substr(k.key, 1, 3) = $1 AND k.key || '' >= $2 AND k.key || '' < $3 AND k.user_id > $4 \
     AND p.kind = 'person' AND p.state <> 'merged' GROUP BY k.user_id ORDER BY k.user_id LIMIT $5";

/// Whether a name has the letters that the index begins with.
pub(super) fn is_long_enough(name: &str) -> bool {
    name.chars().count() >= LETTERS
}

/// A page of the people behind an id who have a key from this name on and before that text. Cards and robots are none, nor are second
/// records of one person.
pub(super) async fn named(
    tx: &mut Tx,
    (name, end): (&str, &str),
    after: &str,
    limit: u32,
) -> Result<Vec<UserId>, Error> {
    let letters: String = name.chars().take(LETTERS).collect();
    let rows: Vec<(String,)> = sqlx::query_as(PAGE)
        .bind(letters)
        .bind(name.to_owned())
        .bind(end.to_owned())
        .bind(after.to_owned())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.iter().map(|(id,)| read("directory_person_key.user_id", id)).collect()
}

#[cfg(test)]
mod tests {
    use platform::db::{Db, Engine};
    use sqlx::AssertSqlSafe;

    use super::*;

    const CARD: &str = "555000000030";

    async fn person(db: &Db, user: &str, kind: &str, keys: &[&str]) {
        let (user, kind) = (user.to_owned(), kind.to_owned());
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        db.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, $2, 'open', 1)",
                )
                .bind(user.clone())
                .bind(kind)
                .execute(&mut *tx)
                .await?;
                for key in keys {
                    sqlx::query("INSERT INTO directory_person_key (key, user_id) VALUES ($1, $2)")
                        .bind(key)
                        .bind(user.clone())
                        .execute(&mut *tx)
                        .await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
    }

    platform::both_engines! {
        /// Somebody with two keys under a name is there once, cards and other names not at all, and pages go on where they ended. Letters are
        /// counted, not octets.
        async fn pages_have_each_once(db: Db) {
            person(&db, "555000000010", "person", &["łukasz łucja", "łukasze łucja"]).await;
            person(&db, "555000000020", "person", &["łukowa ewa"]).await;
            person(&db, CARD, "card", &["łukasz karta"]).await;
            person(&db, "555000000040", "person", &["łukasz ewa"]).await;
            let mut tx = db.read().acquire().await.unwrap();
            let name = ("łukasz", "łukasz\u{10ffff}");
            assert!(is_long_enough(name.0) && !is_long_enough("łu"));
            let mut page = async |after: &str, limit| named(&mut tx, name, after, limit).await.unwrap();
            let words = |ids: Vec<UserId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(words(page("", 10).await), ["555000000010", "555000000040"]);
            assert_eq!(words(page("", 1).await), ["555000000010"]);
            assert_eq!(words(page("555000000010", 1).await), ["555000000040"]);
            assert!(page("555000000040", 1).await.is_empty());
        }

        /// A page is read out of the index by letters and ids, in its order, with nothing sorted.
        async fn the_index_is_gone_along(db: Db) {
            if db.engine() != Engine::Sqlite {
                return;
            }
            let plan = sqlx::query_as::<_, (i64, i64, i64, String)>(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {PAGE}")));
            let plan = plan.bind("smi").bind("smith").bind("smiti").bind("").bind(10).fetch_all(db.read()).await.unwrap();
            let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
            assert!(steps[0].contains("COVERING INDEX directory_person_key_start (<expr>=? AND user_id>?)"), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("SCAN")), "{steps:?}");
        }
    }
}
