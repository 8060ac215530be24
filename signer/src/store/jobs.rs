//! Rows of `signer_job`.

use platform::clock::Millis;
use platform::db::Tx;

use super::{Reader, read_id};
use crate::error::Error;
use crate::ids::{AuthorisationId, CredentialId};

/// Whether somebody has tried it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Not to the end.
    Waiting,
    /// Its signatures are in the ledger, or it was refused.
    Tried,
}

/// A request to sign that is answered later.
#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    /// SHA-256 of the name under which it is fetched, in hexadecimal.
    pub(crate) job_id: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) client: String,
    pub(crate) session: Option<String>,
    pub(crate) authorisation_id: AuthorisationId,
    pub(crate) credential_id: CredentialId,
    pub(crate) documents: Vec<u8>,
    pub(crate) octets: i64,
    pub(crate) state: State,
    /// Why it is not signed, where that was decided for good.
    pub(crate) refusal: Option<String>,
    /// How often it could not be signed yet.
    pub(crate) tries: i64,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
}

type Columns = (
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    Vec<u8>,
    i64,
    String,
    Option<String>,
    i64,
    i64,
    i64,
);

const COLUMNS: &str = "job_id, kind, subject, client, session, authorisation_id, credential_id, documents, octets, state, \
     refusal, tries, created_at, expires_at";

fn read(row: Columns) -> Result<JobRow, Error> {
    let (
        job_id,
        kind,
        subject,
        client,
        session,
        authorisation,
        credential,
        documents,
        octets,
        state,
        refusal,
        tries,
        from,
        until,
    ) = row;
    Ok(JobRow {
        job_id,
        kind,
        subject,
        client,
        session,
        authorisation_id: read_id(&authorisation)?,
        credential_id: read_id(&credential)?,
        documents,
        octets,
        state: match state.as_str() {
            "waiting" => State::Waiting,
            "tried" => State::Tried,
            _ => return Err(Error::StoredRow { what: "state of a job" }),
        },
        refusal,
        tries,
        created_at: Millis(from),
        expires_at: Millis(until),
    })
}

/// Whether one is kept; erases it where it is kept no more.
pub(crate) async fn is_kept(tx: &mut Tx, id: &str, now: Millis) -> Result<bool, Error> {
    sqlx::query("DELETE FROM signer_job WHERE job_id = $1 AND expires_at <= $2")
        .bind(id)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_job WHERE job_id = $1";
    let count: i64 = sqlx::query_scalar(sql).bind(id).fetch_one(&mut *tx).await?;
    Ok(count > 0)
}

/// Stores a new one; nothing where another process was first.
pub(crate) async fn insert(tx: &mut Tx, row: &JobRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signer_job (job_id, kind, subject, client, session, authorisation_id, credential_id, documents, octets, \
         state, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting', $10, $11) \
         ON CONFLICT (job_id) DO NOTHING",
    )
    .bind(&row.job_id)
    .bind(&row.kind)
    .bind(&row.subject)
    .bind(&row.client)
    .bind(row.session.as_deref())
    .bind(row.authorisation_id.as_str())
    .bind(row.credential_id.as_str())
    .bind(row.documents.as_slice())
    .bind(row.octets)
    .bind(row.created_at.0)
    .bind(row.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many of a client and its person are kept, and how many octets.
pub(crate) async fn share(tx: &mut Tx, client: &str, subject: &str) -> Result<(i64, i64), Error> {
    Ok(sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT), CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM signer_job \
         WHERE client = $1 AND subject = $2",
    )
    .bind(client)
    .bind(subject)
    .fetch_one(&mut *tx)
    .await?)
}

/// One that is kept.
pub(crate) async fn find<'c>(
    reader: impl Reader<'c>,
    id: &str,
    now: Millis,
) -> Result<Option<JobRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM signer_job WHERE job_id = $1 AND expires_at > $2");
    let row: Option<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id.to_owned())
        .bind(now.0)
        .fetch_optional(reader)
        .await?;
    row.map(read).transpose()
}

