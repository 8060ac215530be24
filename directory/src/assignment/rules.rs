//! The rules of days: what may begin and end when, and what stands in the way of what.

use super::{Assignment, Via};
use crate::day::Day;
use crate::error::Error;

/// The days of a new assignment: from today if no start is given.
pub(crate) fn days(
    from: Option<Day>,
    to: Option<Day>,
    via: Via,
    today: Day,
) -> Result<(Day, Option<Day>), Error> {
    let from = from.unwrap_or(today);
    if from < today && !via.tells_of_the_past() {
        return Err(Error::field(
            "start",
            format!("{from} has passed. An assignment begins today or later."),
        ));
    }
    end(from, to, today)?;
    Ok((from, to))
}

/// Whether an assignment that begins on `from` may end on `to`, as said today.
pub(crate) fn end(from: Day, to: Option<Day>, today: Day) -> Result<(), Error> {
    let Some(to) = to else { return Ok(()) };
    if to < from {
        return Err(Error::field("end", format!("{to} is before the first day, {from}.")));
    }
    if to < today {
        let sentence = format!("{to} has passed. Give today or a later day, or take the assignment away.");
        return Err(Error::field("end", sentence));
    }
    Ok(())
}

/// Whether two spans of days have a day in common.
pub(super) fn overlap(one: (Day, Option<Day>), other: (Day, Option<Day>)) -> bool {
    let before = |to: Option<Day>, from: Day| to.is_some_and(|to| to < from);
    !before(one.1, other.0) && !before(other.1, one.0)
}

/// Refuses a span of days that another assignment of the same person to the same position has a day of.
pub(super) fn in_the_way<'a>(
    span: (Day, Option<Day>),
    others: impl IntoIterator<Item = &'a Assignment>,
) -> Result<(), Error> {
    let Some(other) = others.into_iter().find(|other| overlap(span, (other.from, other.to))) else {
        return Ok(());
    };
    let until = other.to.map_or_else(|| "without an end".to_owned(), |to| format!("until {to}"));
    let sentence = format!(
        "This person holds the position already, from {} {until} (assignment {}). Change the end of that one, or begin \
         after it.",
        other.from, other.id
    );
    Err(Error::conflict("assignment-overlaps", sentence))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// An assignment begins today or later and ends on or after its first day; only other systems tell of the past.
    #[test]
    fn days_are_in_order() {
        let today = day("2026-11-24");
        let ok =
            |from: Option<&str>, to: Option<&str>, via| days(from.map(day), to.map(day), via, today).is_ok();
        assert_eq!(days(None, None, Via::Cim, today).unwrap(), (today, None));
        assert!(ok(Some("2026-11-24"), Some("2026-11-24"), Via::Cim));
        assert!(!ok(Some("2026-11-23"), None, Via::Cim) && !ok(Some("2026-11-23"), None, Via::Request));
        assert!(
            ok(Some("2026-01-01"), None, Via::Esr) && !ok(Some("2026-01-01"), Some("2026-11-23"), Via::Esr)
        );
        assert!(!ok(Some("2026-12-01"), Some("2026-11-30"), Via::Cim));
    }

    proptest! {
        /// Two spans overlap exactly if some day lies in both.
        #[test]
        fn spans_overlap_where_a_day_is_in_both(a in 0..20i64, b in 0..20i64, c in 0..20i64, d in 0..20i64, open in 0..3u8) {
            let first = day("2026-01-01");
            let at = |days: i64| first.plus_days(days);
            let span = |from: i64, long: i64, open: bool| (at(from), (!open).then(|| at(from + long)));
            let (one, other) = (span(a, b, open == 1), span(c, d, open == 2));
            let within = |span: (Day, Option<Day>), day: Day| span.0 <= day && span.1.is_none_or(|to| day <= to);
            let both = (0..60).any(|days| within(one, at(days)) && within(other, at(days)));
            prop_assert_eq!(overlap(one, other), both);
            prop_assert_eq!(overlap(other, one), both);
        }
    }
}
