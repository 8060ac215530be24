//! How many certificates end on each day of a window, for those who plan renewals.

use platform::clock::Millis;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::api::{Expiries, ExpiryDay, ExpiryQuery};
use crate::asn1::moment;
use crate::authority::Authority;
use crate::error::Error;
use crate::profile::{DAY_MS, day};
use crate::store::expiries::{self, Counted, Due};

/// How many days a window has at most.
pub(crate) const MOST_DAYS: i64 = 400;
/// How many days it has unless told.
const USUAL_DAYS: i64 = 90;

impl Authority {
    /// Counts the ends in a window. One count runs at a time: it reads every certificate that ends in it.
    pub(crate) async fn expiries(&self, query: &ExpiryQuery) -> Result<Expiries, Error> {
        let counted = counted(query, self.desk().clock.now())?;
        let _turn = self.counting().try_acquire().map_err(|_| Error::CountingBusy)?;
        let found = expiries::count(self.desk().db.read(), &counted).await?;
        Ok(Expiries { days: found.into_iter().map(|due| self.told(due)).collect() })
    }

    fn told(&self, due: Due) -> ExpiryDay {
        let spread = self.desk().profiles.find(&due.profile).and_then(|profile| profile.spread);
        ExpiryDay {
            day: date(due.day),
            profile: due.profile,
            certificates: due.certificates,
            most_per_day: spread.and_then(|spread| spread.most_per_day),
        }
    }
}

fn counted(query: &ExpiryQuery, now: Millis) -> Result<Counted, Error> {
    let first_day = day(query.expires_from.unwrap_or(now));
    let last_day = query.expires_before.map_or(first_day + USUAL_DAYS, |before| day(Millis(before.0 - 1)));
    if !(0..MOST_DAYS).contains(&(last_day - first_day)) {
        let sentence = format!("a window has 1 to {MOST_DAYS} days");
        return Err(Error::RequestInvalid { field: "expires_before", sentence });
    }
    Ok(Counted { first_day, last_day, profile: query.profile.clone() })
}

fn date(day: i64) -> String {
    const FORM: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
    moment(Millis(day * DAY_MS)).format(FORM).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    /// Windows are whole days; one that is empty, turned round or longer than a year and a bit is refused.
    #[test]
    fn windows_have_bounds() {
        let window = |from: Option<i64>, before: Option<i64>| {
            let at = |days: i64| Millis(NOW.0 + days * DAY_MS);
            let query =
                ExpiryQuery { expires_from: from.map(at), expires_before: before.map(at), profile: None };
            counted(&query, NOW).map(|counted| counted.last_day - counted.first_day).ok()
        };
        assert_eq!(window(None, None), Some(90));
        assert_eq!(window(Some(3), Some(4)), Some(1));
        assert_eq!(window(Some(0), Some(399)), Some(399));
        assert_eq!(window(Some(0), Some(400)), None);
        assert_eq!(window(Some(5), Some(1)), None);
        assert_eq!(date(20_833), "2027-01-15");
    }
}
