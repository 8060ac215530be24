//! The heart of issuing: `prepare(request) -> Linted`, then `issue(Linted)`.
//!
//! 1. to-be-signed bytes are written by one library, read by another and linted;
//! 2. the serial is stored with its request, those bytes and its audit row, in one transaction (`linted`); where ends are
//!    spread over days, a place on a day is taken, and 1 done again with that end, in the same transaction;
//! 3. the token signs those very bytes;
//! 4. the signature is verified, the parts are joined, and a third decoder must find the same bytes;
//! 5. the certificate is stored with its audit row (`issued`) and the to-be-signed bytes are dropped.
//!
//! What is stored is durable before the next step. A crash before the end of 2 leaves nothing, and nothing was
//! signed. A crash between 2 and 5 leaves bytes that may have been signed: the serial is abandoned, answered and
//! listed as revoked. No certificate leaves without its row, because it is given out only after 5. No serial is
//! signed twice, because a second row of it ends the transaction of 2.

use std::sync::Arc;
use std::time::Instant;

use audit::Actor;
use hsm::Key;
use platform::clock::Millis;
use platform::db;
use platform::db::Tx;

use crate::api::Validity;
use crate::desk::Desk;
use crate::digest::{sha256, sha256_hex};
use crate::draft::{self, Faulty};
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::intent::{self, Identity, Intent, Period};
use crate::joining::{self, Unfit};
use crate::order::Order;
use crate::permitted;
use crate::profile::Window;
use crate::rows::{Body, First, FirstRow, LastRow, Open};
use crate::store::certificates::{self, Content, Moved, Reservation, State, Stored};
use crate::store::expiries;
use crate::store::requests::{self, Claim, RequestKey};

/// To-be-signed bytes that passed every lint and are stored. [`prepare`] alone makes one; [`issue`] uses it up.
pub(crate) struct Linted {
    intent: Intent,
    tbs: Arc<Vec<u8>>,
    actor: Actor,
}

/// How often a serial is stored again after two processes waited for each other.
const MOST_DEADLOCKS: usize = 4;

/// What a request became.
pub(crate) enum Prepared {
    /// Bytes to sign.
    Fresh(Box<Linted>),
    /// The certificate that the same request got before.
    Answered(Box<Stored>),
}

/// A certificate that is stored and in the audit record.
#[derive(Debug)]
pub(crate) struct IssuedCertificate {
    pub(crate) serial: crate::serial::Serial,
    pub(crate) der: Vec<u8>,
}

/// Steps 1 and 2, unless the key cannot be asked to sign: then nothing is written, since a serial that may have been
/// signed makes the revocation list longer for ever.
pub(crate) async fn prepare(
    desk: &Desk,
    issuer: &Arc<Identity>,
    key: &Key,
    order: Order,
    actor: Actor,
) -> Result<Prepared, Error> {
    let now = desk.guarded_now()?;
    permitted::check(issuer, &order.names)?;
    if let Err(away) = key.ready() {
        return match requests::answered(desk.db.read(), &order.request).await? {
            Some(stored) => Ok(Prepared::Answered(Box::new(stored))),
            None => Err(away.into()),
        };
    }
    let period = match intent::period(&order.profile, &issuer.period, order.validity, now) {
        Ok(period) => period,
        // What was wished may have become too old since it was granted.
        Err(refused) => match requests::answered(desk.db.read(), &order.request).await? {
            Some(stored) => return Ok(Prepared::Answered(Box::new(stored))),
            None => return Err(refused.into()),
        },
    };
    let (mut intent, request, validity) = intend(desk, issuer, order, period, now)?;
    desk.refused_keys.check(&intent.key)?;
    let written = draft::write(&intent);
    failpoint::pass("ca.written");
    let mut tbs = match written {
        Ok(tbs) => Arc::new(tbs),
        Err(faulty) => return refuse(desk, &intent, request, *faulty, actor).await,
    };
    let profiles_sha256 = &desk.profiles.source_sha256;
    let body = if let Some(window) = window(&intent, validity.is_some()) {
        // Its end is chosen, and its bytes are written again, in the transaction that takes a place on that day.
        let (intent, profiles_sha256) = (intent.clone(), profiles_sha256.clone());
        Body::Open(Arc::new(Open { intent, window, profiles_sha256 }))
    } else {
        let event = draft::intended(&intent, &tbs, &request.request_id, profiles_sha256);
        Body::Written { content: Content::Linted(Arc::clone(&tbs)), event }
    };
    let First { claim, written } = store_serial(desk, &intent, request, body, actor.clone()).await?;
    match claim {
        Claim::Ours { .. } => {}
        Claim::Answered(stored) => return Ok(Prepared::Answered(stored)),
        Claim::Reused => return Err(Error::RequestIdReused),
        Claim::InProgress => return Err(Error::RequestInProgress),
    }
    if let Some((not_after, placed)) = written {
        intent.period.not_after = not_after;
        tbs = placed;
    }
    failpoint::pass("ca.linted");
    Ok(Prepared::Fresh(Box::new(Linted { intent, tbs, actor })))
}

