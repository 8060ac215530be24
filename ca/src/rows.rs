//! What stands in the database before a certificate is signed, and after.

use std::collections::HashSet;
use std::sync::Arc;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use crate::draft;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::intent::Intent;
use crate::key_history;
use crate::names::ProfileId;
use crate::profile::{Profile, Window};
use crate::serial::Serial;
use crate::store::certificates::{self, Content, Moved, Reservation};
use crate::store::expiries::{self, Place};
use crate::store::keys;
use crate::store::requests::{self, Claim, RequestKey};
use platform::db::together::{Row, Undone};

/// The first row of a serial, with the request it answers and its audit row: all of them or none.
#[derive(Clone)]
pub(crate) struct FirstRow {
    pub(crate) request: RequestKey,
    pub(crate) reservation: Reservation,
    pub(crate) profile: Arc<Profile>,
    /// The profiles of the authority's own responders, whose keys serve nothing else.
    pub(crate) kept_apart: Arc<[ProfileId]>,
    pub(crate) body: Body,
    pub(crate) actor: Actor,
}

/// What the row holds, and what the record says of it.
#[derive(Clone)]
pub(crate) enum Body {
    /// It is known.
    Written { content: Content, event: Event },
    /// It is known once a day to end on has been found.
    Open(Arc<Open>),
}

/// A certificate whose profile's ends are spread over days.
pub(crate) struct Open {
    pub(crate) intent: Intent,
    pub(crate) window: Window,
    pub(crate) profiles_sha256: String,
}

/// What came of a first row.
pub(crate) struct First {
    pub(crate) claim: Claim,
    /// The end that was found and the bytes with it, where they were not known before.
    pub(crate) written: Option<(Millis, Arc<Vec<u8>>)>,
}

impl FirstRow {
    fn new_claim(&self) -> requests::NewClaim<'_> {
        (&self.request, &self.reservation.serial, &self.reservation.spki_sha256)
    }

    /// Takes a place on a day, and writes the bytes for an end on it.
    async fn placed(
        &self,
        tx: &mut Tx,
        open: &Open,
        before: Option<Millis>,
    ) -> Result<(Reservation, Arc<Vec<u8>>), Error> {
        let Place::Taken(day) = expiries::take(tx, self.profile.id.as_str(), &open.window, before).await?
        else {
            return Err(Error::ExpiryDaysFull(self.profile.id.clone()));
        };
        let mut intent = open.intent.clone();
        intent.period.not_after = open.window.end_on(day);
        // It was linted with the last end it may have: that it fails with an earlier one is not to be expected.
        let tbs = Arc::new(draft::write(&intent).map_err(|faulty| faulty.error)?);
        let (not_after, expiry_day) = (intent.period.not_after, Some(day));
        Ok((Reservation { not_after, expiry_day, ..self.reservation.clone() }, tbs))
    }
}

impl Row for FirstRow {
    type Answer = First;
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<First, Error> {
        let FirstRow { request, reservation, profile, kept_apart, body, actor } = self;
        keys::hold(tx, &[reservation.spki_sha256.as_slice()]).await?;
        let claim = requests::claim(tx, request, &reservation.serial).await?;
        let Claim::Ours { before } = claim else { return Ok(First { claim, written: None }) };
        // An error undoes the claim, and is rare: keys are nearly always new.
        let user_id = reservation.user_id.as_deref();
        let history = keys::history(tx, &reservation.spki_sha256, user_id).await?;
        key_history::judge(&history, profile, kept_apart, user_id)?;
        let mut written = None;
        match body {
            Body::Written { content, event } => {
                certificates::reserve(tx, &[(reservation, content)]).await?;
                failpoint::pass("ca.reserved");
                audit::record(tx, reservation.at, actor, event).await?;
            }
            Body::Open(open) => {
                let (reservation, tbs) = self.placed(tx, open, before).await?;
                let intended =
                    draft::intended(&open.intent, &tbs, &request.request_id, &open.profiles_sha256);
                certificates::reserve(tx, &[(&reservation, &Content::Linted(Arc::clone(&tbs)))]).await?;
                failpoint::pass("ca.reserved");
                audit::record(tx, reservation.at, actor, &intended).await?;
                written = Some((reservation.not_after, tbs));
            }
        }
        Ok(First { claim, written })
    }

    async fn write_all(rows: &[Arc<FirstRow>], tx: &mut Tx) -> Result<Vec<First>, Undone> {
        let keys: HashSet<&[u8]> = rows.iter().map(|row| row.reservation.spki_sha256.as_slice()).collect();
        let bodies: Option<Vec<_>> = rows.iter().map(|row| row.body.written()).collect();
        // Who takes places on days is written by itself.
        let Some(bodies) = bodies.filter(|_| keys.len() == rows.len()) else { return Err(Undone::OneByOne) };
        let keys: Vec<&[u8]> = keys.into_iter().collect();
        keys::hold(tx, &keys).await?;
        let claims: Vec<_> = rows.iter().map(|row| row.new_claim()).collect();
        if !requests::claim_new(tx, &claims).await? {
            return Err(Undone::OneByOne);
        }
        let of_row = rows.iter().zip(&bodies);
        let reservations: Vec<_> =
            of_row.clone().map(|(row, (content, _))| (&row.reservation, *content)).collect();
        certificates::reserve(tx, &reservations).await?;
        failpoint::pass("ca.reserved");
        let events: Vec<_> =
            of_row.map(|(row, (_, event))| (row.reservation.at, &row.actor, (*event).clone())).collect();
        audit::record_each(tx, &events).await?;
        Ok(rows.iter().map(|_| First { claim: Claim::Ours { before: None }, written: None }).collect())
    }
}

impl Body {
    fn written(&self) -> Option<(&Content, &Event)> {
        match self {
            Body::Written { content, event } => Some((content, event)),
            Body::Open(_) => None,
        }
    }
}

/// What becomes of a serial that was signed: its certificate, and its audit row.
pub(crate) struct LastRow {
    pub(crate) serial: Serial,
    pub(crate) certificate: Vec<u8>,
    pub(crate) at: Millis,
    pub(crate) event: Event,
    pub(crate) actor: Actor,
}

impl Row for LastRow {
    type Answer = ();
    type Error = Error;

    async fn write(&self, tx: &mut Tx) -> Result<(), Error> {
        let LastRow { serial, certificate, at, event, actor } = self;
        match certificates::mark_issued(tx, &[(serial, certificate.as_slice())]).await? {
            Moved::Moved => {}
            Moved::NotThere => return Err(Error::SerialClosed),
        }
        audit::record(tx, *at, actor, event).await?;
        Ok(())
    }

    async fn write_all(rows: &[Arc<LastRow>], tx: &mut Tx) -> Result<Vec<()>, Undone> {
        let issued: Vec<_> = rows.iter().map(|row| (&row.serial, row.certificate.as_slice())).collect();
        if certificates::mark_issued(tx, &issued).await? == Moved::NotThere {
            return Err(Undone::OneByOne);
        }
        let events: Vec<_> = rows.iter().map(|row| (row.at, &row.actor, row.event.clone())).collect();
        audit::record_each(tx, &events).await?;
        Ok(vec![(); rows.len()])
    }
}
