//! `lanyard backup`: one folder from which everything but the token can be made again.
//!
//! `tables.jsonl` holds every table as it was at one moment; `manifest.json` its digest and the time; `keys.json` which
//! keys the token must hold; `checkpoint` the last signed head of the audit record; `lanyard.toml` the configuration,
//! without a password in it. People's keys are in the tables as the token wrapped them; other key material never leaves
//! the token, whose own backup is its maker's affair.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{Context as Hash, SHA256};
use platform::clock::{Clock, Millis};
use platform::db::snapshot::{self, Summary};
use serde::{Deserialize, Serialize};

use crate::cli::{Backup, Cli};
use crate::config::Config;
use crate::files::{self, Readers};
use crate::terminal::line;
use crate::wiring::{self, Foundation};

/// The picture of the tables, in a backup.
pub const TABLES: &str = "tables.jsonl";
/// What the backup is, in a backup.
pub const MANIFEST: &str = "manifest.json";
/// The last checkpoint, in a backup.
pub const CHECKPOINT: &str = "checkpoint";

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the program that made it.
    pub version: String,
    /// When the tables were as they are here.
    pub taken_at: Millis,
    /// How many tables.
    pub tables: usize,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 of [`TABLES`], hexadecimal.
    pub tables_sha256: String,
}

/// One key that the token must hold.
#[derive(Debug, Serialize)]
struct KeyLine {
    label: String,
    token: String,
    id: String,
    purpose: String,
    algorithm: Option<String>,
    public_key_sha256: Option<String>,
}

/// Makes the backup in a folder beside, and renames it when it is whole.
pub async fn run(cli: &Cli, config: Config, options: &Backup) -> anyhow::Result<()> {
    ensure!(!options.out.exists(), "{} exists; name a folder that does not", options.out.display());
    let foundation = Foundation::open_as_is(config).await?;
    if let Some(restored) = foundation.db.restored().await? {
        anyhow::bail!("there is nothing to back up: {}", wiring::in_recovery(&restored));
    }
    let unfinished = beside(&options.out);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context("a left-over of an earlier backup could not be removed")?;
    }
    make_folder(&unfinished)?;
    let summary = write_all(cli, &foundation, &unfinished).await?;
    fs::File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, &options.out).context("the finished backup could not be put in its place")?;
    line(format_args!(
        "backed up {} rows of {} tables, as of {}, into {}",
        summary.rows,
        summary.tables,
        summary.taken_at,
        options.out.display()
    ));
    line("keep it apart from the token's own backup, and the newest checkpoint and lists apart from both");
    foundation.close().await;
    Ok(())
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    out.with_file_name(name)
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("could not make {}", path.display()))
}

async fn write_all(cli: &Cli, foundation: &Foundation, folder: &Path) -> anyhow::Result<Summary> {
    let keys = keys(foundation).await?;
    files::write(&folder.join("keys.json"), &serde_json::to_vec_pretty(&keys)?, Readers::Owner)?;
    let text = without_password(&files::read_text(&cli.config)?, &foundation.config.database.url)?;
    files::write(&folder.join("lanyard.toml"), text.as_bytes(), Readers::Owner)?;
    // Before the tables, so that it never tells of more than they hold.
    match foundation.log().await?.checkpoint().await? {
        Some(checkpoint) => {
            files::write(&folder.join(CHECKPOINT), checkpoint.as_bytes(), Readers::Owner)?;
        }
        None => line(
            "the audit record has no checkpoint yet, as after a recovery before the server has run; this backup has none",
        ),
    }
    let (summary, tables_sha256) = write_tables(foundation, &folder.join(TABLES)).await?;
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: summary.taken_at,
        tables: summary.tables,
        rows: summary.rows,
        tables_sha256,
    };
    files::write(&folder.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?, Readers::Owner)?;
    Ok(summary)
}

/// The text of a configuration without what must not be shown of its database's address.
fn without_password(text: &str, url: &str) -> anyhow::Result<String> {
    let shown = wiring::shown(url);
    ensure!(
        shown == url || text.contains(url),
        "the password in [database] url cannot be taken out of the copy, because the address is written with escapes; \
         write it as it is, between single quotes"
    );
    Ok(text.replace(url, &shown))
}

async fn write_tables(foundation: &Foundation, path: &Path) -> anyhow::Result<(Summary, String)> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut out = Hashing { out: BufWriter::new(file), hash: Hash::new(&SHA256) };
    let summary = snapshot::export(&foundation.db, Clock::system().now(), &mut out)
        .await
        .context("the tables could not be copied")?;
    out.out.get_ref().sync_all()?;
    Ok((summary, hex::encode(out.hash.finish())))
}

async fn keys(foundation: &Foundation) -> anyhow::Result<Vec<KeyLine>> {
    let inventory = foundation.hsm.inventory().await.context("the keys of the token could not be listed")?;
    Ok(inventory
        .into_iter()
        .map(|key| KeyLine {
            token: key.token,
            id: hex::encode(&key.id),
            label: key.label,
            purpose: format!("{:?}", key.purpose).to_lowercase(),
            algorithm: key.alg.map(|alg| alg.to_string()),
            public_key_sha256: key
                .public_key
                .map(|key| hex::encode(aws_lc_rs::digest::digest(&SHA256, &key))),
        })
        .collect())
}

/// Hashes what it writes.
struct Hashing {
    out: BufWriter<fs::File>,
    hash: Hash,
}

impl Write for Hashing {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.out.write_all(octets)?;
        self.hash.update(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backup's configuration has no password in it; one that cannot be found in the text lets no backup be made.
    #[test]
    fn passwords_are_left_out() {
        let url = "postgres://me:swordfish@host/name";
        let text = without_password(&format!("[database]\nurl = '{url}'\n"), url).unwrap();
        assert_eq!(text, "[database]\nurl = 'postgres://…@host/name'\n");
        let escaped = "[database]\nurl = \"postgres://me:sword\\u0066ish@host/name\"\n";
        let refused = without_password(escaped, url).unwrap_err().to_string();
        assert!(refused.contains("single quotes") && !refused.contains("swordfish"), "{refused}");
        // A path that was made absolute stands otherwise in the text, and hides nothing.
        let text = "[database]\nurl = \"sqlite:lanyard.db\"\n";
        assert_eq!(without_password(text, "sqlite:/etc/lanyard/lanyard.db").unwrap(), text);
    }
}
