//! Certificates for the keys of a card, made while the card is at work on what comes next.
//!
//! The first key's is made while the card makes the second key, the second's while what belongs to the first is written on the card.
//! Each is asked for by the errand's id, after its key was written into the errand's row. So a crash at any moment leaves what whoever goes
//! on with the errand is given again, and whoever ends it finds.

use std::time::{Duration, Instant};

use audit::Actor;
use card::piv::{Object, Slot};
use tokio::task::JoinHandle;

use super::fault::Fault;
use super::run::Run;
use crate::api::{IssueRequest, Issued, KeySource, SubjectData};
use crate::cards::attestation::NotAttested;
use crate::cards::{CLIENT, CardRefused, Cards};
use crate::error::Error;
use crate::failpoint;
use crate::profile::KeyOrigin;
use crate::store::cards::{self, ErrandRow};

/// The keys that are certified.
pub(super) const SLOTS: [&str; 2] = ["9a", "9c"];

/// How long to wait before asking again for what an agent before this one has asked for, and how often.
const AGAIN: Duration = Duration::from_millis(50);
const TURNS: usize = 100;

/// A certificate under way: its serial.
type Certifying = JoinHandle<Result<String, Fault>>;

/// What is under way for an errand, and what of it is on the card.
#[derive(Default)]
pub(super) struct Making {
    reading: Option<JoinHandle<Result<SubjectData, Fault>>>,
    /// The holder as both certificates name them.
    subject: Option<SubjectData>,
    first: Option<Certifying>,
    second: Option<Certifying>,
    /// What this conversation has written on the card already.
    pub(super) written: Vec<Object>,
}

impl Making {
    /// Waits for certificates that nobody has taken.
    pub(super) async fn settle(&mut self) {
        for certifying in [self.first.take(), self.second.take()].into_iter().flatten() {
            // What became of it is told to whoever asks for it again.
            let _ = certifying.await;
        }
    }

    async fn subject(&mut self) -> Result<SubjectData, Fault> {
        if let Some(reading) = self.reading.take() {
            self.subject = Some(reading.await.map_err(|_| Fault::BrokeOff)??);
        }
        self.subject.clone().ok_or(Fault::BrokeOff)
    }
}

impl Run {
    /// Has the register asked who the holder is, once for both certificates.
    pub(super) fn read_holder(&self, making: &mut Making) {
        making.reading = Some(tokio::spawn(subject(self.cards.clone(), self.errand.user_id.clone())));
    }

    /// Has the first key's certificate made from now on, where it is known already under which profile.
    pub(super) async fn certify_first(&self, making: &mut Making) -> Result<(), Fault> {
        let settings = self.cards.settings();
        // Otherwise it is known once the card has attested the second key, or has not.
        if settings.attested_profiles.is_none() && !self.cards.demands(KeyOrigin::Attested) {
            let profile = settings.authentication_profile.clone();
            making.first = Some(self.certifying(Slot::Authentication, profile, making.subject().await?)?);
        }
        Ok(())
    }

    /// Certificates for both keys, in the holder's name as the register has it. Asked again, it answers the same ones.
    pub(super) async fn certify(&mut self, making: &mut Making) -> Result<(), Fault> {
        let both = self.errand.attested.len() == 2;
        let ([first, second], subject) = (self.profiles(both)?, making.subject().await?);
        if making.first.is_none() {
            making.first = Some(self.certifying(Slot::Authentication, first, subject.clone())?);
        }
        self.errand.authentication = Some(taken(&mut making.first).await?);
        failpoint::pass("ca.card-one-certified");
        making.second = Some(self.certifying(Slot::Signature, second, subject)?);
        making.written = self.write_first().await?;
        failpoint::pass("ca.card-first-written");
        self.errand.signature = Some(taken(&mut making.second).await?);
        Ok(())
    }

    /// The profiles of both certificates: keys that their card has attested may have others, with another policy.
    pub(super) fn profiles(&self, attested: bool) -> Result<[String; 2], NotAttested> {
        let settings = self.cards.settings();
        // Both keys may have been made before it was demanded.
        if !attested && self.cards.demands(KeyOrigin::Attested) {
            return Err(NotAttested::Nothing);
        }
        Ok(match &settings.attested_profiles {
            Some((first, second)) if attested => [first.clone(), second.clone()],
            _ => [settings.authentication_profile.clone(), settings.signing_profile.clone()],
        })
    }

