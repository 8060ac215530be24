//! What the authority does by itself: lists in time and after each change, OCSP responders renewed, and old open
//! serials closed.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::lease;

use crate::authority::Authority;
use crate::crl::{self, Outcome};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::recovery::{self, Scope};
use crate::store::scopes;

/// How long changes are gathered after lists were made for one: the first is listed at once, and a thousand after it
/// need one list more. docs/cps.md 4.2
const GATHERED: Duration = Duration::from_secs(2);

/// The lease row of the schedule.
const LEASE: &str = "ca-schedule";

impl Authority {
    /// Keeps lists fresh for as long as it is polled. Stopping it anywhere loses nothing.
    ///
    /// The process that made a change makes the list at once; the number is taken by compare-and-set, so
    /// two at the same time do no harm. By time, the holder of the lease does it for all.
    pub async fn keep_schedule(self) {
        let pause = Duration::from_secs(u64::from(self.desk().config.schedule_seconds.max(1)));
        loop {
            if let Err(error) = self.read_book().await {
                tracing::warn!(%error, "whether there are new issuers could not be read: {error}");
            }
            self.tell_ages().await;
            match self.is_my_turn(pause).await {
                Ok(true) => self.tidy().await,
                Ok(false) => self.look_for_responders().await,
                Err(error) => tracing::warn!(%error, "the schedule could not take its lease: {error}"),
            }
            // A change cuts the pause short; one that came while lists were made is not lost.
            if tokio::time::timeout(pause, self.changed()).await.is_ok() {
                self.make_due_crls().await;
                // Whatever is revoked in this time goes into the next lists together.
                tokio::time::sleep(GATHERED).await;
            }
        }
    }

    /// Gives the lease back when the process stops, so that the next holder need not wait for its end.
    pub async fn leave_schedule(&self) {
        let now = self.desk().clock.now();
        if let Err(error) = lease::acquire(&self.desk().db, LEASE, self.holder(), now, Duration::ZERO).await {
            tracing::warn!(%error, "the lease of the schedule was not given back: {error}");
        }
    }

    /// Makes every list that is due now, and says in how many scopes it made some. Failures are logged and tried again.
    pub async fn make_due_crls(&self) -> usize {
        let scopes = match scopes::all(self.desk().db.read()).await {
            Ok(scopes) => scopes,
            Err(error) => {
                tracing::error!(%error, "which lists are due could not be read: {error}");
                return 0;
            }
        };
        let mut made = 0;
        for scope in &scopes {
            // A scope of an issuer that another process has just founded is that process's.
            let Ok(issuer) = self.issuer(&scope.issuer) else { continue };
            if issuer.has_ended(self.desk().clock.now()) {
                continue;
            }
            match crl::make_if_due(self.desk(), &issuer, scope).await {
                Ok(Outcome::Made(_)) => {
                    made += 1;
                    self.failing().mended(&scope.issuer, scope.shard);
                }
                // An offline root's list is made in a ceremony.
                Ok(Outcome::NotDue | Outcome::Elsewhere) | Err(Error::IssuerKeyMissing(_)) => {
                    self.failing().mended(&scope.issuer, scope.shard);
                }
                Err(error) => {
                    self.failing().failed(&scope.issuer, scope.shard, self.desk().clock.now());
                    warn_failed(&issuer, &error);
                }
            }
        }
        made
    }

    async fn is_my_turn(&self, pause: Duration) -> Result<bool, Error> {
        let now: Millis = self.desk().clock.now();
        // When the holder is gone, another takes over within three pauses: a minute. docs/cps.md 4.2
        Ok(lease::acquire(&self.desk().db, LEASE, self.holder(), now, pause * 2).await?.is_some())
    }

    async fn tidy(&self) {
        if let Err(error) = recovery::close_open_serials(self.desk(), Scope::Old).await {
            tracing::warn!(%error, "old open serials could not be closed: {error}");
        }
        match self.keep_missing_hashes().await {
            Ok(0) => {}
            Ok(done) => tracing::info!(done, "{done} certificates of before are found by fingerprint now"),
            Err(error) => tracing::warn!(%error, "hashes of certificates of before were not kept: {error}"),
        }
        self.end_due_errands().await;
        self.end_due_prints().await;
        self.make_due_crls().await;
        self.renew_responders().await;
        self.give_renewal_notices().await;
        self.tell_of_renewals().await;
        self.look_for_responders().await;
        self.retire_responders().await;
    }
}

fn warn_failed(issuer: &Issuer, error: &Error) {
    let id = issuer.id();
    metrics::counter!("ca_crl_failures_total", "issuer" => id.to_string()).increment(1);
    tracing::error!(issuer = %id, %error, "the list of {id} could not be made: {error}");
}
