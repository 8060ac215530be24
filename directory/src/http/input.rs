//! What people and programs type, read with an error that says what to do.

use std::str::FromStr;

use platform::id::{OdsCode, UserId};

use crate::day::Day;
use crate::error::Error;
use crate::ods;
use crate::person::named;

/// The longest name of anything.
pub(super) const NAME: usize = 200;
/// The longest note.
pub(super) const NOTE: usize = 4000;

/// How many rows a page has.
pub(super) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(50).clamp(1, 500)
}

/// An ODS code, with blanks and small letters taken as they are meant.
pub(super) fn organisation(field: &'static str, text: &str) -> Result<OdsCode, Error> {
    ods::normalised(text).map_err(|_| {
        Error::field(field, format!("{} is no ODS code of three to twelve letters and digits.", shown(text)))
    })
}

/// A user id.
pub(super) fn person(field: &'static str, text: &str) -> Result<UserId, Error> {
    parsed(field, text, "a user id of twelve digits")
}

/// A day.
pub(super) fn day(field: &'static str, text: &str) -> Result<Day, Error> {
    parsed(field, text, "a date as YYYY-MM-DD between 1900 and 2199")
}

/// A day that may be left out.
pub(super) fn maybe_day(field: &'static str, text: Option<&String>) -> Result<Option<Day>, Error> {
    text.map(|text| day(field, text)).transpose()
}

/// An id or a code.
pub(super) fn parsed<T: FromStr>(field: &'static str, text: &str, expected: &str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::field(field, format!("{} is not {expected}.", shown(text))))
}

/// An id of ours.
pub(super) fn id<T: FromStr>(field: &'static str, text: &str) -> Result<T, Error> {
    parsed(field, text, "an id as the register gives it")
}

/// Ids of ours, each once and not too many.
pub(super) fn ids<T: FromStr + Ord + Clone>(
    field: &'static str,
    texts: &[String],
    most: usize,
) -> Result<Vec<T>, Error> {
    at_most(field, texts.len(), most)?;
    let mut ids: Vec<T> = texts.iter().map(|text| id(field, text)).collect::<Result<_, _>>()?;
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// A cursor.
pub(super) fn after<T: FromStr>(text: Option<&String>) -> Result<Option<T>, Error> {
    text.map(|text| parsed("after", text, "the next of a page")).transpose()
}

/// Refuses lists that are too long.
pub(super) fn at_most(field: &'static str, many: usize, most: usize) -> Result<(), Error> {
    if many <= most {
        return Ok(());
    }
    Err(Error::field(
        field,
        format!("It has {many} entries, and {most} at most are taken. Send it in parts."),
    ))
}

/// A name, on one line.
pub(super) fn name(field: &'static str, text: &str) -> Result<String, Error> {
    named(field, text, NAME)
}

/// A name that may be left to stay.
pub(super) fn maybe_name(field: &'static str, asked: Option<&String>) -> Result<Option<String>, Error> {
    asked.map(|asked| name(field, asked)).transpose()
}

/// A text that says something, on as many lines as it likes.
pub(super) fn text(field: &'static str, text: &str, longest: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::field(field, "Write something: it must not be empty."));
    }
    if text.chars().count() > longest {
        return Err(Error::field(field, format!("It is longer than {longest} characters. Shorten it.")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' && c != '\r') {
        return Err(Error::field(field, "It holds characters that cannot be seen. Type it anew."));
    }
    Ok(text.to_owned())
}

/// A text that may be left out.
pub(super) fn maybe_text(
    field: &'static str,
    asked: Option<&String>,
    longest: usize,
) -> Result<Option<String>, Error> {
    asked.filter(|asked| !asked.trim().is_empty()).map(|asked| text(field, asked, longest)).transpose()
}

/// What was typed, short enough for a sentence.
fn shown(text: &str) -> String {
    let short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if short.is_empty() { "Nothing".to_owned() } else { format!("\"{short}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bad input is told with what was typed and what is taken.
    #[test]
    fn errors_say_what_is_taken() {
        let told = |error: Error| error.to_string();
        insta::assert_snapshot!(told(day("start", "29/02/2027").unwrap_err()), @r#"start: "29/02/2027" is not a date as YYYY-MM-DD between 1900 and 2199."#);
        insta::assert_snapshot!(told(organisation("organisation", "r-1").unwrap_err()), @r#"organisation: "r-1" is no ODS code of three to twelve letters and digits."#);
        insta::assert_snapshot!(told(name("name", "  ").unwrap_err()), @"name: Write something: it must not be empty.");
        insta::assert_snapshot!(told(name("name", "a\nb").unwrap_err()), @"name: A name stands on one line, and this one has a line break or a tab in it. Take it out.");
        assert_eq!(organisation("organisation", " rxx 01").unwrap().as_str(), "RXX01");
    }
}
