//! A span of time as searches name it: a prefix, and a date that may lack its day, its month or its time (FHIR R4 3.1.1.4.7).

use platform::clock::Millis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::day::Day;

/// From a moment on, and before another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Option<Millis>,
    pub(crate) before: Option<Millis>,
}

impl Span {
    /// Reads a value such as `ge2024-01-31T10:00:00Z`; nothing where it is none.
    pub(crate) fn read(value: &str) -> Option<Self> {
        let (prefix, date) = prefixed(value);
        let (begin, end) = if date.contains('T') { instant(date)? } else { whole_days(date)? };
        Some(match prefix {
            "eq" | "ap" => Self { from: Some(begin), before: Some(end) },
            "gt" | "sa" => Self { from: Some(end), before: None },
            "ge" => Self { from: Some(begin), before: None },
            "lt" | "eb" => Self { from: None, before: Some(begin) },
            "le" => Self { from: None, before: Some(end) },
            _ => return None,
        })
    }

    /// What is in both.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        let before = match (self.before, other.before) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
        // Nothing is less than anything.
        Self { from: self.from.max(other.from), before }
    }

    /// Whether a moment is in it.
    pub(crate) fn has(self, at: Millis) -> bool {
        self.from.is_none_or(|from| from <= at) && self.before.is_none_or(|before| at < before)
    }
}

/// The prefix of a value and its date; `eq` where there is none.
pub(crate) fn prefixed(value: &str) -> (&str, &str) {
    let text = value.trim();
    match text.get(..2) {
        Some(prefix @ ("eq" | "gt" | "lt" | "ge" | "le" | "sa" | "eb" | "ne" | "ap")) => (prefix, &text[2..]),
        _ => ("eq", text),
    }
}

/// The first day of a date, and the first after it.
pub(crate) fn days(date: &str) -> Option<(String, String)> {
    match date.len() {
        4 => {
            let year: u16 = date.parse().ok().filter(|_| date.bytes().all(|byte| byte.is_ascii_digit()))?;
            day(&format!("{year:04}-01-01"))?;
            Some((format!("{year:04}-01-01"), format!("{:04}-01-01", year + 1)))
        }
        7 => {
            let first = format!("{date}-01");
            let begin: Day = day(&first)?;
            // Every month has ended 31 days later, and the next has not.
            let next = begin.plus_days(31).to_string();
            Some((first, format!("{}-01", next.get(..7)?)))
        }
        10 => {
            let day = day(date)?;
            Some((day.to_string(), day.plus_days(1).to_string()))
        }
        _ => None,
    }
}

fn day(text: &str) -> Option<Day> {
    text.parse().ok()
}

fn whole_days(date: &str) -> Option<(Millis, Millis)> {
    let (first, after) = days(date)?;
    Some((day(&first)?.begins(), day(&after)?.begins()))
}

/// A moment, with its zone, and the first after it.
fn instant(text: &str) -> Option<(Millis, Millis)> {
    // A plus sign that was not escaped is a blank by the time it is here.
    let text = text.replace(' ', "+");
    let (date, rest) = text.split_once('T')?;
    let (clock, zone) = rest.split_at(rest.find(['Z', '+', '-'])?);
    let (clock, lasts) = match clock.len() {
        5 => (format!("{clock}:00"), 60_000),
        8 => (clock.to_owned(), 1_000),
        10..=18 => (clock.to_owned(), 1),
        _ => return None,
    };
    let at = OffsetDateTime::parse(&format!("{date}T{clock}{zone}"), &Rfc3339).ok()?;
    let begin = i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
    Some((Millis(begin), Millis(begin.saturating_add(lasts))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each prefix means its time, at each precision; what is no date is nothing.
    #[test]
    fn spans_are_read() {
        let of = |value: &str| {
            let span = Span::read(value).unwrap();
            (span.from.map(|at| at.0), span.before.map(|at| at.0))
        };
        let day = 1_706_659_200_000; // 2024-01-31
        assert_eq!(of("2024-01-31"), (Some(day), Some(day + 86_400_000)));
        assert_eq!(of("2024"), (Some(1_704_067_200_000), Some(1_735_689_600_000)));
        assert_eq!(
            (of("gt2024-01-31"), of("lt2024-01-31")),
            ((Some(day + 86_400_000), None), (None, Some(day)))
        );
        assert_eq!(of("ge2024-01-31T10:00:00Z"), (Some(day + 36_000_000), None));
        assert_eq!(of("2024-01-31T10:00Z"), (Some(day + 36_000_000), Some(day + 36_060_000)));
        assert_eq!(of("gt2024-01-31T11:00:00.250 01:00"), (Some(day + 36_000_251), None));
        assert_eq!(of("le2024-01-31T10:00:00-01:00"), (None, Some(day + 39_601_000)));
        for bad in [
            "",
            "gt",
            "ne2024",
            "2024-13",
            "2024-01-31T10",
            "2024-01-31T10:00",
            "2024-01-31T25:00Z",
            "T10:00Z",
            "2024-01-31T10:00:00",
            "éé2024",
            "2024-01-31Tx+",
        ] {
            assert_eq!(Span::read(bad), None, "{bad}");
        }
    }

    /// Two spans are what is in both.
    #[test]
    fn spans_meet() {
        let span =
            |from, before| Span { from: Option::map(from, Millis), before: Option::map(before, Millis) };
        let both = span(Some(1), None).and(span(Some(3), Some(9))).and(span(None, Some(7)));
        assert_eq!(both, span(Some(3), Some(7)));
        assert!(both.has(Millis(3)) && both.has(Millis(6)) && !both.has(Millis(7)) && !both.has(Millis(2)));
        assert!(Span::default().has(Millis(0)));
    }
}
