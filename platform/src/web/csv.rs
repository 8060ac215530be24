//! Rows as comma-separated values (RFC 4180) that no spreadsheet takes for formulas.

use std::io::Error;

use csv::{Terminator, Writer, WriterBuilder};
use serde::Serialize;
use serde_json::Value;

/// What a cell may not begin with: spreadsheets read on from there as a formula, the wide forms of the signs among them.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The heading.
pub(super) fn heading(columns: &[&str]) -> Result<Vec<u8>, Error> {
    let mut writer = writer();
    writer.write_record(columns)?;
    written(writer)
}

/// Rows, each member in its column.
pub(super) fn lines<T: Serialize>(columns: &[&str], rows: &[T]) -> Result<Vec<u8>, Error> {
    let mut writer = writer();
    for row in rows {
        let row = serde_json::to_value(row)?;
        let cells = columns.iter().map(|column| cell(row.get(column)));
        writer.write_record(cells)?;
    }
    written(writer)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

fn written(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, Error> {
    writer.into_inner().map_err(|error| Error::other(error.to_string()))
}

/// What stands in a cell. Only texts can be taken for formulas: our numbers begin with a digit.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => harmless(text),
        Some(other) => other.to_string(),
    }
}

/// The text, with an apostrophe before what a spreadsheet would work out.
fn harmless(text: &str) -> String {
    let begins = text.chars().next().is_some_and(|first| first.is_whitespace() || first.is_control());
    let formula = text.trim_start().starts_with(FORMULA);
    if formula || (begins && text.starts_with(['\t', '\r', '\n'])) {
        return format!("'{text}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A row is quoted where RFC 4180 wants it, ends as it says, and leaves a cell empty for what is not there.
    #[test]
    fn rows_are_as_rfc_4180_says() {
        let rows = [
            json!({"name": "O'Neill, \"Zoë\"", "count": 3, "end": null}),
            json!({"name": "two\r\nlines", "end": "2026-12-01"}),
        ];
        let text = lines(&["name", "count", "end"], &rows).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "\"O'Neill, \"\"Zoë\"\"\",3,\r\n\"two\r\nlines\",,2026-12-01\r\n"
        );
        assert_eq!(heading(&["a", "b"]).unwrap(), b"a,b\r\n");
    }

    /// No cell is a formula, however it is written; other texts stay as they are.
    #[test]
    fn no_cell_is_a_formula() {
        for bad in [
            "=1+1",
            "+44 113",
            "-1",
            "@SUM(A1)",
            " =1",
            "\t=1",
            "\r=1",
            "\tx",
            "\u{ff1d}1",
            "=cmd|' /C calc'!A0",
        ] {
            assert_eq!(harmless(bad), format!("'{bad}"));
        }
        for good in ["", "Ann", "a=b", "O'Neill", "2026-12-01", "R8000", "E-mail of 4 November"] {
            assert_eq!(harmless(good), good);
        }
    }
}
