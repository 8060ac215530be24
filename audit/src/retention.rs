//! Erasing entries whose time is over. The leaf stays, salt and event go: the tree can still be verified, and nobody
//! can tell any more what the leaf stood for.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::Tx;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::acts::Event;
use crate::error::{Error, chain};
use crate::event::{Actor, EventId};
use crate::log::Log;
use crate::record::record;
use crate::store::checkpoints::prune_checkpoints;
use crate::store::entries::erase_entries;

/// How many entries one transaction erases at most.
pub const STEP: usize = 500;

/// How often retention is looked after.
const EVERY: Duration = Duration::from_hours(1);

/// For how long every signed checkpoint is kept; after that the newest and those that a witness signed remain.
const CHECKPOINT_DAYS: i64 = 30;

const DAY_MS: i64 = 86_400_000;

impl Log {
    /// Erase up to `STEP` entries of a module recorded before a moment, and record that. Returns how many; fewer than
    /// `STEP` when none are left. Events that are not in the tree yet stay.
    pub async fn erase(&self, actor: &Actor, module: &str, before: Millis) -> Result<usize, Error> {
        let (module, actor, now) = (module.to_owned(), actor.clone(), self.shared.clock.now());
        let below = EventId::lower_bound(before);
        self.shared
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
                    let places = erase_entries(tx, &module, &below, limit).await?;
                    let (Some(first), Some(last)) = (places.first(), places.last()) else { return Ok(0) };
                    let event = Event::EntriesErased {
                        of_module: module,
                        recorded_before: before.0,
                        count: places.len() as u64,
                        first_log_epoch: first.0,
                        first_position: first.1,
                        last_log_epoch: last.0,
                        last_position: last.1,
                    };
                    record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(places.len())
                })
            })
            .await
    }

    /// Do once what the configured retention asks for, and forget old checkpoints. Returns how many entries went.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let now = self.shared.clock.now();
        let mut erased = 0;
        for rule in &self.shared.config.retention {
            let before = Millis(now.0 - i64::from(rule.days) * DAY_MS);
            loop {
                let step = self.erase(&Actor::system("audit"), &rule.module, before).await?;
                erased += step;
                if step < STEP {
                    break;
                }
            }
        }
        let signed_before = now.0 - CHECKPOINT_DAYS * DAY_MS;
        self.shared
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(prune_checkpoints(tx, signed_before).await?) })
            })
            .await?;
        Ok(erased)
    }
}

/// Start the hourly sweep. On several machines each may sweep: erasing twice erases nothing more.
pub(crate) fn start(log: &Log, stopped: &watch::Receiver<bool>) -> JoinHandle<()> {
    let (log, mut stopped) = (log.clone(), stopped.clone());
    tokio::spawn(async move {
        while !*stopped.borrow() {
            match log.sweep().await {
                Ok(0) => {}
                Ok(erased) => info!(erased, "erased {erased} entries under retention"),
                Err(error) => warn!(cause = %chain(&error), "retention failed and will be tried in an hour"),
            }
            let _ = tokio::time::timeout(EVERY, stopped.changed()).await;
        }
    })
}
