//! Rows of `authn_authenticator`.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Reader, read};
use crate::authenticator::{Authenticator, AuthenticatorId};
use crate::error::Error;
use crate::interaction::Method;

/// How many of one person are listed.
const SHOWN: i64 = 200;

/// A new row, with what verifies it.
pub(crate) struct New<'a> {
    /// What everybody sees.
    pub authenticator: &'a Authenticator,
    /// The id and the JSON of a WebAuthn credential.
    pub credential: Option<(&'a str, &'a str)>,
    /// The sealed seed of an app, and the step whose code proved it.
    pub seed: Option<(&'a [u8], i64)>,
}

/// A WebAuthn credential with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What everybody sees.
    pub authenticator: Authenticator,
    /// The JSON that verifies.
    pub credential: String,
    /// How its counter moved on last, if it did.
    pub moved: Option<Moved>,
}

/// How the counter of a credential moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    /// When it did last.
    pub at: Millis,
    /// What it was before it did so within the time of a ceremony: never more than it was when a ceremony began that may still be
    /// answered.
    pub from: i64,
}

fn kept(row: &AnyRow) -> Result<Kept, Error> {
    let at: Option<i64> = row.try_get("counted_at")?;
    let from: Option<i64> = row.try_get("counted_from")?;
    let moved = at.zip(from).map(|(at, from)| Moved { at: Millis(at), from });
    Ok(Kept { authenticator: authenticator(row)?, credential: row.try_get("credential")?, moved })
}

fn authenticator(row: &AnyRow) -> Result<Authenticator, Error> {
    Ok(Authenticator {
        id: read("authn_authenticator.authenticator_id", row.try_get("authenticator_id")?)?,
        person: read("authn_authenticator.user_id", row.try_get("user_id")?)?,
        method: read("authn_authenticator.method", row.try_get("method")?)?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        aaguid: row.try_get("aaguid")?,
        created_at: Millis(row.try_get("created_at")?),
        created_by: row.try_get("created_by")?,
        last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(Millis),
        suspended_at: row.try_get::<Option<i64>, _>("suspended_at")?.map(Millis),
    })
}

/// Stores a new authenticator; false if its credential is known already, whosever it is.
pub(crate) async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<bool, Error> {
    let kept = new.authenticator;
    let done = sqlx::query(
        "INSERT INTO authn_authenticator (authenticator_id, user_id, method, name, version, credential_id, credential, \
         aaguid, secret, last_step, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (credential_id) DO NOTHING",
    )
    .bind(kept.id.as_str())
    .bind(kept.person.as_str())
    .bind(kept.method.word())
    .bind(&kept.name)
    .bind(kept.version)
    .bind(new.credential.map(|credential| credential.0))
    .bind(new.credential.map(|credential| credential.1))
    .bind(kept.aaguid.as_deref())
    .bind(new.seed.map(|seed| seed.0))
    .bind(new.seed.map(|seed| seed.1))
    .bind(kept.created_at.0)
    .bind(&kept.created_by)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many authenticators a person has.
pub(crate) async fn count(tx: &mut Tx, person: &UserId) -> Result<usize, Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM authn_authenticator WHERE user_id = $1 AND removed_at IS NULL",
    )
    .bind(person.as_str())
    .fetch_one(&mut *tx)
    .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Every authenticator of a person, however many there are.
pub(crate) async fn ids_of_person(tx: &mut Tx, person: &UserId) -> Result<Vec<AuthenticatorId>, Error> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT authenticator_id FROM authn_authenticator WHERE user_id = $1 AND removed_at IS NULL \
         ORDER BY authenticator_id",
    )
    .bind(person.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|id| read("authn_authenticator.authenticator_id", id)).collect()
}

/// The authenticators of a person that were not taken away, oldest first; more than one may have, so that none is hidden.
pub(crate) async fn of_person<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
) -> Result<Vec<Authenticator>, Error> {
    let rows = sqlx::query(
        "SELECT authenticator_id, user_id, method, name, version, aaguid, created_at, created_by, last_used_at, \
         suspended_at FROM authn_authenticator WHERE user_id = $1 AND removed_at IS NULL ORDER BY authenticator_id LIMIT $2",
    )
    .bind(person.as_str())
    .bind(SHOWN)
    .fetch_all(reader)
    .await?;
    rows.iter().map(authenticator).collect()
}

