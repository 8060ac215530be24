//! The session behind what was given, read with it or by its name: mostly all that has to be known of it in one question.

use platform::clock::Millis;
use platform::db::Tx;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Reader, read};
use crate::authenticator::Bound;
use crate::error::Error;
use crate::interaction::Method;
use crate::session::{Found, Opener, Session};

/// The columns of a session that is `s`, for [`joined`].
macro_rules! columns {
    () => {
        "s.session_id AS s_session_id, s.sid AS s_sid, s.user_id AS s_user_id, s.method AS s_method, \
         s.authenticator AS s_authenticator, s.proofs AS s_proofs, s.authenticated_at AS s_authenticated_at, \
         s.last_used_at AS s_last_used_at, s.expires_at AS s_expires_at, \
         (SELECT l.locked_at FROM authn_session_lock l WHERE l.session_id = s.session_id) AS s_locked_at, \
         (SELECT a.version FROM authn_authenticator a WHERE a.authenticator_id = s.authenticator \
         AND a.removed_at IS NULL AND a.suspended_at IS NULL AND a.created_by <> 'sandbox') AS s_opener"
    };
}
pub(super) use columns;

/// The session that nobody has ended with this name.
pub(crate) async fn by_sid<'c>(reader: impl Reader<'c>, sid: &str) -> Result<Option<Found>, Error> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM authn_session s WHERE s.sid = $1 AND s.ended_at IS NULL"
    ))
    .bind(sid)
    .fetch_optional(reader)
    .await?;
    row.as_ref().map_or(Ok(None), joined)
}

/// A session in a row of something else, if there is one.
pub(super) fn joined(row: &AnyRow) -> Result<Option<Found>, Error> {
    let Some(id) = row.try_get::<Option<String>, _>("s_session_id")? else { return Ok(None) };
    let method: Method = read("authn_session.method", row.try_get("s_method")?)?;
    let session = Session {
        id: read("authn_session.session_id", &id)?,
        sid: row.try_get("s_sid")?,
        person: read("authn_session.user_id", row.try_get("s_user_id")?)?,
        method,
        level: method.level(),
        bound: read("authn_session.authenticator", row.try_get("s_authenticator")?)?,
        proofs: row.try_get::<Option<i64>, _>("s_proofs")?.unwrap_or(0),
        authenticated_at: Millis(row.try_get("s_authenticated_at")?),
        last_used_at: Millis(row.try_get("s_last_used_at")?),
        expires_at: Millis(row.try_get("s_expires_at")?),
        locked: row.try_get::<Option<i64>, _>("s_locked_at")?.is_some(),
    };
    let kept = row.try_get::<Option<i64>, _>("s_opener")?.is_some();
    Ok(Some(Found { session, opener: if kept { Opener::Kept } else { Opener::Elsewhere } }))
}

/// Asks the authority for the cards with which these sessions were opened, for all of them at once: of one that is in force it is known that its
/// holder has it still.
pub(super) async fn ask_for_cards(tx: &mut Tx, found: Vec<&mut Found>) -> Result<(), Error> {
    let mut serials: Vec<&str> = found.iter().filter_map(|one| card(&one.session.bound)).collect();
    if serials.is_empty() {
        return Ok(());
    }
    serials.sort_unstable();
    serials.dedup();
    let in_force = ca::api::in_force(tx, &serials).await?;
    for one in found {
        if card(&one.session.bound).is_some_and(|serial| in_force.contains(serial)) {
            one.opener = Opener::Kept;
        }
    }
    Ok(())
}

