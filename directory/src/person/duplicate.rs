//! How likely two records are of one person, and why.

use std::collections::BTreeSet;

use super::text::sound;
use crate::api::{DuplicateReason, PersonState};
use crate::day::Day;

/// From which score on a new record is refused unless somebody has looked.
pub(crate) const POSSIBLE: u32 = 25;
/// The highest score.
pub(crate) const HIGHEST: u32 = 100;

/// What records are compared by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Given and family names, plain, present and former.
    pub(crate) names: BTreeSet<(String, String)>,
    /// Date of birth, unless it is the one that stands for an unknown one.
    pub(crate) birth: Option<Day>,
    /// Hash of the national insurance number.
    pub(crate) national_insurance: Option<String>,
    /// Hashes of document numbers.
    pub(crate) documents: BTreeSet<String>,
    /// Professional registrations, `GMC 1234567`.
    pub(crate) registrations: BTreeSet<String>,
    /// E-mail addresses.
    pub(crate) emails: BTreeSet<String>,
}

/// A record with what it scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Score {
    /// From 0 to [`HIGHEST`].
    pub(crate) points: u32,
    /// What it is made of.
    pub(crate) reasons: Vec<DuplicateReason>,
}

/// How much a reason counts.
fn weight(reason: DuplicateReason) -> u32 {
    match reason {
        DuplicateReason::Document | DuplicateReason::Registration => 70,
        DuplicateReason::NationalInsurance => 60,
        DuplicateReason::NameAndBirth => 50,
        DuplicateReason::SwappedNameAndBirth => 40,
        DuplicateReason::SoundAndBirth => 30,
        DuplicateReason::SwappedBirth => 25,
        // Mail boxes are shared.
        DuplicateReason::Email => 20,
    }
}

