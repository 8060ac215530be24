//! A statement on the thread that calls: its parameters, its rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Batch, Connection, Statement};
use sqlx::{Either, Error, SqlStr};
use sqlx_core::HashMap;
use sqlx_core::any::{
    AnyArguments, AnyColumn, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo, AnyTypeInfoKind, AnyValue,
    AnyValueKind,
};
use sqlx_core::ext::ustr::UStr;

use super::Found;
use super::error::refused;

/// What is asked: a statement with its parameters, or a text of several without.
pub(super) struct Question {
    text: SqlStr,
    /// Whether what was prepared for it is worth keeping.
    is_kept: bool,
    arguments: Option<Vec<AnyValueKind>>,
}

impl Question {
    pub(super) fn of(text: SqlStr, is_kept: bool, arguments: Option<AnyArguments>) -> Self {
        Self { text, is_kept, arguments: arguments.map(|arguments| arguments.values.0) }
    }

    /// Gives each row, and for each statement that it is done, until nothing more is wanted.
    pub(super) fn run(
        &self,
        connection: &Connection,
        mut give: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let Some(arguments) = &self.arguments else {
            let mut texts = Batch::new(connection, self.text.as_str());
            while let Some(mut statement) = texts.next().map_err(refused)? {
                if step(connection, &mut statement, &[], &mut give)?.is_break() {
                    break;
                }
            }
            return Ok(());
        };
        if self.is_kept {
            let mut statement = connection.prepare_cached(self.text.as_str()).map_err(refused)?;
            let _done = step(connection, &mut statement, arguments, &mut give)?;
        } else {
            let mut statement = connection.prepare(self.text.as_str()).map_err(refused)?;
            let _done = step(connection, &mut statement, arguments, &mut give)?;
        }
        Ok(())
    }
}

fn step(
    connection: &Connection,
    statement: &mut Statement<'_>,
    arguments: &[AnyValueKind],
    give: &mut impl FnMut(Found) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    bind(statement, arguments)?;
    let mut columns = None;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(refused)? {
        let columns = columns.get_or_insert_with(|| Columns::of(row.as_ref()));
        let values = (0..columns.columns.len()).map(|index| value(row.get_ref(index).map_err(refused)?));
        let values = values.collect::<Result<_, _>>()?;
        let found =
            AnyRow { column_names: Arc::clone(&columns.names), columns: columns.columns.clone(), values };
        if give(Either::Right(found)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    drop(rows);
    Ok(give(Either::Left(AnyQueryResult { rows_affected: connection.changes(), last_insert_id: None })))
}

/// Parameters are `$1`, `$2` and so on, in whatever order the text has them.
fn bind(statement: &mut Statement<'_>, arguments: &[AnyValueKind]) -> Result<(), Error> {
    for index in 1..=statement.parameter_count() {
        let number = match statement.parameter_name(index) {
            None => index,
            Some(name) => name
                .strip_prefix(['$', '?'])
                .and_then(|number| number.parse().ok())
                .ok_or_else(|| Error::Protocol(format!("a parameter is $ and a number, not {name}")))?,
        };
        let value = number.checked_sub(1).and_then(|number: usize| arguments.get(number));
        let value = value.ok_or_else(|| Error::Protocol(format!("parameter {number} has no value")))?;
        statement.raw_bind_parameter(index, parameter(value)?).map_err(refused)?;
    }
    Ok(())
}

fn parameter(value: &AnyValueKind) -> Result<ToSqlOutput<'_>, Error> {
    let owned = |value| Ok(ToSqlOutput::Owned(value));
    match value {
        AnyValueKind::Null(_) => owned(Value::Null),
        AnyValueKind::Bool(value) => owned(Value::Integer((*value).into())),
        AnyValueKind::SmallInt(value) => owned(Value::Integer((*value).into())),
        AnyValueKind::Integer(value) => owned(Value::Integer((*value).into())),
        AnyValueKind::BigInt(value) => owned(Value::Integer(*value)),
        AnyValueKind::Real(value) => owned(Value::Real((*value).into())),
        AnyValueKind::Double(value) => owned(Value::Real(*value)),
        AnyValueKind::Text(text) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
        AnyValueKind::TextSlice(text) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
        AnyValueKind::Blob(octets) => Ok(ToSqlOutput::Borrowed(ValueRef::Blob(octets))),
        other => Err(Error::Protocol(format!("SQLite has no such parameter: {other:?}"))),
    }
}

fn value(value: ValueRef<'_>) -> Result<AnyValue, Error> {
    let kind = match value {
        ValueRef::Null => AnyValueKind::Null(AnyTypeInfoKind::Null),
        ValueRef::Integer(number) => AnyValueKind::BigInt(number),
        ValueRef::Real(number) => AnyValueKind::Double(number),
        ValueRef::Text(text) => {
            let text = str::from_utf8(text).map_err(|error| Error::Decode(error.into()))?;
            AnyValueKind::Text(Arc::new(text.to_owned()))
        }
        ValueRef::Blob(octets) => AnyValueKind::Blob(Arc::new(octets.to_vec())),
    };
    Ok(AnyValue { kind })
}

/// What every row of a statement shares.
struct Columns {
    names: Arc<HashMap<UStr, usize>>,
    columns: Vec<AnyColumn>,
}

impl Columns {
    fn of(statement: &Statement<'_>) -> Self {
        let columns: Vec<_> = statement
            .column_names()
            .into_iter()
            .enumerate()
            .map(|(ordinal, name)| AnyColumn {
                ordinal,
                name: UStr::new(name),
                // What a column holds is known of each value.
                type_info: AnyTypeInfo { kind: AnyTypeInfoKind::Null },
            })
            .collect();
        let names = columns.iter().map(|column| (column.name.clone(), column.ordinal)).collect();
        Self { names: Arc::new(names), columns }
    }
}

/// What a statement takes and gives, without running it.
pub(super) fn described(connection: &Connection, sql: SqlStr) -> Result<AnyStatement, Error> {
    let statement = connection.prepare_cached(sql.as_str()).map_err(refused)?;
    let Columns { names: column_names, columns } = Columns::of(&statement);
    let parameters = Some(Either::Right(statement.parameter_count()));
    drop(statement);
    Ok(AnyStatement { sql, parameters, column_names, columns })
}
