//! Erasing what nobody can use any more.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::sessions;
use crate::error::Error;

/// Before when each kind of row was over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// What nobody finds any more once it is over.
    pub(crate) now: Millis,
    /// What can be used no more.
    pub(crate) over: Millis,
    /// What is kept for those who look after what happened.
    pub(crate) kept: Millis,
    /// Sessions that have ended.
    pub(crate) sessions: Millis,
    /// Wrong attempts.
    pub(crate) attempts: Millis,
    /// From where and in which browsers people have signed in.
    pub(crate) known: Millis,
}

/// What anybody can make, and nobody finds once it is over: table, its key, and the column that says when.
const AT_ONCE: [(&str, &str, &str); 3] = [
    ("authn_interaction", "interaction_id", "expires_at"),
    ("authn_pushed", "uri_hash", "expires_at"),
    ("authn_ceremony", "ceremony", "expires_at"),
];
/// What can be used no more when its time is over.
const OVER: [(&str, &str, &str); 2] =
    [("authn_assertion", "jti_hash", "expires_at"), ("authn_token", "token_hash", "expires_at")];
/// What is kept for a while.
const KEPT: [(&str, &str, &str); 3] = [
    ("authn_refusal", "refusal_id", "at"),
    ("authn_logout", "logout_id", "created_at"),
    ("authn_enrolment", "enrolment_id", "expires_at"),
];
/// What is known of places.
const KNOWN: [(&str, &str, &str); 2] =
    [("authn_known_address", "user_id, address", "seen_at"), ("authn_known_browser", "device", "seen_at")];
/// Wrong attempts.
const ATTEMPTS: [(&str, &str, &str); 1] = [("authn_attempt", "subject", "failed_at")];

/// What hangs on something else, with the statement that finds a page of it.
const HANGING: [&str; 4] = [
    // Whoever had something of a session that is still open is told when it ends, however late that is noticed.
    "DELETE FROM authn_grant WHERE grant_id IN (SELECT g.grant_id FROM authn_grant g \
     LEFT JOIN authn_session s ON s.sid = g.sid AND s.ended_at IS NULL \
     WHERE g.expires_at < $1 AND s.session_id IS NULL LIMIT $2)",
    "DELETE FROM authn_chosen_role WHERE sid IN (SELECT r.sid FROM authn_chosen_role r \
     LEFT JOIN authn_session s ON s.sid = r.sid AND s.ended_at IS NULL \
     WHERE r.chosen_at < $1 AND s.session_id IS NULL LIMIT $2)",
    // A ticket says why its session has ended for as long as that is kept.
    "DELETE FROM authn_ticket WHERE ticket_hash IN (SELECT t.ticket_hash FROM authn_ticket t \
     LEFT JOIN authn_session s ON s.session_id = t.session_id WHERE t.issued_at < $1 AND s.session_id IS NULL LIMIT $2)",
    // A code that was used stays as long as its grant, so that whoever presents it again ends what it gave.
    "DELETE FROM authn_code WHERE code_hash IN (SELECT c.code_hash FROM authn_code c \
     LEFT JOIN authn_grant g ON g.grant_id = c.grant_id WHERE g.grant_id IS NULL AND c.expires_at < $1 LIMIT $2)",
];

/// Erases a page of each kind of row. Says how many.
pub(crate) async fn erase(tx: &mut Tx, before: &Before, page: u32) -> Result<u64, Error> {
    let mut rows = sessions::erase(tx, before.sessions, page).await?;
    for (tables, before) in [
        (&AT_ONCE[..], before.now),
        (&OVER[..], before.over),
        (&KEPT[..], before.kept),
        (&KNOWN[..], before.known),
        (&ATTEMPTS[..], before.attempts),
    ] {
        for (table, key, column) in tables {
            // The names are constants.
            let sql = format!(
                "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {column} < $1 LIMIT $2) \
                 AND {column} < $1"
            );
            rows += run(tx, AssertSqlSafe(sql), before, page).await?;
        }
    }
    for sql in HANGING {
        rows += run(tx, AssertSqlSafe(sql.to_owned()), before.over, page).await?;
    }
    Ok(rows)
}

