//! `lanyard migrate`: brings the database to the schema of this version. Only ever forward.

use platform::clock::Clock;
use platform::db::Db;

use crate::config::Config;
use crate::terminal::line;
use crate::wiring;

/// Migrates and says so.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let db = migrated(config).await?;
    db.close().await;
    line(format_args!("{} has the schema of this version", wiring::shown(&config.database.url)));
    Ok(())
}

/// The database at the newest schema.
pub async fn migrated(config: &Config) -> anyhow::Result<Db> {
    let db = wiring::database(config, &Clock::system()).await?;
    db.migrate().await?;
    Ok(db)
}