/// Those that nobody has finished, that were accepted before a time and have not been put off until after now: one of each client before the
/// second of any, and of each the one that has waited longest for its turn.
pub(crate) async fn left<'c>(
    reader: impl Reader<'c>,
    (before, now): (Millis, Millis),
    most: i64,
) -> Result<Vec<JobRow>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM signer_job WHERE job_id IN (SELECT job_id FROM (SELECT job_id, next_at, created_at, \
         ROW_NUMBER() OVER (PARTITION BY client ORDER BY next_at, created_at, job_id) AS place FROM signer_job \
         WHERE state = 'waiting' AND created_at <= $1 AND next_at <= $2) AS turns \
         ORDER BY place, next_at, created_at, job_id LIMIT $3) ORDER BY next_at, created_at, job_id"
    );
    let rows: Vec<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(before.0)
        .bind(now.0)
        .bind(most)
        .fetch_all(reader)
        .await?;
    rows.into_iter().map(read).collect()
}

/// Notes that one could not be signed yet, and until when others go before it.
pub(crate) async fn put_off(tx: &mut Tx, id: &str, until: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE signer_job SET tries = tries + 1, next_at = $2 WHERE job_id = $1 AND state = 'waiting'",
    )
    .bind(id)
    .bind(until.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Notes that one was tried to the end, and why it is refused for good, where it is; unless somebody else has said so before, or ended it.
pub(crate) async fn tried(tx: &mut Tx, id: &str, refusal: Option<&str>) -> Result<(), Error> {
    sqlx::query(
        "UPDATE signer_job SET state = 'tried', refusal = $2 WHERE job_id = $1 AND state = 'waiting'",
    )
    .bind(id)
    .bind(refusal)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Ends every one that nobody has finished: nothing is signed for it any more.
pub(crate) async fn end_all(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("UPDATE signer_job SET state = 'tried' WHERE state = 'waiting'").execute(&mut *tx).await?;
    Ok(())
}

/// Ends those of a credential.
pub(crate) async fn end_of(tx: &mut Tx, credential: &CredentialId) -> Result<(), Error> {
    sqlx::query("UPDATE signer_job SET state = 'tried' WHERE state = 'waiting' AND credential_id = $1")
        .bind(credential.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases so many that are kept no more.
pub(crate) async fn erase(tx: &mut Tx, now: Millis, most: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM signer_job WHERE job_id IN (SELECT job_id FROM signer_job WHERE expires_at <= $1 \
         ORDER BY expires_at LIMIT $2)",
    )
    .bind(now.0)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A job is kept for its time, is left until it was tried, and counts for its client.
        async fn jobs_come_and_go(db: Db) {
            let row = JobRow {
                job_id: "one".to_owned(), kind: "system".to_owned(), subject: "practice".to_owned(), client: "practice".to_owned(),
                session: None, authorisation_id: AuthorisationId::new(Millis(1)), credential_id: CredentialId::new(Millis(1)),
                documents: b"[]".to_vec(), octets: 2, state: State::Waiting, refusal: None, tries: 0, created_at: Millis(1), expires_at: Millis(10),
            };
            let stored = row.clone();
            let shares = db.write(move |tx| Box::pin(async move {
                insert(tx, &stored).await?;
                Ok::<_, Error>((share(tx, "practice", "practice").await?, share(tx, "practice", "other").await?))
            })).await.unwrap();
            assert_eq!(shares, ((1, 2), (0, 0)));
            let again = row.clone();
            let kept = db.write(move |tx| Box::pin(async move {
                insert(tx, &again).await?;
                Ok::<_, Error>((is_kept(tx, "one", Millis(9)).await?, is_kept(tx, "two", Millis(9)).await?, share(tx, "practice", "practice").await?))
            })).await.unwrap();
            assert_eq!(kept, (true, false, (1, 2)), "the same again is the same");
            assert_eq!(find(db.read(), "one", Millis(9)).await.unwrap().unwrap().authorisation_id, row.authorisation_id);
            assert!(find(db.read(), "one", Millis(10)).await.unwrap().is_none());
            assert_eq!(left(db.read(), (Millis(1), Millis(5)), 10).await.unwrap().len(), 1);
            assert!(left(db.read(), (Millis(0), Millis(5)), 10).await.unwrap().is_empty());
            let other = CredentialId::new(Millis(1));
            db.write(move |tx| Box::pin(async move { end_of(tx, &other).await })).await.unwrap();
            assert_eq!(left(db.read(), (Millis(1), Millis(5)), 10).await.unwrap().len(), 1, "another credential's");
            for refusal in [Some("why"), None, Some("otherwise")] {
                db.write(move |tx| Box::pin(async move { tried(tx, "one", refusal).await })).await.unwrap();
            }
            assert!(left(db.read(), (Millis(1), Millis(5)), 10).await.unwrap().is_empty());
            let found = find(db.read(), "one", Millis(9)).await.unwrap().unwrap();
            assert_eq!((found.state, found.refusal.as_deref()), (State::Tried, Some("why")), "whoever comes later changes nothing");
            for all in [true, false] {
                let credential = row.credential_id.clone();
                db.write(move |tx| Box::pin(async move {
                    sqlx::query("UPDATE signer_job SET state = 'waiting'").execute(&mut *tx).await?;
                    if all { end_all(tx).await } else { end_of(tx, &credential).await }
                })).await.unwrap();
                assert!(left(db.read(), (Millis(1), Millis(5)), 10).await.unwrap().is_empty(), "what was ended is not taken up");
            }
            let stays = row.clone();
            let over = db.write(move |tx| Box::pin(async move {
                let over = is_kept(tx, "one", Millis(10)).await?;
                insert(tx, &stays).await?;
                Ok::<_, Error>(over)
            })).await.unwrap();
            assert!(!over, "one whose time is over makes place for the same");
            let erased = db.write(|tx| Box::pin(async move {
                Ok::<_, Error>((erase(tx, Millis(9), 10).await?, erase(tx, Millis(10), 10).await?))
            })).await.unwrap();
            assert_eq!(erased, (0, 1));
        }
    }

    platform::both_engines! {
        /// Of what was left each client has its turn, however much another has left before it; what was put off waits until then, behind what was not, and
        /// its tries are counted.
        async fn clients_have_their_turns(db: Db) {
            db.write(|tx| Box::pin(async move {
                for (name, client, at) in [("a1", "a", 1), ("a2", "a", 2), ("a3", "a", 3), ("b1", "b", 4), ("c1", "c", 5)] {
                    let row = JobRow {
                        job_id: name.to_owned(), kind: "system".to_owned(), subject: client.to_owned(), client: client.to_owned(),
                        session: None, authorisation_id: AuthorisationId::new(Millis(1)), credential_id: CredentialId::new(Millis(1)),
                        documents: b"[]".to_vec(), octets: 2, state: State::Waiting, refusal: None, tries: 0, created_at: Millis(at),
                        expires_at: Millis(100),
                    };
                    insert(tx, &row).await?;
                }
                Ok::<_, Error>(())
            })).await.unwrap();
            let names = async |now: i64, most: i64| -> Vec<String> {
                let found = left(db.read(), (Millis(4), Millis(now)), most).await.unwrap();
                found.into_iter().map(|row| row.job_id).collect()
            };
            assert_eq!(names(9, 2).await, ["a1", "b1"], "one is not old enough");
            assert_eq!(names(9, 10).await, ["a1", "a2", "a3", "b1"]);
            db.write(|tx| Box::pin(async move {
                put_off(tx, "a1", Millis(20)).await?;
                put_off(tx, "a1", Millis(20)).await
            })).await.unwrap();
            assert_eq!(names(19, 10).await, ["a2", "a3", "b1"]);
            assert_eq!(names(20, 10).await, ["a2", "a3", "b1", "a1"]);
            assert_eq!(names(20, 2).await, ["a2", "b1"]);
            assert_eq!(find(db.read(), "a1", Millis(9)).await.unwrap().unwrap().tries, 2);
            db.write(|tx| Box::pin(async move {
                tried(tx, "a2", None).await?;
                put_off(tx, "a2", Millis(20)).await
            })).await.unwrap();
            assert_eq!(find(db.read(), "a2", Millis(9)).await.unwrap().unwrap().tries, 0, "it is done");
        }
    }
}
