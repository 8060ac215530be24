//! Filters of reports, read with an error that says what is taken.

use super::Below;
use crate::error::Error;

/// `yes` or `no`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Reads `yes` or `no`.
pub(crate) fn flag(field: &'static str, text: Option<&str>) -> Result<Option<Answer>, Error> {
    match text {
        None => Ok(None),
        Some("yes") => Ok(Some(Answer::Yes)),
        Some("no") => Ok(Some(Answer::No)),
        Some(_) => Err(Error::field(field, "Write yes or no.")),
    }
}

/// Reads whether those below an organisation are meant too: they are if nothing is said.
pub(crate) fn below(text: Option<&str>) -> Result<Below, Error> {
    Ok(match flag("below", text)? {
        None | Some(Answer::Yes) => Below::Too,
        Some(Answer::No) => Below::No,
    })
}

/// Reads one of some words.
pub(crate) fn word(
    field: &'static str,
    text: Option<&str>,
    words: &[&'static str],
) -> Result<Option<&'static str>, Error> {
    let Some(text) = text else { return Ok(None) };
    let found = words.iter().find(|word| **word == text);
    found
        .map(|word| Some(*word))
        .ok_or_else(|| Error::field(field, format!("Write one of {}.", words.join(", "))))
}

/// Reads a number of days.
pub(crate) fn days(field: &'static str, text: Option<&str>) -> Result<Option<i64>, Error> {
    let Some(text) = text else { return Ok(None) };
    let days = text.parse().ok().filter(|days| (1..=366).contains(days));
    days.map(Some).ok_or_else(|| Error::field(field, "Write a number of days from 1 to 366."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is no filter is told with what is taken, and nothing is taken for something else.
    #[test]
    fn filters_say_what_they_take() {
        assert_eq!(flag("below", Some("yes")).unwrap(), Some(Answer::Yes));
        assert_eq!(flag("below", None).unwrap(), None);
        insta::assert_snapshot!(flag("below", Some("true")).unwrap_err(), @"below: Write yes or no.");
        assert_eq!(word("state", Some("open"), &["open", "closed"]).unwrap(), Some("open"));
        insta::assert_snapshot!(word("state", Some("Open"), &["open", "closed"]).unwrap_err(), @"state: Write one of open, closed.");
        assert_eq!(days("ends_within", Some("30")).unwrap(), Some(30));
        for bad in ["0", "-1", "367", "thirty", ""] {
            assert!(days("ends_within", Some(bad)).is_err(), "{bad}");
        }
    }
}
