//! Revoking, holding and resuming.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{Reason, RevokeRequest};
use crate::desk::Desk;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::grants::Reach;
use crate::names::IssuerId;
use crate::serial::Serial;
use crate::store::certificates::{self, Moved, Revocation, State, Stored};
use crate::store::{keys, scopes};

/// What a request changes.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// It is as asked already.
    Nothing,
    /// This is its revocation from now on.
    To(Revocation),
}

/// The first moment that may be told as the time since which a key was unsafe: 1 January 1970.
pub(crate) const EARLIEST_INVALIDITY: Millis = Millis(0);

/// Whether and how a certificate is revoked on this request.
fn decide(stored: &Stored, request: &RevokeRequest, reach: Reach, now: Millis) -> Result<Change, Error> {
    if stored.state != State::Issued {
        // A serial that was never given, dropped or is in flight is nobody's; an abandoned one is listed.
        let abandoned = stored.state == State::Abandoned;
        return Err(if abandoned { Error::AlreadyRevoked } else { Error::CertificateUnknown });
    }
    if stored.not_after < now {
        return Err(Error::CertificateExpired);
    }
    if request.invalidity_date.is_some_and(|date| date > now) {
        return Err(Error::InvalidityAhead);
    }
    // No key of ours is older, and readers of lists do not read such times.
    if request.invalidity_date.is_some_and(|date| date < EARLIEST_INVALIDITY) {
        return Err(Error::InvalidityTooEarly);
    }
    let hold = request.reason == Reason::CertificateHold;
    if stored.issuer.parse().is_ok_and(|issuer: IssuerId| issuer.is_root()) {
        if reach != Reach::Authorities {
            return Err(Error::AuthorityOutOfReach);
        }
        if hold {
            return Err(Error::AuthorityNotHeld);
        }
    }
    let to = |revoked_at, known: Option<Millis>| {
        let invalidity_date = earliest(known, request.invalidity_date);
        Ok(Change::To(Revocation { revoked_at, reason: request.reason, invalidity_date }))
    };
    match stored.revocation {
        None => to(now, None),
        Some(before)
            if before.reason == request.reason
                && !is_earlier(request.invalidity_date, before.invalidity_date) =>
        {
            Ok(Change::Nothing)
        }
        // The same reason, unsafe for longer than was known. A hold becomes final and counts from its beginning.
        Some(before) if [request.reason, Reason::CertificateHold].contains(&before.reason) => {
            to(before.revoked_at, before.invalidity_date)
        }
        // That a key was compromised is worth knowing even when it is revoked for a lesser reason.
        Some(before) if request.reason == Reason::KeyCompromise => {
            to(before.revoked_at, before.invalidity_date)
        }
        Some(_) => Err(Error::AlreadyRevoked),
    }
}

/// Whether what is said now tells that the key was unsafe before what is known.
pub(crate) fn is_earlier(said: Option<Millis>, known: Option<Millis>) -> bool {
    said.is_some_and(|said| known.is_none_or(|known| said < known))
}

/// Since when the key was unsafe, by either: who gives a later time, or none, takes nothing back.
pub(crate) fn earliest(known: Option<Millis>, said: Option<Millis>) -> Option<Millis> {
    if is_earlier(said, known) { said } else { known }
}

/// What a request to revoke came to.
pub(crate) enum Outcome {
    /// The certificate stands as asked from now on.
    Changed(Stored),
    /// It stood so already.
    AsBefore(Stored),
}

/// Revokes or holds; durable and in the audit record when this returns.
pub(crate) async fn revoke(
    desk: &Desk,
    serial: Serial,
    request: RevokeRequest,
    reach: Reach,
    actor: Actor,
) -> Result<Outcome, Error> {
    let now = desk.guarded_now()?;
    failpoint::pass("ca.revocation-asked");
    let outcome = desk
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                // Before anything else is held, as whoever has a key certified holds it: what is being certified of it is
                // found below, or finds this.
                if request.reason.says_key_is_known() {
                    keys::hold_of(tx, &serial).await?;
                }
                let mut stored = held(tx, &serial).await?;
                let Change::To(revocation) = decide(&stored, &request, reach, now)? else {
                    return Ok(Outcome::AsBefore(stored));
                };
                must_move(certificates::mark_revoked(tx, &serial, &revocation).await?)?;
                audit::record(tx, now, &actor, &event(&stored, &revocation)).await?;
                if revocation.reason.says_key_is_known() {
                    revoke_twins(tx, &serial, &revocation, now, &actor).await?;
                }
                failpoint::pass("ca.revocation-written");
                stored.revocation = Some(revocation);
                Ok::<_, Error>(Outcome::Changed(stored))
            })
        })
        .await?;
    failpoint::pass("ca.revoked");
    Ok(outcome)
}

