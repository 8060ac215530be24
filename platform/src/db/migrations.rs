//! The migrations, embedded in the program, one folder for each engine.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlSafeStr as _};

use super::{Engine, Error, connection, exclusive};

// SQLITE_FILES and POSTGRES_FILES, as build.rs lists them.
include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

static SQLITE: LazyLock<Migrator> = LazyLock::new(|| embedded(SQLITE_FILES));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| embedded(POSTGRES_FILES));

fn embedded(files: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = files.iter().map(|(version, description, sql)| {
        let description = (*description).into();
        Migration::new(*version, description, MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

fn migrator(engine: Engine) -> &'static Migrator {
    match engine {
        Engine::Sqlite => &SQLITE,
        Engine::Postgres => &POSTGRES,
    }
}

/// How many migrations of this program the database has not had; refused where it has had others.
pub(super) async fn pending(engine: Engine, readers: &sqlx::AnyPool) -> Result<usize, Error> {
    let had = had(engine, readers).await?;
    let ours: Vec<i64> = migrator(engine).iter().map(|migration| migration.version).collect();
    if let Some(version) = had.iter().copied().find(|version| !ours.contains(version)) {
        return Err(Error::MigrationUnknown { version });
    }
    Ok(ours.iter().filter(|version| !had.contains(version)).count())
}

/// The versions of the migrations that the database has had.
async fn had(engine: Engine, readers: &sqlx::AnyPool) -> Result<Vec<i64>, Error> {
    let known = match engine {
        Engine::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Engine::Postgres => {
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '_sqlx_migrations'"
        }
    };
    let tables: i64 = sqlx::query_scalar(known).fetch_one(readers).await?;
    if tables == 0 {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(readers).await?)
}

/// What tells these migrations from others.
#[cfg(feature = "testing")]
pub(super) fn checksums(engine: Engine) -> impl Iterator<Item = &'static [u8]> {
    migrator(engine).iter().map(|migration| &*migration.checksum)
}

/// How long another process that makes the tables is waited for.
const OTHERS_MIGRATE_WITHIN: Duration = Duration::from_mins(2);

pub(super) async fn run(engine: Engine, url: &str) -> Result<(), Error> {
    let migrator = migrator(engine);
    // On PostgreSQL sqlx takes a lock by itself.
    let _alone = match engine {
        Engine::Sqlite => Some(
            exclusive::wait(engine, url, "migrate", OTHERS_MIGRATE_WITHIN).await?.ok_or(Error::Migrating)?,
        ),
        Engine::Postgres => None,
    };
    let mut connection = connection::open_writer(engine, url).await?;
    let outcome = migrator.run_direct(None, &mut connection, false).await;
    // The outcome counts; a connection that does not close cleanly is dropped.
    let _closed = connection.close().await;
    outcome.map_err(|error| match error {
        MigrateError::VersionMismatch(version) => Error::MigrationChanged { version },
        MigrateError::VersionMissing(version) => Error::MigrationUnknown { version },
        other => Error::Migration(other),
    })
}
