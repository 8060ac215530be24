//! Dates of a search: a prefix and a date that may lack its day or month.

use super::errors::bad_date;
use crate::day::Day;
use crate::fhir::kit::Outcome;

/// From a day on, and before another, as the register writes days.
pub(super) type Range = (Option<String>, Option<String>);

/// The days that are meant, such as `ge2024-01` (FHIR R4 3.1.1.4.7).
pub(super) fn range(value: &str) -> Result<Range, Outcome> {
    let wrong = || bad_date(value);
    let text = value.trim();
    let (prefix, date) = match text.get(..2) {
        Some(prefix @ ("eq" | "gt" | "lt" | "ge" | "le" | "sa" | "eb" | "ne" | "ap")) => (prefix, &text[2..]),
        _ => ("eq", text),
    };
    // What stands after the day is passed over: the register knows days.
    let date = date.split_once('T').map_or(date, |(date, _)| date);
    let (first, after) = span(date).ok_or_else(wrong)?;
    Ok(match prefix {
        "eq" | "ap" => (Some(first), Some(after)),
        "gt" | "sa" => (Some(after), None),
        "ge" => (Some(first), None),
        "lt" | "eb" => (None, Some(first)),
        "le" => (None, Some(after)),
        _ => return Err(wrong()),
    })
}

/// The first day of a date, and the first after it.
fn span(date: &str) -> Option<(String, String)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Each prefix means its days, at each precision; what is no date is refused with the number of HAPI.
    #[test]
    fn dates_are_read() {
        let of = |value: &str| {
            let (from, before) = range(value).unwrap();
            (from.unwrap_or_default(), before.unwrap_or_default())
        };
        let pair = |from: &str, before: &str| (from.to_owned(), before.to_owned());
        assert_eq!(of("2024-02-29"), pair("2024-02-29", "2024-03-01"));
        assert_eq!(of("eq2024-12"), pair("2024-12-01", "2025-01-01"));
        assert_eq!(of("2024"), pair("2024-01-01", "2025-01-01"));
        assert_eq!(
            (of("gt2024-01-31"), of("lt2024-01-31")),
            (pair("2024-02-01", ""), pair("", "2024-01-31"))
        );
        assert_eq!((of("ge2024"), of("le2024-02")), (pair("2024-01-01", ""), pair("", "2024-03-01")));
        assert_eq!(of("gt2024-01-31T10:00:00Z"), pair("2024-02-01", ""));
        for bad in [
            "",
            "gt",
            "2024-13-01",
            "2024-02-30",
            "31/01/2024",
            "20x4",
            "xx2024-01-01",
            "ne2024-01-01",
            "2024-1",
            "éé2024",
        ] {
            let outcome = range(bad).unwrap_err();
            assert!(outcome.status == 400 && outcome.diagnostics.starts_with("HAPI-1940"), "{bad}");
        }
    }
}
