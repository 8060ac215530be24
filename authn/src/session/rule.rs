//! Whether a session stands at a moment. It asks nobody: what the register and the authority know is asked elsewhere.

use platform::clock::Millis;

use super::Session;
use super::settings::{IdleEnds, Sessions};

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It signs in.
    Live,
    /// It was idle too long to sign in, and lives on for those who hold something of it.
    Idle,
    /// Its card was taken out: it gives nobody anything until its holder signs in again, as strongly as by a card.
    Locked,
    /// It has ended.
    Over,
}

/// How a session that nobody has ended stands now.
pub(crate) fn standing(session: &Session, settings: &Sessions, now: Millis) -> Standing {
    if now >= session.expires_at {
        return Standing::Over;
    }
    let idle = now >= session.last_used_at.plus(settings.idle());
    if session.locked && !(idle && settings.idle_ends == IdleEnds::Session) {
        return Standing::Locked;
    }
    match (idle, settings.idle_ends) {
        (false, _) => Standing::Live,
        (true, IdleEnds::SignOn) => Standing::Idle,
        (true, IdleEnds::Session) => Standing::Over,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::authenticator::Bound;
    use crate::interaction::{Level, Method};
    use crate::session::SessionId;

    fn session(last_used_at: Millis) -> Session {
        Session {
            id: SessionId::new(Millis(0)),
            sid: "sid".to_owned(),
            person: "555021942107".parse().unwrap(),
            method: Method::Smartcard,
            level: Level::Three,
            bound: Bound::Card("0a".to_owned()),
            proofs: 0,
            authenticated_at: Millis(0),
            last_used_at,
            expires_at: Millis(0).plus(Duration::from_hours(12)),
            locked: false,
        }
    }

    /// Fifteen idle minutes end single sign-on or the session, as it is set; twelve hours end it in any case, a locked one too.
    #[test]
    fn limits_are_kept() {
        let minutes = |minutes: u64| Millis(0).plus(Duration::from_mins(minutes));
        let check = |used: u64, now: u64, idle_ends: IdleEnds, expected: Standing| {
            let settings = Sessions { idle_ends, ..Sessions::default() };
            assert_eq!(standing(&session(minutes(used)), &settings, minutes(now)), expected, "{used} {now}");
        };
        check(0, 14, IdleEnds::Session, Standing::Live);
        check(0, 15, IdleEnds::SignOn, Standing::Idle);
        check(0, 15, IdleEnds::Session, Standing::Over);
        check(710, 719, IdleEnds::SignOn, Standing::Live);
        check(719, 720, IdleEnds::SignOn, Standing::Over);
        let locked = |now: u64, idle_ends| {
            let session = Session { locked: true, ..session(Millis(0)) };
            standing(&session, &Sessions { idle_ends, ..Sessions::default() }, minutes(now))
        };
        assert_eq!(locked(1, IdleEnds::SignOn), Standing::Locked);
        assert_eq!(locked(15, IdleEnds::SignOn), Standing::Locked);
        assert_eq!(locked(15, IdleEnds::Session), Standing::Over);
        assert_eq!(locked(720, IdleEnds::SignOn), Standing::Over);
    }
}
