//! The key ceremony: keys, the root, the issuing authorities and their first lists, with a transcript.
//!
//! It runs once. Each step is durable before the next, so one that was stopped is taken up where it
//! stopped, with the same specification; one that was finished is refused.

mod elsewhere;
mod specification;
mod transcript;

use std::sync::Arc;

use audit::Actor;
use hsm::{Alg, Hsm, Key};
use platform::clock::{Clock, HighWater, Millis};
use platform::db::{Db, Tx};

use crate::config::Config;
use crate::crl::{self, Outcome};
use crate::desk::Desk;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::intent::{Identity, Period};
use crate::issuance::{self, Prepared};
use crate::issuer::Issuer;
use crate::names::IssuerId;
use crate::order::Order;
use crate::profile::{self, Profile};
use crate::recovery::{self, Scope};
use crate::store::issuers::{self, StoredIssuer};
use crate::store::{ceremonies, requests::RequestKey, scopes};
use crate::subject::{Names, Subject};
use crate::subject_key::{KeyRefused, SubjectKey};

pub use elsewhere::requests;
pub use specification::{AuthoritySpecification, KeySpecification, Specification};
pub use transcript::Transcript;

/// Holds the ceremony, and tells each line of the transcript as it is written.
///
/// When this returns, the hierarchy is stored, its first revocation lists too, and the transcript is
/// in the database and its hash in the audit record.
pub async fn hold(
    specification: &Specification,
    config: Config,
    hsm: &Hsm,
    db: Db,
    clock: Clock,
    high_water: HighWater,
    tell: impl FnMut(&str) + Send,
) -> Result<Transcript, Error> {
    let mut desk = Desk::open(config, db, clock, high_water)?;
    let mut ceremony = Ceremony { desk: &desk, hsm, tell };
    ceremony.begin(specification).await?;
    let tell = ceremony.tell;
    let now = desk.guarded_now()?;
    profile::number(&desk.db, &mut desk.profiles, now).await?;
    let mut ceremony = Ceremony { desk: &desk, hsm, tell };
    recovery::close_open_serials(&desk, Scope::OwnAndOld).await?;

    if let Some(root) = &specification.elsewhere {
        ceremony.await_root(specification, root).await?;
        return ceremony.finish(specification).await;
    }
    let root = ceremony.root(&specification.root).await?;
    let mut issuers = Vec::new();
    for authority in &specification.issuing {
        issuers.push(ceremony.issuing(authority, &root).await?);
    }
    issuers.push(root);
    for issuer in &issuers {
        ceremony.first_list(issuer).await?;
    }
    ceremony.finish(specification).await
}

/// The transcript of the ceremony as far as it has come; empty when none was begun.
pub async fn transcript(db: &Db) -> Result<Transcript, Error> {
    Ok(Transcript::new(ceremonies::lines(db.read()).await?))
}

struct Ceremony<'a, T> {
    desk: &'a Desk,
    hsm: &'a Hsm,
    tell: T,
}