/// Whether [`prepare`] would come to bytes to sign now, with a key that can sign them. No serial is stored, and no place on a day taken.
pub(crate) async fn rehearse(
    desk: &Desk,
    issuer: &Arc<Identity>,
    key: &Key,
    order: Order,
) -> Result<(), Error> {
    let now = desk.guarded_now()?;
    permitted::check(issuer, &order.names)?;
    key.ready()?;
    let period = intent::period(&order.profile, &issuer.period, order.validity, now)?;
    let (intent, _, validity) = intend(desk, issuer, order, period, now)?;
    draft::write(&intent).map_err(|faulty| faulty.error)?;
    let Some(window) = window(&intent, validity.is_some()) else { return Ok(()) };
    let profile = intent.profile.id.to_string();
    let left = desk
        .db
        .write(move |tx: &mut Tx| Box::pin(async move { expiries::is_left(tx, &profile, &window).await }))
        .await?;
    if left { Ok(()) } else { Err(Error::ExpiryDaysFull(intent.profile.id.clone())) }
}

/// What a certificate is to be, under a serial of its own, and what else the order holds.
fn intend(
    desk: &Desk,
    issuer: &Arc<Identity>,
    order: Order,
    period: Period,
    now: Millis,
) -> Result<(Intent, RequestKey, Option<Validity>), Error> {
    let serial = desk.fresh_serial()?;
    let intent = Intent {
        serial,
        places: desk.places(&order.issuer, &order.profile, &serial),
        profile: order.profile,
        issuer: Arc::clone(issuer),
        subject: order.names.subject,
        names: order.names.alternative,
        user_id: order.names.user_id,
        system_id: order.names.system_id,
        key: order.key,
        period,
        now,
    };
    Ok((intent, order.request, order.validity))
}

/// Steps 3 to 5.
pub(crate) async fn issue(desk: &Desk, linted: Linted, key: &Key) -> Result<IssuedCertificate, Error> {
    let Linted { intent, tbs, actor } = linted;
    let started = Instant::now();
    let signature = key.sign(key.alg().default_scheme(), &tbs).await;
    draft::step("sign", started);
    let signature = match signature {
        Ok(signature) => signature,
        Err(error) => {
            let why = format!("the token: {error}");
            // A full queue is the one refusal after which nothing can have been signed.
            if matches!(error, hsm::Error::Busy) {
                drop_serial(desk, &intent, &why, &actor).await?;
            } else {
                abandon(desk, &intent.serial, intent.issuer.id.as_str(), &why, &actor).await?;
            }
            return Err(error.into());
        }
    };
    failpoint::pass("ca.signed");
    let started = Instant::now();
    let assembled = assemble(&intent, &tbs, &signature);
    draft::step("verify", started);
    let der = match assembled {
        Ok(der) => der,
        Err(unfit) => {
            abandon(desk, &intent.serial, intent.issuer.id.as_str(), &unfit.to_string(), &actor).await?;
            return Err(unfit.into());
        }
    };
    store_issued(desk, &intent, &der, actor).await?;
    failpoint::pass("ca.stored");
    let (profile, issuer) = (intent.profile.id.to_string(), intent.issuer.id.to_string());
    metrics::counter!("ca_certificates_issued_total", "profile" => profile, "issuer" => issuer).increment(1);
    let (serial, profile) = (intent.serial, &intent.profile.id);
    tracing::info!(%serial, %profile, issuer = %intent.issuer.id, "issued certificate {serial} of profile {profile}");
    Ok(IssuedCertificate { serial, der })
}

/// Joins the three parts and lets a third decoder find the linted bytes in the whole.
fn assemble(intent: &Intent, tbs: &[u8], signature: &[u8]) -> Result<Vec<u8>, Unfit> {
    joining::verify(&intent.issuer, tbs, signature)?;
    let der = joining::join(&intent.issuer, tbs, signature);
    joining::compare(&der, tbs, signature)?;
    Ok(der)
}

/// The days on which the certificate may end, where its profile's ends are spread. An end that was asked for is kept.
fn window(intent: &Intent, asked: bool) -> Option<Window> {
    let spread = intent.profile.spread?;
    let end = intent.period.not_after;
    Some(if asked { Window::only(spread, end) } else { Window::new(spread, end, intent.now) })
}

