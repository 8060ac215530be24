//! What is erased of somebody who left, and when.
//!
//! The audit record is not touched, and neither are user id, name and registrations: who did what stays known.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::day::Day;
use crate::error::Error;

/// After how many days what is erased: of a closed profile, of what personnel systems told, of what was asked for, and of what others
/// were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// The photograph.
    pub photo_days: u32,
    /// E-mail addresses and telephone numbers.
    pub contact_days: u32,
    /// What is left of document and national insurance numbers, by which a second record would be found.
    pub number_days: u32,
    /// Events of personnel systems that are settled.
    pub feed_days: u32,
    /// Requests that are over, with everything that was asked for and said in them.
    pub request_days: u32,
    /// Drafts of requests that nobody has touched.
    pub draft_days: u32,
    /// Rows of the change feed that every consumer has applied.
    pub change_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            photo_days: 90,
            contact_days: 365,
            number_days: 2192,
            feed_days: 365,
            request_days: 365,
            draft_days: 90,
            change_days: 90,
        }
    }
}

impl Retention {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |days: u32| (1..=36_525).contains(&days);
        let days = [
            self.photo_days,
            self.contact_days,
            self.number_days,
            self.feed_days,
            self.request_days,
            self.draft_days,
            self.change_days,
        ];
        if days.into_iter().all(within) {
            return Ok(());
        }
        Err(Error::Setting { sentence: "directory.retention: every number of days is between 1 and 36525" })
    }

    /// After how many days this is erased.
    pub(super) fn days(&self, what: Erasure) -> u32 {
        match what {
            Erasure::Photo => self.photo_days,
            Erasure::Contacts => self.contact_days,
            Erasure::Numbers => self.number_days,
        }
    }
}

/// What is erased together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Erasure {
    /// The photograph.
    Photo,
    /// E-mail addresses and telephone numbers.
    Contacts,
    /// Masks and hashes of numbers.
    Numbers,
}

impl Erasure {
    /// Everything that is erased.
    pub(crate) const ALL: [Self; 3] = [Self::Photo, Self::Contacts, Self::Numbers];

    /// The word in the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Contacts => "contacts",
            Self::Numbers => "numbers",
        }
    }
}

/// What is due for somebody who holds these things, whose profile closed on that day, if it did.
pub(crate) fn due(closed_on: Option<Day>, holds: &[Erasure], today: Day, rules: &Retention) -> Vec<Erasure> {
    let Some(closed_on) = closed_on else { return Vec::new() };
    let age = today.days_since(closed_on);
    holds.iter().copied().filter(|what| age >= i64::from(rules.days(*what))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// Each thing goes on its day, not one before; of an open profile nothing goes.
    #[test]
    fn each_thing_goes_on_its_day() {
        let rules = Retention { photo_days: 10, contact_days: 20, number_days: 30, ..Retention::default() };
        let closed = day("2026-01-01");
        let on = |today: &str| due(Some(closed), &Erasure::ALL, day(today), &rules);
        assert_eq!(on("2026-01-10"), []);
        assert_eq!(on("2026-01-11"), [Erasure::Photo]);
        assert_eq!(on("2026-01-21"), [Erasure::Photo, Erasure::Contacts]);
        assert_eq!(on("2026-01-31"), Erasure::ALL);
        assert_eq!(due(None, &Erasure::ALL, day("2199-12-31"), &rules), []);
        assert_eq!(due(Some(closed), &[Erasure::Numbers], day("2026-01-21"), &rules), []);
        assert!(Retention { photo_days: 0, ..rules }.check().is_err() && rules.check().is_ok());
        assert!(Retention { feed_days: 0, ..rules }.check().is_err());
        assert!(Retention { change_days: 0, ..rules }.check().is_err());
        assert!(Retention { request_days: 0, ..rules }.check().is_err());
        assert!(Retention { draft_days: 0, ..rules }.check().is_err());
    }

    proptest! {
        /// What is due stays due, and nothing is due that is not there.
        #[test]
        fn what_is_due_stays_due(days in 0..3000i64, later in 0..3000i64, numbers in 1..3000u32, photo in 1..3000u32) {
            let rules = Retention { photo_days: photo, contact_days: photo / 2 + 1, number_days: numbers, ..Retention::default() };
            let closed = day("2020-01-01");
            let holds = [Erasure::Photo, Erasure::Numbers];
            let at = |days| due(Some(closed), &holds, closed.plus_days(days), &rules);
            let (early, late) = (at(days), at(days + later));
            prop_assert!(early.iter().all(|what| late.contains(what)));
            prop_assert!(late.iter().all(|what| holds.contains(what)));
        }
    }
}
