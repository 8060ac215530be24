//! Rows of `authn_session`.

use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Reader, card_watches, places, read};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::interaction::Method;
use crate::session::{Session, SessionId, lifts_lock};

/// A session as its holder and administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The session.
    pub session: Session,
    /// From where it was opened.
    pub address: Option<String>,
    /// What the browser called itself.
    pub agent: Option<String>,
}

fn session(row: &AnyRow) -> Result<Session, Error> {
    let method: Method = read("authn_session.method", row.try_get("method")?)?;
    Ok(Session {
        id: read("authn_session.session_id", row.try_get("session_id")?)?,
        sid: row.try_get("sid")?,
        person: read("authn_session.user_id", row.try_get("user_id")?)?,
        method,
        level: method.level(),
        bound: read("authn_session.authenticator", row.try_get("authenticator")?)?,
        proofs: row.try_get::<Option<i64>, _>("proofs")?.unwrap_or(0),
        authenticated_at: Millis(row.try_get("authenticated_at")?),
        last_used_at: Millis(row.try_get("last_used_at")?),
        expires_at: Millis(row.try_get("expires_at")?),
        locked: row.try_get::<Option<i64>, _>("locked_at")?.is_some(),
    })
}

/// Stores a new session.
pub(crate) async fn insert(
    tx: &mut Tx,
    session: &Session,
    secret: &[u8],
    address: Option<&str>,
    agent: Option<&str>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO authn_session (session_id, sid, secret, user_id, method, authenticator, authenticated_at, \
         last_used_at, expires_at, address, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(session.id.as_str())
    .bind(&session.sid)
    .bind(secret)
    .bind(session.person.as_str())
    .bind(session.method.word())
    .bind(session.bound.to_string())
    .bind(session.authenticated_at.0)
    .bind(session.last_used_at.0)
    .bind(session.expires_at.0)
    .bind(address)
    .bind(agent)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The session that nobody has ended with this secret's hash.
pub(crate) async fn by_secret<'c>(reader: impl Reader<'c>, secret: &[u8]) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "SELECT session_id, sid, user_id, method, authenticator, proofs, authenticated_at, last_used_at, expires_at, \
         (SELECT l.locked_at FROM authn_session_lock l WHERE l.session_id = authn_session.session_id) AS locked_at \
         FROM authn_session WHERE secret = $1 AND ended_at IS NULL",
    )
    .bind(secret)
    .fetch_optional(reader)
    .await?;
    row.as_ref().map(session).transpose()
}

/// The session that nobody has ended with this name.
pub(crate) async fn by_sid<'c>(reader: impl Reader<'c>, sid: &str) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "SELECT session_id, sid, user_id, method, authenticator, proofs, authenticated_at, last_used_at, expires_at, \
         (SELECT l.locked_at FROM authn_session_lock l WHERE l.session_id = authn_session.session_id) AS locked_at \
         FROM authn_session WHERE sid = $1 AND ended_at IS NULL",
    )
    .bind(sid)
    .fetch_optional(reader)
    .await?;
    row.as_ref().map(session).transpose()
}

/// The session of this row, if nobody has ended it.
pub(crate) async fn by_id<'c>(reader: impl Reader<'c>, id: &SessionId) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "SELECT session_id, sid, user_id, method, authenticator, proofs, authenticated_at, last_used_at, expires_at, \
         (SELECT l.locked_at FROM authn_session_lock l WHERE l.session_id = authn_session.session_id) AS locked_at \
         FROM authn_session WHERE session_id = $1 AND ended_at IS NULL",
    )
    .bind(id.as_str())
    .fetch_optional(reader)
    .await?;
    row.as_ref().map(session).transpose()
}

/// The sessions of a person that are open, newest first, before the one with this id.
pub(crate) async fn of_person<'c>(
    reader: impl Reader<'c>,
    person: &UserId,
    now: Millis,
    before: Option<&SessionId>,
    limit: u32,
) -> Result<Vec<Listed>, Error> {
    let rows = sqlx::query(
        "SELECT session_id, sid, user_id, method, authenticator, proofs, authenticated_at, last_used_at, expires_at, \
         (SELECT l.locked_at FROM authn_session_lock l WHERE l.session_id = authn_session.session_id) AS locked_at, \
         address, agent FROM authn_session WHERE user_id = $1 AND session_id < $2 AND ended_at IS NULL AND expires_at > $3 \
         ORDER BY session_id DESC LIMIT $4",
    )
    .bind(person.as_str())
    // Behind every uuid.
    .bind(before.map_or("g", SessionId::as_str))
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                session: session(row)?,
                address: row.try_get("address")?,
                agent: row.try_get("agent")?,
            })
        })
        .collect()
}

