//! Rows of `authn_logout`: who is to be told that a session has ended, and in which form.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{ClientId, UserId};

use super::hearing::Hearing;
use super::{Reader, read};
use crate::api::Delivery;
use crate::error::Error;
use crate::oidc::face::Face;

platform::text_id!(
    /// A message to one relying party.
    LogoutId
);

/// In which form somebody is told. Each has an address of its own, and who is silent at one may answer at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a logout token.
    LogoutToken,
    /// As a security event.
    SessionRevoked,
}

impl Form {
    const EVENT: &str = "session-revoked";

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::LogoutToken => "logout-token",
            Self::SessionRevoked => Self::EVENT,
        }
    }

    /// As the column has it, which is absent for logout tokens.
    fn stored(self) -> Option<&'static str> {
        (self == Self::SessionRevoked).then_some(Self::EVENT)
    }

    fn of(stored: Option<&str>) -> Result<Self, Error> {
        match stored {
            None => Ok(Self::LogoutToken),
            Some(Self::EVENT) => Ok(Self::SessionRevoked),
            Some(_) => Err(Error::Stored { what: "authn_logout.kind" }),
        }
    }
}

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
    /// In which form.
    pub(crate) form: Form,
    /// Why the session ended.
    pub(crate) cause: Option<String>,
    /// When it ended.
    pub(crate) at: Millis,
}

/// Stores a message that is due at once.
pub(crate) async fn insert(tx: &mut Tx, logout: &Logout) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_logout (logout_id, client_id, sid, user_id, face, state, attempts, due_at, created_at, kind, cause) \
         VALUES ($1, $2, $3, $4, $5, 'due', 0, $6, $6, $7, $8)",
    )
    .bind(logout.id.as_str().to_owned())
    .bind(logout.client.as_str().to_owned())
    .bind(logout.sid.clone())
    .bind(logout.person.as_str().to_owned())
    .bind(logout.face.word())
    .bind(logout.at.0)
    .bind(logout.form.stored())
    .bind(logout.cause.clone())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Messages that are due, the longest waiting first, each with whether its client answers in its form: so many of each client in each form at
/// most, and so many of those that answer, that nobody knows of, and that do not answer. One that does not is left alone until its time comes.
pub(crate) async fn due<'c>(
    reader: impl Reader<'c>,
    now: Millis,
    of_each: u32,
    of_each_kind: u32,
) -> Result<Vec<(Logout, Hearing)>, Error> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT logout_id, client_id, sid, user_id, face, attempts, kind, cause, created_at, unanswered FROM ( \
           SELECT logout_id, client_id, sid, user_id, face, attempts, kind, cause, created_at, unanswered, due_at, \
             ROW_NUMBER() OVER (PARTITION BY hears ORDER BY due_at, logout_id) AS turn FROM ( \
             SELECT l.logout_id, l.client_id, l.sid, l.user_id, l.face, l.attempts, l.kind, l.cause, l.created_at, l.due_at, \
               h.unanswered, CASE WHEN h.unanswered IS NULL THEN 1 WHEN h.unanswered = 0 THEN 0 ELSE 2 END AS hears, \
               ROW_NUMBER() OVER (PARTITION BY l.client_id, l.kind ORDER BY l.due_at, l.logout_id) AS place \
             FROM authn_logout l LEFT JOIN authn_hearing h \
               ON h.client_id = l.client_id AND h.form = COALESCE(l.kind, 'logout-token') \
             WHERE l.state = 'due' AND l.due_at <= $1 AND (h.next_at IS NULL OR h.next_at <= $1)) AS waiting \
           WHERE place <= $2) AS sorted \
         WHERE turn <= $3 ORDER BY due_at, logout_id",
    )
    .bind(now.0)
    .bind(i64::from(of_each))
    .bind(i64::from(of_each_kind))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(logout).collect()
}

type Columns =
    (String, String, String, String, String, i64, Option<String>, Option<String>, i64, Option<i64>);

fn logout(row: Columns) -> Result<(Logout, Hearing), Error> {
    let (id, client, sid, person, face, attempts, kind, cause, created_at, unanswered) = row;
    let logout = Logout {
        id: read("authn_logout.logout_id", &id)?,
        client: read("authn_logout.client_id", &client)?,
        sid,
        person: read("authn_logout.user_id", &person)?,
        face: Face::of_word(&face).ok_or(Error::Stored { what: "authn_logout.face" })?,
        attempts,
        form: Form::of(kind.as_deref())?,
        cause,
        at: Millis(created_at),
    };
    Ok((logout, Hearing::of(unanswered)))
}