/// One of them.
pub(crate) async fn of_person_by_id<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
    id: &AuthenticatorId,
) -> Result<Option<Authenticator>, Error> {
    let row = sqlx::query(
        "SELECT authenticator_id, user_id, method, name, version, aaguid, created_at, created_by, last_used_at, \
         suspended_at FROM authn_authenticator WHERE authenticator_id = $1 AND user_id = $2 AND removed_at IS NULL",
    )
    .bind(id.as_str())
    .bind(person.as_str())
    .fetch_optional(reader)
    .await?;
    row.as_ref().map(authenticator).transpose()
}

/// The WebAuthn credential with this id.
pub(crate) async fn by_credential<'c>(
    reader: impl Reader<'c>,
    credential_id: &str,
) -> Result<Option<Kept>, Error> {
    let row = sqlx::query(
        "SELECT authenticator_id, user_id, method, name, version, aaguid, created_at, created_by, last_used_at, \
         suspended_at, credential, counted_at, counted_from FROM authn_authenticator WHERE credential_id = $1 AND removed_at IS NULL",
    )
    .bind(credential_id)
    .fetch_optional(reader)
    .await?;
    row.as_ref().map(kept).transpose()
}

/// The WebAuthn credentials of a person with which they sign in, oldest first.
pub(crate) async fn keys_of_person<'c>(reader: impl Reader<'c>, person: &UserId) -> Result<Vec<Kept>, Error> {
    let rows = sqlx::query(
        "SELECT authenticator_id, user_id, method, name, version, aaguid, created_at, created_by, last_used_at, \
         suspended_at, credential, counted_at, counted_from FROM authn_authenticator WHERE user_id = $1 AND credential_id IS NOT NULL AND removed_at IS NULL \
         AND suspended_at IS NULL ORDER BY authenticator_id LIMIT $2",
    )
    .bind(person.as_str())
    .bind(SHOWN)
    .fetch_all(reader)
    .await?;
    rows.iter().map(kept).collect()
}

/// The ids of the WebAuthn credentials of a person.
pub(crate) async fn credential_ids<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT credential_id FROM authn_authenticator WHERE user_id = $1 AND credential_id IS NOT NULL \
         AND removed_at IS NULL ORDER BY authenticator_id",
    )
    .bind(person.as_str())
    .fetch_all(reader)
    .await?)
}

/// The apps of a person, each with its sealed seed.
pub(crate) async fn apps<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
) -> Result<Vec<(AuthenticatorId, Vec<u8>)>, Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT authenticator_id, secret FROM authn_authenticator WHERE user_id = $1 AND secret IS NOT NULL \
         AND removed_at IS NULL ORDER BY authenticator_id",
    )
    .bind(person.as_str())
    .fetch_all(reader)
    .await?;
    rows.into_iter()
        .map(|(id, seed)| Ok((read("authn_authenticator.authenticator_id", &id)?, seed)))
        .collect()
}

/// Who made an authenticator that is still its holder's and not suspended; none for another.
pub(crate) async fn maker<'c>(
    reader: impl Reader<'c>,
    id: &AuthenticatorId,
) -> Result<Option<String>, Error> {
    let text = "SELECT created_by FROM authn_authenticator WHERE authenticator_id = $1 AND removed_at IS NULL \
                AND suspended_at IS NULL";
    Ok(sqlx::query_scalar(text).bind(id.as_str()).fetch_optional(reader).await?)
}

/// Notes that an authenticator signs in; false if it is no longer its holder's, or is suspended.
pub(crate) async fn mark_used(tx: &mut Tx, id: &AuthenticatorId, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_authenticator SET last_used_at = $2 WHERE authenticator_id = $1 AND removed_at IS NULL \
         AND suspended_at IS NULL",
    )
    .bind(id.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a time step of an app; false if it, or a later one, was taken before. RFC 6238 5.2
pub(crate) async fn take_step(tx: &mut Tx, id: &AuthenticatorId, step: i64) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_authenticator SET last_step = $2 WHERE authenticator_id = $1 AND removed_at IS NULL \
         AND (last_step IS NULL OR last_step < $2)",
    )
    .bind(id.as_str())
    .bind(step)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts what a WebAuthn credential has become in the place of what it was; false if that is there no more. What it counted until now is
