//! Rows of `signer_request` and `signer_request_token`.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Reader, read_id};
use crate::error::Error;
use crate::ids::{AuthorisationId, RequestId};

/// A request as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct RequestRow {
    pub(crate) request_id: RequestId,
    pub(crate) client: String,
    pub(crate) client_name: String,
    pub(crate) request_hash: String,
    pub(crate) user_id: String,
    pub(crate) session: String,
    pub(crate) state: String,
    pub(crate) callback: String,
    pub(crate) statement: String,
    pub(crate) statement_key: String,
    pub(crate) shown: String,
    pub(crate) binding: String,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) decision: Option<Decision>,
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// The person was there and agreed.
    Consented {
        /// When.
        at: Millis,
        /// What proves it, as JSON.
        presence: String,
        /// What they gave.
        authorisation: AuthorisationId,
    },
    /// The person did not want to.
    Cancelled {
        /// When.
        at: Millis,
    },
}

/// The columns, in one order everywhere.
macro_rules! columns {
    () => {
        "r.request_id, r.client, r.client_name, r.request_hash, r.user_id, r.session, r.state, r.callback, r.statement, \
         r.statement_key, r.shown, r.binding, r.created_at, r.expires_at, r.decision, r.decided_at, r.presence, \
         r.authorisation_id"
    };
}

fn row(row: &AnyRow) -> Result<RequestRow, Error> {
    let at = row.try_get::<Option<i64>, _>("decided_at")?.map(Millis);
    let word: Option<String> = row.try_get("decision")?;
    let decision = match (word.as_deref(), at) {
        (None, _) => None,
        (Some("cancelled"), Some(at)) => Some(Decision::Cancelled { at }),
        (Some("consented"), Some(at)) => Some(Decision::Consented {
            at,
            presence: row.try_get("presence")?,
            authorisation: read_id(row.try_get("authorisation_id")?)?,
        }),
        _ => return Err(Error::StoredRow { what: "decision" }),
    };
    Ok(RequestRow {
        request_id: read_id(row.try_get("request_id")?)?,
        client: row.try_get("client")?,
        client_name: row.try_get("client_name")?,
        request_hash: row.try_get("request_hash")?,
        user_id: row.try_get("user_id")?,
        session: row.try_get("session")?,
        state: row.try_get("state")?,
        callback: row.try_get("callback")?,
        statement: row.try_get("statement")?,
        statement_key: row.try_get("statement_key")?,
        shown: row.try_get("shown")?,
        binding: row.try_get("binding")?,
        created_at: Millis(row.try_get("created_at")?),
        expires_at: Millis(row.try_get("expires_at")?),
        decision,
    })
}

/// Stores a new request; false if the same one is there.
pub(crate) async fn insert(tx: &mut Tx, row: &RequestRow) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO signer_request (request_id, client, client_name, request_hash, user_id, session, state, callback, \
         statement, statement_key, shown, binding, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (client, request_hash) DO NOTHING",
    )
    .bind(row.request_id.as_str())
    .bind(&row.client)
    .bind(&row.client_name)
    .bind(&row.request_hash)
    .bind(&row.user_id)
    .bind(&row.session)
    .bind(&row.state)
    .bind(&row.callback)
    .bind(&row.statement)
    .bind(&row.statement_key)
    .bind(&row.shown)
    .bind(&row.binding)
    .bind(row.created_at.0)
    .bind(row.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a request one token more; false if it has as many as may be.
pub(crate) async fn add_token(
    tx: &mut Tx,
    request: &RequestRow,
    token: &str,
    most: i64,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO signer_request_token (token, request_id, expires_at) \
         SELECT $1, $2, CAST($3 AS BIGINT) WHERE (SELECT COUNT(*) FROM signer_request_token WHERE request_id = $2) < $4",
    )
    .bind(token)
    .bind(request.request_id.as_str())
    .bind(request.expires_at.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The request that a token is for.
pub(crate) async fn by_token<'c>(reader: impl Reader<'c>, token: &str) -> Result<Option<RequestRow>, Error> {
    let found = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signer_request_token t JOIN signer_request r ON r.request_id = t.request_id WHERE t.token = $1"
    ))
    .bind(token)
    .fetch_optional(reader)
    .await?;
    found.as_ref().map(row).transpose()
}

