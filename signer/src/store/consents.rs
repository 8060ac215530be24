//! Rows of `signer_consent`.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::requests::{Decision, Given};
use super::{Reader, read_id};
use crate::digest::Authorised;
use crate::error::Error;
use crate::ids::{AuthorisationId, ConsentId, CredentialId};

/// How somebody came to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Road {
    /// By a request for an access token, which sign-in knows.
    Token,
    /// By a client that asks again with a handle.
    Handle,
}

impl Road {
    /// Its name in rows.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Handle => "handle",
        }
    }
}

/// A consent as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct ConsentRow {
    pub(crate) consent_id: ConsentId,
    pub(crate) road: Road,
    pub(crate) reference: String,
    pub(crate) client: String,
    pub(crate) client_name: String,
    pub(crate) user_id: String,
    pub(crate) credential_id: CredentialId,
    pub(crate) session: Option<String>,
    pub(crate) digests: Authorised,
    pub(crate) shown: String,
    pub(crate) description: Option<String>,
    pub(crate) binding: String,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) decision: Option<Decision>,
}

/// The columns, in one order everywhere.
macro_rules! columns {
    () => {
        "consent_id, road, reference, client, client_name, user_id, credential_id, session, digests, shown, description, \
         binding, created_at, expires_at, decision, decided_at, presence, authorisation_id"
    };
}

fn row(row: &AnyRow) -> Result<ConsentRow, Error> {
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
    let digests: Vec<u8> = row.try_get("digests")?;
    Ok(ConsentRow {
        consent_id: read_id(row.try_get("consent_id")?)?,
        road: match row.try_get("road")? {
            "token" => Road::Token,
            "handle" => Road::Handle,
            _ => return Err(Error::StoredRow { what: "road" }),
        },
        reference: row.try_get("reference")?,
        client: row.try_get("client")?,
        client_name: row.try_get("client_name")?,
        user_id: row.try_get("user_id")?,
        credential_id: read_id(row.try_get("credential_id")?)?,
        session: row.try_get("session")?,
        digests: Authorised::from_bytes(&digests).ok_or(Error::StoredRow { what: "list of digests" })?,
        shown: row.try_get("shown")?,
        description: row.try_get("description")?,
        binding: row.try_get("binding")?,
        created_at: Millis(row.try_get("created_at")?),
        expires_at: Millis(row.try_get("expires_at")?),
        decision,
    })
}

/// Stores what somebody is to be asked; false if it is there by its reference.
pub(crate) async fn insert(tx: &mut Tx, row: &ConsentRow) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO signer_consent (consent_id, road, reference, client, client_name, user_id, credential_id, session, \
         digests, shown, description, binding, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (reference) DO NOTHING",
    )
    .bind(row.consent_id.as_str())
    .bind(row.road.word())
    .bind(&row.reference)
    .bind(&row.client)
    .bind(&row.client_name)
    .bind(&row.user_id)
    .bind(row.credential_id.as_str())
    .bind(row.session.as_deref())
    .bind(row.digests.to_bytes())
    .bind(&row.shown)
    .bind(row.description.as_deref())
    .bind(&row.binding)
    .bind(row.created_at.0)
    .bind(row.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One by its id.
pub(crate) async fn by_id<'c>(reader: impl Reader<'c>, id: &ConsentId) -> Result<Option<ConsentRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM signer_consent WHERE consent_id = $1");
    sqlx::query(sql).bind(id.as_str()).fetch_optional(reader).await?.as_ref().map(row).transpose()
}

/// One by its reference.
pub(crate) async fn by_reference<'c>(
    reader: impl Reader<'c>,
    road: Road,
    reference: &str,
) -> Result<Option<ConsentRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM signer_consent WHERE road = $1 AND reference = $2");
    let found = sqlx::query(sql).bind(road.word()).bind(reference).fetch_optional(reader).await?;
    found.as_ref().map(row).transpose()
}

/// The consent under which an authorisation was given.
pub(crate) async fn by_authorisation<'c>(
    reader: impl Reader<'c>,
    authorisation: &AuthorisationId,
) -> Result<Option<ConsentRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM signer_consent WHERE authorisation_id = $1");
    sqlx::query(sql).bind(authorisation.as_str()).fetch_optional(reader).await?.as_ref().map(row).transpose()
}

/// What waits for a person and came by a handle, oldest first; at most fifty.
pub(crate) async fn waiting_for<'c>(
    reader: impl Reader<'c>,
    user: &str,
    now: Millis,
) -> Result<Vec<ConsentRow>, Error> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM signer_consent WHERE user_id = $1 AND decision IS NULL AND road = 'handle' AND expires_at > $2 \
         ORDER BY consent_id LIMIT 50"
    );
    sqlx::query(sql).bind(user).bind(now.0).fetch_all(reader).await?.iter().map(row).collect()
}

/// How many of a client wait for a person.
pub(crate) async fn waiting(tx: &mut Tx, client: &str, user: &str, now: Millis) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_consent WHERE client = $1 AND user_id = $2 AND decision IS NULL \
         AND expires_at > $3",
    )
    .bind(client)
    .bind(user)
    .bind(now.0)
    .fetch_one(&mut *tx)
    .await?)
}