/// remembered for as long as a ceremony `lasts`.
pub(crate) async fn advance(
    tx: &mut Tx,
    id: &AuthenticatorId,
    (was, is): (&str, &str),
    (counted, lasts): (i64, Duration),
    now: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_authenticator SET credential = $3, counted_at = $5, \
         counted_from = CASE WHEN counted_at > $6 THEN counted_from ELSE $4 END \
         WHERE authenticator_id = $1 AND credential = $2 AND removed_at IS NULL",
    )
    .bind(id.as_str())
    .bind(was)
    .bind(is)
    .bind(counted)
    .bind(now.0)
    .bind(now.minus(lasts).0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives an authenticator another name, if it is at this version.
pub(crate) async fn rename(tx: &mut Tx, id: &AuthenticatorId, name: &str, at: i64) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_authenticator SET name = $2, version = version + 1 WHERE authenticator_id = $1 AND version = $3 \
         AND removed_at IS NULL",
    )
    .bind(id.as_str())
    .bind(name)
    .bind(at)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an authenticator from a person, with its seed, and says what it was; none if it was not there.
pub(crate) async fn remove(
    tx: &mut Tx,
    person: &UserId,
    id: &AuthenticatorId,
    by: &str,
    now: Millis,
) -> Result<Option<Method>, Error> {
    let method: Option<String> = sqlx::query_scalar(
        "UPDATE authn_authenticator SET removed_at = $3, removed_by = $4, secret = NULL, version = version + 1 \
         WHERE authenticator_id = $1 AND user_id = $2 AND removed_at IS NULL RETURNING method",
    )
    .bind(id.as_str())
    .bind(person.as_str())
    .bind(now.0)
    .bind(by)
    .fetch_optional(&mut *tx)
    .await?;
    method.map(|method| read("authn_authenticator.method", &method)).transpose()
}

/// An authenticator as whoever looks after a restored copy is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The authenticator.
    pub authenticator: String,
    /// Whose it is.
    pub user: String,
    /// How it signs in.
    pub method: String,
    /// When it was enrolled.
    pub created_at: Millis,
    /// When it last signed in, as far as the copy knows.
    pub last_used_at: Option<Millis>,
}

/// The next authenticators behind this id that sign in, whosever they are.
pub(crate) async fn enrolled<'c>(
    reader: impl Reader<'c>,
    after: &str,
    most: i64,
) -> Result<Vec<Enrolled>, Error> {
    let rows: Vec<(String, String, String, i64, Option<i64>)> = sqlx::query_as(
        "SELECT authenticator_id, user_id, method, created_at, last_used_at FROM authn_authenticator \
         WHERE authenticator_id > $1 AND removed_at IS NULL ORDER BY authenticator_id LIMIT $2",
    )
    .bind(after)
    .bind(most)
    .fetch_all(reader)
    .await?;
    let enrolled =
        |(authenticator, user, method, created_at, last_used_at): (_, _, _, i64, Option<i64>)| Enrolled {
            authenticator,
            user,
            method,
            created_at: Millis(created_at),
            last_used_at: last_used_at.map(Millis),
        };
    Ok(rows.into_iter().map(enrolled).collect())
}

/// A sealed seed as it lies in its row.
#[derive(Clone)]
pub(crate) struct SealedSeed {
    /// The authenticator.
    pub id: String,
    /// The sealed seed.
    pub sealed: Vec<u8>,
}

/// The next sealed seeds behind this id.
pub(crate) async fn seeds<'c>(
    reader: impl Reader<'c>,
    after: &str,
    most: i64,
) -> Result<Vec<SealedSeed>, Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT authenticator_id, secret FROM authn_authenticator WHERE authenticator_id > $1 AND secret IS NOT NULL \
         ORDER BY authenticator_id LIMIT $2",
    )
    .bind(after)
    .bind(most)
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().map(|(id, sealed)| SealedSeed { id, sealed }).collect())
}