/// With what somebody has signed in anew, in a session that goes on.
pub(crate) struct Anew<'a> {
    /// The hash of the secret that the browser held, and that of the one it holds from now on.
    pub secrets: (&'a [u8], &'a [u8]),
    /// How.
    pub method: Method,
    /// With what.
    pub bound: &'a Bound,
    /// From where, and what the browser calls itself.
    pub place: (Option<&'a str>, Option<&'a str>),
    /// When.
    pub at: Millis,
    /// When the session ends, whatever happens.
    pub expires_at: Millis,
}

/// Goes on with a session after its person has signed in anew; false if it has ended, or was gone on with meanwhile: what opened
/// it opens nothing then.
pub(crate) async fn go_on(tx: &mut Tx, session: &Session, anew: &Anew<'_>) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_session SET secret = $3, method = $4, authenticator = $5, authenticated_at = $6, last_used_at = $6, \
         expires_at = $7, address = $8, agent = $9 WHERE session_id = $1 AND secret = $2 AND ended_at IS NULL",
    )
    .bind(session.id.as_str())
    .bind(anew.secrets.0)
    .bind(anew.secrets.1)
    .bind(anew.method.word())
    .bind(anew.bound.to_string())
    .bind(anew.at.0)
    .bind(anew.expires_at.0)
    .bind(anew.place.0)
    .bind(anew.place.1)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    // Asked here too: the card may have been taken out on another machine since the session was read, and it stays locked then.
    if lifts_lock(anew.method) {
        card_watches::unlock(tx, &session.id).await?;
    }
    if session.bound != *anew.bound {
        keep_proof(tx, session).await?;
    }
    Ok(true)
}

/// Keeps with what a session was opened before, because it ends with that too.
async fn keep_proof(tx: &mut Tx, session: &Session) -> Result<(), Error> {
    let done = sqlx::query(
        "INSERT INTO authn_session_proof (session_id, authenticator, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(session.id.as_str())
    .bind(session.bound.to_string())
    .bind(session.authenticated_at.0)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 1 {
        sqlx::query("UPDATE authn_session SET proofs = COALESCE(proofs, 0) + 1 WHERE session_id = $1")
            .bind(session.id.as_str())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The earlier sign-ins that a session goes on from, by what they were made with.
pub(crate) async fn proofs<'c>(reader: impl Reader<'c>, id: &SessionId) -> Result<Vec<Bound>, Error> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT authenticator FROM authn_session_proof WHERE session_id = $1 ORDER BY authenticator",
    )
    .bind(id.as_str())
    .fetch_all(reader)
    .await?;
    rows.iter().map(|bound| read("authn_session_proof.authenticator", bound)).collect()
}

/// Notes that a session was used.
pub(crate) async fn touch(tx: &mut Tx, id: &SessionId, now: Millis) -> Result<(), Error> {
    sqlx::query(
        "UPDATE authn_session SET last_used_at = $2 WHERE session_id = $1 AND ended_at IS NULL AND last_used_at < $2",
    )
    .bind(id.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Ends a session that is open, and says which it was.
pub(crate) async fn end(
    tx: &mut Tx,
    id: &SessionId,
    cause: &str,
    now: Millis,
) -> Result<Option<Session>, Error> {
    let row = sqlx::query(
        "UPDATE authn_session SET ended_at = $2, end_cause = $3 WHERE session_id = $1 AND ended_at IS NULL \
         RETURNING session_id, sid, user_id, method, authenticator, proofs, authenticated_at, last_used_at, expires_at, \
         CAST(NULL AS BIGINT) AS locked_at",
    )
    .bind(id.as_str())
    .bind(now.0)
    .bind(cause)
    .fetch_optional(&mut *tx)
    .await?;
    row.as_ref().map(session).transpose()
}

fn ids(rows: &[String]) -> Result<Vec<SessionId>, Error> {
    rows.iter().map(|id| read("authn_session.session_id", id)).collect()
}

/// Some of the sessions that nobody has ended, whosever they are.
pub(crate) async fn open(tx: &mut Tx, limit: u32) -> Result<Vec<SessionId>, Error> {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT session_id FROM authn_session WHERE ended_at IS NULL LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await?;
    ids(&rows)
}

/// The sessions of a person that nobody has ended, each with when it was opened.
pub(crate) async fn open_of_person(tx: &mut Tx, person: &UserId) -> Result<Vec<(SessionId, Millis)>, Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT session_id, authenticated_at FROM authn_session WHERE user_id = $1 AND ended_at IS NULL \
         ORDER BY session_id",
    )
    .bind(person.as_str())
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(|(id, at)| Ok((read("authn_session.session_id", &id)?, Millis(at)))).collect()
}

