//! Which tables and columns there are, from the engine's own catalogue.

use sqlx::AnyConnection;

use super::super::{Engine, Error};
use super::TRANSIENT;
use super::value::Kind;

/// A table of the schema.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
}

impl Known {
    /// The names of the columns, as they stand in a statement.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Every table that belongs into a picture, in the order of names.
pub(super) async fn tables(engine: Engine, connection: &mut AnyConnection) -> Result<Vec<Known>, Error> {
    let (names, columns) = match engine {
        Engine::Sqlite => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
            "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
        ),
        Engine::Postgres => (
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1",
            "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
        ),
    };
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut *connection).await?;
    let mut tables = Vec::new();
    for name in names.into_iter().filter(|name| !TRANSIENT.contains(&name.as_str())) {
        let found: Vec<(String, String)> =
            sqlx::query_as(columns).bind(name.as_str()).fetch_all(&mut *connection).await?;
        let columns = found
            .into_iter()
            .map(|(column, declared)| match Kind::of(&declared) {
                Some(kind) => Ok((column, kind)),
                None => Err(Error::corrupt("schema", format!("{name}.{column} is of type {declared}"))),
            })
            .collect::<Result<_, _>>()?;
        tables.push(Known { name, columns });
    }
    Ok(tables)
}

/// The migrations that the database has had.
pub(super) async fn migrations(connection: &mut AnyConnection) -> Result<Vec<i64>, Error> {
    Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
        .fetch_all(connection)
        .await?)
}
