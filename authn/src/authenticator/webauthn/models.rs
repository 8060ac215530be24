//! The list of models in force. Its file is looked at again and again: what was withdrawn since signs in no more, without a restart.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use platform::clock::Millis;

use super::policy::Policy;
use super::settings::Keys;
use crate::error::Error;
use crate::provider::Provider;

/// How long to wait before looking at the file again.
const PAUSE: Duration = Duration::from_mins(1);
/// How often it is said that the list should have been replaced.
const REMINDER: Duration = Duration::from_hours(24);

/// How a file looks from outside: when it was written, and how long it is.
type Stamp = (SystemTime, u64);

struct Kept {
    policy: Arc<Policy>,
    stamp: Option<Stamp>,
}

/// What is known of models.
pub(crate) struct Models {
    settings: Keys,
    /// Held to take or to replace what is in it, and not while a file is read.
    kept: RwLock<Kept>,
}

impl Models {
    /// Reads the list that the settings name.
    pub(super) fn open(settings: &Keys) -> Result<Self, Error> {
        let kept = read(settings)?;
        Ok(Self { settings: settings.clone(), kept: RwLock::new(kept) })
    }

    /// Which models are worth what, now.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.kept.read().unwrap_or_else(PoisonError::into_inner).policy)
    }

    /// Reads the list again if its file has changed; true if it has. What was read before counts on where it cannot be read. It blocks.
    fn again(&self) -> Result<bool, Error> {
        let Some(path) = &self.settings.metadata else { return Ok(false) };
        if self.kept.read().unwrap_or_else(PoisonError::into_inner).stamp == stamp(path) {
            return Ok(false);
        }
        let new = read(&self.settings)?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }
}

/// The stamp is taken first: a file that is written meanwhile is read once more.
fn read(settings: &Keys) -> Result<Kept, Error> {
    let stamp = settings.metadata.as_deref().and_then(stamp);
    Ok(Kept { policy: Arc::new(Policy::open(settings)?), stamp })
}

fn stamp(path: impl AsRef<Path>) -> Option<Stamp> {
    let seen = std::fs::metadata(path).ok()?;
    Some((seen.modified().ok()?, seen.len()))
}

impl Provider {
    /// Reads the list of models of keys again if its file has changed; true if it has.
    pub async fn read_models(&self) -> Result<bool, Error> {
        let provider = self.clone();
        let read = tokio::task::spawn_blocking(move || provider.login.site.models.again()).await;
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "reading the list of models of keys was broken off: {error}");
            Ok(false)
        })
    }

    /// Keeps the list of models as its file is, and says when that should have been replaced, for as long as it is polled.
    pub(crate) async fn keep_reading_models(&self) {
        if self.config.webauthn.metadata.is_none() {
            return;
        }
        let mut said: Option<Millis> = None;
        loop {
            match self.read_models().await {
                Ok(true) => tracing::info!("the list of models of keys was read again"),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "the list of models of keys is not read again, and counts as it was: {error}");
                }
            }
            self.remind(&mut said);
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn remind(&self, said: &mut Option<Millis>) {
        let (policy, now) = (self.login.site.models.policy(), self.now());
        let overdue = policy.overdue(now);
        metrics::gauge!("authn_models_overdue").set(if overdue.is_some() { 1.0 } else { 0.0 });
        let Some(date) = overdue else { return };
        if said.is_none_or(|at| now >= at.plus(REMINDER)) {
            tracing::warn!(
                date,
                "the list of models of keys was to be replaced on {date}: what was withdrawn since is not known"
            );
            *said = Some(now);
        }
    }
}