/// The sessions of a person that can sign in now, each with the hash of its secret. One that is locked gives nobody anything.
pub(crate) async fn in_use_of_person(
    tx: &mut Tx,
    person: &UserId,
    idle_since: Millis,
    now: Millis,
) -> Result<Vec<(SessionId, Vec<u8>)>, Error> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "SELECT session_id, secret FROM authn_session WHERE user_id = $1 AND ended_at IS NULL AND last_used_at > $2 \
         AND expires_at > $3 AND NOT EXISTS \
         (SELECT 1 FROM authn_session_lock l WHERE l.session_id = authn_session.session_id) \
         ORDER BY session_id LIMIT 100",
    )
    .bind(person.as_str())
    .bind(idle_since.0)
    .bind(now.0)
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(|(id, secret)| Ok((read("authn_session.session_id", &id)?, secret))).collect()
}

/// The sessions that somebody signed in to with an authenticator and that nobody has ended.
pub(crate) async fn open_by_authenticator(tx: &mut Tx, bound: &Bound) -> Result<Vec<SessionId>, Error> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT session_id FROM authn_session WHERE authenticator = $1 AND ended_at IS NULL \
         UNION SELECT s.session_id FROM authn_session_proof p JOIN authn_session s ON s.session_id = p.session_id \
         WHERE p.authenticator = $1 AND s.ended_at IS NULL ORDER BY session_id",
    )
    .bind(bound.to_string())
    .fetch_all(&mut *tx)
    .await?;
    ids(&rows)
}

/// Which sign-ins of a session are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// The last.
    Last,
    /// Those from which it goes on.
    Before,
}

/// The cards with which people signed in to sessions that nobody has ended, as these name them, after this one.
pub(crate) async fn cards<'c>(
    reader: impl Reader<'c>,
    signed: Signed,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, Error> {
    let text = match signed {
        Signed::Last => {
            "SELECT DISTINCT authenticator FROM authn_session WHERE ended_at IS NULL AND authenticator LIKE 'card:%' \
             AND authenticator > $1 ORDER BY authenticator LIMIT $2"
        }
        Signed::Before => {
            "SELECT DISTINCT p.authenticator FROM authn_session_proof p JOIN authn_session s ON s.session_id = p.session_id \
             WHERE s.ended_at IS NULL AND p.authenticator LIKE 'card:%' AND p.authenticator > $1 \
             ORDER BY p.authenticator LIMIT $2"
        }
    };
    Ok(sqlx::query_scalar(text).bind(after).bind(i64::from(limit)).fetch_all(reader).await?)
}

/// Sessions that nobody has ended and whose time is up, or that were not used since then.
pub(crate) async fn overdue(
    tx: &mut Tx,
    now: Millis,
    idle_since: Option<Millis>,
    limit: u32,
) -> Result<Vec<Session>, Error> {
    let rows = sqlx::query(
        "SELECT session_id, sid, user_id, method, authenticator, proofs, authenticated_at, last_used_at, expires_at, \
         CAST(NULL AS BIGINT) AS locked_at \
         FROM authn_session WHERE ended_at IS NULL AND (expires_at <= $1 OR last_used_at <= $2) LIMIT $3",
    )
    .bind(now.0)
    .bind(idle_since.map_or(i64::MIN, |since| since.0))
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(session).collect()
}

