//! Taking a picture: every table as it was at one moment, while others go on writing.

use std::io::Write;

use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, raw_sql};

use super::super::{Db, Engine, connection};
use super::catalogue::{self, Known};
use super::{End, FORMAT, Header, SnapshotError, Summary, Table};
use crate::clock::Millis;

/// Writes every table as it is at one moment. Nobody waits for it: it reads one snapshot of the engine.
pub async fn export(db: &Db, now: Millis, out: &mut (impl Write + Send)) -> Result<Summary, SnapshotError> {
    // One of its own: those of the pool have a limit, and the open transaction ends with it, whatever happens.
    let mut connection = connection::open_unhurried(db.engine(), &db.shared.url).await?;
    let begin = match db.engine() {
        Engine::Sqlite => "BEGIN",
        Engine::Postgres => {
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0"
        }
    };
    raw_sql(begin).execute(&mut connection).await?;
    let migrations = catalogue::migrations(&mut connection).await?;
    put(out, &Header { format: FORMAT, migrations, taken_at: now })?;
    let tables = catalogue::tables(db.engine(), &mut connection).await?;
    let mut rows = 0;
    for table in &tables {
        rows += export_table(&mut connection, table, out).await?;
    }
    put(out, &End { end: rows })?;
    out.flush()?;
    Ok(Summary { tables: tables.len(), rows, taken_at: now })
}

async fn export_table(
    connection: &mut AnyConnection,
    table: &Known,
    out: &mut (impl Write + Send),
) -> Result<u64, SnapshotError> {
    let columns = table.columns.iter().map(|(name, _)| name.clone()).collect();
    put(out, &Table { table: table.name.clone(), columns })?;
    // The names are those of the engine's catalogue.
    let query = AssertSqlSafe(format!("SELECT {} FROM {}", table.column_list(), table.name));
    let mut found = sqlx::query(query).fetch(connection);
    let mut rows = 0;
    while let Some(row) = found.try_next().await? {
        let cells = table.columns.iter().enumerate().map(|(column, (_, kind))| kind.read(&row, column));
        put(out, &cells.collect::<Result<Vec<Value>, _>>()?)?;
        rows += 1;
    }
    Ok(rows)
}

fn put(out: &mut impl Write, line: &impl Serialize) -> Result<(), SnapshotError> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}
