//! The way back: a picture into an empty database.

use std::io::BufRead;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::super::restored::{self, Restored, Stage};
use super::super::rows::places;
use super::super::{Db, Engine, Tx};
use super::catalogue::{self, Known};
use super::value::{Cell, Kind};
use super::{End, FORMAT, Header, SnapshotError, Summary, Table};
use crate::clock::Millis;

/// Rows of one statement, at most; far fewer values than either engine can bind.
const ROWS: usize = 200;

/// Writes a picture into an empty database of the same schema.
///
/// The database is marked as `restoring` before the first row and as `recovering` after the last, so a crash in between
/// leaves a database that says it holds half a copy. It stays unfit for use until [`restored::finish`].
pub async fn import(db: &Db, now: Millis, copy: impl BufRead) -> Result<Summary, SnapshotError> {
    let mut lines = Lines { lines: copy.lines(), number: 0 };
    let header: Header = parse(&lines.next()?, lines.number)?;
    let tables = fit(db, &header).await?;
    let mut restored = Restored { stage: Stage::Restoring, taken_at: header.taken_at, restored_at: now };
    mark(db, restored).await?;
    let rows = import_rows(db, &tables, &mut lines).await?;
    restored.stage = Stage::Recovering;
    finish(db, tables.clone(), restored).await?;
    Ok(Summary { tables: tables.len(), rows, taken_at: header.taken_at })
}

/// Whether the copy fits the schema and the database is empty; the tables, if so.
async fn fit(db: &Db, header: &Header) -> Result<Vec<Known>, SnapshotError> {
    if header.format != FORMAT {
        let reason = format!("format {} is not {FORMAT}", header.format);
        return Err(SnapshotError::Line { line: 1, reason });
    }
    let mut connection = db.read().acquire().await?;
    let known = catalogue::migrations(&mut connection).await?;
    if known != header.migrations {
        return Err(SnapshotError::OtherSchema { copied: header.migrations.clone(), known });
    }
    let tables = catalogue::tables(db.engine(), &mut connection).await?;
    for table in &tables {
        if has_rows(&mut connection, &table.name).await? {
            return Err(SnapshotError::NotEmpty { table: table.name.clone() });
        }
    }
    Ok(tables)
}

async fn has_rows(connection: &mut AnyConnection, table: &str) -> Result<bool, SnapshotError> {
    // The mark of the clock is written as soon as a database is opened.
    if table == "platform_high_water" {
        return Ok(false);
    }
    let query = AssertSqlSafe(format!("SELECT 1 FROM (SELECT * FROM {table} LIMIT 1) AS t"));
    Ok(sqlx::query(query).fetch_optional(connection).await?.is_some())
}

async fn import_rows(
    db: &Db,
    tables: &[Known],
    lines: &mut Lines<impl BufRead>,
) -> Result<u64, SnapshotError> {
    let mut table: Option<&Known> = None;
    let mut waiting: Vec<Vec<Cell>> = Vec::new();
    let mut rows = 0;
    loop {
        let line = lines.next()?;
        if line.starts_with('[') {
            let table = table.ok_or_else(|| lines.wrong("a row before its table"))?;
            waiting.push(
                row(table, &parse::<Vec<Value>>(&line, lines.number)?).map_err(|why| lines.wrong(why))?,
            );
            rows += 1;
            if waiting.len() == ROWS {
                insert(db, table, std::mem::take(&mut waiting)).await?;
            }
            continue;
        }
        if let Some(table) = table
            && !waiting.is_empty()
        {
            insert(db, table, std::mem::take(&mut waiting)).await?;
        }
        if line.starts_with(r#"{"end""#) {
            let end: End = parse(&line, lines.number)?;
            return if end.end == rows { Ok(rows) } else { Err(lines.wrong("rows are missing")) };
        }
        let next: Table = parse(&line, lines.number)?;
        table = Some(named(tables, &next).ok_or_else(|| lines.wrong("this schema has no such table"))?);
    }
}

fn named<'t>(tables: &'t [Known], wanted: &Table) -> Option<&'t Known> {
    tables.iter().find(|known| {
        known.name == wanted.table && known.columns.iter().map(|(name, _)| name).eq(&wanted.columns)
    })
}

fn row(table: &Known, values: &[Value]) -> Result<Vec<Cell>, String> {
    if values.len() != table.columns.len() {
        return Err(format!("{} values for {} columns", values.len(), table.columns.len()));
    }
    table.columns.iter().zip(values).map(|((_, kind), value)| kind.parse(value)).collect()
}

async fn insert(db: &Db, table: &Known, rows: Vec<Vec<Cell>>) -> Result<(), SnapshotError> {
    let values = places(rows.len(), table.columns.len());
    let conflict = if table.name == "platform_high_water" {
        "ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE platform_high_water.at < excluded.at"
    } else {
        ""
    };
    // Columns that the engine numbers by itself get the numbers of the copy.
    let given = match db.engine() {
        Engine::Postgres => "OVERRIDING SYSTEM VALUE",
        Engine::Sqlite => "",
    };
    let (name, columns) = (&table.name, table.column_list());
    let statement = format!("INSERT INTO {name} ({columns}) {given} VALUES {values} {conflict}");
    db.write(move |tx| {
        Box::pin(async move {
            let query = sqlx::query(AssertSqlSafe(statement));
            rows.into_iter().flatten().fold(query, |query, cell| cell.bind(query)).execute(tx).await?;
            Ok(())
        })
    })
    .await
}

async fn mark(db: &Db, restored: Restored) -> Result<(), SnapshotError> {
    db.write(move |tx| Box::pin(async move { Ok(restored::mark(tx, &restored).await?) })).await
}

async fn finish(db: &Db, tables: Vec<Known>, restored: Restored) -> Result<(), SnapshotError> {
    let engine = db.engine();
    db.write(move |tx| {
        Box::pin(async move {
            if engine == Engine::Postgres {
                for table in &tables {
                    continue_numbers(tx, table).await?;
                }
            }
            Ok(restored::mark(tx, &restored).await?)
        })
    })
    .await
}

/// Columns that `PostgreSQL` numbers by itself go on behind what was restored; `SQLite` looks at the rows.
async fn continue_numbers(tx: &mut Tx, table: &Known) -> Result<(), SnapshotError> {
    for (column, _) in table.columns.iter().filter(|(_, kind)| *kind == Kind::Integer) {
        let numbered: Option<String> = sqlx::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
            .bind(table.name.as_str())
            .bind(column.as_str())
            .fetch_one(&mut *tx)
            .await?;
        if let Some(sequence) = numbered {
            // The names are those of the engine's catalogue.
            let statement = format!(
                "SELECT setval('{sequence}', (SELECT COALESCE(MAX({column}), 0) + 1 FROM {}), false)",
                table.name
            );
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

struct Lines<R> {
    lines: std::io::Lines<R>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<String, SnapshotError> {
        self.number += 1;
        self.lines.next().ok_or(SnapshotError::CutOff)?.map_err(SnapshotError::Io)
    }

    fn wrong(&self, reason: impl Into<String>) -> SnapshotError {
        SnapshotError::Line { line: self.number, reason: reason.into() }
    }
}

fn parse<T: DeserializeOwned>(text: &str, line: u64) -> Result<T, SnapshotError> {
    serde_json::from_str(text).map_err(|error| SnapshotError::Line { line, reason: error.to_string() })
}