/// Holds a session open for a transaction that does something in it; false if it is over. It is a write, so that whoever ends the
/// session on another machine waits, and then finds what was done.
pub(crate) async fn hold(tx: &mut Tx, id: &SessionId, now: Millis) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE authn_session SET last_used_at = last_used_at WHERE session_id = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(id.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Erases sessions that ended before then; says how many.
pub(crate) async fn erase(tx: &mut Tx, before: Millis, limit: u32) -> Result<u64, Error> {
    let gone: Vec<String> = sqlx::query_scalar(
        "DELETE FROM authn_session WHERE session_id IN \
         (SELECT session_id FROM authn_session WHERE ended_at < $1 LIMIT $2) RETURNING session_id",
    )
    .bind(before.0)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    for id in &gone {
        sqlx::query("DELETE FROM authn_session_proof WHERE session_id = $1")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        card_watches::erase(tx, id).await?;
        places::erase(tx, id).await?;
    }
    Ok(gone.len() as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use platform::db::Db;

    use super::*;
    use crate::interaction::Level;

    /// A session.
    pub(crate) fn made(number: i64) -> Session {
        Session {
            id: SessionId::new(Millis(number)),
            sid: format!("sid-{number}"),
            person: "555021942107".parse().unwrap(),
            method: Method::Smartcard,
            level: Level::Three,
            bound: Bound::Card("0a".to_owned()),
            proofs: 0,
            authenticated_at: Millis(number),
            last_used_at: Millis(number),
            expires_at: Millis(1_000),
            locked: false,
        }
    }

    platform::both_engines! {
        /// A session is found by its secret and its name until it is ended, once; then it is listed no more, and erased later.
        async fn sessions_live_and_end(db: Db) {
            let (one, two) = (made(1), made(2));
            let (first, second) = (one.clone(), two.clone());
            db.write(move |tx| Box::pin(async move {
                insert(tx, &first, &[1; 32], Some("192.0.2.7"), None).await?;
                insert(tx, &second, &[2; 32], None, Some("a browser")).await
            })).await.unwrap();
            assert_eq!(by_secret(db.read(), &[1; 32]).await.unwrap().as_ref(), Some(&one));
            assert_eq!(by_secret(db.read(), &[3; 32]).await.unwrap(), None);
            assert_eq!(by_sid(db.read(), "sid-2").await.unwrap(), Some(two.clone()));
            let listed = of_person(db.read(), &one.person, Millis(5), None, 10).await.unwrap();
            assert_eq!(listed.iter().map(|row| &row.session.sid).collect::<Vec<_>>(), ["sid-2", "sid-1"]);
            assert_eq!(of_person(db.read(), &one.person, Millis(5), Some(&two.id), 10).await.unwrap().len(), 1);
            let id = one.id.clone();
            let (used, ended, again, rest, card, over, idle, gone) = db.write(move |tx| Box::pin(async move {
                touch(tx, &id, Millis(50)).await?;
                let used = in_use_of_person(tx, &one.person, Millis(10), Millis(60)).await?;
                let ended = end(tx, &id, "signed-out", Millis(60)).await?;
                let again = end(tx, &id, "signed-out", Millis(61)).await?;
                let rest = open_of_person(tx, &one.person).await?;
                let card = open_by_authenticator(tx, &one.bound).await?;
                let over = overdue(tx, Millis(1_000), None, 10).await?;
                let idle = overdue(tx, Millis(60), Some(Millis(2)), 10).await?;
                let gone = erase(tx, Millis(61), 10).await?;
                Ok::<_, Error>((used, ended, again, rest, card, over, idle, gone))
            })).await.unwrap();
            assert_eq!(used.iter().map(|row| row.1.as_slice()).collect::<Vec<_>>(), [[1; 32]]);
            assert_eq!(ended.map(|session| (session.sid, session.last_used_at)), Some(("sid-1".to_owned(), Millis(50))));
            assert_eq!(again, None);
            assert_eq!((rest, card), (vec![(two.id.clone(), two.authenticated_at)], vec![two.id.clone()]));
            assert_eq!((over.len(), idle.len(), gone), (1, 1, 1));
            assert_eq!(by_secret(db.read(), &[1; 32]).await.unwrap(), None);
        }

        /// A session that is locked is open and not in use, and in use again once it is unlocked.
        async fn locked_sessions_are_not_in_use(db: Db) {
            let (one, two) = (made(1), made(2));
            let used = db.write(move |tx| Box::pin(async move {
                insert(tx, &one, &[1; 32], None, None).await?;
                insert(tx, &two, &[2; 32], None, None).await?;
                card_watches::lock(tx, &one.id, Millis(3)).await?;
                let locked = in_use_of_person(tx, &one.person, Millis(0), Millis(5)).await?;
                let open = open_of_person(tx, &one.person).await?.len();
                card_watches::unlock(tx, &one.id).await?;
                let unlocked = in_use_of_person(tx, &one.person, Millis(0), Millis(5)).await?.len();
                Ok::<_, Error>((locked, open, unlocked))
            })).await.unwrap();
            assert_eq!(used.0.iter().map(|row| row.1.as_slice()).collect::<Vec<_>>(), [[2; 32]]);
            assert_eq!((used.1, used.2), (2, 2));
        }
    }
}
