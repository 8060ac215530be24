//! Rows of `authn_logout`: who is to be told that a session has ended.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{ClientId, UserId};

use super::{Reader, read};
use crate::api::Delivery;
use crate::error::Error;
use crate::oidc::face::Face;

platform::text_id!(
    /// A message to one relying party.
    LogoutId
);

/// A message that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logout {
    /// Its id.
    pub(crate) id: LogoutId,
    /// To whom.
    pub(crate) client: ClientId,
    /// The session, as in tokens.
    pub(crate) sid: String,
    /// Who signed in.
    pub(crate) person: UserId,
    /// Under which issuer.
    pub(crate) face: Face,
    /// How often it was tried.
    pub(crate) attempts: i64,
}

/// Stores a message that is due at once.
pub(crate) async fn insert(tx: &mut Tx, logout: &Logout, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_logout (logout_id, client_id, sid, user_id, face, state, attempts, due_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'due', 0, $6, $6)",
    )
    .bind(logout.id.as_str().to_owned())
    .bind(logout.client.as_str().to_owned())
    .bind(logout.sid.clone())
    .bind(logout.person.as_str().to_owned())
    .bind(logout.face.word())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Messages that are due, the longest waiting first.
pub(crate) async fn due<'c>(reader: impl Reader<'c>, now: Millis, limit: u32) -> Result<Vec<Logout>, Error> {
    let rows: Vec<(String, String, String, String, String, i64)> = sqlx::query_as(
        "SELECT logout_id, client_id, sid, user_id, face, attempts FROM authn_logout \
         WHERE state = 'due' AND due_at <= $1 ORDER BY due_at LIMIT $2",
    )
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    let logout =
        |(id, client, sid, person, face, attempts): (String, String, String, String, String, i64)| {
            Ok(Logout {
                id: read("authn_logout.logout_id", &id)?,
                client: read("authn_logout.client_id", &client)?,
                sid,
                person: read("authn_logout.user_id", &person)?,
                face: Face::of_word(&face).ok_or(Error::Stored { what: "authn_logout.face" })?,
                attempts,
            })
        };
    rows.into_iter().map(logout).collect()
}

/// Takes a message for one attempt; false if another machine has it. Where this one stops in between, it is due again later.
pub(crate) async fn claim(tx: &mut Tx, logout: &Logout, again_at: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_logout SET attempts = $3, due_at = $4 WHERE logout_id = $1 AND attempts = $2 AND state = 'due'",
    )
    .bind(logout.id.as_str().to_owned())
    .bind(logout.attempts)
    .bind(logout.attempts + 1)
    .bind(again_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down how the last attempt went; false if the message was settled already.
pub(crate) async fn note(
    tx: &mut Tx,
    id: &LogoutId,
    state: &str,
    outcome: &str,
    settled_at: Option<Millis>,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_logout SET state = $2, outcome = $3, settled_at = $4 WHERE logout_id = $1 AND state = 'due'",
    )
    .bind(id.as_str().to_owned())
    .bind(state.to_owned())
    .bind(outcome.to_owned())
    .bind(settled_at.map(|at| at.0))
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

type DeliveryColumns = (String, String, String, i64, i64, Option<String>, i64, Option<i64>);

/// The messages to a client before one of them, latest first.
pub(crate) async fn of_client<'c>(
    reader: impl Reader<'c>,
    client: &ClientId,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<DeliveryColumns> = sqlx::query_as(
        "SELECT logout_id, sid, state, attempts, due_at, outcome, created_at, settled_at FROM authn_logout \
         WHERE client_id = $1 AND logout_id < $2 ORDER BY logout_id DESC LIMIT $3",
    )
    .bind(client.as_str().to_owned())
    .bind(before.unwrap_or("~").to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    let delivery =
        |(id, sid, state, attempts, due_at, outcome, created_at, settled_at): DeliveryColumns| Delivery {
            id,
            sid,
            state,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            due_at,
            outcome,
            created_at,
            settled_at,
        };
    Ok(rows.into_iter().map(delivery).collect())
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;

    platform::both_engines! {
        /// A message is due until it is settled, is claimed by one machine, and is in the client's list.
        async fn messages_are_claimed(db: Db) {
            let logout = Logout {
                id: LogoutId::new(Millis(1)), client: "rp".parse().unwrap(), sid: "s".to_owned(),
                person: "555021942107".parse().unwrap(), face: Face::Cis2, attempts: 0,
            };
            let one = logout.clone();
            let claimed = db.write(move |tx| Box::pin(async move {
                insert(tx, &one, Millis(1)).await?;
                Ok::<_, Error>((claim(tx, &one, Millis(60)).await?, claim(tx, &one, Millis(60)).await?))
            })).await.unwrap();
            assert_eq!(claimed, (true, false));
            assert!(due(db.read(), Millis(59), 10).await.unwrap().is_empty());
            let again = due(db.read(), Millis(60), 10).await.unwrap();
            assert_eq!(again, [Logout { attempts: 1, ..logout.clone() }]);
            let id = logout.id.clone();
            let noted = db.write(move |tx| Box::pin(async move {
                Ok::<_, Error>((
                    note(tx, &id, "due", "status 500", None).await?,
                    note(tx, &id, "delivered", "status 200", Some(Millis(61))).await?,
                    note(tx, &id, "given-up", "no", Some(Millis(62))).await?,
                ))
            })).await.unwrap();
            assert_eq!(noted, (true, true, false));
            assert!(due(db.read(), Millis(99), 10).await.unwrap().is_empty());
            let list = of_client(db.read(), &logout.client, None, 10).await.unwrap();
            assert_eq!((list.len(), list[0].state.as_str(), list[0].settled_at), (1, "delivered", Some(61)));
        }
    }
}