/// The serial number of a card.
fn card(bound: &Bound) -> Option<&str> {
    match bound {
        Bound::Card(serial) => Some(serial),
        Bound::Kept(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use platform::db::Db;

    use super::*;
    use crate::authenticator::{Authenticator, AuthenticatorId};
    use crate::sandbox::MADE_BY;
    use crate::store::authenticators::{self, New};
    use crate::store::sessions::{self, tests::made};
    use crate::store::suspensions;

    fn key(number: i64, created_by: &str) -> Authenticator {
        Authenticator {
            id: AuthenticatorId::new(Millis(number)),
            person: "555021942107".parse().unwrap(),
            method: Method::SecurityKey,
            name: format!("number {number}"),
            version: 1,
            aaguid: None,
            created_at: Millis(number),
            created_by: created_by.to_owned(),
            last_used_at: None,
            suspended_at: None,
        }
    }

    platform::both_engines! {
        /// A session says with itself whether its holder has that here with which they opened it: not of a card, of what the sandbox made, and of what
        /// was suspended or taken away since. One that ended is not found.
        async fn a_session_says_whether_its_opener_is_kept(db: Db) {
            let keys = [key(1, "555021942115"), key(2, "555021942115"), key(3, "555021942115"), key(4, MADE_BY)];
            let stored = keys.clone();
            db.write(move |tx| Box::pin(async move {
                for (secret, key) in (1_u8..).zip(&stored) {
                    let credential = format!("credential {secret}");
                    let new = New { authenticator: key, credential: Some((credential.as_str(), "{}")), seed: None };
                    assert!(authenticators::insert(tx, &new).await?);
                    let session = Session { bound: Bound::Kept(key.id.clone()), ..made(i64::from(secret)) };
                    sessions::insert(tx, &session, &[secret; 32], None, None).await?;
                }
                sessions::insert(tx, &made(5), &[5; 32], None, None).await
            })).await.unwrap();
            let opener = async |sid: &str| by_sid(db.read(), sid).await.unwrap().map(|found| found.opener);
            for sid in ["sid-1", "sid-2", "sid-3"] {
                assert_eq!(opener(sid).await, Some(Opener::Kept), "{sid}");
            }
            assert_eq!(opener("sid-4").await, Some(Opener::Elsewhere), "of the sandbox");
            assert_eq!(opener("sid-5").await, Some(Opener::Elsewhere), "a card");
            let [_, second, third, _] = keys;
            db.write(move |tx| Box::pin(async move {
                assert!(suspensions::suspend(tx, &second.id, Millis(7)).await?);
                authenticators::remove(tx, &third.person, &third.id, "555021942115", Millis(7)).await?;
                Ok::<_, Error>(())
            })).await.unwrap();
            assert_eq!(opener("sid-1").await, Some(Opener::Kept));
            assert_eq!(opener("sid-2").await, Some(Opener::Elsewhere), "suspended");
            assert_eq!(opener("sid-3").await, Some(Opener::Elsewhere), "taken away");
            let first = by_sid(db.read(), "sid-1").await.unwrap().unwrap().session.id;
            db.write(move |tx| Box::pin(async move { sessions::end(tx, &first, "signed-out", Millis(9)).await }))
                .await
                .unwrap();
            assert_eq!(opener("sid-1").await, None);
        }

        /// Sessions that were opened with cards, asked for together: those whose cards are in force say that they are kept, those of revoked and
        /// unknown ones do not, and whatever was opened without a card is as it was.
        async fn cards_are_asked_for_together(db: Db) {
            db.write(|tx| Box::pin(async move {
                for (serial, revoked_at) in [("0a", None), ("0b", Some(5_i64))] {
                    sqlx::query(
                        "INSERT INTO ca_certificate (serial, issuer, profile, state, instance, subject, common_name, not_before,                          not_after, reserved_at, revoked_at) VALUES ($1, 'cards', 'test', 'issued', 1, '', '', 0, 9, 0, $2)",
                    )
                    .bind(serial)
                    .bind(revoked_at)
                    .execute(&mut *tx)
                    .await?;
                }
                Ok::<_, Error>(())
            })).await.unwrap();
            let card = |serial: &str| Bound::Card(serial.to_owned());
            let key = || Bound::Kept(AuthenticatorId::new(Millis(1)));
            let mut found: Vec<Found> = [card("0a"), card("0b"), card("0c"), card("0a"), key()]
                .map(|bound| Found { session: Session { bound, ..made(1) }, opener: Opener::Elsewhere })
                .into();
            let mut read = db.read().acquire().await.unwrap();
            ask_for_cards(&mut read, found.iter_mut().collect()).await.unwrap();
            let openers: Vec<Opener> = found.iter().map(|one| one.opener).collect();
            let [yes, no] = [Opener::Kept, Opener::Elsewhere];
            assert_eq!(openers, [yes, no, no, yes, no]);
            ask_for_cards(&mut read, Vec::new()).await.unwrap();
        }
    }
}
