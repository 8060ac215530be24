//! Ending what is over and erasing what was kept long enough. Several machines that do it do no harm.

use std::time::Duration;

use audit::Actor;

use super::end::{EndCause, end_in};
use super::settings::IdleEnds;
use crate::error::Error;
use crate::provider::Provider;
use crate::store::{ceremonies, sessions, throttles};

/// How many rows one transaction touches.
const PAGE: u32 = 64;
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a ceremony is kept after its end.
const CEREMONIES: Duration = Duration::from_hours(1);
/// How long a wrong attempt is remembered.
const ATTEMPTS: Duration = Duration::from_hours(48);

impl Provider {
    /// Ends and erases for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn keep_sweeping(&self) {
        loop {
            match self.sweep().await {
                // There may be more.
                Ok(rows) if rows >= u64::from(PAGE) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what is over in sign-in was not swept: {error}");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends sessions that are over, so that relying parties are told, and erases old rows; says how many rows that were.
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        let (now, settings) = (self.now(), self.config.sessions.clone());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let idle_since = match settings.idle_ends {
                        IdleEnds::SignOn => None,
                        IdleEnds::Session => Some(now.minus(settings.idle())),
                    };
                    let over = sessions::overdue(tx, now, idle_since, PAGE).await?;
                    let mut rows = over.len() as u64;
                    for session in over {
                        let expired = session.expires_at <= now;
                        let cause = if expired { EndCause::Expired } else { EndCause::Idle };
                        end_in(tx, &session.id, cause, &Actor::system("authn"), now).await?;
                    }
                    rows += sessions::erase(tx, now.minus(settings.keep()), PAGE).await?;
                    rows += ceremonies::erase(tx, now.minus(CEREMONIES), PAGE).await?;
                    rows += throttles::erase(tx, now.minus(ATTEMPTS), PAGE).await?;
                    Ok::<_, Error>(rows)
                })
            })
            .await
    }
}
