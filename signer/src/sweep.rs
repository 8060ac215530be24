//! What is kept for a while only: erased when its time is over.

use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::db::{Tx, lease};
use platform::id::uuid_text;

use crate::error::Error;
use crate::events::Event;
use crate::signer::Signer;
use crate::store::{prepared, requests};

/// The lease row of the sweep.
const LEASE: &str = "signer-sweep";
/// How often is looked.
const PAUSE: Duration = Duration::from_mins(1);
/// How many rows one transaction erases at most.
const MOST: i64 = 500;
/// For how long after its end a request that nobody agreed to is known, so that it is not taken for a new one.
const KNOWN_MS: i64 = 24 * 3_600_000;

impl Signer {
    /// Sweeps for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn keep_sweeping(&self) {
        let holder = uuid_text(self.clock.now());
        loop {
            match lease::acquire(&self.db, LEASE, &holder, self.clock.now(), PAUSE * 2).await {
                Ok(Some(_)) => {
                    if let Err(error) = self.sweep().await {
                        tracing::warn!(%error, "prepared prescriptions could not be swept: {error}");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the sweep could not take its lease: {error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Erases every request that nobody agreed to, and the tokens of those whose signatures can be fetched no more.
    async fn sweep_requests(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let before = Millis(now.0 - KNOWN_MS.max(i64::from(self.config.dss.result_seconds) * 1000));
        self.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let erased = requests::erase(tx, before, MOST).await?;
                    if erased > 0 {
                        let event = Event::RequestsErased { requests: erased };
                        audit::record(tx, now, &Actor::system("signer"), &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Erases every prepared prescription whose time is over, and says how many there were.
    pub async fn sweep(&self) -> Result<usize, Error> {
        self.sweep_requests().await?;
        let mut all = 0;
        loop {
            let now = self.clock.now();
            let erased = self
                .db
                .write(move |tx: &mut Tx| {
                    Box::pin(async move {
                        let erased = prepared::erase(tx, now, MOST).await?;
                        if erased > 0 {
                            let event = Event::PreparedErased { prescriptions: erased as u64 };
                            audit::record(tx, now, &Actor::system("signer"), &event).await?;
                        }
                        Ok::<_, Error>(erased)
                    })
                })
                .await?;
            all += erased;
            if i64::try_from(erased).unwrap_or(i64::MAX) < MOST {
                return Ok(all);
            }
        }
    }
}
