//! When a card may be renewed: in the window before its certificates end, and in the grace after that.

use std::time::Duration;

use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::clock::Millis;

use crate::cards::{CardRefused, Cards};
use crate::error::Error;
use crate::serial::Serial;
use crate::store::cards::Card;
use crate::store::certificates;

/// When a card may be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// From when on.
    pub(super) opens: Millis,
    /// When the first of its certificates ends.
    pub(super) end: Millis,
    /// When the grace after that ends.
    pub(super) over: Millis,
    /// Where now is.
    pub(super) place: Place,
}

/// Where now is, seen from the end of a card's certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The window opens then.
    Before(Millis),
    InWindow,
    /// They have ended, and the grace has not.
    InGrace,
    /// The grace ended then.
    After(Millis),
}

impl Cards {
    /// Refuses a renewal that comes too early or too late, and one in the grace by whoever may only renew before the end.
    pub(super) async fn demand_window(&self, caller: &Caller, card: &Card) -> Result<(), Error> {
        match self.window(card).await?.place {
            Place::InWindow => Ok(()),
            Place::InGrace => Ok(self.may(caller, May::RenewExpired, card).await?),
            // A renewal that broke off left it without certificates: it does not wait for their end.
            Place::Before(_) if card.keys_changed_at.is_some() => Ok(()),
            Place::Before(opens) => Err(CardRefused::RenewalTooEarly(opens).into()),
            Place::After(ended) => Err(CardRefused::RenewalTooLate(ended).into()),
        }
    }

    /// When a card may be renewed.
    pub(super) async fn window(&self, card: &Card) -> Result<Window, Error> {
        let settings = self.settings();
        let days = (settings.renewal_days, settings.grace_days);
        Ok(window(self.certificates_end(card).await?, days, self.now()))
    }

    /// When the first of a card's certificates ends.
    pub(in crate::cards) async fn certificates_end(&self, card: &Card) -> Result<Millis, Error> {
        let mut end = None;
        for serial in [&card.authentication, &card.signature].into_iter().flatten() {
            let serial = Serial::parse(serial).ok_or(Error::CertificateUnknown)?;
            let stored = certificates::by_serial(self.authority.desk().db.read(), &serial).await?;
            let not_after = stored.ok_or(Error::CertificateUnknown)?.not_after;
            end = Some(end.map_or(not_after, |end: Millis| end.min(not_after)));
        }
        end.ok_or(Error::CertificateUnknown)
    }
}

fn window(end: Millis, (before, grace): (u32, u32), now: Millis) -> Window {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    let (opens, over) = (end.minus(days(before)), end.plus(days(grace)));
    let place = if now < opens {
        Place::Before(opens)
    } else if now < end {
        Place::InWindow
    } else if now < over {
        Place::InGrace
    } else {
        Place::After(over)
    };
    Window { opens, end, over, place }
}

/// Each bound belongs to what follows it, and without a grace there is none.
#[test]
fn window_has_its_bounds() {
    let day = |day: i64| Millis(day * 86_400_000);
    let at = |now: Millis| window(day(100), (90, 30), now).place;
    assert_eq!(at(Millis(day(10).0 - 1)), Place::Before(day(10)));
    assert_eq!((at(day(10)), at(Millis(day(100).0 - 1))), (Place::InWindow, Place::InWindow));
    assert_eq!((at(day(100)), at(Millis(day(130).0 - 1))), (Place::InGrace, Place::InGrace));
    assert_eq!(at(day(130)), Place::After(day(130)));
    assert_eq!(window(day(100), (90, 0), day(100)).place, Place::After(day(100)));
    let whole = window(day(100), (90, 30), day(50));
    assert_eq!((whole.opens, whole.end, whole.over), (day(10), day(100), day(130)));
}