/// Revokes what else was certified of a key that is in other hands, and ends what is being certified. The key is held. Authorities' own
/// are for who may revoke those, one by one.
async fn revoke_twins(
    tx: &mut Tx,
    serial: &Serial,
    revocation: &Revocation,
    now: Millis,
    actor: &Actor,
) -> Result<(), Error> {
    for twin in certificates::of_the_same_key(tx, serial, now).await? {
        let mut stored = held(tx, &twin).await?;
        if stored.issuer.parse().is_ok_and(|issuer: IssuerId| issuer.is_root()) {
            continue;
        }
        if stored.state == State::Linted {
            if abandon(tx, &stored, now, actor).await? == Moved::Moved {
                continue;
            }
            // It was issued meanwhile.
            stored = held(tx, &twin).await?;
        }
        let request =
            RevokeRequest { reason: revocation.reason, invalidity_date: revocation.invalidity_date };
        // Another node may have revoked or ended it since the rows were found.
        if let Ok(Change::To(revocation)) = decide(&stored, &request, Reach::Subjects, now) {
            must_move(certificates::mark_revoked(tx, &twin, &revocation).await?)?;
            audit::record(tx, now, actor, &event(&stored, &revocation)).await?;
        }
    }
    Ok(())
}

/// Closes a serial whose certificate is being made: the token may have signed it, and it is given to nobody.
async fn abandon(tx: &mut Tx, stored: &Stored, now: Millis, actor: &Actor) -> Result<Moved, Error> {
    let moved = certificates::mark_abandoned(tx, &stored.serial, now).await?;
    if moved == Moved::Moved {
        let (serial, issuer) = (stored.serial.to_string(), stored.issuer.clone());
        let why = "its key was told to be in other hands while the certificate was made".to_owned();
        audit::record(tx, now, actor, &Event::CertificateAbandoned { serial, issuer, why }).await?;
    }
    Ok(moved)
}

/// Lifts a hold; durable and in the audit record when this returns.
pub(crate) async fn resume(desk: &Desk, serial: Serial, actor: Actor) -> Result<Stored, Error> {
    let now = desk.guarded_now()?;
    failpoint::pass("ca.revocation-asked");
    let stored = desk
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                let mut stored = held(tx, &serial).await?;
                match (stored.state, stored.revocation.map(|revocation| revocation.reason)) {
                    (State::Issued, Some(Reason::CertificateHold)) => {}
                    (State::Issued, None) => return Err(Error::NotHeld),
                    (State::Issued | State::Abandoned, Some(_)) => return Err(Error::AlreadyRevoked),
                    _ => return Err(Error::CertificateUnknown),
                }
                must_move(certificates::mark_resumed(tx, &serial).await?)?;
                let (serial, issuer) = (serial.to_string(), stored.issuer.clone());
                audit::record(tx, now, &actor, &Event::CertificateResumed { serial, issuer }).await?;
                failpoint::pass("ca.revocation-written");
                stored.revocation = None;
                Ok::<_, Error>(stored)
            })
        })
        .await?;
    failpoint::pass("ca.revoked");
    Ok(stored)
}

/// The row as it stands once nobody else is changing it: of two changes on two nodes the second must see the first, or a
/// hold would take the place of a revocation.
async fn held(tx: &mut Tx, serial: &Serial) -> Result<Stored, Error> {
    scopes::hold(tx, &serial.to_string()).await?;
    certificates::by_serial_in(tx, serial).await?.ok_or(Error::CertificateUnknown)
}

fn must_move(moved: Moved) -> Result<(), Error> {
    if moved == Moved::Moved { Ok(()) } else { Err(Error::SerialClosed) }
}

