//! What somebody does for themselves in a session some time after they showed it, as with a link that they made to add a way to sign in: what
//! the session gives nobody at that moment it does not give them by the link either.

use platform::clock::Millis;
use platform::db::{self, Tx};

use super::live::{Openers, openers, touch};
use super::rule::{Standing, standing};
use super::settings::Sessions;
use super::{Session, SessionId};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::sessions;

/// Demands that a session may be acted in now: it is neither over, nor idle, nor locked, and all with which its holder signed in is
/// theirs. What the sandbox opened is not acted in: it proves nothing, and what came of it would outlive the sandbox. A session that may
/// counts as used now.
pub(crate) async fn lends(provider: &Provider, id: &SessionId, now: Millis) -> Result<(), Error> {
    let mut read = provider.db.read().acquire().await.map_err(db::Error::from)?;
    let session = asked(&mut read, &provider.config.sessions, id, now).await?;
    drop(read);
    touch(provider, session, now).await.map(drop)
}

/// The same in the transaction that does it. Whoever ends the session on another machine waits, or has ended it.
pub(crate) async fn lends_in(
    tx: &mut Tx,
    settings: &Sessions,
    id: &SessionId,
    now: Millis,
) -> Result<(), Error> {
    if !sessions::hold(tx, id, now).await? {
        return Err(over());
    }
    asked(tx, settings, id, now).await.map(drop)
}

async fn asked(read: &mut Tx, settings: &Sessions, id: &SessionId, now: Millis) -> Result<Session, Error> {
    let session = sessions::by_id(&mut *read, id).await?.ok_or_else(over)?;
    match (openers(read, &session).await?, standing(&session, settings, now)) {
        (Openers::Taken(_), _) | (_, Standing::Over) => Err(over()),
        (Openers::OfSandbox, _) => Err(Error::conflict(
            "sandbox-session",
            "The sandbox signed you in, which proves nothing: no way to sign in is added with that. Ask the registration authority for a link.",
        )),
        (Openers::Stand, Standing::Locked) => Err(Error::conflict(
            "session-locked",
            "Your card was taken out, and your sign-in is locked. Sign in again as strongly as with the card, and go on then.",
        )),
        (Openers::Stand, Standing::Idle) => Err(Error::conflict(
            "session-idle",
            "Nobody did anything for too long. Sign in again, and go on then.",
        )),
        (Openers::Stand, Standing::Live) => Ok(session),
    }
}

fn over() -> Error {
    Error::conflict("session-over", "You were signed out meanwhile. Sign in and begin again.")
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::authenticator::{Authenticator, AuthenticatorId, Bound};
    use crate::interaction::Method;
    use crate::sandbox::MADE_BY;
    use crate::session::IdleEnds;
    use crate::store::authenticators::{self, New};
    use crate::store::card_watches;
    use crate::store::sessions::tests::made;

    fn key(number: i64, created_by: &str) -> Authenticator {
        Authenticator {
            id: AuthenticatorId::new(Millis(number)),
            person: "555021942107".parse().unwrap(),
            method: Method::SecurityKey,
            name: "a key".to_owned(),
            version: 1,
            aaguid: None,
            created_at: Millis(number),
            created_by: created_by.to_owned(),
            last_used_at: None,
            suspended_at: None,
        }
    }

    async fn code(db: &Db, session: &Session, now: Millis) -> Option<&'static str> {
        code_with(db, Sessions::default(), session, now).await
    }

    async fn code_with(db: &Db, settings: Sessions, session: &Session, now: Millis) -> Option<&'static str> {
        let id = session.id.clone();
        match db.write(move |tx| Box::pin(async move { lends_in(tx, &settings, &id, now).await })).await {
            Ok(()) => None,
            Err(Error::Conflict { code, .. }) => Some(code),
            Err(error) => panic!("{error}"),
        }
    }

    platform::both_engines! {
        /// A transaction that acts in a session finds out that it is idle or locked, that its card or its key is not there any more, that it
        /// is the sandbox's, and that it is over; while it stands it is acted in.
        async fn sessions_are_asked_in_the_transaction(db: Db) {
            let (kept, of_sandbox) = (key(1, "desk"), key(2, MADE_BY));
            let by_key = Session { bound: Bound::Kept(kept.id.clone()), expires_at: Millis(10_000_000), ..made(1) };
            let by_sandbox = Session { bound: Bound::Kept(of_sandbox.id.clone()), ..made(4) };
            let by_card = made(2);
            let (keys, opened) = ([kept.clone(), of_sandbox], [by_key.clone(), by_card.clone(), by_sandbox.clone()]);
            db.write(move |tx| Box::pin(async move {
                for key in &keys {
                    let new = New { authenticator: key, credential: Some((key.id.as_str(), "{}")), seed: None };
                    assert!(authenticators::insert(tx, &new).await?);
                }
                for (secret, session) in (1_u8..).zip(&opened) {
                    sessions::insert(tx, session, &[secret; 32], None, None).await?;
                }
                Ok::<_, Error>(())
            })).await.unwrap();
            assert_eq!(code(&db, &by_key, Millis(5)).await, None);
            assert_eq!(code(&db, &by_card, Millis(5)).await, Some("session-over"), "no such card is in force");
            assert_eq!(code(&db, &by_sandbox, Millis(5)).await, Some("sandbox-session"));
            assert_eq!(code(&db, &made(3), Millis(5)).await, Some("session-over"), "there is no such session");
            assert_eq!(code(&db, &by_key, by_key.expires_at).await, Some("session-over"));
            let idle = by_key.last_used_at.plus(Sessions::default().idle());
            assert_eq!(code(&db, &by_key, Millis(idle.0 - 1)).await, None);
            assert_eq!(code(&db, &by_key, idle).await, Some("session-idle"));
            let ending = Sessions { idle_ends: IdleEnds::Session, ..Sessions::default() };
            assert_eq!(code_with(&db, ending, &by_key, idle).await, Some("session-over"));
            let id = by_key.id.clone();
            db.write(move |tx| Box::pin(async move { card_watches::lock(tx, &id, Millis(6)).await })).await.unwrap();
            assert_eq!(code(&db, &by_key, Millis(7)).await, Some("session-locked"));
            db.write(move |tx| Box::pin(async move {
                authenticators::remove(tx, &kept.person, &kept.id, "555021942115", Millis(8)).await
            })).await.unwrap();
            assert_eq!(code(&db, &by_key, Millis(9)).await, Some("session-over"), "it does not come back");
        }
    }
}
