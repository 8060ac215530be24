//! Erasing events and changes whose time is over.

use std::time::Duration;

use super::FeedAct;
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
        let now = self.now();
        let before = now.minus(Duration::from_secs(u64::from(days) * 86_400));
        let erased = self.act_itself(now, move |tx, doing| {
            Box::pin(async move {
                let many = feed_erasure::erase(tx, before, STEP).await?;
                if many > 0 {
                    let event = FeedAct::FeedEventsErased { many, before: before.0 };
                    audit::record(tx, now, &doing.recorded(), &event).await?;
                }
                Ok(many)
            })
        });
        erased.await
    }

    /// Erases what was told in the change feed longer ago than retention allows, once every consumer has applied it. Says how many
    /// changes were erased in this step; call it again until that is none.
    pub async fn sweep_changes(&self) -> Result<u64, Error> {
        let days = self.config.retention.change_days;
        let now = self.now();
        let before = now.minus(Duration::from_secs(u64::from(days) * 86_400));
        let erased = self.act_itself(now, move |tx, doing| {
            Box::pin(async move {
                let Some((many, last)) = changes::erase(tx, before, STEP).await? else { return Ok(0) };
                audit::record(tx, now, &doing.recorded(), &FeedAct::ChangesErased { many, last }).await?;
                Ok(many)
            })
        });
        erased.await
    }
}
