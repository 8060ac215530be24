//! `lanyard restore`: a backup into an empty database.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{Context as Hash, SHA256};
use platform::clock::Clock;
use platform::db::restored::Stage;
use platform::db::snapshot;

use super::backup::{CHECKPOINT, MANIFEST, Manifest, TABLES};
use super::migrate;
use crate::cli::Restore;
use crate::config::Config;
use crate::files;
use crate::terminal::line;
use crate::wiring;

/// Proves that the backup is whole, then writes it into the database of the configuration, which must be empty.
pub async fn run(config: Config, options: &Restore) -> anyhow::Result<()> {
    let manifest: Manifest = serde_json::from_slice(&files::read(&options.from.join(MANIFEST))?)
        .with_context(|| format!("{MANIFEST} of the backup does not read"))?;
    let tables = options.from.join(TABLES);
    ensure!(
        digest(&tables)? == manifest.tables_sha256,
        "{} is not what the backup's {MANIFEST} says: it was damaged or changed",
        tables.display()
    );
    let db = migrate::migrated(&config).await?;
    if let Some(restored) = db.restored().await? {
        ensure!(restored.stage != Stage::Restoring, wiring::in_recovery(&restored));
    }
    let copy = BufReader::new(File::open(&tables)?);
    let restored =
        snapshot::import(&db, Clock::system().now(), copy).await.context("nothing was made usable")?;
    db.close().await;
    line(format_args!("restored {} rows, as of {}", restored.rows, restored.taken_at));
    line(
        "the server stays in recovery until it knows what happened since. Look for the newest of these outside:",
    );
    let checkpoint = options.from.join(CHECKPOINT);
    let kept = if checkpoint.exists() { checkpoint.display().to_string() } else { "none".to_owned() };
    line(format_args!("  the checkpoint that a witness or the sink holds (the backup has {kept})"));
    line("  the revocation list of each authority, as any client or cache has it");
    line("then run: lanyard recover --checkpoint FILE --crl FILE … [--certificate FILE …]");
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("could not read {}", path.display()))?;
    let mut hash = Hash::new(&SHA256);
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex::encode(hash.finish())),
            read => hash.update(&part[..read]),
        }
    }
}
