//! The durable mark of the latest time at which anything was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::Row as _;

use super::{Clock, Millis};
use crate::db::{self, Db, Tx};
use crate::problem::Problem;

/// How far the clock may lie behind the mark. Machines that share a database differ by less.
pub const TOLERANCE: Duration = Duration::from_secs(5);

/// How far the mark may lie behind the clock before it is written again. What a crash loses of the mark is at most
/// this, which is well inside the tolerance.
const WRITE_EVERY: Duration = Duration::from_secs(1);

const ROW: &str = "now";

/// Refuses to act in a present that lies before the known past. Clones share the mark.
#[derive(Debug, Clone)]
pub struct HighWater {
    mark: Arc<AtomicI64>,
}

impl HighWater {
    /// Reads the mark of the database; a new database has none yet and refuses nothing.
    pub async fn open(db: &Db) -> Result<Self, db::Error> {
        let row = sqlx::query("SELECT at FROM platform_high_water WHERE name = $1")
            .bind(ROW)
            .fetch_optional(db.read())
            .await?;
        let mark = row.map_or(Ok(i64::MIN), |row| row.try_get::<i64, _>("at"))?;
        Ok(Self { mark: Arc::new(AtomicI64::new(mark)) })
    }

    /// The mark, if there is one.
    pub fn mark(&self) -> Option<Millis> {
        let mark = self.mark.load(Ordering::SeqCst);
        (mark != i64::MIN).then_some(Millis(mark))
    }

    /// Refuses if `now` is more than five seconds behind the mark; otherwise moves the mark in memory. What is
    /// returned `Ok` may be acted upon; [`HighWater::keep`] makes the mark durable within a second.
    pub fn guard(&self, now: Millis) -> Result<(), Problem> {
        let mark = Millis(self.mark.fetch_max(now.0, Ordering::SeqCst));
        if mark.0 != i64::MIN && mark > now.plus(TOLERANCE) {
            let detail = format!(
                "The clock says {now}, but something was already done at {mark}. \
                 Nothing is done in the past: set the clock right, then try again."
            );
            return Err(Problem::unavailable("clock-behind", detail, Duration::from_mins(1)));
        }
        Ok(())
    }

    /// Writes the mark inside a job of your own, so that it is durable with your rows, and learns of other machines'
    /// marks.
    pub async fn record_in(&self, tx: &mut Tx, now: Millis) -> Result<(), db::Error> {
        // Only upwards: a machine that is a little behind does not pull the mark down.
        let row = sqlx::query(
            "INSERT INTO platform_high_water (name, at) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET at = \
               CASE WHEN excluded.at > platform_high_water.at THEN excluded.at ELSE platform_high_water.at END \
             RETURNING at",
        )
        .bind(ROW)
        .bind(now.0)
        .fetch_one(tx)
        .await?;
        self.mark.fetch_max(row.try_get("at")?, Ordering::SeqCst);
        Ok(())
    }

    /// Writes the mark about once a second for as long as the clock is not behind. Ends with the database.
    pub async fn keep(self, db: Db, clock: Clock) {
        let mut tick = tokio::time::interval(WRITE_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = clock.now();
            if let Err(problem) = self.guard(now) {
                tracing::error!("{}", problem.detail);
                continue;
            }
            let this = self.clone();
            let job = db.write(move |tx| Box::pin(async move { this.record_in(tx, now).await }));
            match job.await {
                Ok(()) => {}
                Err(db::Error::Closed) => return,
                Err(error) => tracing::warn!(%error, "the high-water mark could not be written: {error}"),
            }
        }
    }
}
