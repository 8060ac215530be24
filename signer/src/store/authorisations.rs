//! Rows of `signer_authorisation`.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::AssertSqlSafe;

use super::{Reader, jobs, kept_as_they_are, read_id};
use crate::digest::{Authorised, Digest};
use crate::dss::Authors;
use crate::error::Error;
use crate::ids::{AuthorisationId, ConsentId, CredentialId};

/// An authorisation as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct AuthorisationRow {
    pub(crate) authorisation_id: AuthorisationId,
    pub(crate) credential_id: CredentialId,
    pub(crate) client: String,
    pub(crate) digests: Authorised,
    /// Those of them that its present secret is for, where it was narrowed when it was extended.
    pub(crate) named: Option<Authorised>,
    /// Who its documents are written by, and when, as far as that was known when it was given; nothing of those of before.
    pub(crate) authors: Option<Authors>,
    pub(crate) expires_at: Millis,
    /// The consent under which it was given on our page to a client of the API of the Cloud Signature Consortium, where it was: told by the
    /// rows of those, and not stored with it.
    pub(crate) consent: Option<ConsentId>,
}

/// A row without its id: credential, client, digests, those that are named, authors, end and consent.
type Columns = (String, String, Vec<u8>, Option<Vec<u8>>, Option<String>, i64, Option<String>);

/// Its id, whether anything is signed under it, and [`Columns`].
type BySad = (String, i64, String, String, Vec<u8>, Option<Vec<u8>>, Option<String>, i64, Option<String>);

/// [`Columns`], in their order.
macro_rules! columns {
    () => {
        "credential_id, client, digests, named, authors, expires_at, (SELECT consent_id FROM signer_consent \
         WHERE signer_consent.authorisation_id = signer_authorisation.authorisation_id)"
    };
}

impl AuthorisationRow {
    fn read(id: AuthorisationId, columns: Columns) -> Result<Self, Error> {
        let (credential_id, client, digests, named, authors, expires_at, consent) = columns;
        let list = |octets: &[u8]| {
            Authorised::from_bytes(octets).ok_or(Error::StoredRow { what: "list of digests" })
        };
        let read = |text: &str| {
            serde_json::from_str(text).map_err(|_| Error::StoredRow { what: "authors of an authorisation" })
        };
        Ok(Self {
            authorisation_id: id,
            credential_id: read_id(&credential_id)?,
            client,
            digests: list(&digests)?,
            named: named.as_deref().map(list).transpose()?,
            authors: authors.as_deref().map(read).transpose()?,
            expires_at: Millis(expires_at),
            consent: consent.as_deref().map(read_id).transpose()?,
        })
    }
}

/// Stores a new authorisation under the hash of its secret.
pub(crate) async fn insert(tx: &mut Tx, row: &AuthorisationRow, sad: &str, now: Millis) -> Result<(), Error> {
    let authors = row.authors.as_ref().map(serde_json::to_string).transpose();
    let authors = authors.map_err(|_| Error::StoredRow { what: "authors of an authorisation" })?;
    sqlx::query(
        "INSERT INTO signer_authorisation (authorisation_id, sad, credential_id, client, digests, created_at, \
         expires_at, authors) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(row.authorisation_id.as_str())
    .bind(sad)
    .bind(row.credential_id.as_str())
    .bind(&row.client)
    .bind(row.digests.to_bytes())
    .bind(now.0)
    .bind(row.expires_at.0)
    .bind(authors)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// An authorisation, and whether the ledger has anything of what is asked.
pub(crate) struct Found {
    pub(crate) row: AuthorisationRow,
    pub(crate) signed: Signed,
}

/// What the ledger had when it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signed {
    /// Nothing.
    Nothing,
    /// At least one signature.
    Something,
}

/// The authorisation whose secret has this hash, and whether the ledger has a signature under it: one over `only`, or any.
pub(crate) async fn by_sad<'c>(
    reader: impl Reader<'c>,
    sad: &str,
    only: Option<&Digest>,
) -> Result<Option<Found>, Error> {
    let row: Option<BySad> = sqlx::query_as(concat!(
        "SELECT authorisation_id, \
         CAST((SELECT COUNT(*) FROM (SELECT 1 AS one FROM signer_signature \
         WHERE signer_signature.authorisation_id = signer_authorisation.authorisation_id \
         AND ($2 = 0 OR signer_signature.digest = $3) LIMIT 1) AS found) AS BIGINT), ",
        columns!(),
        " FROM signer_authorisation WHERE sad = $1"
    ))
    .bind(sad)
    .bind(i64::from(only.is_some()))
    .bind(only.map_or(&[][..], |digest| &digest.0))
    .fetch_optional(reader)
    .await?;
    row.map(|(id, signed, credential, client, digests, named, authors, expires_at, consent)| {
        let columns = (credential, client, digests, named, authors, expires_at, consent);
        let row = AuthorisationRow::read(read_id(&id)?, columns)?;
        Ok(Found { row, signed: if signed == 0 { Signed::Nothing } else { Signed::Something } })
    })
    .transpose()
}

