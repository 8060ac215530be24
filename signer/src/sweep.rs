//! What is kept for a while only: erased when its time is over.

use std::pin::Pin;
use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::db::{Tx, lease};
use platform::id::uuid_text;

use crate::credential;
use crate::error::Error;
use crate::events::Event;
use crate::signer::Signer;
use crate::store::{consents, prepared, raised, requests};

/// The lease row of the sweep.
const LEASE: &str = "signer-sweep";
/// The lease row of what was to be signed later. It only saves work: two who take up the same sign it once.
const JOBS_LEASE: &str = "signer-jobs";
/// How often is looked for that.
const JOBS_PAUSE: Duration = Duration::from_secs(5);
/// How often is looked.
const PAUSE: Duration = Duration::from_mins(1);
/// How many rows one transaction erases at most.
const MOST: i64 = 500;
/// How many transactions of one kind a sweep makes at most: a hundred thousand rows a minute are more than come.
const STEPS: usize = 200;
/// For how long after its end a request that nobody agreed to is known, so that it is not taken for a new one.
const KNOWN_MS: i64 = 24 * 3_600_000;

impl Signer {
    /// Sweeps, and proves what was signed, for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn keep_sweeping(&self) {
        tokio::join!(self.take_up_jobs(), self.sweep_each_minute(), self.keep_proving());
    }

    /// By itself, so that nothing else stands before it: somebody waits for an answer.
    async fn take_up_jobs(&self) {
        let holder = uuid_text(self.clock.now());
        loop {
            match lease::acquire(&self.db, JOBS_LEASE, &holder, self.clock.now(), JOBS_PAUSE * 2).await {
                Ok(Some(_)) => {
                    if let Err(error) = self.sweep_jobs().await {
                        tracing::warn!(%error, "what was to be signed later could not be taken up: {error}");
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "who takes up what was to be signed later is not known: {error}");
                }
            }
            tokio::time::sleep(JOBS_PAUSE).await;
        }
    }

    async fn sweep_each_minute(&self) {
        let holder = uuid_text(self.clock.now());
        loop {
            match lease::acquire(&self.db, LEASE, &holder, self.clock.now(), PAUSE * 2).await {
                Ok(Some(_)) => {
                    if let Err(error) = self.renew_records().await {
                        tracing::warn!(%error, "evidence records could not be renewed: {error}");
                    }
                    if let Err(error) = self.sweep().await {
                        tracing::warn!(%error, "what is over could not be swept: {error}");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the sweep could not take its lease: {error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Erases what is over: requests that nobody agreed to, tokens of those whose signatures can be fetched no more, and prepared
    /// prescriptions, of which it says how many there were; and goes on with the ends of credentials that did not come to the authority. What fails of it stops nothing of the rest.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let requests = self.sweep_requests().await;
        let keys = self.sweep_one_time_keys().await.map(counted);
        let prepared = self.in_steps(|tx, now| Box::pin(prepared_step(tx, now))).await;
        let raised = self.in_steps(|tx, now| Box::pin(raised_step(tx, now))).await;
        let ended = credential::end_all(self).await;
        requests.and(keys).and(raised).and(ended).and(prepared)
    }

    async fn sweep_requests(&self) -> Result<usize, Error> {
        let kept = KNOWN_MS.max(i64::from(self.config.dss.result_seconds) * 1000);
        // Tokens first: one without its request would be none's.
        let tokens = self.in_steps(move |tx, now| Box::pin(tokens_step(tx, Millis(now.0 - kept)))).await?;
        let requests = self.in_steps(move |tx, now| Box::pin(requests_step(tx, now, kept))).await?;
        Ok(tokens + requests)
    }

    /// Takes steps, each a transaction, until one finds less than it may take.
    async fn in_steps(
        &self,
        step: impl for<'t> Fn(&'t mut Tx, Millis) -> Step<'t> + Clone + Send + 'static,
    ) -> Result<usize, Error> {
        let mut all = 0;
        // The next sweep goes on where so many steps end.
        for _ in 0..STEPS {
            let (now, step) = (self.clock.now(), step.clone());
            let erased = self.db.write(move |tx: &mut Tx| step(tx, now)).await?;
            all += erased;
            if i64::try_from(erased).unwrap_or(i64::MAX) < MOST {
                break;
            }
        }
        Ok(all)
    }
}

/// What a step did: how many rows it erased.
type Step<'t> = Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + 't>>;

async fn tokens_step(tx: &mut Tx, before: Millis) -> Result<usize, Error> {
    Ok(counted(requests::erase_tokens(tx, before, MOST).await?))
}

async fn requests_step(tx: &mut Tx, now: Millis, kept: i64) -> Result<usize, Error> {
    let before = Millis(now.0 - kept);
    let erased = requests::erase(tx, before, MOST).await? + consents::erase(tx, before, MOST).await?;
    if erased > 0 {
        let event = Event::RequestsErased { requests: erased };
        audit::record(tx, now, &Actor::system("signer"), &event).await?;
    }
    Ok(counted(erased))
}

async fn prepared_step(tx: &mut Tx, now: Millis) -> Result<usize, Error> {
    let erased = prepared::erase(tx, now, MOST).await?;
    if erased > 0 {
        let event = Event::PreparedErased { prescriptions: erased as u64 };
        audit::record(tx, now, &Actor::system("signer"), &event).await?;
    }
    Ok(erased)
}

/// Of what was put around signatures; they are made anew for whoever asks again.
async fn raised_step(tx: &mut Tx, now: Millis) -> Result<usize, Error> {
    Ok(counted(raised::erase(tx, now, MOST).await?))
}

fn counted(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
