//! Time-stamps that are signed together.
//!
//! What is asked while the token is busy is one group: its time-stamps are signed in as few calls as may be, and told to the record in
//! one row before any of them is answered. Who is in it is taken from each application in turn. As many groups are under way as the token has sessions,
//! and one more; so a question that comes alone waits for nobody, and under load a hand-over to the token and to the database is one for the group
//! and not one for each. Groups of strangers are apart, as many of them at most, and each of their calls goes behind those of whoever is known.
//!
//! What the record has of each: its serial number, and SHA-256 of what it says. So whoever holds the record can tell which time-stamps
//! were given here, also after the key came into other hands (RFC 3161 4 asks for that); who asked for one is not in it, because anybody
//! may, and what it is about is a digest that the token itself shows.

use std::sync::{Arc, Mutex, PoisonError};

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Alg;
use platform::clock::{Accuracy, Millis};
use platform::db::Tx;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::questions::{ANYBODY, Waiting};
use super::reply::Failure;
use super::request::{Certificates, Request};
use super::serial::{Serial, Series};
use super::token::Draft;
use super::unit::Unit;
use super::{Settings, info};
use crate::error::Error;
use crate::events::{Event, GivenTimeStamp};
use crate::fair::{self, Inputs, Work};
use crate::share::Sharer;
use crate::signer::Signer;
use crate::store::time_stamps;

/// Under what name the time-stamps of applications take their turns at the token: one application among the others, however many ask.
const SHARER: &str = "module:time-stamps";
/// How many time-stamps a group holds at most.
const MOST: usize = 64;

/// Whose questions are in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// Those of applications, and our own.
    Known,
    /// Those of whoever comes.
    Anybody,
}

/// A question, and the way back.
pub(super) struct Asked {
    pub(super) signer: Signer,
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<Result<Token, Failure>>,
}

/// A time-stamp token, in DER.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) der: Vec<u8>,
    /// When its certificate ends.
    pub(crate) ends_at: Millis,
    /// With what it is signed.
    pub(crate) alg: Alg,
}

/// A time-stamp before it is signed.
struct Prepared {
    draft: Draft,
    serial: Serial,
    certificates: Certificates,
    reply: oneshot::Sender<Result<Token, Failure>>,
}

/// Makes groups for as long as somebody may ask, each time something came until nothing is left.
pub(super) async fn group(whose: Whose, waiting: Arc<Mutex<Waiting<Asked>>>, mut comes: mpsc::Receiver<()>) {
    let mut places = None;
    while comes.recv().await.is_some() {
        while let Some(signer) = next(&waiting) {
            let places = places
                .get_or_insert_with(|| Arc::new(Semaphore::new(signer.hsm.sessions().saturating_add(1))));
            // Nobody closes it.
            let Ok(under_way) = Arc::clone(places).acquire_owned().await else { return };
            let group = together(&waiting);
            if !group.is_empty() {
                tokio::spawn(answer(signer, (whose, group), under_way));
            }
        }
    }
}

/// The signer of whoever is next, where somebody waits.
fn next(waiting: &Mutex<Waiting<Asked>>) -> Option<Signer> {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.next().map(|asked| asked.signer.clone())
}

/// Those who are in one group. Whoever has gone is in none.
fn together(waiting: &Mutex<Waiting<Asked>>) -> Vec<Asked> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    std::iter::from_fn(|| waiting.take()).filter(|asked| !asked.reply.is_closed()).take(MOST).collect()
}

async fn answer(signer: Signer, (whose, group): (Whose, Vec<Asked>), under_way: OwnedSemaphorePermit) {
    let ready = match ready(&signer).await {
        Ok(ready) => ready,
        Err(failure) => return group.into_iter().for_each(|asked| drop(asked.reply.send(Err(failure)))),
    };
    let mut prepared = Vec::with_capacity(group.len());
    for asked in group {
        match ready.prepare(&asked.request) {
            Ok((draft, serial)) => {
                let certificates = asked.request.certificates;
                prepared.push(Prepared { draft, serial, certificates, reply: asked.reply });
            }
            // Whoever has gone does not mind, here and below.
            Err(failure) => drop(asked.reply.send(Err(failure))),
        }
    }
    if prepared.is_empty() {
        return;
    }
    match ready.sign(&signer, (whose, &prepared), under_way).await {
        Ok(signatures) => {
            let (ends_at, alg) = (Millis(ready.unit.certificate.not_after_ms()), ready.unit.key.alg());
            for (prepared, signature) in prepared.into_iter().zip(signatures) {
                let der = ready.unit.frame.join(&prepared.draft, &signature, prepared.certificates);
                drop(prepared.reply.send(Ok(Token { der, ends_at, alg })));
            }
        }
        Err(error) => {
            tracing::error!(%error, "time-stamps could not be given: {error}");
            for prepared in prepared {
                drop(prepared.reply.send(Err(Failure::System)));
            }
        }
    }
}

