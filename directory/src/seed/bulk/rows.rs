//! Rows on their way into tables.

use platform::clock::Millis;
use uuid::Builder;

use crate::seed::chance::Chance;

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// No text.
    Nothing,
    /// A word of ours.
    Word(&'static str),
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// A row.
pub(crate) type Row = Vec<Value>;

/// Some rows of one table, all with the same columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The table.
    pub(crate) name: &'static str,
    /// The columns.
    pub(crate) columns: &'static str,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// A table without rows.
    pub(super) const fn new(name: &'static str, columns: &'static str) -> Self {
        Self { name, columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn add<const COLUMNS: usize>(&mut self, row: [Value; COLUMNS]) {
        self.rows.push(row.into());
    }
}

/// The time at which everything was made: 2026-01-01, whenever it is really made.
pub(super) const MADE_AT: i64 = 1_767_225_600_000;

/// The id of a row: a uuid of version 7 like those of acts, whose chance comes from the stream.
pub(super) fn id(chance: &mut Chance, number: u64) -> String {
    let at = Millis(MADE_AT);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&chance.draw().to_be_bytes());
    let at = u64::try_from(at.0).unwrap_or(0).saturating_add(number);
    Builder::from_unix_timestamp_millis(at, &random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AssignmentId;

    /// Ids are ids, in the order of their numbers, and the same from the same stream.
    #[test]
    fn ids_are_ids() {
        let ids: Vec<String> = {
            let mut chance = Chance::new(1);
            (0..10).map(|number| id(&mut chance, number)).collect()
        };
        assert!(ids.iter().all(|id| id.parse::<AssignmentId>().is_ok()) && ids.is_sorted());
        assert_eq!(id(&mut Chance::new(1), 0), ids[0]);
    }
}