async fn run(tx: &mut Tx, sql: AssertSqlSafe<String>, before: Millis, page: u32) -> Result<u64, Error> {
    let done = sqlx::query(sql).bind(before.0).bind(i64::from(page)).execute(&mut *tx).await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;
    use platform::id::UserId;

    use super::*;
    use crate::store::codes::{Bound, Code};
    use crate::store::{ceremonies, clients, codes, grants, interactions, throttles};

    async fn erased(db: &Db, at: i64) -> u64 {
        let at = Millis(at);
        let before = Before { now: at, over: at, kept: at, sessions: at, attempts: at, known: at };
        db.write(move |tx| Box::pin(async move { erase(tx, &before, 10).await })).await.unwrap()
    }

    async fn rows(db: &Db, table: &'static str) -> i64 {
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db.read()).await.unwrap()
    }

    platform::both_engines! {
        /// What is over goes; a used code stays as long as its grant.
        async fn what_is_over_goes(db: Db) {
            let grant = grants::tests::sample("rp", "s", 1);
            let code = Code {
                hash: "code".to_owned(), grant: grant.id.clone(), client: grant.client.clone(),
                bound: Bound { redirect_uri: String::new(), challenge: None, key: None }, expires_at: Millis(2), used_at: None,
            };
            db.write(move |tx| Box::pin(async move {
                clients::spend_assertion(tx, &grant.client, "jti", Millis(5)).await?;
                grants::insert_all(tx, &[&grant]).await?;
                codes::insert(tx, &code).await
            })).await.unwrap();
            assert_eq!(erased(&db, 5).await, 0);
            assert_eq!(erased(&db, 6).await, 1);
            assert!(codes::find(&mut db.read().acquire().await.unwrap(), "code").await.unwrap().is_some());
            assert_eq!(erased(&db, 2000).await, 2);
            assert!(codes::find(&mut db.read().acquire().await.unwrap(), "code").await.unwrap().is_none());
        }

        /// What is under way goes as soon as it is over, whatever else is kept.
        async fn what_is_under_way_goes_at_once(db: Db) {
            db.write(|tx| Box::pin(async move {
                ceremonies::put(tx, "a", None, "over", Millis(9)).await?;
                ceremonies::challenge(tx, ("b", &[1; 32]), "over", "192.0.2.7", Millis(9)).await?;
                ceremonies::put(tx, "c", None, "under way", Millis(10)).await
            })).await.unwrap();
            let kept = Millis(0);
            let before = Before { now: Millis(10), over: kept, kept, sessions: kept, attempts: kept, known: kept };
            let gone = db.write(move |tx| Box::pin(async move { erase(tx, &before, 10).await })).await.unwrap();
            assert_eq!((gone, rows(&db, "authn_ceremony").await), (2, 1));
        }

        /// A grant and a chosen role stay while their session is open, however long they are over, and go once it has ended.
        async fn what_is_to_be_told_stays(db: Db) {
            let session = sessions::tests::made(1);
            let (grant, id) = (grants::tests::sample("rp", &session.sid, 1), session.id.clone());
            db.write(move |tx| Box::pin(async move {
                sessions::insert(tx, &session, &[1; 32], None, None).await?;
                interactions::choose_role(tx, &session.sid, "1", Millis(1)).await?;
                grants::insert_all(tx, &[&grant]).await
            })).await.unwrap();
            assert_eq!(erased(&db, 1_000_000).await, 0, "somebody is still to be told");
            db.write(move |tx| Box::pin(async move { sessions::end(tx, &id, "expired", Millis(2_000)).await })).await.unwrap();
            assert_eq!(erased(&db, 1_999).await, 2);
            assert_eq!((rows(&db, "authn_grant").await, rows(&db, "authn_chosen_role").await), (0, 0));
        }

        /// Links, networks and browsers go when they are old, and not before.
        async fn what_is_known_goes(db: Db) {
            let person: UserId = "555021942107".parse().unwrap();
            db.write(move |tx| Box::pin(async move {
                let link = crate::store::enrolments::tests::made(1);
                crate::store::enrolments::insert(tx, &link, &[1; 32], Millis(1)).await?;
                throttles::know(tx, &person, "192.0.2.7", Millis(100)).await?;
                throttles::know_browser(tx, &person, &[1; 32], "device", Millis(100)).await?;
                throttles::count(tx, "subject", Millis(0), Millis(100)).await.map(drop)
            })).await.unwrap();
            assert_eq!(erased(&db, 100).await, 0);
            assert_eq!(erased(&db, 101).await, 4);
            for table in ["authn_enrolment", "authn_known_address", "authn_known_browser", "authn_attempt"] {
                assert_eq!(rows(&db, table).await, 0, "{table}");
            }
        }
    }
}