/// Compares two records. It does not matter which is which.
pub(crate) fn score(one: &Traits, other: &Traits) -> Score {
    let mut reasons = Vec::new();
    let mut found = |holds: bool, reason| {
        if holds {
            reasons.push(reason);
        }
    };
    let both = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    found(both(&one.national_insurance, &other.national_insurance), DuplicateReason::NationalInsurance);
    found(!one.documents.is_disjoint(&other.documents), DuplicateReason::Document);
    found(!one.registrations.is_disjoint(&other.registrations), DuplicateReason::Registration);
    found(!one.emails.is_disjoint(&other.emails), DuplicateReason::Email);
    if let (Some(birth), Some(other_birth)) = (one.birth, other.birth)
        && let Some(likeness) = likeness(&one.names, &other.names)
    {
        if birth == other_birth {
            found(true, likeness);
        } else if swapped(birth) == Some(other_birth) {
            found(true, DuplicateReason::SwappedBirth);
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(weight(*reason)));
    let points = reasons.iter().map(|reason| weight(*reason)).sum::<u32>().min(HIGHEST);
    Score { points, reasons }
}

/// How alike the most alike two of their names are.
pub(crate) fn likeness(
    some: &BTreeSet<(String, String)>,
    others: &BTreeSet<(String, String)>,
) -> Option<DuplicateReason> {
    let pairs = || some.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
    let alike = |one: &str, other: &str| sound(one) == sound(other);
    if pairs().any(|(one, other)| one == other) {
        return Some(DuplicateReason::NameAndBirth);
    }
    if pairs().any(|(one, other)| one.0 == other.1 && one.1 == other.0) {
        return Some(DuplicateReason::SwappedNameAndBirth);
    }
    let sounds = pairs().any(|(one, other)| {
        (alike(&one.0, &other.0) && alike(&one.1, &other.1))
            || (alike(&one.0, &other.1) && alike(&one.1, &other.0))
    });
    sounds.then_some(DuplicateReason::SoundAndBirth)
}

/// The date with day and month the other way round, where that is another date.
pub(crate) fn swapped(day: Day) -> Option<Day> {
    let text = day.to_string();
    let (year, month, of_month) = (&text[..4], &text[5..7], &text[8..]);
    format!("{year}-{of_month}-{month}").parse().ok().filter(|other| *other != day)
}

/// Whether somebody is looked for among records in this state: who left may come back, who was merged is elsewhere.
pub(crate) fn is_compared(state: PersonState) -> bool {
    state != PersonState::Merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(given: &str, family: &str, birth: &str) -> Traits {
        Traits {
            names: BTreeSet::from([(given.to_owned(), family.to_owned())]),
            birth: Some(birth.parse().unwrap()),
            ..Traits::default()
        }
    }

    /// Each likeness gives its reason and its weight; an e-mail address alone, or a name alone, is not enough.
    #[test]
    fn likeness_has_reasons() {
        use DuplicateReason::{
            Email, NameAndBirth, NationalInsurance, SoundAndBirth, SwappedBirth, SwappedNameAndBirth,
        };
        let ann = person("ann", "smith", "1980-03-04");
        let check = |other: &Traits, points: u32, reasons: &[DuplicateReason]| {
            let scored = score(&ann, other);
            assert_eq!((scored.points, scored.reasons.as_slice()), (points, reasons), "{other:?}");
        };
        check(&person("ann", "smith", "1980-03-04"), 50, &[NameAndBirth]);
        check(&person("smith", "ann", "1980-03-04"), 40, &[SwappedNameAndBirth]);
        check(&person("anne", "smyth", "1980-03-04"), 30, &[SoundAndBirth]);
        check(&person("smyth", "anne", "1980-03-04"), 30, &[SoundAndBirth]);
        check(&person("ann", "smith", "1980-04-03"), 25, &[SwappedBirth]);
        check(&person("ann", "smith", "1981-03-04"), 0, &[]);
        check(&person("joan", "brown", "1980-03-04"), 0, &[]);
        let with = |traits: &Traits| Traits {
            emails: BTreeSet::from(["a@b.example".to_owned()]),
            national_insurance: Some("hash".to_owned()),
            ..traits.clone()
        };
        let stranger = person("joan", "brown", "1990-01-02");
        let both = score(&with(&ann), &with(&stranger));
        assert_eq!((both.points, both.reasons), (80, vec![NationalInsurance, Email]));
        let mail = Traits { national_insurance: None, ..with(&ann) };
        assert!(score(&mail, &with(&stranger)).points < POSSIBLE);
    }

    /// A day and month change places only where that is a date, and another one.
    #[test]
    fn days_and_months_change_places() {
        let swap = |text: &str| swapped(text.parse().unwrap()).map(|day| day.to_string());
        assert_eq!(swap("1980-03-04").as_deref(), Some("1980-04-03"));
        assert_eq!((swap("1980-03-13"), swap("1980-03-03")), (None, None));
    }

    fn traits() -> impl Strategy<Value = Traits> {
        let few = |prefix: &'static str| {
            proptest::collection::btree_set((0..3u8).prop_map(move |at| format!("{prefix}{at}")), 0..3)
        };
        let given = prop_oneof![Just("ann"), Just("anne"), Just("smith"), Just("joan")];
        let family = prop_oneof![Just("smith"), Just("smyth"), Just("ann"), Just("brown")];
        let names = proptest::collection::btree_set(
            (given, family).prop_map(|(given, family)| (given.to_owned(), family.to_owned())),
            0..3,
        );
        let births = prop_oneof![
            Just(None),
            Just(Some("1980-03-04")),
            Just(Some("1980-04-03")),
            Just(Some("1980-03-13"))
        ];
        let national = prop_oneof![Just(None), Just(Some("x".to_owned())), Just(Some("y".to_owned()))];
        (names, births, national, few("d"), few("r"), few("e")).prop_map(
            |(names, birth, national_insurance, documents, registrations, emails)| Traits {
                names,
                birth: birth.map(|birth| birth.parse().unwrap()),
                national_insurance,
                documents,
                registrations,
                emails,
            },
        )
    }

    proptest! {
        /// The score is the same both ways, never beyond its bounds, never without a reason, and nobody is more like
        /// somebody than they themselves.
        #[test]
        fn scores_are_fair(one in traits(), other in traits()) {
            let scored = score(&one, &other);
            prop_assert_eq!(&scored, &score(&other, &one));
            prop_assert!(scored.points <= HIGHEST);
            prop_assert_eq!(scored.points == 0, scored.reasons.is_empty());
            prop_assert!(scored.points <= score(&one, &one).points);
        }
    }
}