impl<T: FnMut(&str) + Send> Ceremony<'_, T> {
    async fn begin(&mut self, specification: &Specification) -> Result<(), Error> {
        let spec_sha256 = specification.sha256().to_owned();
        match ceremonies::current(self.desk.db.read()).await? {
            Some(before) if before.finished_at.is_some() => return Err(Error::CeremonyHeld),
            Some(before) if before.spec_sha256 != spec_sha256 => {
                return Err(Error::CeremonySpecificationDiffers);
            }
            Some(_) => return self.line("the ceremony is taken up again").await,
            None => {}
        }
        let now = self.desk.guarded_now()?;
        let event = Event::CeremonyStarted { spec_sha256: spec_sha256.clone() };
        let (version, line) = (env!("CARGO_PKG_VERSION"), spec_sha256.clone());
        let begun = self
            .desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let begun = ceremonies::begin(tx, &spec_sha256, now).await?;
                    if begun {
                        audit::record(tx, now, &Actor::system("ceremony"), &event).await?;
                    }
                    Ok::<_, Error>(begun)
                })
            })
            .await?;
        if !begun {
            return Err(Error::CeremonySpecificationDiffers);
        }
        self.line(&format!("lanyard ceremony, version {version}, specification SHA-256 {line}")).await?;
        let profiles = self.desk.profiles.source_sha256.clone();
        self.line(&format!("profiles SHA-256 {profiles}")).await
    }

    async fn root(&mut self, specification: &AuthoritySpecification) -> Result<Issuer, Error> {
        let subject = specification.subject()?;
        let profile = Arc::clone(&self.desk.profiles.root);
        let key = self.key(&specification.key, &profile).await?;
        let spki = SubjectKey::parse(key.public_key())?;
        let id = specification.id.clone();
        let identity = Identity {
            id: id.clone(),
            name_der: subject.to_der(),
            subject: subject.clone(),
            alg: key.alg(),
            spki: key.public_key().to_vec(),
            key_id: spki.key_id().to_vec(),
            // The root's own validity is its profile's.
            period: Period { not_before: Millis(0), not_after: Millis(i64::MAX) },
            constraints: Vec::new(),
        };
        let order = order(profile, id.clone(), subject, spki, "root");
        let stored = self.authority(id, order, &Arc::new(identity), &key, key.label()).await?;
        Issuer::open(&stored, &[], Millis(0), self.hsm).await
    }

    async fn issuing(
        &mut self,
        specification: &AuthoritySpecification,
        root: &Issuer,
    ) -> Result<Issuer, Error> {
        let profile = Arc::clone(self.desk.profiles.issuing_of(&specification.id));
        let key = self.key(&specification.key, &profile).await?;
        let (id, spki) = (specification.id.clone(), SubjectKey::parse(key.public_key())?);
        let order = order(profile, root.id().clone(), specification.subject()?, spki, id.as_str());
        let stored = self.authority(id, order, &root.identity, root.key()?, key.label()).await?;
        Issuer::open(&stored, std::slice::from_ref(&root.certificate), Millis(0), self.hsm).await
    }

    /// The key under this label, made now unless a run before has made it.
    async fn key(&mut self, specification: &KeySpecification, profile: &Profile) -> Result<Key, Error> {
        let (label, expected) = (specification.label.as_str(), specification.algorithm);
        if !profile.keys.contains(&expected) {
            return Err(KeyRefused::NotInProfile(expected).into());
        }
        match self.hsm.key(label).await {
            Ok(key) => {
                check_alg(&key, label, expected)?;
                let id = hex::encode(SubjectKey::parse(key.public_key())?.key_id());
                self.line(&format!("found in the token: {expected} key \"{label}\", key id {id}")).await?;
                Ok(key)
            }
            Err(hsm::Error::KeyNotFound { .. }) => {
                let key = self.hsm.generate(label, expected).await?;
                let id = hex::encode(SubjectKey::parse(key.public_key())?.key_id());
                self.line(&format!("generated in the token: {expected} key \"{label}\", key id {id}"))
                    .await?;
                Ok(key)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The certificate of one authority, issued now unless a run before has issued it.
    async fn authority(
        &mut self,
        id: IssuerId,
        order: Order,
        issuer: &Arc<Identity>,
        signing_key: &Key,
        key_label: &str,
    ) -> Result<StoredIssuer, Error> {
        let known =
            issuers::all(self.desk.db.read()).await?.into_iter().find(|known| known.id == id.as_str());
        if let Some(known) = known {
            return Ok(known);
        }
        let key_id = hex::encode(order.key.key_id());
        let (serial, certificate) = match issuance::prepare(
            self.desk,
            issuer,
            signing_key,
            order,
            Actor::system("ceremony"),
        )
        .await?
        {
            Prepared::Fresh(linted) => {
                let fresh = issuance::issue(self.desk, *linted, signing_key).await?;
                (fresh.serial, fresh.der)
            }
            Prepared::Answered(stored) => {
                (stored.serial, stored.certificate.ok_or(Error::CertificateUnknown)?)
            }
        };
        let (serial, key_label) = (serial.to_string(), key_label.to_owned());
        let certificate_sha256 = sha256_hex(&certificate);
        let signer = &issuer.id;
        self.line(&format!("certified by {signer}: \"{id}\", serial {serial}, SHA-256 {certificate_sha256}"))
            .await?;
        let stored = StoredIssuer { id: id.to_string(), key_label: key_label.clone(), serial, certificate };
        let event = Event::IssuerCreated {
            issuer: id.to_string(),
            key_label,
            key_id,
            serial: stored.serial.clone(),
            certificate_sha256,
        };
        self.store_issuer(stored.clone(), event).await?;
        Ok(stored)
    }

    async fn store_issuer(&self, issuer: StoredIssuer, event: Event) -> Result<(), Error> {
        let now = self.desk.clock.now();
        self.desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    issuers::insert(tx, &issuer, now).await?;
                    audit::record(tx, now, &Actor::system("ceremony"), &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    async fn first_list(&mut self, issuer: &Issuer) -> Result<(), Error> {
        let id = issuer.id();
        let scope = scopes::find(self.desk.db.read(), id.as_str(), 0).await?;
        let scope = scope.ok_or_else(|| Error::NoCrlYet(id.clone()))?;
        let Outcome::Made(made) = crl::make_if_due(self.desk, issuer, &scope).await? else { return Ok(()) };
        for signed in made {
            let (number, sha256) = (signed.list.id.number, signed.sha256);
            self.line(&format!("revocation list {number} of \"{id}\", SHA-256 {sha256}")).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, specification: &Specification) -> Result<Transcript, Error> {
        self.line("the ceremony is finished").await?;
        let transcript = transcript(&self.desk.db).await?;
        let event = Event::CeremonyFinished {
            spec_sha256: specification.sha256().to_owned(),
            transcript_sha256: transcript.sha256(),
        };
        let now = self.desk.clock.now();
        self.desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    ceremonies::finish(tx, now).await?;
                    audit::record(tx, now, &Actor::system("ceremony"), &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(transcript)
    }

    async fn line(&mut self, line: &str) -> Result<(), Error> {
        let (now, text) = (self.desk.clock.now(), line.to_owned());
        self.desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(ceremonies::add_line(tx, now, &text).await?) })
            })
            .await?;
        (self.tell)(&Transcript::render(now, line));
        Ok(())
    }
}

fn check_alg(key: &Key, label: &str, expected: Alg) -> Result<(), Error> {
    let actual = key.alg();
    if actual == expected {
        return Ok(());
    }
    Err(Error::CeremonyKeyDiffers { label: label.to_owned(), actual, expected })
}

fn order(profile: Arc<Profile>, issuer: IssuerId, subject: Subject, key: SubjectKey, name: &str) -> Order {
    let content_sha256 = sha256_hex(&[key.spki(), &subject.to_der()].concat());
    let request = RequestKey { client: "ceremony".to_owned(), request_id: name.to_owned(), content_sha256 };
    let names =
        Names { subject, alternative: Vec::new(), user_id: None, system_id: None, organisation_id: None };
    Order { profile, issuer, names, key, validity: None, request }
}