/// Notes that the person agreed; false if it is decided, or over.
pub(crate) async fn consent(
    tx: &mut Tx,
    id: &ConsentId,
    given: &Given<'_>,
    now: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE signer_consent SET decision = 'consented', decided_at = $1, presence = $2, authorisation_id = $3, \
         authenticator = $4, method = $5 WHERE consent_id = $6 AND decision IS NULL AND expires_at > $1",
    )
    .bind(now.0)
    .bind(given.presence)
    .bind(given.authorisation.as_str())
    .bind(given.authenticator)
    .bind(given.method)
    .bind(id.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the person did not want to; false if it is decided, or over.
pub(crate) async fn cancel(tx: &mut Tx, id: &ConsentId, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE signer_consent SET decision = 'cancelled', decided_at = $1 WHERE consent_id = $2 AND decision IS NULL \
         AND expires_at > $1",
    )
    .bind(now.0)
    .bind(id.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends everything that still waits: for a restore, which does not know what was decided since.
pub(crate) async fn end_waiting(tx: &mut Tx, now: Millis) -> Result<(), Error> {
    sqlx::query("UPDATE signer_consent SET expires_at = $1 WHERE decision IS NULL AND expires_at > $1")
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Erases so many that nobody agreed to and that are over since then. What was agreed to stays: it is evidence.
pub(crate) async fn erase(tx: &mut Tx, before: Millis, most: i64) -> Result<u64, Error> {
    let done = sqlx::query(
        "DELETE FROM signer_consent WHERE consent_id IN (SELECT consent_id FROM signer_consent \
         WHERE expires_at <= $1 AND (decision IS NULL OR decision = 'cancelled') ORDER BY expires_at LIMIT $2)",
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
    use crate::digest::Digest;

    fn sample(reference: &str, at: i64) -> ConsentRow {
        ConsentRow {
            consent_id: ConsentId::new(Millis(at)),
            road: Road::Handle,
            reference: reference.to_owned(),
            client: "practice".to_owned(),
            client_name: "Practice system".to_owned(),
            user_id: "555021942107".to_owned(),
            credential_id: CredentialId::new(Millis(1)),
            session: None,
            digests: Authorised::new(vec![Digest([7; 32])]).unwrap(),
            shown: "[]".to_owned(),
            description: None,
            binding: "00".to_owned(),
            created_at: Millis(at),
            expires_at: Millis(at + 100),
            decision: None,
        }
    }

    platform::both_engines! {
        /// What somebody is asked is stored once, decided once and in time, and erased unless they agreed.
        async fn consents_live_and_go(db: Db) {
            let (one, two, late) = (sample("1", 1), sample("2", 2), sample("3", 3));
            let authorisation = AuthorisationId::new(Millis(5));
            let all = (one.clone(), two.clone(), late.clone(), authorisation.clone());
            let answers = db.write(move |tx| Box::pin(async move {
                let (one, two, late, authorisation) = all;
                let mut answers = vec![insert(tx, &one).await?, insert(tx, &sample("1", 9)).await?];
                insert(tx, &two).await?;
                insert(tx, &late).await?;
                answers.push(waiting(tx, "practice", "555021942107", Millis(50)).await? == 3);
                let given = Given { presence: "{}", authenticator: "key", method: "security-key", authorisation: &authorisation };
                answers.push(consent(tx, &one.consent_id, &given, Millis(50)).await?);
                answers.push(consent(tx, &one.consent_id, &given, Millis(51)).await?);
                answers.push(cancel(tx, &one.consent_id, Millis(51)).await?);
                answers.push(cancel(tx, &two.consent_id, Millis(51)).await?);
                answers.push(cancel(tx, &late.consent_id, Millis(103)).await?);
                Ok::<_, Error>(answers)
            })).await.unwrap();
            assert_eq!(answers, [true, false, true, true, false, false, true, false]);
            let found = by_reference(db.read(), Road::Handle, "1").await.unwrap().unwrap();
            let by_it = by_authorisation(db.read(), &authorisation).await.unwrap().unwrap();
            assert_eq!(by_it.consent_id, one.consent_id);
            let agreed = Decision::Consented { at: Millis(50), presence: "{}".to_owned(), authorisation };
            assert_eq!((found.consent_id, found.decision), (one.consent_id.clone(), Some(agreed)));
            assert!(by_authorisation(db.read(), &AuthorisationId::new(Millis(5))).await.unwrap().is_none());
            assert!(by_reference(db.read(), Road::Token, "1").await.unwrap().is_none());
            let waiting = waiting_for(db.read(), "555021942107", Millis(50)).await.unwrap();
            assert_eq!(waiting.iter().map(|row| &row.consent_id).collect::<Vec<_>>(), [&late.consent_id]);
            let erased = db.write(|tx| Box::pin(async move { erase(tx, Millis(200), 10).await })).await.unwrap();
            assert_eq!(erased, 2);
            assert!(by_id(db.read(), &one.consent_id).await.unwrap().is_some(), "what was agreed to stays");
        }
    }
}