/// The same request of an application, if it came before.
pub(crate) async fn by_hash<'c>(
    reader: impl Reader<'c>,
    client: &str,
    hash: &str,
) -> Result<Option<RequestRow>, Error> {
    let found = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signer_request r WHERE r.client = $1 AND r.request_hash = $2"
    ))
    .bind(client)
    .bind(hash)
    .fetch_optional(reader)
    .await?;
    found.as_ref().map(row).transpose()
}

/// The request under which an authorisation was given.
pub(crate) async fn by_authorisation<'c>(
    reader: impl Reader<'c>,
    authorisation: &AuthorisationId,
) -> Result<Option<RequestRow>, Error> {
    let found =
        sqlx::query(concat!("SELECT ", columns!(), " FROM signer_request r WHERE r.authorisation_id = $1"))
            .bind(authorisation.as_str())
            .fetch_optional(reader)
            .await?;
    found.as_ref().map(row).transpose()
}

/// How many requests of an application to a person wait.
pub(crate) async fn waiting(tx: &mut Tx, client: &str, user: &str, now: Millis) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request WHERE client = $1 AND user_id = $2 AND decision IS NULL \
         AND expires_at > $3",
    )
    .bind(client)
    .bind(user)
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?)
}

/// What a person gave when they agreed.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// What proves that they were there, as JSON.
    pub(crate) presence: &'a str,
    /// With what, by its id.
    pub(crate) authenticator: &'a str,
    /// What that is.
    pub(crate) method: &'a str,
    /// For what.
    pub(crate) authorisation: &'a AuthorisationId,
}

