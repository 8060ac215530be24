//! Ends of validity spread over days, so that no day has more than its share.
//!
//! A certificate's longest end is what its profile and its issuer allow. With a spread it ends on that day or on one of
//! so many days before it, at the same time of day: on the one on which the fewest end.

use std::collections::BTreeMap;

use platform::clock::Millis;
use serde::{Deserialize, Serialize};

use super::file::is_default;

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// How the ends of a profile's certificates are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spread {
    /// Over how many days before the longest end.
    pub(crate) days: u16,
    /// How many certificates end on one day at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) most_per_day: Option<u32>,
    /// Whether they end on Saturdays and Sundays too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) weekends: Weekends,
}

/// Whether certificates end on Saturdays and Sundays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Weekends {
    #[default]
    Used,
    /// Nobody is there to renew: not if another day will do.
    Avoided,
}

/// How many certificates end on each day.
pub(crate) type Counts = BTreeMap<i64, i64>;

/// The days, counted in UTC from 1970, on which one certificate may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    latest: Millis,
    /// Ascending, never empty; the last is the longest end's unless that is avoided.
    days: Vec<i64>,
    most: i64,
}

impl Window {
    /// The days of a certificate whose longest end is given.
    pub(crate) fn new(spread: Spread, latest: Millis, now: Millis) -> Window {
        let last = day(latest);
        let most = most(spread);
        // The longest end may be the issuer's, and close: what would have ended already is no choice.
        let open = |at: &i64| latest.0 - (last - at) * DAY_MS > now.0 + DAY_MS || *at == last;
        let all: Vec<i64> = (last - i64::from(spread.days)..=last).filter(open).collect();
        let working: Vec<i64> = all.iter().copied().filter(|at| !is_weekend(*at)).collect();
        let avoided = spread.weekends == Weekends::Avoided && !working.is_empty();
        Window { latest, days: if avoided { working } else { all }, most }
    }

    /// The one day of a certificate whose end was asked for.
    pub(crate) fn only(spread: Spread, end: Millis) -> Window {
        Window { latest: end, days: vec![day(end)], most: most(spread) }
    }

    /// The days.
    pub(crate) fn days(&self) -> &[i64] {
        &self.days
    }

    /// The day on which the fewest end, the latest of several; none when every day has its share.
    ///
    /// A request that is made again keeps the day it had before, if that still has a place.
    pub(crate) fn choose(&self, counts: &Counts, before: Option<Millis>) -> Option<i64> {
        let due = |at: i64| counts.get(&at).copied().unwrap_or(0);
        let has_place = |at: &i64| due(*at) < self.most;
        let kept = before.map(day).filter(|at| self.days.contains(at)).filter(has_place);
        kept.or_else(|| self.days.iter().rev().copied().filter(has_place).min_by_key(|at| due(*at)))
    }

    /// The end on this day.
    pub(crate) fn end_on(&self, at: i64) -> Millis {
        Millis(self.latest.0 - (day(self.latest) - at) * DAY_MS)
    }
}

/// The day of a time.
pub(crate) fn day(at: Millis) -> i64 {
    at.0.div_euclid(DAY_MS)
}

fn most(spread: Spread) -> i64 {
    spread.most_per_day.map_or(i64::MAX, i64::from)
}

/// 1 January 1970 was a Thursday.
fn is_weekend(day: i64) -> bool {
    matches!(day.rem_euclid(7), 2 | 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 15 January 2027, a Friday, at eight in the morning.
    const NOW: Millis = Millis(1_800_000_000_000);

    fn spread(days: u16, most_per_day: Option<u32>, weekends: Weekends) -> Spread {
        Spread { days, most_per_day, weekends }
    }

    fn filled(window: &Window, certificates: usize) -> Counts {
        let mut counts = Counts::new();
        for _ in 0..certificates {
            let day = window.choose(&counts, None).unwrap();
            *counts.entry(day).or_default() += 1;
        }
        counts
    }

    /// Ten thousand certificates on one day end evenly over the window, none later than the profile allows.
    #[test]
    fn days_are_used_evenly() {
        let latest = Millis(NOW.0 + 730 * DAY_MS);
        let window = Window::new(spread(30, Some(323), Weekends::Used), latest, NOW);
        let counts = filled(&window, 10_000);
        assert_eq!(counts.len(), 31);
        assert_eq!((counts.values().min(), counts.values().max()), (Some(&322), Some(&323)));
        for day in counts.keys() {
            let end = window.end_on(*day);
            assert!(end <= latest && end.0 >= latest.0 - 30 * DAY_MS);
            assert_eq!(end.0.rem_euclid(DAY_MS), latest.0.rem_euclid(DAY_MS));
        }
    }

    /// When every day has its share there is no day, and a place that comes free is found.
    #[test]
    fn full_windows_have_no_day() {
        let window = Window::new(spread(4, Some(2), Weekends::Used), Millis(NOW.0 + 90 * DAY_MS), NOW);
        let mut counts = filled(&window, 10);
        assert_eq!(window.choose(&counts, None), None);
        assert_eq!(window.choose(&counts, Some(window.end_on(window.days()[0]))), None);
        *counts.get_mut(&window.days()[1]).unwrap() -= 1;
        assert_eq!(window.choose(&counts, None), Some(window.days()[1]));
    }

    /// A request that is made again keeps its day while that has a place.
    #[test]
    fn a_day_is_kept() {
        let window = Window::new(spread(4, Some(2), Weekends::Used), Millis(NOW.0 + 90 * DAY_MS), NOW);
        let first = window.days()[0];
        let counts = Counts::from([(first, 1)]);
        assert_eq!(window.choose(&counts, Some(window.end_on(first))), Some(first));
        assert_eq!(window.choose(&counts, Some(Millis(NOW.0))), window.days().last().copied());
    }

    /// Weekends are avoided where there is another day, and used where there is none.
    #[test]
    fn weekends_are_avoided() {
        // 29 January 2027 is a Friday.
        let friday = Millis(NOW.0 + 14 * DAY_MS);
        let window = Window::new(spread(6, None, Weekends::Avoided), friday, NOW);
        let gone: Vec<i64> = window.days().iter().map(|at| day(friday) - at).collect();
        assert_eq!(gone, [4, 3, 2, 1, 0]);
        let sunday = Millis(friday.0 + 2 * DAY_MS);
        assert_eq!(Window::new(spread(1, None, Weekends::Avoided), sunday, NOW).days().len(), 2);
    }

    /// An end that an issuer brings near is not spread into the past.
    #[test]
    fn nothing_ends_before_it_begins() {
        let near = Millis(NOW.0 + DAY_MS / 2);
        assert_eq!(Window::new(spread(30, None, Weekends::Used), near, NOW).days(), [day(near)]);
    }
}
