//! Rows of `authn_enrolment`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use sqlx::Row as _;

use super::{Reader, read};
use crate::enrolment::{Enrolment, EnrolmentId};
use crate::error::Error;
use crate::interaction::Level;
use crate::session::SessionId;

fn number(level: Level) -> i64 {
    match level {
        Level::One => 1,
        Level::Two => 2,
        Level::Three => 3,
    }
}

fn level(number: i64) -> Result<Level, Error> {
    match number {
        1 => Ok(Level::One),
        2 => Ok(Level::Two),
        3 => Ok(Level::Three),
        _ => Err(Error::Stored { what: "authn_enrolment.most_level" }),
    }
}

/// Stores a new link.
pub(crate) async fn insert(
    tx: &mut Tx,
    enrolment: &Enrolment,
    secret: &[u8],
    now: Millis,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_enrolment (enrolment_id, secret, user_id, purpose, most_level, made_by, session_id, created_at, \
         expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(enrolment.id.as_str())
    .bind(secret)
    .bind(enrolment.person.as_str())
    .bind(enrolment.purpose.to_string())
    .bind(number(enrolment.most_level))
    .bind(&enrolment.made_by)
    .bind(enrolment.session.as_ref().map(SessionId::as_str))
    .bind(now.0)
    .bind(enrolment.expires_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The link with this secret's hash, if it can still be used.
pub(crate) async fn by_secret<'c>(
    reader: impl Reader<'c>,
    secret: &[u8],
    now: Millis,
) -> Result<Option<Enrolment>, Error> {
    let row = sqlx::query(
        "SELECT enrolment_id, user_id, purpose, most_level, made_by, session_id, browser, expires_at FROM authn_enrolment \
         WHERE secret = $1 AND used_at IS NULL AND cancelled_at IS NULL AND expires_at > $2",
    )
    .bind(secret)
    .bind(now.0)
    .fetch_optional(reader)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let purpose: String = row.try_get("purpose")?;
    let session: Option<String> = row.try_get("session_id")?;
    Ok(Some(Enrolment {
        id: read("authn_enrolment.enrolment_id", row.try_get("enrolment_id")?)?,
        person: read("authn_enrolment.user_id", row.try_get("user_id")?)?,
        purpose: read("authn_enrolment.purpose", &purpose)?,
        most_level: level(row.try_get("most_level")?)?,
        made_by: row.try_get("made_by")?,
        session: session.map(|id| read("authn_enrolment.session_id", &id)).transpose()?,
        browser: row.try_get("browser")?,
        expires_at: Millis(row.try_get("expires_at")?),
    }))
}

/// Binds a link to the browser that opens it first; false if another has.
pub(crate) async fn bind(tx: &mut Tx, id: &EnrolmentId, browser: &[u8]) -> Result<bool, Error> {
    let done =
        sqlx::query("UPDATE authn_enrolment SET browser = $2 WHERE enrolment_id = $1 AND browser IS NULL")
            .bind(id.as_str())
            .bind(browser)
            .execute(&mut *tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses a link up; false if it is over.
pub(crate) async fn use_up(tx: &mut Tx, id: &EnrolmentId, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_enrolment SET used_at = $2 WHERE enrolment_id = $1 AND used_at IS NULL AND cancelled_at IS NULL \
         AND expires_at > $2",
    )
    .bind(id.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a link of a person back; false if it is over.
pub(crate) async fn cancel(
    tx: &mut Tx,
    person: &UserId,
    id: &EnrolmentId,
    now: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_enrolment SET cancelled_at = $3 WHERE enrolment_id = $1 AND user_id = $2 AND used_at IS NULL \
         AND cancelled_at IS NULL",
    )
    .bind(id.as_str())
    .bind(person.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes every link of a person back that still works; says which.
pub(crate) async fn cancel_all(tx: &mut Tx, person: &UserId, now: Millis) -> Result<Vec<EnrolmentId>, Error> {
    let ids: Vec<String> = sqlx::query_scalar(
        "UPDATE authn_enrolment SET cancelled_at = $2 WHERE user_id = $1 AND used_at IS NULL AND cancelled_at IS NULL \
         AND expires_at > $2 RETURNING enrolment_id",
    )
    .bind(person.as_str())
    .bind(now.0)
    .fetch_all(&mut *tx)
    .await?;
    ids.iter().map(|id| read("authn_enrolment.enrolment_id", id)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use platform::db::Db;

    use super::*;
    use crate::enrolment::Purpose;

    /// A link.
    pub(crate) fn made(number: i64) -> Enrolment {
        Enrolment {
            id: EnrolmentId::new(Millis(number)),
            person: "555021942107".parse().unwrap(),
            purpose: Purpose::Own,
            most_level: Level::Two,
            made_by: "555021942107".to_owned(),
            session: Some(SessionId::new(Millis(1))),
            browser: None,
            expires_at: Millis(100),
        }
    }

    platform::both_engines! {
        /// A link belongs to the first browser, is used once, and not when it is over or was taken back.
        async fn links_are_used_once(db: Db) {
            let (one, two) = (made(1), made(2));
            let (first, second) = (one.clone(), two.clone());
            db.write(move |tx| Box::pin(async move {
                insert(tx, &first, &[1; 32], Millis(1)).await?;
                insert(tx, &second, &[2; 32], Millis(1)).await
            })).await.unwrap();
            assert_eq!(by_secret(db.read(), &[1; 32], Millis(99)).await.unwrap(), Some(one.clone()));
            assert_eq!(by_secret(db.read(), &[1; 32], Millis(100)).await.unwrap(), None);
            let answers = db.write(move |tx| Box::pin(async move {
                let bound = [bind(tx, &one.id, &[7; 32]).await?, bind(tx, &one.id, &[8; 32]).await?];
                let used = [use_up(tx, &one.id, Millis(9)).await?, use_up(tx, &one.id, Millis(9)).await?];
                let gone = [cancel(tx, &one.person, &one.id, Millis(9)).await?, cancel(tx, &two.person, &two.id, Millis(9)).await?];
                let late = use_up(tx, &two.id, Millis(10)).await?;
                Ok::<_, Error>((bound, used, gone, late))
            })).await.unwrap();
            assert_eq!(answers, ([true, false], [true, false], [false, true], false));
            assert_eq!(by_secret(db.read(), &[1; 32], Millis(9)).await.unwrap(), None);
        }
    }
}