/// What a group has in common.
struct Ready {
    settings: Settings,
    unit: Arc<Unit>,
    series: Arc<Series>,
    at: Millis,
    accuracy: Accuracy,
}

/// Who signs, and what time it is. The clock is asked last: it is what is signed.
async fn ready(signer: &Signer) -> Result<Ready, Failure> {
    let away = |error: Error| {
        tracing::error!(%error, "time-stamps could not be given: {error}");
        Failure::System
    };
    let settings = signer.config.time_stamps.clone().ok_or(Failure::System)?;
    let stamps = &signer.time_stamps;
    let series = stamps.series(signer).await.map_err(away)?;
    let unit = stamps.known.in_force(&signer.db, &signer.hsm, signer.clock.now()).await.map_err(away)?;
    let Some(unit) = unit else {
        tracing::warn!("no time-stamping certificate is in force");
        return Err(Failure::System);
    };
    let accuracy = stamps.discipline.said().map_err(|_| Failure::TimeNotAvailable)?;
    let at = stamps.guarded_now(&signer.clock).map_err(|_| Failure::TimeNotAvailable)?;
    Ok(Ready { settings, unit, series, at, accuracy })
}

impl Ready {
    fn prepare(&self, request: &Request) -> Result<(Draft, Serial), Failure> {
        let policy = self.settings.policy_for(self.accuracy).ok_or(Failure::System)?;
        if request.policy.as_ref().is_some_and(|asked| *asked != policy) {
            return Err(Failure::UnacceptedPolicy);
        }
        let serial = self.series.next(self.at);
        let info = info::write(request, &policy, serial, self.at, self.accuracy, &self.unit.authority);
        Ok((self.unit.frame.draft(info.map_err(|_| Failure::System)?), serial))
    }

    /// Has them signed and told to the record. A crash in between leaves signatures that nobody has seen.
    async fn sign(
        &self,
        signer: &Signer,
        (whose, prepared): (Whose, &[Prepared]),
        under_way: OwnedSemaphorePermit,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let messages = Inputs::Messages(prepared.iter().map(|one| one.draft.to_sign.clone()).collect());
        let work = Work::of(&self.unit.key, messages);
        let (name, work) = match whose {
            Whose::Known => (SHARER, work.for_many()),
            Whose::Anybody => (ANYBODY, work.behind()),
        };
        let signatures = fair::sign(&signer.turns, &Sharer::of(name), work).await?;
        drop(under_way);
        let given = prepared.iter().map(|one| GivenTimeStamp {
            serial: one.serial.hex(),
            sha256: STANDARD.encode(one.draft.sha256()),
        });
        let event = Event::TimeStampsGiven {
            certificate: self.unit.serial.clone(),
            at: self.at.0,
            time_stamps: given.collect(),
        };
        let (at, certificate) = (self.at, self.unit.serial.clone());
        let recorded = signer
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    // So that a revocation is seen, whichever process made it.
                    if !ca::api::in_force(tx, &[&certificate]).await?.contains(&certificate) {
                        return Err(Error::CertificateRevoked);
                    }
                    audit::record(tx, at, &Actor::system("signer"), &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await;
        if matches!(recorded, Err(Error::CertificateRevoked)) {
            signer.time_stamps.known.forget(&self.unit);
        }
        recorded?;
        Ok(signatures)
    }
}

/// Begins the numbers of this process.
pub(super) async fn begin_series(signer: &Signer) -> Result<Series, Error> {
    let now = signer.clock.now();
    let number = signer
        .db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                let series = time_stamps::next_series(tx).await?;
                let event = Event::TimeStampSeriesBegun { series };
                audit::record(tx, now, &Actor::system("signer"), &event).await?;
                Ok::<_, Error>(series)
            })
        })
        .await?;
    Ok(Series::new(number))
}
