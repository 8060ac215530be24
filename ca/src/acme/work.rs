//! What ACME does by itself: validations and orders that are due, and what is too old.

use std::sync::Arc;
use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::Acme;
use super::authorizations::in_order;
use super::finalize::pause;
use super::problem::Problem;
use super::sender::in_force;
use super::validation::{self, Failed, Target};
use crate::authority::Authority;
use crate::error::Error;
use crate::events::Event;
use crate::store::acme::accounts;
use crate::store::acme::authorizations::{self, Authorization, AuthorizationState};
use crate::store::acme::queue::{self, Claimed};
use crate::store::acme::{nonces, orders};

/// How often the queues are looked at when nothing wakes the worker: another node may have filled them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often old rows are swept.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// How long what failed is kept.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// The longest pause between two attempts of a validation.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How much longer than an attempt it is claimed: the time to write what came of it.
const CLAIM_MARGIN: Duration = Duration::from_secs(5);
/// How many orders are looked at in one go.
const ORDERS_AT_ONCE: i64 = 50;

/// How a challenge came to its outcome.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// It lay in the queue, and this process has claimed it.
    Claimed,
    /// It is answered now, and judged at once.
    Queued(Millis),
}

impl Entry {
    /// Puts a challenge that is judged at once into the queue; false if it was answered before.
    async fn queue(self, tx: &mut Tx, claimed: &Claimed) -> Result<bool, platform::db::Error> {
        match self {
            Entry::Claimed => Ok(true),
            Entry::Queued(now) => queue::enqueue(tx, &claimed.authorization, claimed.kind, now).await,
        }
    }
}

impl Authority {
    /// Validates and issues what ACME clients have asked for, for as long as it is polled. Stopping it anywhere loses
    /// nothing: what was claimed is free again when its claim has run out.
    pub async fn keep_acme(self) {
        let Ok(acme) = self.acme() else { return std::future::pending().await };
        let (mut tasks, mut swept) = (JoinSet::new(), Millis(0));
        loop {
            if let Err(problem) = acme.start_due(&mut tasks).await {
                tracing::warn!(detail = %problem.detail, "the validations could not be looked at: {}", problem.detail);
            }
            acme.issue_due().await;
            if acme.now() > swept.plus(SWEEP_EVERY) {
                swept = acme.now();
                acme.sweep().await;
            }
            while tasks.try_join_next().is_some() {}
            // A challenge that is answered, or a validation that ends, cuts the pause short.
            let _ = tokio::time::timeout(LOOK_EVERY, acme.setup.work.notified()).await;
        }
    }

    /// Does everything that is due now and waits for its end; says how many validations were made.
    pub async fn do_due_acme(&self) -> usize {
        let Ok(acme) = self.acme() else { return 0 };
        let mut tasks = JoinSet::new();
        let mut made = acme.start_due(&mut tasks).await.unwrap_or(0);
        while tasks.join_next().await.is_some() {
            made += acme.start_due(&mut tasks).await.unwrap_or(0);
        }
        acme.issue_due().await;
        acme.sweep().await;
        made
    }
}

