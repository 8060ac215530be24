//! What holders are told of their card by message.

use std::time::Duration;

use card::wire::relay::Act;
use directory::api::{Day, Letter, Told, Way, tell_at, ways_to};
use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::UserId;

use crate::store::cards::{ErrandRow, Passcode};

/// For how long a notice is worth sending.
const NOTICE_LIFE: Duration = Duration::from_hours(72);

/// The code with which a holder unlocks their card. It is of use until then.
pub(super) fn code(code: &str, until: Millis) -> Letter {
    Letter {
        kind: "card-unlock-code",
        subject: "Your code".to_owned(),
        text: format!(
            "Your code is {code}.\n\nWith it and your smartcard in a reader you choose a new passcode. It can be used for fifteen \
             minutes. Nobody will ask you for it.\n\nIf you did not ask for a code, tell your registration authority at once, and \
             look where your smartcard is.\n"
        ),
        short: format!(
            "{code} is your code to unlock your smartcard, for fifteen minutes. Nobody will ask you for it."
        ),
        until,
    }
}

/// That such a code was sent to another address.
pub(super) fn asked(now: Millis) -> Letter {
    notice(
        "card-unlock-asked",
        "A code to unlock your smartcard was sent",
        "A code to unlock your smartcard was sent to another address of yours",
        now,
    )
}

fn unlocked(now: Millis) -> Letter {
    notice("card-unlocked", "Your smartcard was unlocked", "Your smartcard was given a new passcode", now)
}

fn issued(now: Millis) -> Letter {
    notice(
        "card-issued",
        "A smartcard was issued to you",
        "A smartcard was issued to you, and given a passcode,",
        now,
    )
}

fn renewed(now: Millis) -> Letter {
    notice("card-renewed", "Your smartcard was renewed", "Your smartcard was renewed with its passcode", now)
}

/// That a renewal ended after it had taken the card's keys.
fn renewal_broke_off(now: Millis) -> Letter {
    let said = "The renewal of your smartcard broke off, and it does not work any more. To have it renewed, tell your registration \
                authority at once.";
    Letter {
        kind: "card-renewal-broke-off",
        subject: "Your smartcard does not work any more".to_owned(),
        text: format!("{said}\n"),
        short: said.to_owned(),
        until: now.plus(NOTICE_LIFE),
    }
}

fn key_released(now: Millis) -> Letter {
    notice(
        "card-unblocking-key-told",
        "The unblocking key of your smartcard was told",
        "The key that unlocks your smartcard was told on your behalf",
        now,
    )
}

fn notice(kind: &'static str, subject: &str, what: &str, now: Millis) -> Letter {
    let said =
        format!("{what} on {}. If that was not you, tell your registration authority at once.", Day::of(now));
    Letter {
        kind,
        subject: subject.to_owned(),
        text: format!("{said}\n"),
        short: said,
        until: now.plus(NOTICE_LIFE),
    }
}

/// Tells a holder at every address of theirs, by e-mail and by text message, of an errand that is done: of every passcode that was set,
/// and of new keys. Where no more messages are taken it is done all the same.
pub(super) async fn tell_done(
    tx: &mut Tx,
    user: &UserId,
    errand: &ErrandRow,
    now: Millis,
) -> Result<(), db::Error> {
    let letter = match (errand.act, errand.passcode) {
        (Act::Unlock, _) => unlocked(now),
        (Act::Issue, Passcode::Chosen) => issued(now),
        (Act::Renew, _) => renewed(now),
        (Act::Issue | Act::Repair | Act::Clear, _) => return Ok(()),
    };
    let ways = ways_to(tx, user).await?;
    tell(tx, user, &ways, &letter, now).await
}

/// Tells a holder at every address of theirs that somebody was told their card's unblocking key. Where no more messages are taken it was
/// told all the same.
pub(super) async fn tell_key_released(tx: &mut Tx, user: &UserId, now: Millis) -> Result<(), db::Error> {
    let ways = ways_to(tx, user).await?;
    tell(tx, user, &ways, &key_released(now), now).await
}

/// Tells a holder at every address of theirs that their card works no more, since its renewal broke off.
pub(super) async fn tell_renewal_broke_off(tx: &mut Tx, user: &UserId, now: Millis) -> Result<(), db::Error> {
    let ways = ways_to(tx, user).await?;
    tell(tx, user, &ways, &renewal_broke_off(now), now).await
}

/// Tells a holder something at these addresses; where no more messages are taken that is logged, and nothing else.
pub(super) async fn tell(
    tx: &mut Tx,
    user: &UserId,
    ways: &[Way],
    letter: &Letter,
    now: Millis,
) -> Result<(), db::Error> {
    if tell_at(tx, user, ways, letter, now).await? == Told::Full {
        tracing::warn!(
            kind = letter.kind,
            "a notice of a card was not taken: too many messages wait to be sent"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text message holds what is told by one, and says what to do; a code stands in no subject, which is kept.
    #[test]
    fn letters_fit_a_text_message() {
        let now = Millis(1_795_540_800_000);
        for letter in [
            code("012345", now),
            asked(now),
            unlocked(now),
            key_released(now),
            issued(now),
            renewed(now),
            renewal_broke_off(now),
        ] {
            assert!(letter.short.len() <= 160 && letter.short.is_ascii(), "{}", letter.short);
            assert!(letter.text.contains("tell your registration authority at once"), "{}", letter.text);
            assert!(!letter.subject.contains("012345"));
        }
        assert!(code("012345", now).text.contains("012345") && code("012345", now).short.contains("012345"));
    }
}
