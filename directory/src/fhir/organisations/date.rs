//! Dates of a search: a prefix and a date that may lack its day or month.

use super::errors::bad_date;
use crate::fhir::kit::Outcome;
use crate::span::{days, prefixed};

/// From a day on, and before another, as the register writes days.
pub(super) type Range = (Option<String>, Option<String>);

/// The days that are meant, such as `ge2024-01` (FHIR R4 3.1.1.4.7).
pub(super) fn range(value: &str) -> Result<Range, Outcome> {
    let wrong = || bad_date(value);
    let (prefix, date) = prefixed(value);
    // What stands after the day is passed over: the register knows days.
    let date = date.split_once('T').map_or(date, |(date, _)| date);
    let (first, after) = days(date).ok_or_else(wrong)?;
    Ok(match prefix {
        "eq" | "ap" => (Some(first), Some(after)),
        "gt" | "sa" => (Some(after), None),
        "ge" => (Some(first), None),
        "lt" | "eb" => (None, Some(first)),
        "le" => (None, Some(after)),
        _ => return Err(wrong()),
    })
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