impl Acme {
    /// Claims as many due challenges as there are places, and starts an attempt of each.
    async fn start_due(&self, tasks: &mut JoinSet<()>) -> Result<usize, Problem> {
        if !queue::is_challenge_due(self.desk().db.read(), self.now()).await? {
            return Ok(0);
        }
        let mut places = Vec::new();
        while let Ok(place) = Arc::clone(&self.setup.slots).try_acquire_owned() {
            places.push(place);
        }
        if places.is_empty() {
            return Ok(0);
        }
        let (now, most) = (self.now(), i64::try_from(places.len()).unwrap_or(1));
        let until = now.plus(self.setup.config.attempt_life() + CLAIM_MARGIN);

        let claimed = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(queue::claim_challenges(tx, now, until, most).await?) })
            })
            .await?;
        let started = claimed.len();
        for (claimed, place) in claimed.into_iter().zip(places) {
            tasks.spawn(self.clone().attempt(claimed, place));
        }
        Ok(started)
    }

    async fn attempt(self, claimed: Claimed, place: OwnedSemaphorePermit) {
        let id = claimed.authorization.clone();
        if let Err(problem) = self.attempted(claimed).await {
            // Its claim runs out, and it is tried again.
            tracing::warn!(authorization = %id, detail = %problem.detail, "a validation was not written down");
        }
        drop(place);
        self.setup.work.notify_one();
    }

    async fn attempted(&self, claimed: Claimed) -> Result<(), Problem> {
        let authorization = authorizations::by_id(self.desk().db.read(), &claimed.authorization).await?;
        let Some(authorization) = authorization else { return Ok(()) };
        let outcome = match self.target(&authorization, &claimed).await {
            Ok(target) => validation::validate(&target).await,
            Err(problem) if problem.status >= 500 => Err(Failed::Later(problem)),
            Err(problem) => Err(Failed::ForGood(problem)),
        };
        let kind = claimed.kind.as_str();
        let word = if outcome.is_ok() { "met" } else { "not met" };
        metrics::counter!("ca_acme_validations_total", "challenge" => kind, "outcome" => word).increment(1);
        match outcome {
            Ok(()) => self.passed(&authorization, claimed, None, Entry::Claimed).await,
            Err(Failed::Later(problem)) if claimed.attempt < i64::from(self.setup.config.attempts) => {
                let at = self.now().plus(pause(claimed.attempt, LONGEST_PAUSE));

                self.desk()
                    .db
                    .write(move |tx: &mut Tx| {
                        Box::pin(async move {
                            Ok::<_, Error>(queue::retry_challenge(tx, &claimed, &problem, at).await?)
                        })
                    })
                    .await?;
                Ok(())
            }
            Err(Failed::Later(problem) | Failed::ForGood(problem)) => {
                self.failed(&authorization, claimed, problem, Entry::Claimed).await
            }
        }
    }

    async fn target(&self, authorization: &Authorization, claimed: &Claimed) -> Result<Target, Problem> {
        if authorization.state != AuthorizationState::Pending || authorization.expires_at < self.now() {
            return Err(Problem::malformed("the authorization is not pending any more"));
        }
        let account = accounts::by_id(self.desk().db.read(), &authorization.account).await?;
        let account = account.ok_or_else(|| Problem::not_found("account"))?;
        in_force(&account)?;
        let config = &self.setup.config;
        Ok(Target {
            identifier: authorization.identifier.clone(),
            kind: claimed.kind,
            scope: self.scope_of(&account).await?,
            token: authorization.token.clone(),
            key_authorization: format!("{}.{}", authorization.token, account.key.thumbprint()),
            http_port: config.http_port,
            tls_port: config.tls_port,
            limit: config.attempt_life(),
        })
    }

    /// Writes down that a challenge is met.
    pub(super) async fn passed(
        &self,
        authorization: &Authorization,
        claimed: Claimed,
        key_sha256: Option<String>,
        entry: Entry,
    ) -> Result<(), Problem> {
        let event = Event::AcmeValidated {
            authorization: authorization.id.clone(),
            order: authorization.order.clone(),
            identifier: authorization.identifier.to_string(),
            challenge: claimed.kind.as_str().to_owned(),
            key_sha256: key_sha256.clone(),
        };
        let (now, order) = (self.now(), authorization.order.clone());
        let actor = Actor::from(&Acme::caller(&authorization.account));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if entry.queue(tx, &claimed).await?
                        && queue::pass_challenge(tx, &claimed, &order, key_sha256.as_deref(), now).await?
                    {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(())
    }

    /// Writes down that a challenge has failed for good.
    pub(super) async fn failed(
        &self,
        authorization: &Authorization,
        claimed: Claimed,
        problem: Problem,
        entry: Entry,
    ) -> Result<(), Problem> {
        let event = Event::AcmeValidationFailed {
            authorization: authorization.id.clone(),
            order: authorization.order.clone(),
            identifier: authorization.identifier.to_string(),
            challenge: claimed.kind.as_str().to_owned(),
            problem: problem.kind.urn(),
        };
        let (now, order) = (self.now(), authorization.order.clone());
        let told = in_order(authorization, &problem);
        let actor = Actor::from(&Acme::caller(&authorization.account));
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if entry.queue(tx, &claimed).await?
                        && queue::fail_challenge(tx, &claimed, &order, &problem, &told).await?
                    {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(())
    }

    async fn issue_due(&self) {
        let due = queue::due_orders(self.desk().db.read(), self.now(), ORDERS_AT_ONCE).await;
        for id in due.unwrap_or_default() {
            if let Err(problem) = self.issue_for(&id).await {
                tracing::warn!(order = %id, detail = %problem.detail, "order {id} could not be issued for yet");
            }
        }
    }

    async fn sweep(&self) {
        let now = self.now();
        let swept = self
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    nonces::forget(tx, now).await?;
                    orders::sweep(tx, now, now.minus(KEPT)).await?;
                    Ok::<_, Error>(())
                })
            })
            .await;
        if let Err(error) = swept {
            tracing::warn!(%error, "old rows of ACME could not be swept: {error}");
        }
    }
}