/// An authorisation.
pub(crate) async fn by_id<'c>(
    reader: impl Reader<'c>,
    id: &AuthorisationId,
) -> Result<Option<AuthorisationRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM signer_authorisation WHERE authorisation_id = $1");
    let row: Option<Columns> = sqlx::query_as(sql).bind(id.as_str()).fetch_optional(reader).await?;
    row.map(|columns| AuthorisationRow::read(id.clone(), columns)).transpose()
}

/// Whether this is still the secret of an authorisation.
pub(crate) async fn has_secret<'c>(
    reader: impl Reader<'c>,
    id: &AuthorisationId,
    sad: &str,
) -> Result<bool, Error> {
    let sql = "SELECT CAST(1 AS BIGINT) FROM signer_authorisation WHERE authorisation_id = $1 AND sad = $2";
    let found: Option<i64> =
        sqlx::query_scalar(sql).bind(id.as_str()).bind(sad).fetch_optional(reader).await?;
    Ok(found.is_some())
}

/// Refuses, in the transaction of what is done under an authorisation, one that was ended since it was read, whatever the clock of whoever ended it
/// said, or whose secret is another by now than the one that was shown, where one was. It stays as it is until that transaction ends.
pub(crate) async fn still_open(
    tx: &mut Tx,
    read: &AuthorisationRow,
    shown: Option<&str>,
    now: Millis,
) -> Result<(), Error> {
    // The text is made of constants alone.
    let sql = format!(
        "SELECT sad, expires_at FROM signer_authorisation WHERE authorisation_id = $1{}",
        kept_as_they_are(tx)
    );
    let found: Option<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(read.authorisation_id.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    let (sad, expires_at) = found.ok_or(Error::SadUnknown)?;
    if shown.is_some_and(|shown| shown != sad) {
        return Err(Error::SadUnknown);
    }
    // Its end comes earlier only where it was ended.
    let is_open = expires_at > now.0 && expires_at >= read.expires_at.0;
    if is_open { Ok(()) } else { Err(Error::SadExpired) }
}

/// Gives an authorisation that is open a secret, in the place of whatever it had; until when it is open.
pub(crate) async fn give_secret(
    tx: &mut Tx,
    id: &AuthorisationId,
    sad: &str,
    now: Millis,
) -> Result<Option<Millis>, Error> {
    let until: Option<i64> = sqlx::query_scalar(
        "UPDATE signer_authorisation SET sad = $1 WHERE authorisation_id = $2 AND expires_at > $3 RETURNING expires_at",
    )
    .bind(sad)
    .bind(id.as_str())
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(until.map(Millis))
}

/// Of an authorisation that is extended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The present.
    pub(crate) now: Millis,
    /// Until when it is to be open.
    pub(crate) until: Millis,
    /// How long after it was given it may be, in milliseconds.
    pub(crate) longest_ms: i64,
}

/// Gives an open authorisation another secret, which is for the digests that are named, and a later end, as late as may be; the end, or
/// nothing where it is over.
pub(crate) async fn extend(
    tx: &mut Tx,
    (before, sad): (&str, &str),
    named: &Authorised,
    Times { now, until, longest_ms }: Times,
) -> Result<Option<Millis>, Error> {
    let until: Option<i64> = sqlx::query_scalar(
        "UPDATE signer_authorisation SET sad = $1, expires_at = CASE WHEN created_at + $2 < $3 THEN created_at + $2 \
         ELSE $3 END, named = $6 WHERE sad = $4 AND expires_at > $5 AND created_at + $2 > $5 RETURNING expires_at",
    )
    .bind(sad)
    .bind(longest_ms)
    .bind(until.0)
    .bind(before)
    .bind(now.0)
    .bind(named.to_bytes())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(until.map(Millis))
}

/// Ends every authorisation that is still open, and what was accepted under one to be signed later; says how many there were. What they
/// signed stays.
pub(crate) async fn expire_all(tx: &mut Tx, now: Millis) -> Result<u64, Error> {
    let done = sqlx::query("UPDATE signer_authorisation SET expires_at = $1 WHERE expires_at > $1")
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    // Whatever another process was accepting under one meanwhile was waited for, and is seen now.
    jobs::end_all(tx).await?;
    Ok(done.rows_affected())
}

/// Ends a credential's open authorisations, and what was accepted under one: they were given with what does not hold any more.
pub(crate) async fn expire_of(tx: &mut Tx, credential: &CredentialId, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE signer_authorisation SET expires_at = $1 WHERE credential_id = $2 AND expires_at > $1",
    )
    .bind(now.0)
    .bind(credential.as_str())
    .execute(&mut *tx)
    .await?;
    // Whatever another process was accepting under one meanwhile was waited for, and is seen now.
    jobs::end_of(tx, credential).await
}

#[cfg(test)]
mod tests {
    use platform::clock::Clock;
    use platform::db::testing::TestDb;
    use platform::db::{Db, Engine};
    use tokio::sync::oneshot;

    use super::*;
    use crate::store::jobs::{JobRow, State};

    const NOW: Millis = Millis(1_000);

