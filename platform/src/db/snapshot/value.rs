//! One value of a row, between the database and JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row as _};

/// What a column holds. There are no other kinds in this schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Double,
    Octets,
}

impl Kind {
    /// From the type as either engine's catalogue spells it.
    pub(super) fn of(declared: &str) -> Option<Self> {
        match declared.to_ascii_uppercase().as_str() {
            "TEXT" => Some(Self::Text),
            "BIGINT" | "INTEGER" => Some(Self::Integer),
            "DOUBLE PRECISION" => Some(Self::Double),
            "BLOB" | "BYTEA" => Some(Self::Octets),
            _ => None,
        }
    }

    /// The value of a column as JSON.
    pub(super) fn read(self, row: &AnyRow, column: usize) -> Result<Value, sqlx::Error> {
        let value = match self {
            Self::Text => row.try_get::<Option<String>, _>(column)?.map(Value::String),
            Self::Integer => row.try_get::<Option<i64>, _>(column)?.map(Value::from),
            Self::Double => row.try_get::<Option<f64>, _>(column)?.map(|double| json!({ "double": double })),
            Self::Octets => row
                .try_get::<Option<Vec<u8>>, _>(column)?
                .map(|octets| json!({ "base64": STANDARD.encode(octets) })),
        };
        Ok(value.unwrap_or(Value::Null))
    }

    /// The value of a JSON line; says what is wrong where it is none of this kind.
    pub(super) fn parse(self, value: &Value) -> Result<Cell, String> {
        let wrong = || format!("{value} is no {self:?}");
        if value.is_null() {
            return Ok(Cell::Nothing(self));
        }
        match self {
            Self::Text => value.as_str().map(|text| Cell::Text(text.to_owned())).ok_or_else(wrong),
            Self::Integer => value.as_i64().map(Cell::Integer).ok_or_else(wrong),
            Self::Double => value["double"].as_f64().map(Cell::Double).ok_or_else(wrong),
            Self::Octets => {
                let text = value["base64"].as_str().ok_or_else(wrong)?;
                STANDARD.decode(text).map(Cell::Octets).map_err(|error| error.to_string())
            }
        }
    }
}

/// A value on its way into the database.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Nothing(Kind),
    Text(String),
    Integer(i64),
    Double(f64),
    Octets(Vec<u8>),
}

impl Cell {
    /// Adds the value to a statement. Nothing has a type too: `PostgreSQL` wants to know it.
    pub(super) fn bind(self, query: Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments> {
        match self {
            Self::Nothing(Kind::Text) => query.bind(None::<String>),
            Self::Nothing(Kind::Integer) => query.bind(None::<i64>),
            Self::Nothing(Kind::Double) => query.bind(None::<f64>),
            Self::Nothing(Kind::Octets) => query.bind(None::<Vec<u8>>),
            Self::Text(text) => query.bind(text),
            Self::Integer(integer) => query.bind(integer),
            Self::Double(double) => query.bind(double),
            Self::Octets(octets) => query.bind(octets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind is read from its own spelling, and refuses the value of another.
    #[test]
    fn values_are_of_their_kind() {
        let good = [
            (Kind::Text, json!("a"), Cell::Text("a".to_owned())),
            (Kind::Integer, json!(-3), Cell::Integer(-3)),
            (Kind::Double, json!({"double": 0.5}), Cell::Double(0.5)),
            (Kind::Octets, json!({"base64": "AQI="}), Cell::Octets(vec![1, 2])),
            (Kind::Octets, Value::Null, Cell::Nothing(Kind::Octets)),
        ];
        for (kind, value, cell) in good {
            assert_eq!(kind.parse(&value), Ok(cell));
        }
        for (kind, value) in [
            (Kind::Text, json!(1)),
            (Kind::Integer, json!("1")),
            (Kind::Integer, json!(1.5)),
            (Kind::Octets, json!("AQI=")),
            (Kind::Octets, json!({"base64": "?"})),
        ] {
            assert!(kind.parse(&value).is_err(), "{kind:?} took {value}");
        }
    }
}
