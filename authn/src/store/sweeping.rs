//! Erasing what nobody can use any more.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use crate::error::Error;

/// What has an end: table, its key, and the column that says when.
const ENDING: [(&str, &str, &str); 5] = [
    ("authn_assertion", "jti_hash", "expires_at"),
    ("authn_interaction", "interaction_id", "expires_at"),
    ("authn_pushed", "uri_hash", "expires_at"),
    ("authn_token", "token_hash", "expires_at"),
    ("authn_grant", "grant_id", "expires_at"),
];
/// What is kept for its owner for a while.
const KEPT: [(&str, &str, &str); 2] =
    [("authn_refusal", "refusal_id", "at"), ("authn_logout", "logout_id", "created_at")];

/// Erases a page of each kind of row whose time was over before `ended`, or before `kept` for what its owner may want to read. Says
/// how many.
pub(crate) async fn erase(tx: &mut Tx, ended: Millis, kept: Millis, page: u32) -> Result<u64, Error> {
    let mut rows = 0;
    for (tables, before) in [(&ENDING[..], ended), (&KEPT[..], kept)] {
        for (table, key, column) in tables {
            // The names are constants.
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {column} < $1 LIMIT $2) \
                 AND {column} < $1"
            );
            let done = sqlx::query(AssertSqlSafe(sql))
                .bind(before.0)
                .bind(i64::from(page))
                .execute(&mut *tx)
                .await?;
            rows += done.rows_affected();
        }
    }
    // A code that was used stays as long as its grant, so that whoever presents it again ends what it gave.
    let done = sqlx::query(
        "DELETE FROM authn_code WHERE code_hash IN (SELECT c.code_hash FROM authn_code c \
         LEFT JOIN authn_grant g ON g.grant_id = c.grant_id WHERE g.grant_id IS NULL AND c.expires_at < $1 LIMIT $2)",
    )
    .bind(ended.0)
    .bind(i64::from(page))
    .execute(&mut *tx)
    .await?;
    Ok(rows + done.rows_affected())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::codes::{Bound, Code};
    use crate::store::{clients, codes, grants};

    platform::both_engines! {
        /// What is over goes; a used code stays as long as its grant.
        async fn what_is_over_goes(db: Db) {
            let grant = grants::tests::sample("rp", "s", 1);
            let code = Code {
                hash: "code".to_owned(), grant: grant.id.clone(), client: grant.client.clone(),
                bound: Bound { redirect_uri: String::new(), challenge: None }, expires_at: Millis(2), used_at: None,
            };
            db.write(move |tx| Box::pin(async move {
                clients::spend_assertion(tx, &grant.client, "jti", Millis(5)).await?;
                grants::insert(tx, &grant).await?;
                codes::insert(tx, &code).await
            })).await.unwrap();
            let erased = |at: i64| {
                let db = db.clone();
                async move { db.write(move |tx| Box::pin(erase(tx, Millis(at), Millis(at), 10))).await.unwrap() }
            };
            assert_eq!(erased(5).await, 0);
            assert_eq!(erased(6).await, 1);
            assert!(codes::find(db.read(), "code").await.unwrap().is_some());
            assert_eq!(erased(2000).await, 2);
            assert!(codes::find(db.read(), "code").await.unwrap().is_none());
        }
    }
}
