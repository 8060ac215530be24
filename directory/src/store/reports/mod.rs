//! The queries of reports. They read in the order of a key and begin after one, so that a report of any length is read in
//! pages that cost the same.

pub(crate) mod people;
pub(crate) mod positions;
pub(crate) mod work;

use platform::db::Tx;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};

use super::lineages::DEEPEST;
use crate::error::Error;
use crate::report::{Below, Scope};

/// A query, put together piece by piece.
struct Statement {
    text: String,
    values: Vec<Value>,
}

/// What stands in the place of a question mark.
enum Value {
    Text(String),
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Statement {
    /// Begins with `below`, the codes of the organisations that the report is of.
    fn of(scope: &Scope) -> Self {
        let mut statement = Self { text: String::new(), values: Vec::new() };
        let deepest = match scope.below {
            Below::Too => i64::try_from(DEEPEST).unwrap_or(i64::MAX),
            Below::No => 0,
        };
        statement.push(
            "WITH RECURSIVE below(ods, depth) AS (SELECT ods, CAST(0 AS BIGINT) FROM directory_organisation \
             WHERE ods = ? UNION SELECT o.ods, below.depth + 1 FROM directory_organisation o \
             JOIN below ON o.ra_host = below.ods WHERE below.depth < ?) ",
            [Value::from(scope.organisation.as_str()), Value::from(deepest)],
        );
        statement
    }

    /// Adds text in which each question mark stands for the next value.
    fn push(&mut self, text: &str, values: impl IntoIterator<Item = Value>) -> &mut Self {
        let mut values = values.into_iter();
        for letter in text.chars() {
            match (letter, if letter == '?' { values.next() } else { None }) {
                ('?', Some(value)) => {
                    self.values.push(value);
                    self.text.push('$');
                    self.text.push_str(&self.values.len().to_string());
                }
                (other, _) => self.text.push(other),
            }
        }
        self
    }

    /// Adds text without values.
    fn text(&mut self, text: &str) -> &mut Self {
        self.push(text, [])
    }

    /// Adds a condition where there is something to ask for.
    fn when(&mut self, value: Option<&str>, condition: &str) -> &mut Self {
        match value {
            Some(value) => self.push(condition, [Value::from(value)]),
            None => self,
        }
    }

    /// Reads the rows.
    async fn rows<R>(self, tx: &mut Tx) -> Result<Vec<R>, Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let mut query = sqlx::query_as(AssertSqlSafe(self.text));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        Ok(query.fetch_all(&mut *tx).await?)
    }
}

/// A number of rows.
fn count(many: i64) -> u64 {
    u64::try_from(many).unwrap_or(0)
}
