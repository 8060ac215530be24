//! Erasing events and changes whose time is over.

use std::time::Duration;

use crate::error::Error;
use crate::register::Register;
use crate::store::{changes, feed_erasure};

/// How many events or changes one transaction erases.
const STEP: u32 = 500;

impl Register {
    /// Erases events of personnel systems that were settled longer ago than retention allows; those in quarantine stay until
    /// somebody decides them. Says how many were erased in this step; call it again until that is none.
    pub async fn sweep_feed(&self) -> Result<u64, Error> {
        let days = self.config.retention.feed_days;
        let before = self.now().minus(Duration::from_secs(u64::from(days) * 86_400));
        self.db.write(move |tx| Box::pin(async move { feed_erasure::erase(tx, before, STEP).await })).await
    }

    /// Erases what was told in the change feed longer ago than retention allows, once every consumer has applied it. Says how many
    /// changes were erased in this step; call it again until that is none.
    pub async fn sweep_changes(&self) -> Result<u64, Error> {
        let days = self.config.retention.change_days;
        let before = self.now().minus(Duration::from_secs(u64::from(days) * 86_400));
        self.db.write(move |tx| Box::pin(async move { changes::erase(tx, before, STEP).await })).await
    }
}
