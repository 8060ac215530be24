//! Certificates that nobody confirmed: revoked when their time is over.
//!
//! A transaction goes `waiting` → `lapsing` → revoked → `lapsed`, each step durable and each repeatable: a process
//! that is killed between two leaves a row that is due, and the next sweep goes on with it. A confirmation that comes
//! at the same moment wins or loses by the first step alone.

use std::time::Duration;

use audit::Actor;
use platform::caller::Caller;
use platform::db::{Tx, lease};
use platform::id::uuid_text;

use super::Enrolment;
use crate::api::{REVOKE, Reason, RevokeRequest};
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::serial::Serial;
use crate::store::certificates::{Moved, State as CertificateState};
use crate::store::requests;
use crate::store::transactions::{self, State, Transaction};

/// The lease row of the sweep.
const LEASE: &str = "ca-enrol-sweep";
/// How many transactions one sweep ends at most; the rest waits for the next.
const MOST: i64 = 200;

impl Enrolment {
    /// Sweeps for as long as it is polled. Stopping it anywhere loses nothing.
    pub async fn keep_sweeping(self) {
        let desk = self.authority().desk();
        let pause = Duration::from_secs(u64::from(desk.config.schedule_seconds.max(1)));
        let holder = uuid_text(desk.clock.now());
        loop {
            let turn = lease::acquire(&desk.db, LEASE, &holder, desk.clock.now(), pause * 2).await;
            match turn {
                Ok(Some(_)) => {
                    if let Err(error) = self.sweep().await {
                        tracing::warn!(%error, "unconfirmed certificates could not be swept: {error}");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the sweep could not take its lease: {error}"),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Ends every transaction that is due, and says how many certificates it revoked.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let desk = self.authority().desk();
        let mut revoked = 0;
        for transaction in transactions::due(desk.db.read(), desk.clock.now(), MOST).await? {
            let why = "it was not confirmed in time";
            if lapse(self, &transaction, why, &Actor::system("ca")).await? == Lapse::Revoked {
                revoked += 1;
            }
        }
        Ok(revoked)
    }
}

/// What ending a transaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// Another has ended it, or ends it.
    NotThere,
    /// It had given nothing.
    OfNothing,
    /// What it gave is revoked.
    Revoked,
}

/// Revokes what a transaction gave and ends it.
pub(super) async fn lapse(
    enrolment: &Enrolment,
    transaction: &Transaction,
    why: &str,
    actor: &Actor,
) -> Result<Lapse, Error> {
    let desk = enrolment.authority().desk();
    if transaction.state != State::Lapsing {
        let (key, from, now) = (transaction.key.clone(), transaction.state, desk.clock.now());
        let moved = desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    // Due at once, so that the next sweep goes on if this process ends here.
                    Ok::<_, Error>(transactions::advance(tx, &key, from, State::Lapsing, Some(now)).await?)
                })
            })
            .await?;
        if moved == Moved::NotThere {
            return Ok(Lapse::NotThere);
        }
    }
    failpoint::pass("ca.cmp-lapsing");
    let serial = given(enrolment, transaction).await?;
    if let Some(serial) = &serial {
        revoke(enrolment, serial).await?;
    }
    failpoint::pass("ca.cmp-revoked");
    let outcome = if serial.is_some() { Lapse::Revoked } else { Lapse::OfNothing };
    let event = Event::EnrolmentLapsed {
        transaction: transaction.key.transaction_id.clone(),
        serial: serial.map(|serial| serial.to_string()),
        why: why.to_owned(),
    };
    let (key, actor, now) = (transaction.key.clone(), actor.clone(), desk.clock.now());
    desk.db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                let moved = transactions::advance(tx, &key, State::Lapsing, State::Lapsed, None).await?;
                if moved == Moved::Moved {
                    audit::record(tx, now, &actor, &event).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(outcome)
}

/// The certificate of a transaction, also one that was issued but not yet given when the process ended.
async fn given(enrolment: &Enrolment, transaction: &Transaction) -> Result<Option<Serial>, Error> {
    if transaction.serial.is_some() {
        return Ok(transaction.serial);
    }
    let read = enrolment.authority().desk().db.read();
    let stored = requests::by_id(read, &transaction.key.client, &transaction.request_id).await?;
    Ok(stored.filter(|stored| stored.state == CertificateState::Issued).map(|stored| stored.serial))
}

/// Revokes a certificate that nobody took. One that is revoked or over already needs nothing.
pub(super) async fn revoke(enrolment: &Enrolment, serial: &Serial) -> Result<(), Error> {
    let request = RevokeRequest { reason: Reason::CessationOfOperation, invalidity_date: None };
    let caller = Caller::module("ca", &[REVOKE]);
    let outcome = enrolment.authority().revoke(&serial.to_string(), request, &caller).await;
    enrolment.forget_callers();
    match outcome {
        Ok(_) | Err(Error::AlreadyRevoked | Error::CertificateExpired) => Ok(()),
        Err(error) => Err(error),
    }
}