/// Notes that the person agreed; false if it is decided, or over.
pub(crate) async fn consent(
    tx: &mut Tx,
    request: &RequestId,
    given: &Given<'_>,
    now: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE signer_request SET decision = 'consented', decided_at = $1, presence = $2, authorisation_id = $3, \
         authenticator = $4, method = $5 WHERE request_id = $6 AND decision IS NULL AND expires_at > $1",
    )
    .bind(now.0)
    .bind(given.presence)
    .bind(given.authorisation.as_str())
    .bind(given.authenticator)
    .bind(given.method)
    .bind(request.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes what the signatures under an authorisation will be about: for each document its name, and its patient where that was seen.
pub(crate) async fn note(
    tx: &mut Tx,
    authorisation: &AuthorisationId,
    documents: &[(String, Option<String>)],
) -> Result<(), Error> {
    for (position, (document, patient)) in documents.iter().enumerate() {
        sqlx::query(
            "INSERT INTO signer_about (authorisation_id, position, document, patient) VALUES ($1, $2, $3, $4)",
        )
        .bind(authorisation.as_str())
        .bind(i64::try_from(position).map_err(|_| Error::StoredRow { what: "position" })?)
        .bind(document)
        .bind(patient.as_deref())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Notes that the person did not want to; false if it is decided, or over.
pub(crate) async fn cancel(tx: &mut Tx, request: &RequestId, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE signer_request SET decision = 'cancelled', decided_at = $1 WHERE request_id = $2 AND decision IS NULL \
         AND expires_at > $1",
    )
    .bind(now.0)
    .bind(request.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every request that still waits: for a restore, which does not know what was decided since.
pub(crate) async fn end_waiting(tx: &mut Tx, now: Millis) -> Result<(), Error> {
    sqlx::query("UPDATE signer_request SET expires_at = $1 WHERE decision IS NULL AND expires_at > $1")
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases so many requests that are over since then and that nobody agreed to, and says how many. What was agreed to stays: it is evidence.
pub(crate) async fn erase(tx: &mut Tx, before: Millis, most: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM signer_request WHERE request_id IN (SELECT request_id FROM signer_request \
         WHERE authorisation_id IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(before.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

/// Erases so many tokens of requests that are over since then, whatever became of these, and says how many. A token of an earlier release
/// does not know when that is, and asks its request.
pub(crate) async fn erase_tokens(tx: &mut Tx, before: Millis, most: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM signer_request_token WHERE token IN (SELECT t.token FROM signer_request_token t \
         WHERE t.expires_at <= $1 AND (t.expires_at > 0 OR NOT EXISTS (SELECT 1 FROM signer_request r \
         WHERE r.request_id = t.request_id AND r.expires_at > $1)) ORDER BY t.expires_at LIMIT $2)",
    )
    .bind(before.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    fn sample(hash: &str, at: i64) -> RequestRow {
        let text = |text: &str| text.to_owned();
        RequestRow {
            request_id: RequestId::new(Millis(at)),
            client: text("practice"),
            client_name: text("Practice system"),
            request_hash: text(hash),
            user_id: text("555021942107"),
            session: text("sid"),
            state: text("s"),
            callback: text("https://rp.example/signed"),
            statement: text("a.b.c"),
            statement_key: text("{}"),
            shown: text("[]"),
            binding: text("00"),
            created_at: Millis(at),
            expires_at: Millis(at + 100),
            decision: None,
        }
    }

    platform::both_engines! {
        /// A request is stored once, found by its tokens, decided once and in time, and erased unless somebody agreed to it.
        async fn requests_live_and_go(db: Db) {
            let (one, two, late) = (sample("1", 1), sample("2", 2), sample("3", 3));
            let authorisation = AuthorisationId::new(Millis(5));
            let all = (one.clone(), two.clone(), late.clone(), authorisation.clone());
            let answers = db.write(move |tx| Box::pin(async move {
                let (one, two, late, authorisation) = all;
                let mut answers = vec![insert(tx, &one).await?, insert(tx, &sample("1", 9)).await?];
                insert(tx, &two).await?;
                insert(tx, &late).await?;
                for (request, token) in [(&one, "t1"), (&one, "t2"), (&two, "t3")] {
                    answers.push(add_token(tx, request, token, 2).await?);
                }
                answers.push(add_token(tx, &one, "t4", 2).await?);
                answers.push(waiting(tx, "practice", "555021942107", Millis(50)).await? == 3);
                let given = Given { presence: "{}", authenticator: "key", method: "security-key", authorisation: &authorisation };
                answers.push(consent(tx, &one.request_id, &given, Millis(50)).await?);
                answers.push(consent(tx, &one.request_id, &given, Millis(51)).await?);
                answers.push(cancel(tx, &one.request_id, Millis(51)).await?);
                answers.push(cancel(tx, &two.request_id, Millis(51)).await?);
                answers.push(cancel(tx, &late.request_id, Millis(103)).await?);
                Ok::<_, Error>(answers)
            })).await.unwrap();
            assert_eq!(answers, [true, false, true, true, true, false, true, true, false, false, true, false]);
            for token in ["t1", "t2"] {
                let found = by_token(db.read(), token).await.unwrap().unwrap();
                assert_eq!(found.request_id, one.request_id);
                let at = Millis(50);
                let agreed = Decision::Consented { at, presence: "{}".to_owned(), authorisation: authorisation.clone() };
                assert_eq!(found.decision, Some(agreed));
            }
            let found = by_authorisation(db.read(), &authorisation).await.unwrap().unwrap();
            assert_eq!(found.request_hash, "1");
            assert!(by_hash(db.read(), "pharmacy", "1").await.unwrap().is_none());
            let erased = db.write(|tx| Box::pin(async move {
                let tokens = [erase_tokens(tx, Millis(200), 2).await?, erase_tokens(tx, Millis(200), 2).await?];
                Ok::<_, Error>((tokens, erase(tx, Millis(200), 10).await?))
            })).await.unwrap();
            assert_eq!(erased, ([2, 1], 2));
            assert!(by_token(db.read(), "t1").await.unwrap().is_none());
            assert!(by_hash(db.read(), "practice", "1").await.unwrap().is_some(), "what was agreed to stays");
            assert!(by_hash(db.read(), "practice", "2").await.unwrap().is_none());
        }
    }
}