/// Takes a message for one attempt; false if another machine has it. Where this one stops in between, it is due again when the claim is
/// over.
pub(crate) async fn claim(tx: &mut Tx, logout: &Logout, until: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_logout SET attempts = $3, due_at = $4 WHERE logout_id = $1 AND attempts = $2 AND state = 'due'",
    )
    .bind(logout.id.as_str().to_owned())
    .bind(logout.attempts)
    .bind(logout.attempts + 1)
    .bind(until.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a message back as it was before it was claimed, because nothing was sent; what is told of it, and when it is due again.
pub(crate) async fn unsent(tx: &mut Tx, logout: &Logout, outcome: &str, due_at: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_logout SET attempts = $3, outcome = $4, due_at = $5 \
         WHERE logout_id = $1 AND attempts = $2 AND state = 'due'",
    )
    .bind(logout.id.as_str().to_owned())
    .bind(logout.attempts + 1)
    .bind(logout.attempts)
    .bind(outcome.to_owned())
    .bind(due_at.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    /// The state that it leaves the message in.
    pub(crate) state: &'static str,
    /// What is told of it.
    pub(crate) outcome: String,
    /// When it is tried again, if it is still due.
    pub(crate) due_at: Millis,
    /// When it was settled, if it is.
    pub(crate) settled_at: Option<Millis>,
}

/// Writes down how the last attempt went; false if the message was settled already.
pub(crate) async fn note(tx: &mut Tx, id: &LogoutId, noted: &Noted) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_logout SET state = $2, outcome = $3, due_at = $4, settled_at = $5 \
         WHERE logout_id = $1 AND state = 'due'",
    )
    .bind(id.as_str().to_owned())
    .bind(noted.state)
    .bind(noted.outcome.clone())
    .bind(noted.due_at.0)
    .bind(noted.settled_at.map(|at| at.0))
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

type DeliveryColumns = (String, String, String, i64, i64, Option<String>, i64, Option<i64>, Option<String>);

/// The messages to a client before one of them, latest first.
pub(crate) async fn of_client<'c>(
    reader: impl Reader<'c>,
    client: &ClientId,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<DeliveryColumns> = sqlx::query_as(
        "SELECT logout_id, sid, state, attempts, due_at, outcome, created_at, settled_at, kind FROM authn_logout \
         WHERE client_id = $1 AND logout_id < $2 ORDER BY logout_id DESC LIMIT $3",
    )
    .bind(client.as_str().to_owned())
    .bind(before.unwrap_or("~").to_owned())
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.into_iter().map(delivery).collect()
}