/// Stores a serial that is never signed, so that the record tells why, unless the request was answered before.
async fn refuse(
    desk: &Desk,
    intent: &Intent,
    request: RequestKey,
    faulty: Faulty,
    actor: Actor,
) -> Result<Prepared, Error> {
    let Faulty { why, findings, error } = faulty;
    let serial = intent.serial;
    let event = Event::SerialDropped {
        serial: serial.to_string(),
        issuer: intent.issuer.id.to_string(),
        why,
        findings: findings.clone(),
    };
    let body = Body::Written { content: Content::Dropped, event };
    match store_serial(desk, intent, request, body, actor).await?.claim {
        Claim::Ours { .. } => {}
        Claim::Answered(stored) => return Ok(Prepared::Answered(stored)),
        Claim::Reused => return Err(Error::RequestIdReused),
        Claim::InProgress => return Err(Error::RequestInProgress),
    }
    for finding in &findings {
        let profile = intent.profile.id.to_string();
        metrics::counter!("ca_lints_fired_total", "profile" => profile, "lint" => finding.lint.clone())
            .increment(1);
    }
    if !findings.is_empty() {
        tracing::error!(%serial, ?findings, "lints fired on certificate {serial}; nothing was signed");
    }
    Err(error)
}

/// The first row of a serial, with its request and its audit row: all of them or none.
async fn store_serial(
    desk: &Desk,
    intent: &Intent,
    request: RequestKey,
    body: Body,
    actor: Actor,
) -> Result<First, Error> {
    let started = Instant::now();
    let (reservation, profile) = (reservation(desk, intent), Arc::clone(&intent.profile));
    let kept_apart = desk.profiles.responders();
    let row = FirstRow { request, reservation, profile, kept_apart, body, actor };
    let mut stored = Err(Error::Database(db::Error::Busy));
    for _ in 0..MOST_DEADLOCKS {
        stored = desk.first_rows.write(row.clone()).await;
        // Transactions of two processes can wait for each other, as when both are given the same requests in another order;
        // nothing of ours was written.
        if !matches!(&stored, Err(Error::Database(error)) if error.is_deadlock()) {
            break;
        }
    }
    draft::step("store", started);
    stored
}

fn reservation(desk: &Desk, intent: &Intent) -> Reservation {
    Reservation {
        serial: intent.serial,
        issuer: intent.issuer.id.to_string(),
        profile: intent.profile.id.to_string(),
        instance: desk.config.instance,
        shard: intent.places.shard,
        subject: intent.subject.to_string(),
        common_name: intent.subject.common_name().to_owned(),
        user_id: intent.user_id.clone(),
        system_id: intent.system_id.as_ref().map(|id| id.to_ascii_lowercase()),
        not_before: intent.period.not_before,
        not_after: intent.period.not_after,
        at: intent.now,
        profile_version: intent.profile.version,
        spki_sha256: sha256(intent.key.spki()),
        expiry_day: None,
    }
}

async fn store_issued(desk: &Desk, intent: &Intent, der: &[u8], actor: Actor) -> Result<(), Error> {
    let event = Event::CertificateIssued {
        serial: intent.serial.to_string(),
        issuer: intent.issuer.id.to_string(),
        profile: intent.profile.id.to_string(),
        certificate_sha256: sha256_hex(der),
    };
    let (serial, certificate, at) = (intent.serial, der.to_vec(), desk.clock.now());
    let started = Instant::now();
    let stored = desk.last_rows.write(LastRow { serial, certificate, at, event, actor }).await;
    draft::step("store", started);
    stored
}

/// Closes a serial that the token was not asked to sign.
async fn drop_serial(desk: &Desk, intent: &Intent, why: &str, actor: &Actor) -> Result<(), Error> {
    let event = Event::SerialDropped {
        serial: intent.serial.to_string(),
        issuer: intent.issuer.id.to_string(),
        why: why.to_owned(),
        findings: Vec::new(),
    };
    close_dropped(desk, intent.serial, State::Linted, event, actor.clone()).await
}

pub(crate) async fn close_dropped(
    desk: &Desk,
    serial: crate::serial::Serial,
    from: State,
    event: Event,
    actor: Actor,
) -> Result<(), Error> {
    let now = desk.clock.now();
    desk.db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                if certificates::mark_dropped(tx, &serial, from).await? == Moved::Moved {
                    audit::record(tx, now, &actor, &event).await?;
                }
                Ok::<_, db::Error>(())
            })
        })
        .await?;
    Ok(())
}

/// Closes a serial that may have been signed, and makes a list due that says so.
pub(crate) async fn abandon(
    desk: &Desk,
    serial: &crate::serial::Serial,
    issuer: &str,
    why: &str,
    actor: &Actor,
) -> Result<(), Error> {
    let event = Event::CertificateAbandoned {
        serial: serial.to_string(),
        issuer: issuer.to_owned(),
        why: why.to_owned(),
    };
    tracing::warn!(%serial, issuer, why, "abandoned serial {serial}; it is listed as revoked");
    let (serial, actor, now) = (*serial, actor.clone(), desk.clock.now());
    desk.db
        .write(move |tx: &mut Tx| {
            Box::pin(async move {
                if certificates::mark_abandoned(tx, &serial, now).await? == Moved::Moved {
                    audit::record(tx, now, &actor, &event).await?;
                }
                Ok::<_, db::Error>(())
            })
        })
        .await?;
    Ok(())
}
