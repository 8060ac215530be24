//! Erasing events whose time is over.

use std::time::Duration;

use crate::error::Error;
use crate::register::Register;
use crate::store::feed_erasure;

/// How many events one transaction erases.
const STEP: u32 = 500;

impl Register {
    /// Erases events of personnel systems that were settled longer ago than retention allows; those in quarantine stay until
    /// somebody decides them. Says how many were erased in this step; call it again until that is none.
    pub async fn sweep_feed(&self) -> Result<u64, Error> {
        let days = self.config.retention.feed_days;
        let before = self.now().minus(Duration::from_secs(u64::from(days) * 86_400));
        self.db.write(move |tx| Box::pin(async move { feed_erasure::erase(tx, before, STEP).await })).await
    }
}