fn delivery(row: DeliveryColumns) -> Result<Delivery, Error> {
    let (id, sid, state, attempts, due_at, outcome, created_at, settled_at, kind) = row;
    Ok(Delivery {
        id,
        form: Form::of(kind.as_deref())?.word().to_owned(),
        sid,
        state,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        due_at,
        outcome,
        created_at,
        settled_at,
    })
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::store::hearing;

    platform::both_engines! {
        /// Of a client that many messages wait for, the two that wait longest are taken, and those of others beside them.
        async fn no_client_fills_the_page(db: Db) {
            let of = |client: &str, at: i64| Logout {
                id: LogoutId::new(Millis(at)), client: client.parse().unwrap(), sid: format!("s{at}"),
                person: "555021942107".parse().unwrap(), face: Face::Plain, attempts: 0, form: Form::SessionRevoked,
                cause: Some("left".to_owned()), at: Millis(at),
            };
            let all: Vec<Logout> = (1..=20).map(|at| of("deaf", at)).chain([of("hearing", 21)]).collect();
            db.write(move |tx| Box::pin(async move {
                for logout in &all { insert(tx, logout).await?; }
                Ok::<_, Error>(())
            })).await.unwrap();
            let taken: Vec<String> =
                due(db.read(), Millis(99), 2, 4).await.unwrap().into_iter().map(|(logout, _)| logout.sid).collect();
            assert_eq!(taken, ["s1", "s2", "s21"]);
        }

        /// Those who do not answer are left alone until their time comes, and then fill no page: those who answer and those of whom nobody
        /// knows have pages of their own.
        async fn the_silent_fill_no_page(db: Db) {
            let of = |client: &str, at: i64| Logout {
                id: LogoutId::new(Millis(at)), client: client.parse().unwrap(), sid: format!("s{at}"),
                person: "555021942107".parse().unwrap(), face: Face::Plain, attempts: 0, form: Form::LogoutToken,
                cause: None, at: Millis(at),
            };
            let silent: Vec<Logout> = (1..=9).map(|at| of(&format!("silent-{at}"), at)).collect();
            let all: Vec<Logout> = silent.iter().cloned().chain([of("hearing", 10), of("new", 11)]).collect();
            db.write(move |tx| Box::pin(async move {
                for logout in &all { insert(tx, logout).await?; }
                for logout in &silent { hearing::silent(tx, (&logout.client, logout.form), 3, Millis(50)).await?; }
                let hears: ClientId = "hearing".parse().unwrap();
                hearing::silent(tx, (&hears, Form::LogoutToken), 1, Millis(99)).await?;
                hearing::answered(tx, (&hears, Form::LogoutToken)).await?;
                // Its other address is another matter.
                hearing::silent(tx, (&hears, Form::SessionRevoked), 1, Millis(99)).await
            })).await.unwrap();
            for (at, expected) in [(49, vec!["s10", "s11"]), (50, vec!["s1", "s2", "s10", "s11"])] {
                let taken = due(db.read(), Millis(at), 2, 2).await.unwrap();
                let sids: Vec<&str> = taken.iter().map(|(logout, _)| logout.sid.as_str()).collect();
                assert_eq!(sids, expected, "{at}");
                let known: Vec<Hearing> = taken.iter().rev().take(2).map(|(_, hearing)| *hearing).collect();
                assert_eq!(known, [Hearing::Unknown, Hearing::Answers]);
                assert!(taken.iter().rev().skip(2).all(|(_, hearing)| *hearing == Hearing::Silent(3)));
            }
        }

        /// A message is due until it is settled, is claimed by one machine, and is in the client's list.
        async fn messages_are_claimed(db: Db) {
            let logout = Logout {
                id: LogoutId::new(Millis(1)), client: "rp".parse().unwrap(), sid: "s".to_owned(),
                person: "555021942107".parse().unwrap(), face: Face::Cis2, attempts: 0, form: Form::LogoutToken, cause: None,
                at: Millis(1),
            };
            let one = logout.clone();
            let claimed = db.write(move |tx| Box::pin(async move {
                insert(tx, &one).await?;
                Ok::<_, Error>((claim(tx, &one, Millis(60)).await?, claim(tx, &one, Millis(60)).await?))
            })).await.unwrap();
            assert_eq!(claimed, (true, false));
            assert!(due(db.read(), Millis(59), 2, 10).await.unwrap().is_empty());
            let again = due(db.read(), Millis(60), 2, 10).await.unwrap();
            assert_eq!(again, [(Logout { attempts: 1, ..logout.clone() }, Hearing::Unknown)]);
            let mine = again[0].0.clone();
            let unsent = db.write(move |tx| Box::pin(async move {
                assert!(claim(tx, &mine, Millis(90)).await?);
                unsent(tx, &mine, "not signed", Millis(61)).await?;
                // Another machine has claimed it meanwhile.
                unsent(tx, &Logout { attempts: 5, ..mine.clone() }, "late", Millis(99)).await?;
                due(&mut *tx, Millis(61), 2, 10).await
            })).await.unwrap();
            assert_eq!(unsent, again, "as it was");
            let id = logout.id.clone();
            let noted = db.write(move |tx| Box::pin(async move {
                let noted = |state, settled_at: Option<i64>| Noted {
                    state, outcome: "as it went".to_owned(), due_at: Millis(70), settled_at: settled_at.map(Millis),
                };
                Ok::<_, Error>((
                    note(tx, &id, &noted("due", None)).await?,
                    note(tx, &id, &noted("delivered", Some(61))).await?,
                    note(tx, &id, &noted("given-up", Some(62))).await?,
                ))
            })).await.unwrap();
            assert_eq!(noted, (true, true, false));
            assert!(due(db.read(), Millis(99), 2, 10).await.unwrap().is_empty());
            let list = of_client(db.read(), &logout.client, None, 10).await.unwrap();
            assert_eq!((list.len(), list[0].state.as_str(), list[0].settled_at), (1, "delivered", Some(61)));
        }
    }
}