    fn given() -> AuthorisationRow {
        AuthorisationRow {
            authorisation_id: AuthorisationId::new(NOW),
            credential_id: CredentialId::new(NOW),
            client: "practice-system".to_owned(),
            digests: Authorised::new(vec![Digest([7; 32])]).unwrap(),
            named: None,
            authors: None,
            expires_at: Millis(2_000),
            consent: None,
        }
    }

    /// What is said of an authorisation in a transaction.
    async fn is_open(
        db: &Db,
        row: &AuthorisationRow,
        shown: Option<&'static str>,
        now: Millis,
    ) -> Result<(), Error> {
        let row = row.clone();
        db.write(move |tx| Box::pin(async move { still_open(tx, &row, shown, now).await })).await
    }

    platform::both_engines! {
        /// Nothing is done under an authorisation that was ended, though the clock of whoever ended it is ahead, or by a secret that has a
        /// successor; one without a secret to show is looked at for its end alone.
        async fn what_was_ended_is_not_open(db: Db) {
            let row = given();
            assert!(matches!(is_open(&db, &row, None, NOW).await, Err(Error::SadUnknown)));
            let stored = row.clone();
            let done: Result<(), Error> =
                db.write(move |tx| Box::pin(async move { insert(tx, &stored, "first", NOW).await })).await;
            done.unwrap();
            for shown in [Some("first"), None] {
                assert!(is_open(&db, &row, shown, Millis(1_999)).await.is_ok());
                assert!(matches!(is_open(&db, &row, shown, Millis(2_000)).await, Err(Error::SadExpired)));
            }
            let id = row.authorisation_id.clone();
            let next: Result<Option<Millis>, Error> =
                db.write(move |tx| Box::pin(async move { give_secret(tx, &id, "second", NOW).await })).await;
            assert_eq!(next.unwrap(), Some(Millis(2_000)));
            assert!(matches!(is_open(&db, &row, Some("first"), NOW).await, Err(Error::SadUnknown)));
            assert!(is_open(&db, &row, Some("second"), NOW).await.is_ok());
            let credential = row.credential_id.clone();
            let ended: Result<(), Error> = db
                .write(move |tx| Box::pin(async move { expire_of(tx, &credential, Millis(1_500)).await }))
                .await;
            ended.unwrap();
            for shown in [Some("second"), None] {
                assert!(matches!(is_open(&db, &row, shown, NOW).await, Err(Error::SadExpired)));
            }
        }
    }

    /// What is to be signed later under an authorisation.
    fn job(row: &AuthorisationRow) -> JobRow {
        JobRow {
            job_id: "one".to_owned(),
            kind: "system".to_owned(),
            subject: "practice".to_owned(),
            client: row.client.clone(),
            session: None,
            authorisation_id: row.authorisation_id.clone(),
            credential_id: row.credential_id.clone(),
            documents: b"[]".to_vec(),
            octets: 2,
            state: State::Waiting,
            refusal: None,
            tries: 0,
            created_at: NOW,
            expires_at: Millis(9_000),
        }
    }

    /// What one process accepts to be signed later while another ends its authorisation is waited for, and ended with it. SQLite has one writer.
    #[tokio::test]
    async fn what_is_accepted_meanwhile_is_ended_too() {
        let test = TestDb::new(Engine::Postgres).await;
        let beside = Db::connect(&test.config, Clock::system()).await.unwrap();
        let row = given();
        let stored = row.clone();
        let done: Result<(), Error> =
            test.db.write(move |tx| Box::pin(async move { insert(tx, &stored, "first", NOW).await })).await;
        done.unwrap();
        let (begun, begins) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let (db, accepted) = (test.db.clone(), row.clone());
        let accepting = tokio::spawn(async move {
            let done: Result<(), Error> = db
                .write(move |tx| {
                    Box::pin(async move {
                        still_open(tx, &accepted, Some("first"), NOW).await?;
                        jobs::insert(tx, &job(&accepted)).await?;
                        begun.send(()).unwrap();
                        released.await.unwrap();
                        Ok(())
                    })
                })
                .await;
            done.unwrap();
        });
        begins.await.unwrap();
        let (db, credential) = (beside.clone(), row.credential_id.clone());
        let ending = tokio::spawn(async move {
            let done: Result<(), Error> = db
                .write(move |tx| Box::pin(async move { expire_of(tx, &credential, Millis(1_500)).await }))
                .await;
            done.unwrap();
        });
        let waiting = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits =
            async || sqlx::query_scalar::<_, i64>(waiting).fetch_one(test.db.read()).await.unwrap() > 0;
        while !ending.is_finished() && !waits().await {
            tokio::task::yield_now().await;
        }
        assert!(!ending.is_finished(), "it waits for what is being accepted");
        release.send(()).unwrap();
        accepting.await.unwrap();
        ending.await.unwrap();
        let found = jobs::find(test.db.read(), "one", NOW).await.unwrap().unwrap();
        assert_eq!(found.state, State::Tried);
        assert!(matches!(is_open(&test.db, &row, Some("first"), NOW).await, Err(Error::SadExpired)));
        beside.close().await;
    }
}
