//! Witnesses: parties outside that sign what they have seen of the log, and only if it grew.
//!
//! C2SP tlog-witness (the `add-checkpoint` call) and tlog-cosignature (signature type 4).

mod client;
mod cosignature;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, warn};

pub use client::{Client, WitnessError};
pub use cosignature::{Cosignature, WitnessKey};

use crate::config::WitnessConfig;
use crate::error::{Error, chain};
use crate::log::Log;
use crate::proof::{Wanted, prove, tiles_for};
use crate::store::checkpoints::{newest_signed, put_cosignature, witnessed_size};
use crate::store::log::current_lease;
use crate::store::tiles::tiles;

/// How often a new checkpoint is looked for, and how long to wait after a failure at first and at most.
const LOOK: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Start one task for each witness.
pub(crate) fn start(log: &Log, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
    let time_out = Duration::from_millis(log.shared.config.witness_time_out_ms);
    let mut tasks = Vec::new();
    for config in &log.shared.config.witnesses {
        match Witness::new(config, time_out) {
            Ok(witness) => tasks.push(tokio::spawn(run(log.clone(), witness, stopped.clone()))),
            Err(cause) => {
                error!(url = config.url, cause = %chain(&cause), "the witness cannot be used: {cause}");
            }
        }
    }
    tasks
}

/// One witness as it is spoken to.
pub struct Witness {
    key: WitnessKey,
    client: Client,
    /// The size the witness holds, as it said itself; none until it was asked.
    holds: Option<u64>,
}

impl Witness {
    /// A witness from its configuration.
    pub fn new(config: &WitnessConfig, time_out: Duration) -> Result<Self, WitnessError> {
        let key = WitnessKey::parse(&config.key)?;
        Ok(Self { key, client: Client::new(&config.url, time_out)?, holds: None })
    }

    /// Show the newest checkpoint, with the proof from what the witness holds, and keep its cosignature. Returns the
    /// size that it signed, or none when it had signed the newest already.
    pub async fn submit(&mut self, log: &Log) -> Result<Option<u64>, WitnessError> {
        let (pool, log_epoch) = (log.shared.db.read(), log.current().log_epoch);
        let Some(newest) = newest_signed(pool, log_epoch).await.map_err(Error::from)? else {
            return Ok(None);
        };
        let Some(note) = newest.note else { return Ok(None) };
        let signed = witnessed_size(pool, log_epoch, self.key.name()).await.map_err(Error::from)?;
        if signed == Some(newest.size) {
            return Ok(None);
        }
        let old = self.holds.or(signed).unwrap_or(0);
        let mut answer = self.offer(log, log_epoch, old.min(newest.size), newest.size, &note).await;
        if let Err(WitnessError::Holds(size)) = answer
            && size <= newest.size
        {
            // It is further than we knew, for example after we lost an answer. Once more from there.
            self.holds = Some(size);
            answer = self.offer(log, log_epoch, size, newest.size, &note).await;
        }
        let cosignature = answer?;
        self.holds = Some(newest.size);
        let (line, name) = (cosignature.line, self.key.name().to_owned());
        let (size, now) = (newest.size, log.shared.clock.now().0);
        log.shared
            .db
            .write(move |tx: &mut platform::db::Tx| {
                Box::pin(async move {
                    Ok::<_, Error>(put_cosignature(tx, log_epoch, size, &name, &line, now).await?)
                })
            })
            .await
            .map_err(WitnessError::Log)?;
        Ok(Some(size))
    }

    async fn offer(
        &self,
        log: &Log,
        log_epoch: u64,
        old: u64,
        size: u64,
        note: &str,
    ) -> Result<Cosignature, WitnessError> {
        let wanted = Wanted::Consistency { old, size };
        let ids = tiles_for(wanted).map_err(Error::Proof)?;
        let stored = tiles(log.shared.db.read(), log_epoch, &ids).await.map_err(Error::from)?;
        let proof = prove(wanted, stored).map_err(Error::Proof)?;
        let answer = self.client.add_checkpoint(old, &proof, note).await?;
        self.key.accept(note, &answer).ok_or(WitnessError::NotCosigned)
    }
}

async fn run(log: Log, mut witness: Witness, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0_u32;
    while !*stopped.borrow() {
        // The node that sequences also speaks to the witnesses; idle nodes stay silent.
        let ours = current_lease(log.shared.db.read()).await;
        let ours = ours.is_ok_and(|lease| lease.is_some_and(|lease| lease.holder == log.shared.node));
        let submitted = if ours { witness.submit(&log).await } else { Ok(None) };
        match submitted {
            Ok(_) => failures = 0,
            Err(cause) => {
                failures += 1;
                complain(&witness, &cause, failures);
            }
        }
        let pause = LOOK.saturating_mul(1 << failures.min(9)).min(LONGEST_PAUSE);
        let _ = tokio::time::timeout(if failures == 0 { LOOK } else { pause }, stopped.changed()).await;
    }
}

fn complain(witness: &Witness, cause: &WitnessError, failures: u32) {
    let name = witness.key.name();
    match cause {
        WitnessError::Holds(size) => {
            error!(
                witness = name,
                size,
                "the witness {name} has seen {size} entries, more than we hold: was the database rolled back?"
            );
        }
        WitnessError::Inconsistent => {
            error!(witness = name, "the witness {name} refuses: our log does not continue what it has seen");
        }
        other if failures == 1 => {
            warn!(witness = name, cause = %chain(other), "the witness {name} did not sign and will be asked again: {other}");
        }
        _ => {}
    }
}