/// Puts the new form of a seed in the place of the one it was made from; false if that is there no more.
pub(crate) async fn replace_seed(tx: &mut Tx, old: &SealedSeed, new: &[u8]) -> Result<bool, Error> {
    let done =
        sqlx::query("UPDATE authn_authenticator SET secret = $1 WHERE authenticator_id = $2 AND secret = $3")
            .bind(new)
            .bind(&old.id)
            .bind(old.sealed.as_slice())
            .execute(&mut *tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    fn made(number: i64, method: Method) -> Authenticator {
        Authenticator {
            id: AuthenticatorId::new(Millis(number)),
            person: "555021942107".parse().unwrap(),
            method,
            name: format!("number {number}"),
            version: 1,
            aaguid: None,
            created_at: Millis(number),
            created_by: "555021942115".to_owned(),
            last_used_at: None,
            suspended_at: None,
        }
    }

    platform::both_engines! {
        /// A credential is enrolled once, found by its id, moved on only from what it was, and gone when it is taken away.
        async fn credentials_live_and_go(db: Db) {
            let key = made(1, Method::SecurityKey);
            let kept = key.clone();
            let (first, second) = db.write(move |tx| Box::pin(async move {
                let new = New { authenticator: &kept, credential: Some(("cred", "{}")), seed: None };
                let first = insert(tx, &new).await?;
                let other = made(2, Method::Passkey);
                let second = insert(tx, &New { authenticator: &other, ..new }).await?;
                Ok::<_, Error>((first, second))
            })).await.unwrap();
            assert!(first && !second, "the same credential is not taken twice");
            let found = by_credential(db.read(), "cred").await.unwrap().unwrap();
            assert_eq!(found, Kept { authenticator: key.clone(), credential: "{}".to_owned(), moved: None });
            assert_eq!(credential_ids(db.read(), &key.person).await.unwrap(), ["cred"]);
            let (id, person) = (key.id.clone(), key.person.clone());
            let (moved, stale, method, again) = db.write(move |tx| Box::pin(async move {
                let lasts = Duration::from_millis(10);
                let moved = advance(tx, &id, ("{}", "a"), (0, lasts), Millis(5)).await?;
                let stale = advance(tx, &id, ("{}", "b"), (0, lasts), Millis(5)).await?;
                // What it counted is remembered from the first move of a time in which there always was one.
                for (step, at, from) in [(("a", "b"), 14, 0), (("b", "c"), 23, 0), (("c", "d"), 33, 7)] {
                    assert!(advance(tx, &id, step, (7, lasts), Millis(at)).await?);
                    let found = by_credential(&mut *tx, "cred").await?.unwrap();
                    assert_eq!((found.credential.as_str(), found.moved), (step.1, Some(Moved { at: Millis(at), from })));
                }
                let named = [rename(tx, &id, "the blue one", 1).await?, rename(tx, &id, "the red one", 1).await?];
                let used = mark_used(tx, &id, Millis(9)).await?;
                let method = remove(tx, &person, &id, "555021942107", Millis(10)).await?;
                let again = remove(tx, &person, &id, "555021942107", Millis(11)).await?;
                let after = mark_used(tx, &id, Millis(12)).await?;
                assert_eq!((named, used, after), ([true, false], true, false));
                Ok::<_, Error>((moved, stale, method, again))
            })).await.unwrap();
            assert!(moved && !stale);
            assert_eq!((method, again), (Some(Method::SecurityKey), None));
            assert_eq!(maker(db.read(), &key.id).await.unwrap(), None);
            assert_eq!(of_person(db.read(), &key.person).await.unwrap(), []);
            assert_eq!(of_person_by_id(db.read(), &key.person, &key.id).await.unwrap(), None);
        }

        /// A time step of an app is taken once, and no earlier one after it; its seed moves only from what it was.
        async fn steps_are_taken_once(db: Db) {
            let app = made(1, Method::Totp);
            let kept = app.clone();
            let taken = db.write(move |tx| Box::pin(async move {
                insert(tx, &New { authenticator: &kept, credential: None, seed: Some((&[7; 40], 100)) }).await?;
                let mut taken = Vec::new();
                for step in [100, 99, 101, 101, 103, 102] {
                    taken.push(take_step(tx, &kept.id, step).await?);
                }
                let old = seeds(&mut *tx, "", 10).await?.remove(0);
                taken.push(replace_seed(tx, &old, &[8; 40]).await?);
                taken.push(replace_seed(tx, &old, &[9; 40]).await?);
                Ok::<_, Error>(taken)
            })).await.unwrap();
            assert_eq!(taken, [false, false, true, false, true, false, true, false]);
            assert_eq!(apps(db.read(), &app.person).await.unwrap(), [(app.id.clone(), vec![8; 40])]);
            assert_eq!(maker(db.read(), &app.id).await.unwrap().as_deref(), Some("555021942115"));
        }
    }
}
