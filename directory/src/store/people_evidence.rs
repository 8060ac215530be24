//! Rows of `directory_evidence` and `directory_registration`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::{Reader, read};
use crate::api::{Evidence, ProfessionalBody, Registration};
use crate::error::Error;
use crate::person::{Proof, Shown};

/// Stores a document that was shown.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: &str,
    user: &UserId,
    shown: &Shown,
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO directory_evidence (evidence_id, user_id, document, issuer, number_mask, number_hash, method, \
         checker, checked_on, noted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(user.as_str())
    .bind(shown.document.word())
    .bind(shown.issuer.as_str())
    .bind(shown.number_mask.as_deref())
    .bind(shown.number_hash.as_deref())
    .bind(shown.method.word())
    .bind(shown.checker.as_str())
    .bind(shown.checked_on.to_string())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

type Columns = (String, String, String, Option<String>, String, String, String, i64);

/// The documents of a person, newest first; at most 200.
pub(crate) async fn of<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Vec<Evidence>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT evidence_id, document, issuer, number_mask, method, checker, checked_on, noted_at \
         FROM directory_evidence WHERE user_id = $1 ORDER BY evidence_id DESC LIMIT 200",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|(id, document, issuer, number_mask, method, checker, checked_on, noted_at)| {
            Ok(Evidence {
                id,
                document: read("directory_evidence.document", &document)?,
                issuer,
                number_mask,
                method: read("directory_evidence.method", &method)?,
                checker,
                checked_on: read("directory_evidence.checked_on", &checked_on)?,
                noted_at: Millis(noted_at),
            })
        })
        .collect()
}

/// The documents of a person as far as they count for who they are, newest first; at most 200.
pub(crate) async fn proofs(tx: &mut Tx, user: &UserId) -> Result<Vec<Proof>, Error> {
    let rows: Vec<(String, String, Option<String>, String, String, String)> = sqlx::query_as(
        "SELECT document, method, number_hash, issuer, checker, checked_on FROM directory_evidence \
         WHERE user_id = $1 ORDER BY evidence_id DESC LIMIT 200",
    )
    .bind(user.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter()
        .map(|(document, method, hash, issuer, checker, checked_on)| {
            let kind = (
                read("directory_evidence.document", &document)?,
                read("directory_evidence.method", &method)?,
            );
            let checked_on = read("directory_evidence.checked_on", &checked_on)?;
            Ok(Proof::new(kind, hash.as_deref(), &issuer, &checker, checked_on))
        })
        .collect()
}

/// The hashes of the numbers of a person's documents; at most 200.
pub(crate) async fn hashes<'c>(reader: impl Reader<'c>, user: &UserId) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT number_hash FROM directory_evidence WHERE user_id = $1 AND number_hash IS NOT NULL LIMIT 200",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Gives the documents and registrations of one person to another.
pub(crate) async fn hand_over(tx: &mut Tx, from: &UserId, to: &UserId) -> Result<(), Error> {
    for text in [
        "UPDATE directory_evidence SET user_id = $2 WHERE user_id = $1",
        "UPDATE directory_registration SET user_id = $2 WHERE user_id = $1",
    ] {
        sqlx::query(text).bind(from.as_str()).bind(to.as_str()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Adds a registration, and says whose it is if it is somebody's already.
pub(crate) async fn register(
    tx: &mut Tx,
    user: &UserId,
    registration: &Registration,
    now: Millis,
) -> Result<Option<UserId>, Error> {
    let done = sqlx::query(
        "INSERT INTO directory_registration (body, number, user_id, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(registration.body.word())
    .bind(registration.number.as_str())
    .bind(user.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(None);
    }
    let holder: Option<(String,)> =
        sqlx::query_as("SELECT user_id FROM directory_registration WHERE body = $1 AND number = $2")
            .bind(registration.body.word())
            .bind(registration.number.as_str())
            .fetch_optional(&mut *tx)
            .await?;
    holder.map(|(holder,)| read("directory_registration.user_id", &holder)).transpose()
}

/// Takes a registration away. `false`: they do not have it.
pub(crate) async fn unregister(
    tx: &mut Tx,
    user: &UserId,
    body: ProfessionalBody,
    number: &str,
) -> Result<bool, Error> {
    let done =
        sqlx::query("DELETE FROM directory_registration WHERE body = $1 AND number = $2 AND user_id = $3")
            .bind(body.word())
            .bind(number)
            .bind(user.as_str())
            .execute(&mut *tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// The registrations of a person, in the order of their bodies; at most a hundred.
pub(crate) async fn registrations<'c>(
    reader: impl Reader<'c>,
    user: &UserId,
) -> Result<Vec<Registration>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT body, number FROM directory_registration WHERE user_id = $1 ORDER BY body, number LIMIT 100",
    )
    .bind(user.as_str())
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|(body, number)| Ok(Registration { body: read("directory_registration.body", &body)?, number }))
        .collect()
}
