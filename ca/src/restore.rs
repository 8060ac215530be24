//! After a restore: takes in what the outside has seen and the restored rows do not know.
//!
//! Lists and certificates are believed only when one of our issuers signed them. Taking in twice changes
//! nothing the second time.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use crate::api::Reason;
use crate::authority::Authority;
use crate::digest::{sha256, sha256_hex};
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::intent::whole_second;
use crate::issuer::Issuer;
use crate::revocation;
use crate::serial::Serial;
use crate::store::certificates::{self, Adoption, Revocation, State};
use crate::store::scopes;
use crate::subject::Field;

/// What a list from outside changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenIn {
    /// Whose list it is.
    pub issuer: String,
    /// The shard it is of; 0 for the certificates that name none.
    pub shard: i64,
    /// The number after which our next list follows.
    pub number: i64,
    /// Serials that had a row and are revoked now.
    pub revoked: Vec<String>,
    /// Serials that had no row; they are listed and answered as abandoned.
    pub unknown: Vec<String>,
}

impl Authority {
    /// Takes in a list, in DER: its number is passed, and what it revokes stays revoked.
    pub async fn take_in_list(&self, der: &[u8]) -> Result<TakenIn, Error> {
        let crl = pki::Crl::from_der(der).map_err(|_| foreign())?;
        let issuer = self.all_issuers().into_iter().find(|issuer| crl.verify(&issuer.certificate).is_ok());
        let issuer = issuer.ok_or_else(foreign)?;
        let number = crl.number().and_then(|number| i64::from_str_radix(&number.to_string(), 16).ok());
        let number = number.ok_or_else(foreign)?;
        let place = match &crl.scope().location {
            Some(location) => location.uris().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        let scope = self.scope_at(&issuer, &place).await?;
        if scope.complete.is_some_and(|ours| number < ours.number) {
            return Err(older(&issuer));
        }
        let shard = scope.shard;
        self.pass_crl_number(&issuer, shard, number).await?;
        failpoint::pass("ca.import-numbered");
        let mut taken = TakenIn {
            issuer: issuer.id().to_string(),
            shard,
            number,
            revoked: Vec::new(),
            unknown: Vec::new(),
        };
        for entry in crl.entries() {
            let Some(serial) = Serial::parse(&entry.serial.to_string()) else { continue };
            // On a delta list: its hold was lifted, so nothing stands against it.
            if entry.reason == Some(pki::Reason::RemoveFromCrl) {
                continue;
            }
            let reason = entry.reason.and_then(|reason| Reason::from_code(reason.code()));
            let revocation = Revocation {
                revoked_at: Millis(entry.revoked_at_ms),
                reason: reason.unwrap_or(Reason::Unspecified),
                invalidity_date: entry.invalidity_date_ms.map(Millis),
            };
            match self.take_in_entry(&issuer, shard, serial, revocation).await? {
                Taken::Revoked => taken.revoked.push(serial.to_string()),
                Taken::Unknown => taken.unknown.push(serial.to_string()),
                Taken::Nothing => {}
            }
        }
        Ok(taken)
    }

    /// Moves an issuer's list numbers on, when no list from outside is at hand.
    pub async fn skip_crl_numbers(&self, issuer: &str, by: u32) -> Result<i64, Error> {
        let issuer = self.issuer(issuer)?;
        let scopes = scopes::of_issuer(self.desk().db.read(), issuer.id().as_str()).await?;
        let last = scopes.iter().map(|scope| scope.crl_number).max();
        let to = last.unwrap_or(0) + i64::from(by);
        for scope in &scopes {
            self.pass_crl_number(&issuer, scope.shard, to).await?;
        }
        Ok(to)
    }

    /// The part of the issuer's certificates whose list is found at one of these places.
    async fn scope_at(&self, issuer: &Issuer, places: &[String]) -> Result<scopes::Scope, Error> {
        let scopes = scopes::of_issuer(self.desk().db.read(), issuer.id().as_str()).await?;
        let named = scopes.iter().find(|scope| scope.url.as_ref().is_some_and(|url| places.contains(url)));
        named.or(scopes.first()).cloned().ok_or_else(foreign)
    }

    /// Takes in a certificate, in DER, that has no row, or one that a list made: from here on it is answered and can be revoked, and its
    /// key is known.
    ///
    /// Says whether it was not here.
    pub async fn take_in_certificate(&self, der: &[u8]) -> Result<bool, Error> {
        let certificate = pki::Certificate::from_der(der).map_err(|_| foreign())?;
        let issuer = self
            .all_issuers()
            .into_iter()
            .find(|issuer| certificate.verify_signed_by(&issuer.certificate).is_ok());
        let issuer = issuer.ok_or_else(foreign)?;
        let points = certificate.crl_distribution_points().iter();
        let places: Vec<String> = points.flat_map(|point| point.uris().map(str::to_owned)).collect();
        let shard = self.scope_at(&issuer, &places).await?.shard;
        let system = self.named_in(&certificate, &issuer, Field::SystemId).map(|id| id.to_ascii_lowercase());
        let person = self.named_in(&certificate, &issuer, Field::UserId).filter(|id| Field::UserId.takes(id));
        let issuer = issuer.id().to_string();
        let serial = Serial::parse(&certificate.serial().to_string()).ok_or_else(foreign)?;
        let adoption = Adoption {
            serial,
            issuer: issuer.clone(),
            subject: certificate.subject().to_string(),
            common_name: certificate.common_name().unwrap_or_default(),
            not_before: Millis(certificate.not_before_ms()),
            not_after: Millis(certificate.not_after_ms()),
            at: self.desk().clock.now(),
            certificate: Some(der.to_vec()),
            spki_sha256: Some(sha256(certificate.spki_der())),
            shard,
            system_id: system.clone(),
            user_id: person,
        };
        let event = Event::CertificateTakenIn {
            serial: serial.to_string(),
            issuer,
            certificate_sha256: sha256_hex(der),
        };
        let adopted = self.desk().db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                let adopted = certificates::adopt(tx, &adoption, None).await?;
                if adopted {
                    audit::record(tx, adoption.at, &Actor::system("ca"), &event).await?;
                }
                Ok::<_, Error>(adopted)
            })
        });
        let adopted: bool = adopted.await?;
        // Where its system was withdrawn before, whoever follows the register has passed by what was not here then. Taken in again after a
        // crash in between, it ends all the same.
        match self.end_if_withdrawn(system.as_deref(), &serial).await {
            Ok(()) | Err(Error::SystemWithdrawn | Error::AlreadyRevoked | Error::CertificateExpired) => {
                Ok(adopted)
            }
            Err(error) => Err(error),
        }
    }

    /// The system or the person that a certificate of this issuer names, where the profiles say that it names one.
    fn named_in(&self, certificate: &pki::Certificate, issuer: &Issuer, field: Field) -> Option<String> {
        let policies: Vec<_> = certificate.policies().iter().map(|policy| policy.oid).collect();
        let place = self.desk().profiles.place_of(field, &issuer.id().line(), &policies)?;
        certificate.subject().attribute(place.oid())
    }

    async fn pass_crl_number(&self, issuer: &Issuer, shard: i64, to: i64) -> Result<(), Error> {
        let (id, now) = (issuer.id().to_string(), self.desk().clock.now());
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if let Some(from) = scopes::raise_crl_number(tx, &id, shard, to).await? {
                        let event = Event::CrlNumberMoved { issuer: id, shard, from, to };
                        audit::record(tx, now, &Actor::system("ca"), &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    async fn take_in_entry(
        &self,
        issuer: &Issuer,
        shard: i64,
        serial: Serial,
        revocation: Revocation,
    ) -> Result<Taken, Error> {
        let (id, now) = (issuer.id().to_string(), self.desk().clock.now());
        // A list does not say when a certificate ends; it cannot outlast its issuer.
        let adoption = Adoption {
            serial,
            issuer: id.clone(),
            subject: String::new(),
            common_name: String::new(),
            not_before: revocation.revoked_at,
            not_after: issuer.identity.period.not_after,
            at: now,
            certificate: None,
            spki_sha256: None,
            shard,
            system_id: None,
            user_id: None,
        };
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let (taken, event) = match certificates::by_serial_in(tx, &serial).await? {
                        Some(stored)
                            if stored.state == State::Issued
                                && says_more(stored.revocation.as_ref(), &revocation) =>
                        {
                            let known = stored.revocation.and_then(|known| known.invalidity_date);
                            let invalidity_date = revocation::earliest(known, revocation.invalidity_date);
                            let revocation = Revocation { invalidity_date, ..revocation };
                            let _ = certificates::mark_revoked(tx, &serial, &revocation).await?;
                            (Taken::Revoked, revocation::event(&stored, &revocation))
                        }
                        Some(_) => return Ok(Taken::Nothing),
                        None => {
                            certificates::adopt(tx, &adoption, Some(&revocation)).await?;
                            let why = "seen on a list from outside, without a row".to_owned();
                            let (serial, issuer) = (serial.to_string(), id.clone());
                            (Taken::Unknown, Event::CertificateAbandoned { serial, issuer, why })
                        }
                    };
                    audit::record(tx, now, &Actor::system("ca"), &event).await?;
                    Ok::<_, Error>(taken)
                })
            })
            .await
    }
}

/// What an entry changed.
enum Taken {
    Revoked,
    Unknown,
    Nothing,
}

/// Whether a list knows more than the row: that the certificate is revoked at all, that it is for good what was a hold, that
/// it is for compromise, or that its key was unsafe for longer.
fn says_more(known: Option<&Revocation>, seen: &Revocation) -> bool {
    let Some(known) = known else { return true };
    if known.reason == seen.reason {
        // A list knows no parts of a second.
        return revocation::is_earlier(seen.invalidity_date, known.invalidity_date.map(whole_second));
    }
    known.reason == Reason::CertificateHold || seen.reason == Reason::KeyCompromise
}

/// It proves nothing about the time since the copy was taken.
fn older(issuer: &Issuer) -> Error {
    let sentence =
        format!("this list of {} is older than the one here; give the newest there is", issuer.id());
    Error::RequestInvalid { field: "document", sentence }
}

fn foreign() -> Error {
    let sentence = "not signed by one of our issuers, or cannot be read".to_owned();
    Error::RequestInvalid { field: "document", sentence }
}
