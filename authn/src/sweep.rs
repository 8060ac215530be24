//! Ending what is over and erasing what was kept long enough. Several machines that do it do no harm.

use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;

use crate::error::Error;
use crate::provider::Provider;
use crate::session::{EndCause, IdleEnds, end_in};
use crate::store::sweeping::{self, Before};
use crate::store::{dpop, sessions};
use crate::throttle::KNOWN;

/// How many sessions one transaction ends.
const SESSIONS: u32 = 64;
/// How many rows of each kind one transaction erases.
const ROWS: u32 = 500;
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long to wait before asking for the cards of sessions again.
const CARDS: Duration = Duration::from_secs(30);
/// How long what is over is kept, so that whoever comes late hears why.
const OVER: Duration = Duration::from_hours(1);
/// How long refusals, deliveries and links are kept for those who look after what happened.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// How long a wrong attempt is remembered.
const ATTEMPTS: Duration = Duration::from_hours(48);

impl Provider {
    /// Ends and erases for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn keep_sweeping(&self) {
        tokio::join!(self.keep_erasing(), self.keep_asking_for_cards(), self.keep_reading_models());
    }

    async fn keep_asking_for_cards(&self) {
        loop {
            if let Err(error) = self.end_with_cards().await {
                tracing::warn!(%error, "sessions of cards that hold no more were not ended: {error}");
            }
            tokio::time::sleep(CARDS).await;
        }
    }

    async fn keep_erasing(&self) {
        loop {
            match self.sweep().await {
                // There may be more.
                Ok(rows) if rows >= u64::from(SESSIONS) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what is over in sign-in was not swept: {error}");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends sessions that are over, so that relying parties are told, then erases old rows, a page of each kind; says how many rows
    /// that were.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let (now, settings) = (self.now(), self.config.sessions.clone());
        let before = Before {
            now,
            over: now.minus(OVER),
            kept: now.minus(KEPT),
            sessions: now.minus(settings.keep()),
            attempts: now.minus(ATTEMPTS),
            known: now.minus(KNOWN),
        };
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let idle_since = match settings.idle_ends {
                        IdleEnds::SignOn => None,
                        IdleEnds::Session => Some(now.minus(settings.idle())),
                    };
                    let over = sessions::overdue(tx, now, idle_since, SESSIONS).await?;
                    let rows = over.len() as u64;
                    for session in over {
                        end_in(tx, &session.id, why(session.expires_at, now), &Actor::system("authn"), now)
                            .await?;
                    }
                    let proofs = dpop::erase(tx, now, ROWS).await?;
                    Ok::<_, Error>(rows + proofs + sweeping::erase(tx, &before, ROWS).await?)
                })
            })
            .await
    }
}

fn why(expires_at: Millis, now: Millis) -> EndCause {
    if expires_at <= now { EndCause::Expired } else { EndCause::Idle }
}
