//! A statement on the thread that calls: its parameters, its rows.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

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

use super::error::refused;
use super::{Found, PREPARED};

/// From when on a statement is one that takes long.
const LONG: Duration = Duration::from_secs(1);

/// A connection, and what is known of the statements that it keeps.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) connection: Connection,
    /// By the text of a statement. SQLite tells the place of each parameter alone, and looks through all before for that; and names of columns
    /// are copied.
    known: RefCell<HashMap<Box<str>, Arc<Known>>>,
}

/// What the text of a statement says of it.
#[derive(Debug)]
struct Known {
    /// Which argument is the first parameter, which the second, and so on.
    order: Vec<usize>,
    columns: Columns,
}

impl Known {
    fn of(statement: &Statement<'_>) -> Result<Self, Error> {
        Ok(Self { order: order(statement)?, columns: Columns::of(statement) })
    }
}

impl Handle {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, known: RefCell::default() }
    }

    /// What is known of a statement that is kept.
    fn known(&self, text: &str, statement: &Statement<'_>) -> Result<Arc<Known>, Error> {
        // What has no list of its columns can have others after a migration. As many by other names it cannot: no text of ours is without one.
        let still = |known: &&Arc<Known>| known.columns.columns.len() == statement.column_count();
        if let Some(known) = self.known.borrow().get(text).filter(still) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Known::of(statement)?);
        let mut known = self.known.borrow_mut();
        if known.len() >= PREPARED {
            known.clear();
        }
        known.insert(text.into(), Arc::clone(&found));
        Ok(found)
    }
}

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

    /// Whether it begins a transaction, or ends one whatever came of it.
    pub(super) fn begins(&self) -> bool {
        let text = self.text.as_str();
        text.starts_with("BEGIN") || text.starts_with("ROLLBACK;") || text == "ROLLBACK"
    }

    /// Gives each row, and for each statement that it is done, until nothing more is wanted. It is told to the log as `sqlx` tells it: to whoever
    /// debugs, and as a warning where it took long.
    pub(super) fn run(
        &self,
        handle: &Handle,
        give: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let began = Instant::now();
        let done = self.run_silently(handle, give);
        let (summary, elapsed) = (self.text.as_str(), began.elapsed());
        if elapsed >= LONG {
            tracing::warn!(target: "sqlx::query", summary, ?elapsed, "a statement took {elapsed:?}");
        } else {
            tracing::debug!(target: "sqlx::query", summary, ?elapsed);
        }
        done
    }

    fn run_silently(
        &self,
        handle: &Handle,
        mut give: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let connection = &handle.connection;
        let Some(arguments) = &self.arguments else {
            let mut texts = Batch::new(connection, self.text.as_str());
            while let Some(mut statement) = texts.next().map_err(refused)? {
                if step(connection, &mut statement, None, &mut give)?.is_break() {
                    break;
                }
            }
            return Ok(());
        };
        if self.is_kept {
            let mut statement = connection.prepare_cached(self.text.as_str()).map_err(refused)?;
            let known = handle.known(self.text.as_str(), &statement)?;
            bind(&mut statement, &known.order, arguments)?;
            let _done = step(connection, &mut statement, Some(&known.columns), &mut give)?;
        } else {
            let mut statement = connection.prepare(self.text.as_str()).map_err(refused)?;
            let order = order(&statement)?;
            bind(&mut statement, &order, arguments)?;
            let _done = step(connection, &mut statement, None, &mut give)?;
        }
        Ok(())
    }
}

/// Runs a statement, whose columns may be known.
fn step(
    connection: &Connection,
    statement: &mut Statement<'_>,
    known: Option<&Columns>,
    give: &mut impl FnMut(Found) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let mut seen = None;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(refused)? {
        let columns = match known {
            Some(known) => known,
            None => &*seen.get_or_insert_with(|| Columns::of(row.as_ref())),
        };
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

/// Which argument each parameter is: they are `$1`, `$2` and so on, in whatever order the text has them.
fn order(statement: &Statement<'_>) -> Result<Vec<usize>, Error> {
    let number = |index| match statement.parameter_name(index) {
        None => Ok(index),
        Some(name) => name
            .strip_prefix(['$', '?'])
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Error::Protocol(format!("a parameter is $ and a number, not {name}"))),
    };
    (1..=statement.parameter_count()).map(number).collect()
}

fn bind(statement: &mut Statement<'_>, order: &[usize], arguments: &[AnyValueKind]) -> Result<(), Error> {
    for (index, number) in order.iter().enumerate() {
        let value = number.checked_sub(1).and_then(|number| arguments.get(number));
        let value = value.ok_or_else(|| Error::Protocol(format!("parameter {number} has no value")))?;
        statement.raw_bind_parameter(index + 1, parameter(value)?).map_err(refused)?;
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
#[derive(Debug)]
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
