//! The key under which numbers of documents are hashed: the same in every process of a register.

use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use audit::Actor;
use directory::{DocumentKey, KeyStanding};
use platform::db::{self, Db};

use crate::events::Event;
use crate::secrets;
use crate::wiring::{self, Foundation};

/// Reads it, and refuses another one than the register in this database was filled under. A register that had none gets this one.
pub async fn ready(config: &directory::Config, db: &Db) -> anyhow::Result<DocumentKey> {
    let file = file(config)?;
    let key = read(file)?;
    demand_not_other(file, key.take(db).await)?;
    Ok(key)
}

/// The same for who only looks: the key, and whether the register has it already.
pub async fn look(config: &directory::Config, db: &Db) -> anyhow::Result<(DocumentKey, KeyStanding)> {
    let file = file(config)?;
    let key = read(file)?;
    let standing = demand_not_other(file, key.standing(db).await)?;
    Ok((key, standing))
}

/// Goes on with the key of this configuration where the one before is lost, and records it. A server that ran meanwhile would go on with the
/// one before: the lock of its number is held until it is done.
pub async fn replace(foundation: &Foundation) -> anyhow::Result<()> {
    if let Some(restored) = foundation.db.restored().await? {
        bail!("nothing is changed: {}", wiring::in_recovery(&restored));
    }
    let config = foundation.config.directory.as_ref();
    let config = config.context("this configuration has no [directory]: it keeps no register")?;
    let key = read(file(config)?)?;
    let alone = foundation.alone().await.context("whether a server runs could not be seen")?;
    let Some(_alone) = alone else {
        let number = foundation.config.ca.instance.number();
        bail!(
            "nothing is changed: another process works on this database as [ca] instance {number}, and would go on with the key \
             of before. Stop every node first"
        );
    };
    let now = foundation.clock.now();
    foundation.high_water.guard(now).map_err(|problem| anyhow!("{}", problem.detail))?;
    let replaced: Result<(), db::Error> = foundation
        .db
        .write(move |tx| {
            Box::pin(async move {
                key.replace(tx).await?;
                audit::record(tx, now, &Actor::system("server"), &Event::DocumentKeyReplaced).await?;
                Ok(())
            })
        })
        .await;
    replaced.context("the key of the register was not changed")
}

fn file(config: &directory::Config) -> anyhow::Result<&Path> {
    config.document_key.as_deref().context(
        "[directory] names no document_key; make one with `openssl rand -hex 32` in a file of mode 600",
    )
}

fn read(file: &Path) -> anyhow::Result<DocumentKey> {
    Ok(DocumentKey::new(&*secrets::read_key(file)?))
}

fn demand_not_other(file: &Path, standing: Result<KeyStanding, db::Error>) -> anyhow::Result<KeyStanding> {
    let standing = standing.context("which document_key the register has could not be read")?;
    ensure!(
        standing != KeyStanding::Other,
        "{} is not the [directory] document_key that this register was filled with; copy it from the other machine, or from \
         where the backup of secrets is. If it is lost for good, stop every node: `lanyard keys replace-document-key` then goes on with this one",
        file.display()
    );
    Ok(standing)
}