    fn certifying(&self, slot: Slot, profile: String, subject: SubjectData) -> Result<Certifying, Fault> {
        let key = if slot == Slot::Authentication { &self.errand.key_9a } else { &self.errand.key_9c };
        let key = KeySource::public_key(key.as_deref().ok_or(Fault::KeyNotProven)?);
        let id = request_id(&self.errand.errand_id, slot_word(slot));
        let wanted = Wanted {
            cards: self.cards.clone(),
            errand: self.errand.clone(),
            actor: self.actor.clone(),
            request: IssueRequest::new(id, profile, subject, key),
        };
        // In a task of its own: whatever becomes of the card, it comes to its end.
        Ok(tokio::spawn(wanted.made()))
    }
}

/// A certificate that is to be made.
struct Wanted {
    cards: Cards,
    errand: ErrandRow,
    actor: Actor,
    request: IssueRequest,
}

impl Wanted {
    async fn made(self) -> Result<String, Fault> {
        let begun = Instant::now();
        let issued = self.issued().await?;
        self.end_if_over().await?;
        measured("made", begun);
        Ok(issued.serial)
    }

    async fn issued(&self) -> Result<Issued, Fault> {
        for _ in 0..TURNS {
            let authority = &self.cards.authority;
            match authority.issue_as(&self.request, CLIENT, self.actor.clone()).await {
                // A conversation that broke off may have asked for it, and has not got it yet.
                Err(Error::RequestInProgress) => tokio::time::sleep(AGAIN).await,
                Err(Error::RequestIdReused) => return Err(self.barred().await?),
                outcome => return Ok(outcome?),
            }
        }
        Err(Error::RequestInProgress.into())
    }

    /// Why something else stands under the request's name: the errand has ended, or another holder was named.
    async fn barred(&self) -> Result<Fault, Error> {
        Ok(if self.over().await?.is_some() { Fault::Superseded } else { Fault::HolderChanged })
    }

    /// Whoever ends an errand closes it first and then looks for its certificates, and here it is the other way round: so one of the two
    /// sees what the other did, and no certificate of an errand that has ended stays good.
    async fn end_if_over(&self) -> Result<(), Error> {
        if let Some(errand) = self.over().await? {
            self.cards.authority.revoke_certificates_of(&errand, &self.actor).await?;
        }
        Ok(())
    }

    /// The errand, if it was closed or has ended, with why.
    async fn over(&self) -> Result<Option<ErrandRow>, Error> {
        let (card, errand) = (&self.errand.card_id, &self.errand.errand_id);
        let now = cards::errand(self.cards.authority.desk().db.read(), card, errand).await?;
        Ok(now.filter(|errand| matches!(errand.state.as_str(), "ending" | "ended")))
    }
}

/// What was made, once it is there. What is waited for it is time in which the card has nothing to do.
async fn taken(certifying: &mut Option<Certifying>) -> Result<String, Fault> {
    let begun = Instant::now();
    let certifying = certifying.take().ok_or(Fault::BrokeOff)?;
    let serial = certifying.await.map_err(|_| Fault::BrokeOff)??;
    measured("waited", begun);
    Ok(serial)
}

fn measured(part: &'static str, begun: Instant) {
    metrics::histogram!("ca_card_certificate_seconds", "part" => part).record(begun.elapsed().as_secs_f64());
}

/// The holder, as certificates name them.
pub(super) async fn subject(cards: Cards, user_id: Option<String>) -> Result<SubjectData, Fault> {
    let nobody = || Error::from(CardRefused::Incomplete("the card is nobody's"));
    let user_id = user_id.ok_or_else(nobody)?;
    let person = user_id.parse().map_err(|_| nobody())?;
    let name = cards.register.claims(&person, &[]).await?.name;
    let common_name = format!("{user_id} {} {}", name.given, name.family).chars().take(64).collect();
    let (given, family) = (name.given, name.family);
    Ok(SubjectData {
        common_name,
        user_id: Some(user_id),
        given_name: Some(given),
        family_name: Some(family),
        ..SubjectData::default()
    })
}

/// By what a certificate of an errand is asked for: the same for the same key, however often.
pub(super) fn request_id(errand: &str, slot: &str) -> String {
    format!("card-{errand}-{slot}")
}

pub(super) fn slot_word(slot: Slot) -> &'static str {
    if slot == Slot::Authentication { "9a" } else { "9c" }
}
