//! A day as the register means it: a date in the United Kingdom.

use std::fmt;
use std::str::FromStr;

use platform::clock::Millis;
use platform::id::NotAnId;
use serde::{Deserialize, Serialize};
use time::{Date, Duration, Month, OffsetDateTime};

/// A date, written `YYYY-MM-DD` (ISO 8601-1 5.2.2.1), from 1900 to 2199. Its text sorts as it does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = Date, example = "2026-11-29")]
pub struct Day(Date);

const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;
/// The day before the first, 1899-12-31, as a Julian day.
const BEFORE: i32 = 2_415_020;

impl Day {
    /// The day it is in the United Kingdom.
    ///
    /// The clocks there change at 01:00 UTC on the last Sundays of March and October (Summer Time Order 2002).
    pub fn of(now: Millis) -> Self {
        let seconds = now.seconds();
        let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let summer = change(utc.year(), Month::March)..change(utc.year(), Month::October);
        let local = if summer.contains(&utc) { utc.saturating_add(Duration::HOUR) } else { utc };
        Self(local.date())
    }

    /// The moment at which it begins in the United Kingdom.
    pub fn begins(self) -> Millis {
        let midnight = self.0.midnight().assume_utc();
        let summer = change(self.0.year(), Month::March)..change(self.0.year(), Month::October);
        // The clocks change after midnight, so that the day of the change begins by the time of before.
        let begins = if summer.contains(&midnight) { midnight - Duration::HOUR } else { midnight };
        Millis(begins.unix_timestamp() * 1000)
    }

    /// This many days later, or earlier; at the ends of the calendar the last day there is.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let date = self.0.saturating_add(Duration::days(days));
        if YEARS.contains(&date.year()) { Self(date) } else { self }
    }

    /// How many days later than `earlier` this is; less than nothing if it is earlier.
    pub fn days_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).whole_days()
    }

    /// Its number, from 1 on.
    pub(crate) fn number(self) -> u32 {
        u32::try_from(self.0.to_julian_day() - BEFORE).unwrap_or_default()
    }

    /// The day with this number.
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        let julian = BEFORE.checked_add(i32::try_from(number).ok()?)?;
        Date::from_julian_day(julian).ok().filter(|date| YEARS.contains(&date.year())).map(Self)
    }

    /// Reads `YYYYMMDD`, as older exchange formats write it.
    pub fn compact(text: &str) -> Option<Self> {
        if text.len() != 8 || !text.is_ascii() {
            return None;
        }
        format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]).parse().ok()
    }
}

/// A moment for people to read, in UTC to the second (RFC 3339).
pub(crate) fn moment(at: Millis) -> String {
    let utc = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second) = utc.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", Day(utc.date()))
}

/// When the clocks change in this month: 01:00 UTC on its last Sunday.
fn change(year: i32, month: Month) -> OffsetDateTime {
    let last = Date::from_calendar_date(year, month, 31).unwrap_or(Date::MIN);
    let back = i64::from(last.weekday().number_days_from_sunday());
    (last - Duration::days(back)).midnight().assume_utc() + Duration::HOUR
}

impl FromStr for Day {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let not = NotAnId { expected: "a date as YYYY-MM-DD between 1900 and 2199" };
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return Err(not);
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<u16>().unwrap_or(0);
        let month = u8::try_from(number(5..7)).ok().and_then(|month| Month::try_from(month).ok());
        let day = u8::try_from(number(8..10)).unwrap_or(0);
        month
            .and_then(|month| Date::from_calendar_date(i32::from(number(0..4)), month, day).ok())
            .filter(|date| YEARS.contains(&date.year()))
            .map(Self)
            .ok_or(not)
    }
}

impl TryFrom<String> for Day {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// A date that is none, or is written another way, is refused.
    #[test]
    fn only_dates_are_days() {
        for good in ["2026-11-29", "2024-02-29", "1900-01-01"] {
            assert_eq!(day(good).to_string(), good);
        }
        for bad in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "29/11/2026",
            "2026-1-1",
            "1899-12-31",
            "",
            "２０２６-01-01",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        assert_eq!(Day::compact("20261129"), Some(day("2026-11-29")));
        assert_eq!(Day::compact("20261329"), None);
    }

    /// Every day has a number, and no other number has one.
    #[test]
    fn days_have_numbers() {
        assert_eq!((day("1900-01-01").number(), day("1900-03-01").number()), (1, 60));
        for text in ["1900-01-01", "1999-12-31", "2024-02-29", "2199-12-31"] {
            assert_eq!(Day::of_number(day(text).number()), Some(day(text)), "{text}");
        }
        let last = day("2199-12-31").number();
        for number in [0, last + 1, u32::MAX] {
            assert_eq!(Day::of_number(number), None, "{number}");
        }
    }

    /// In summer the day begins an hour before it does in UTC, in winter with it.
    #[test]
    fn days_begin_when_clocks_in_the_kingdom_say() {
        let at = |seconds: i64| Day::of(Millis(seconds * 1000)).to_string();
        // 2026-03-29T00:59:59Z, 2026-06-30T23:30:00Z, 2026-10-25T00:30:00Z, 2026-12-31T23:30:00Z
        assert_eq!(at(1_774_745_999), "2026-03-29");
        assert_eq!(at(1_782_862_200), "2026-07-01");
        assert_eq!(at(1_792_888_200), "2026-10-25");
        assert_eq!(at(1_798_759_800), "2026-12-31");
    }

    /// Days count and sort as the calendar does, in their text as well.
    #[test]
    fn days_count() {
        let (a, b) = (day("2026-02-28"), day("2026-03-01"));
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!((b.days_since(a), a.plus_days(1)), (1, b));
        assert_eq!(day("2199-12-31").plus_days(1), day("2199-12-31"));
    }

    /// A day begins at the first moment that belongs to it, on the days of the clock change too.
    #[test]
    fn days_begin_at_their_first_moment() {
        let mut one = day("2026-01-01");
        for _ in 0..800 {
            let begins = one.begins();
            assert_eq!((Day::of(begins), Day::of(Millis(begins.0 - 1))), (one, one.plus_days(-1)));
            one = one.plus_days(1);
        }
    }
}
