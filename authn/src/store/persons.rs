//! Rows of `authn_person`: by what sign-in knows people beside their user id.

use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::UserId;

use super::{Reader, read};
use crate::error::Error;

/// The handle of a person, made where there is none yet.
pub(crate) async fn handle(tx: &mut Tx, person: &UserId, fresh: &str) -> Result<String, Error> {
    Ok(sqlx::query_scalar(
        "INSERT INTO authn_person (user_id, handle) VALUES ($1, $2) \
         ON CONFLICT (user_id) DO UPDATE SET handle = authn_person.handle RETURNING handle",
    )
    .bind(person.as_str())
    .bind(fresh)
    .fetch_one(&mut *tx)
    .await?)
}

/// Holds the row of a person for a transaction that counts something of theirs and adds to it, so that one goes after the other,
/// whichever machine they are on. The row is made where there is none yet.
pub(crate) async fn hold(tx: &mut Tx, person: &UserId, fresh: &str) -> Result<(), Error> {
    handle(tx, person, fresh).await.map(drop)
}

/// The person with this handle.
pub(crate) async fn by_handle<'c>(reader: impl Reader<'c>, handle: &str) -> Result<Option<UserId>, Error> {
    let found: Option<String> = sqlx::query_scalar("SELECT user_id FROM authn_person WHERE handle = $1")
        .bind(handle)
        .fetch_optional(reader)
        .await?;
    found.map(|id| read("authn_person.user_id", &id)).transpose()
}

/// The person with this e-mail address, and their password as a PHC string.
pub(crate) async fn by_email<'c>(
    reader: impl Reader<'c>,
    email: &str,
) -> Result<Option<(UserId, String)>, Error> {
    let found: Option<(String, String)> = sqlx::query_as(
        "SELECT user_id, password FROM authn_person WHERE email = $1 AND password IS NOT NULL",
    )
    .bind(email)
    .fetch_optional(reader)
    .await?;
    found.map(|(id, password)| Ok((read("authn_person.user_id", &id)?, password))).transpose()
}

/// The address and password of a person, the latter as a PHC string.
pub(crate) async fn password<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
) -> Result<Option<(String, String)>, Error> {
    let found = sqlx::query_as(
        "SELECT email, password FROM authn_person WHERE user_id = $1 AND email IS NOT NULL AND password IS NOT NULL",
    )
    .bind(person.as_str())
    .fetch_optional(reader)
    .await?;
    Ok(found)
}

/// Sets the address and password of a person who has a handle; false if somebody else has that address, and then nothing else can be
/// done in the transaction.
pub(crate) async fn set_password(
    tx: &mut Tx,
    person: &UserId,
    email: &str,
    password: &str,
    now: Millis,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_person SET email = $2, password = $3, password_set_at = $4 WHERE user_id = $1 \
         AND NOT EXISTS (SELECT other.user_id FROM authn_person other WHERE other.email = $2 AND other.user_id <> $1)",
    )
    .bind(person.as_str())
    .bind(email)
    .bind(password)
    .bind(now.0)
    .execute(&mut *tx)
    .await
    .map_err(db::Error::from);
    match done {
        Ok(done) => Ok(done.rows_affected() == 1),
        // On another machine somebody took the address at the same moment. The transaction has to be undone.
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Puts the same password at another cost in the place of what was kept, if nobody has set another one meanwhile.
pub(crate) async fn renew_password(tx: &mut Tx, person: &UserId, was: &str, is: &str) -> Result<(), Error> {
    sqlx::query("UPDATE authn_person SET password = $3 WHERE user_id = $1 AND password = $2")
        .bind(person.as_str())
        .bind(was)
        .bind(is)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Takes the password of a person away, with the address.
pub(crate) async fn clear_password(tx: &mut Tx, person: &UserId) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_person SET email = NULL, password = NULL, password_set_at = NULL WHERE user_id = $1",
    )
    .bind(person.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A handle is made once and kept; an address belongs to one person, until it is taken away.
        async fn handles_and_addresses_are_unique(db: Db) {
            let one: UserId = "555021942107".parse().unwrap();
            let two: UserId = "555021942115".parse().unwrap();
            let (first, again, mine, taken) = {
                let (one, two) = (one.clone(), two.clone());
                db.write(move |tx| Box::pin(async move {
                    let first = handle(tx, &one, "a").await?;
                    let again = handle(tx, &one, "b").await?;
                    handle(tx, &two, "c").await?;
                    let mine = set_password(tx, &one, "a@example.org", "$x", Millis(1)).await?;
                    let taken = set_password(tx, &two, "a@example.org", "$y", Millis(1)).await?;
                    Ok::<_, Error>((first, again, mine, taken))
                })).await.unwrap()
            };
            assert_eq!((first.as_str(), again.as_str(), mine, taken), ("a", "a", true, false));
            assert_eq!(by_handle(db.read(), "a").await.unwrap(), Some(one.clone()));
            assert_eq!(by_handle(db.read(), "b").await.unwrap(), None);
            let found = by_email(db.read(), "a@example.org").await.unwrap();
            assert_eq!(found, Some((one.clone(), "$x".to_owned())));
            db.write(move |tx| Box::pin(async move { clear_password(tx, &one).await })).await.unwrap();
            assert_eq!(by_email(db.read(), "a@example.org").await.unwrap(), None);
        }
    }
}