/// What the record says of a revocation.
pub(crate) fn event(stored: &Stored, revocation: &Revocation) -> Event {
    let (serial, issuer) = (stored.serial.to_string(), stored.issuer.clone());
    if revocation.reason == Reason::CertificateHold {
        return Event::CertificateHeld { serial, issuer, invalidity_date: revocation.invalidity_date };
    }
    Event::CertificateRevoked {
        serial,
        issuer,
        reason: revocation.reason,
        invalidity_date: revocation.invalidity_date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::Instance;

    const NOW: Millis = Millis(1_800_000_000_000);

    fn stored(issuer: &str, reason: Option<Reason>) -> Stored {
        Stored {
            serial: Serial::new(Instance::FIRST, [9; 17]),
            issuer: issuer.to_owned(),
            profile: "card-signing".to_owned(),
            state: State::Issued,
            subject: "CN=a".to_owned(),
            user_id: None,
            system_id: None,
            not_before: Millis(NOW.0 - 1000),
            not_after: Millis(NOW.0 + 1000),
            certificate: None,
            profile_version: None,
            certificate_sha256: None,
            revocation: reason.map(|reason| Revocation {
                revoked_at: Millis(NOW.0 - 500),
                reason,
                invalidity_date: None,
            }),
        }
    }

    fn decided(before: Option<Reason>, asked: Reason) -> Result<Change, Error> {
        decide(
            &stored("card", before),
            &RevokeRequest { reason: asked, invalidity_date: None },
            Reach::Subjects,
            NOW,
        )
    }

    fn since(revoked_at: i64, reason: Reason) -> Change {
        Change::To(Revocation { revoked_at: Millis(revoked_at), reason, invalidity_date: None })
    }

    /// A first revocation counts from now, a final one after a hold from the hold; none is taken back.
    #[test]
    fn revocations_only_grow() {
        use Reason::{CertificateHold, CessationOfOperation, KeyCompromise, Superseded};
        assert_eq!(decided(None, Superseded).unwrap(), since(NOW.0, Superseded));
        assert_eq!(decided(Some(CertificateHold), Superseded).unwrap(), since(NOW.0 - 500, Superseded));
        assert_eq!(decided(Some(Superseded), KeyCompromise).unwrap(), since(NOW.0 - 500, KeyCompromise));
        assert_eq!(decided(Some(Superseded), Superseded).unwrap(), Change::Nothing);
        assert!(matches!(decided(Some(KeyCompromise), CessationOfOperation), Err(Error::AlreadyRevoked)));
        assert!(matches!(decided(Some(KeyCompromise), CertificateHold), Err(Error::AlreadyRevoked)));
    }

    /// The same reason again changes nothing, unless the key was unsafe for longer than was known.
    #[test]
    fn an_earlier_invalidity_is_taken_over() {
        let mut known = stored("card", Some(Reason::KeyCompromise));
        let asked = |date: Option<i64>| RevokeRequest {
            reason: Reason::KeyCompromise,
            invalidity_date: date.map(|before| Millis(NOW.0 - before)),
        };
        let date = |change: Change| match change {
            Change::To(revocation) => revocation.invalidity_date.map(|at| NOW.0 - at.0),
            Change::Nothing => None,
        };
        assert_eq!(date(decide(&known, &asked(Some(9_000)), Reach::Subjects, NOW).unwrap()), Some(9_000));
        known.revocation.as_mut().unwrap().invalidity_date = Some(Millis(NOW.0 - 5_000));
        assert_eq!(date(decide(&known, &asked(Some(9_000)), Reach::Subjects, NOW).unwrap()), Some(9_000));
        for later in [None, Some(5_000), Some(1_000)] {
            assert_eq!(
                decide(&known, &asked(later), Reach::Subjects, NOW).unwrap(),
                Change::Nothing,
                "{later:?}"
            );
        }
    }

    /// The time since which a key was unsafe stays when a hold becomes final or a graver reason comes without one, or with a later
    /// one; an earlier one takes its place.
    #[test]
    fn an_invalidity_is_kept_by_the_next_reason() {
        use Reason::{CertificateHold, CessationOfOperation, KeyCompromise, Superseded};
        for (before, asked) in [
            (CertificateHold, CessationOfOperation),
            (CertificateHold, KeyCompromise),
            (Superseded, KeyCompromise),
        ] {
            for (said, expected) in [(None, 5_000), (Some(1_000), 5_000), (Some(9_000), 9_000)] {
                let mut known = stored("card", Some(before));
                known.revocation.as_mut().unwrap().invalidity_date = Some(Millis(NOW.0 - 5_000));
                let invalidity_date = said.map(|ago| Millis(NOW.0 - ago));
                let request = RevokeRequest { reason: asked, invalidity_date };
                let Change::To(after) = decide(&known, &request, Reach::Subjects, NOW).unwrap() else {
                    panic!("{before:?} stays although {asked:?} was asked for");
                };
                assert_eq!(after.invalidity_date, Some(Millis(NOW.0 - expected)), "{asked:?} {said:?}");
            }
        }
    }

    /// What cannot be revoked: the unknown, the expired, an authority for a while, the future.
    #[test]
    fn some_revocations_are_refused() {
        let request = |reason| RevokeRequest { reason, invalidity_date: None };
        let mut dropped = stored("card", None);
        dropped.state = State::Dropped;
        let refused = decide(&dropped, &request(Reason::Unspecified), Reach::Subjects, NOW);
        assert!(matches!(refused, Err(Error::CertificateUnknown)));
        let mut expired = stored("card", None);
        expired.not_after = Millis(NOW.0 - 1);
        assert!(matches!(
            decide(&expired, &request(Reason::Unspecified), Reach::Subjects, NOW),
            Err(Error::CertificateExpired)
        ));
        let held = decide(&stored("root", None), &request(Reason::CertificateHold), Reach::Authorities, NOW);
        assert!(matches!(held, Err(Error::AuthorityNotHeld)));
        let desk = decide(&stored("root", None), &request(Reason::CaCompromise), Reach::Subjects, NOW);
        assert!(matches!(desk, Err(Error::AuthorityOutOfReach)));
        assert!(
            decide(&stored("root", None), &request(Reason::CaCompromise), Reach::Authorities, NOW).is_ok()
        );
        let long_ago = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: Some(Millis(-1)) };
        let decided = decide(&stored("card", None), &long_ago, Reach::Subjects, NOW);
        assert!(matches!(decided, Err(Error::InvalidityTooEarly)));
        let ahead = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: Some(Millis(NOW.0 + 1)) };
        assert!(matches!(
            decide(&stored("card", None), &ahead, Reach::Subjects, NOW),
            Err(Error::InvalidityAhead)
        ));
    }
}
