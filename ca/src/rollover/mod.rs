//! Gives an authority a new key: a further generation with a name, lists, OCSP responder and addresses of its own.
//!
//! The old key goes on signing lists and OCSP answers for what it issued, until its certificate ends; new certificates come
//! from the new one from a moment on. A new root and the roots before it certify each other, so that who knows only one
//! of them finds a path (RFC 4210 4.4, with names that tell the generation).
//!
//! Each step is durable before the next, and asking again takes a roll-over up where it stopped: its intent is stored
//! before the key is made, and everything after is found by the id. Asking again after it is done makes no further generation,
//! unless that is named or a day has gone by.

mod crossing;
mod following;
mod importing;
mod plan;
mod turn;

use std::sync::Arc;

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::Key;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;

use crate::api::{GenerationInfo, GenerationState, RolloverRequest};
use crate::authority::Authority;
use crate::ceremony::Transcript;
use crate::crl::{self, Outcome};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::intent::{Identity, Period};
use crate::issuance::{self, Prepared};
use crate::issuer::Issuer;
use crate::names::IssuerId;
use crate::order::Order;
use crate::store::generations::{self, StoredGeneration};
use crate::store::issuers::{self, StoredIssuer};
use crate::store::requests::RequestKey;
use crate::store::scopes;
use crate::subject::Names;
use crate::subject_key::SubjectKey;
pub(crate) use plan::request;
use plan::{Plan, Planned};
use turn::Turn;

/// The client of the requests that a roll-over makes itself.
const CLIENT: &str = "rollover";
/// The last line of a transcript.
const FINISHED: &str = "the roll-over is finished";

impl Authority {
    /// Gives an authority a new key, or says what would be done.
    ///
    /// When this returns without a dry run, the generation is certified, or its request waits for a root kept elsewhere.
    pub(crate) async fn roll_over(
        &self,
        line: &str,
        request: &RolloverRequest,
        caller: &Caller,
    ) -> Result<GenerationInfo, Error> {
        if request.dry_run {
            return match Plan::make(self, line, request).await? {
                Planned::ToDo(plan) => Ok(plan.info()),
                Planned::Done(id) => self.generation(&id).await,
            };
        }
        let (authority, actor, line, request) =
            (self.clone(), Actor::from(caller), line.to_owned(), request.clone());
        // In a task of its own: a client that goes away must not leave it half-way.
        let task = tokio::spawn(async move {
            let turn = Turn::take(&authority).await?;
            let made = Rollover { authority: &authority, actor, turn: &turn }
                .begin_or_take_up(&line, &request)
                .await;
            turn.end().await;
            made
        });
        let id = task.await.unwrap_or(Err(Error::TaskEnded))?;
        self.generation(&id).await
    }

    /// Every generation that was made after the ceremony, or is being made.
    pub(crate) async fn generations(&self) -> Result<Vec<GenerationInfo>, Error> {
        let mut infos = Vec::new();
        for stored in generations::all(self.desk().db.read()).await? {
            infos.push(self.generation_info(stored).await?);
        }
        Ok(infos)
    }

    async fn generation(&self, id: &IssuerId) -> Result<GenerationInfo, Error> {
        let all = generations::all(self.desk().db.read()).await?;
        let stored = all.into_iter().find(|stored| stored.issuer == id.as_str());
        self.generation_info(stored.ok_or_else(|| Error::IssuerUnknown(id.to_string()))?).await
    }

    async fn generation_info(&self, stored: StoredGeneration) -> Result<GenerationInfo, Error> {
        let id: IssuerId = stored.issuer.parse().map_err(|error| corrupt(&error))?;
        // Another node may have certified it since this one read the book.
        if stored.certified_at.is_some() && self.book().find(&id).is_none() {
            self.read_book().await?;
        }
        let book = self.book();
        let lines = generations::lines(self.desk().db.read(), &stored.issuer).await?;
        let crosses = book.crosses_of(&id).map(|cross| STANDARD.encode(cross.certificate.der())).collect();
        let state = match (&stored.request, stored.certified_at) {
            (_, Some(_)) => GenerationState::Certified,
            (Some(_), None) => GenerationState::Waiting,
            (None, None) => GenerationState::Begun,
        };
        Ok(GenerationInfo {
            state,
            subject: plan::subject(&stored.subject)?.to_string(),
            request: stored.request.map(|der| pki::to_pem(pki::Csr::PEM_LABEL, &der)),
            certificate: book.find(&id).map(|issuer| STANDARD.encode(issuer.certificate.der())),
            cross_certificates: crosses,
            transcript: Transcript::new(lines).lines().collect(),
            issuer: stored.issuer,
            key_label: stored.key_label,
            algorithm: stored.algorithm,
            signs_from: stored.signs_from,
        })
    }
}

/// A roll-over under way.
struct Rollover<'a> {
    authority: &'a Authority,
    actor: Actor,
    turn: &'a Turn<'a>,
}

impl Rollover<'_> {
    /// Plans in its turn: before it another process may be half-way, with a key in the token and no row yet that was read.
    async fn begin_or_take_up(&self, line: &str, request: &RolloverRequest) -> Result<IssuerId, Error> {
        match Plan::make(self.authority, line, request).await? {
            Planned::ToDo(plan) => {
                let id = plan.id.clone();
                self.carry_out(plan).await?;
                Ok(id)
            }
            Planned::Done(id) => Ok(id),
        }
    }

    async fn carry_out(&self, plan: Plan) -> Result<(), Error> {
        self.begin(&plan).await?;
        failpoint::pass("ca.generation-begun");
        let key = self.key(&plan).await?;
        failpoint::pass("ca.generation-keyed");
        self.keep_request(&plan, &key).await?;
        failpoint::pass("ca.generation-requested");
        if self.authority.book().find(&plan.id).is_none() {
            let Some(signer) = plan.signer(self.authority, &key)? else {
                return self.line(&plan.id, "the request waits for a ceremony with the root's key").await;
            };
            let certificate = self.certify(&plan, &signer, &key).await?;
            failpoint::pass("ca.generation-certified");
            self.store_issuer(&plan, &key, certificate).await?;
            failpoint::pass("ca.generation-stored");
            self.authority.read_book().await?;
        }
        self.complete(&plan.id).await
    }

    /// What a generation needs beside its certificate: an OCSP responder, a first list, and for a root the certificates across.
    async fn complete(&self, id: &IssuerId) -> Result<(), Error> {
        let issuer = self.authority.issuer(id.as_str())?;
        self.responder(&issuer).await?;
        self.first_list(&issuer).await?;
        failpoint::pass("ca.generation-listed");
        if id.is_root() {
            self.cross(&issuer).await?;
            self.authority.read_book().await?;
        }
        self.finish(id).await
    }

    async fn begin(&self, plan: &Plan) -> Result<(), Error> {
        let (now, row, actor) = (self.authority.desk().guarded_now()?, plan.stored(), self.actor.clone());
        let event = Event::GenerationBegun {
            issuer: row.issuer.clone(),
            key_label: row.key_label.clone(),
            algorithm: row.algorithm.clone(),
            signs_from: row.signs_from,
        };
        let lines = plan.lines();
        let begun = self
            .authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let begun = generations::begin(tx, &row, now).await?;
                    if begun {
                        for line in &lines {
                            generations::add_line(tx, &row.issuer, now, line).await?;
                        }
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(begun)
                })
            })
            .await?;
        if begun {
            return Ok(());
        }
        self.line(&plan.id, "the roll-over is taken up again").await
    }

    /// The key under the planned label, made now unless a run before has made it.
    async fn key(&self, plan: &Plan) -> Result<Key, Error> {
        let (hsm, label) = (self.authority.hsm(), plan.key_label.as_str());
        let (key, how) = match hsm.key(label).await {
            Err(hsm::Error::KeyNotFound { .. }) => {
                self.turn.demand().await?;
                (hsm.generate(label, plan.alg).await?, "generated")
            }
            found => (found?, "found"),
        };
        if key.alg() != plan.alg {
            let (actual, expected) = (key.alg(), plan.alg);
            return Err(Error::CeremonyKeyDiffers { label: label.to_owned(), actual, expected });
        }
        let key_id = hex::encode(SubjectKey::parse(key.public_key())?.key_id());
        let text = format!("{how} in the token: {} key \"{label}\", key id {key_id}", plan.alg);
        self.line(&plan.id, &text).await?;
        Ok(key)
    }

    /// Stores the request that the key signs for its own certificate, once.
    async fn keep_request(&self, plan: &Plan, key: &Key) -> Result<(), Error> {
        let der = plan::request(&plan.subject, key).await?;
        let event = Event::IssuerRequested {
            issuer: plan.id.to_string(),
            key_id: hex::encode(SubjectKey::parse(key.public_key())?.key_id()),
            request_sha256: sha256_hex(&der),
        };
        let (id, now, actor) = (plan.id.to_string(), self.authority.desk().clock.now(), self.actor.clone());
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if generations::keep_request(tx, &id, &der).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// The certificate of the new key, issued now unless a run before has issued it.
    async fn certify(&self, plan: &Plan, signer: &Signer, key: &Key) -> Result<Vec<u8>, Error> {
        let spki = SubjectKey::parse(key.public_key())?;
        let order = Order {
            profile: plan.profile(self.authority),
            issuer: signer.identity.id.clone(),
            names: Names {
                subject: plan.subject.clone(),
                alternative: Vec::new(),
                user_id: None,
                system_id: None,
                organisation_id: None,
            },
            request: own_request(plan.id.as_str(), &[spki.spki(), &plan.subject.to_der()]),
            key: spki,
            validity: None,
        };
        let der = self.issued(order, signer).await?;
        let (by, sha256) = (&signer.identity.id, sha256_hex(&der));
        self.line(&plan.id, &format!("certified by {by}: \"{}\", SHA-256 {sha256}", plan.id)).await?;
        Ok(der)
    }

    async fn issued(&self, order: Order, signer: &Signer) -> Result<Vec<u8>, Error> {
        let desk = self.authority.desk();
        match issuance::prepare(desk, &signer.identity, &signer.key, order, self.actor.clone()).await? {
            Prepared::Fresh(linted) => Ok(issuance::issue(desk, *linted, &signer.key).await?.der),
            Prepared::Answered(stored) => stored.certificate.ok_or(Error::CertificateUnknown),
        }
    }

    async fn store_issuer(&self, plan: &Plan, key: &Key, der: Vec<u8>) -> Result<(), Error> {
        let certificate = pki::Certificate::from_der(&der).map_err(|error| corrupt(&error))?;
        let (serial, key_label) = (certificate.serial().to_string(), plan.key_label.clone());
        let event = Event::IssuerCreated {
            issuer: plan.id.to_string(),
            key_label: key_label.clone(),
            key_id: hex::encode(SubjectKey::parse(key.public_key())?.key_id()),
            serial: serial.clone(),
            certificate_sha256: sha256_hex(&der),
        };
        let row = StoredIssuer { id: plan.id.to_string(), key_label, serial, certificate: der };
        let (now, actor) = (self.authority.desk().clock.now(), self.actor.clone());
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    // Whoever marks it first stores it: two processes may have come here.
                    if generations::mark_certified(tx, &row.id, now).await? {
                        issuers::insert(tx, &row, now).await?;
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// The key may sign certificates at once, and whoever has one asks about it at once.
    async fn responder(&self, issuer: &Issuer) -> Result<(), Error> {
        match self.authority.renew_responder(issuer).await {
            Ok(true) => {
                self.line(issuer.id(), &format!("OCSP responder of \"{}\" certified", issuer.id())).await
            }
            Ok(false) | Err(Error::IssuerKeyMissing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn first_list(&self, issuer: &Issuer) -> Result<(), Error> {
        let (desk, id) = (self.authority.desk(), issuer.id());
        let scopes = scopes::of_issuer(desk.db.read(), id.as_str()).await?;
        for scope in scopes.iter().filter(|scope| scope.complete.is_none()) {
            match crl::make_if_due(desk, issuer, scope).await {
                Ok(Outcome::Made(made)) => {
                    for signed in made {
                        let (number, sha256) = (signed.list.id.number, signed.sha256);
                        let shard =
                            if scope.shard > 0 { format!(", shard {}", scope.shard) } else { String::new() };
                        let text = format!("revocation list {number} of \"{id}\"{shard}, SHA-256 {sha256}");
                        self.line(id, &text).await?;
                    }
                }
                Ok(Outcome::NotDue | Outcome::Elsewhere) | Err(Error::IssuerKeyMissing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The last line is the mark that all is done, so it and the record of the whole transcript are one act.
    async fn finish(&self, id: &IssuerId) -> Result<(), Error> {
        let desk = self.authority.desk();
        let (now, actor, issuer) = (desk.clock.now(), self.actor.clone(), id.to_string());
        desk.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    generations::add_line(tx, &issuer, now, FINISHED).await?;
                    let transcript = Transcript::new(generations::lines_in(tx, &issuer).await?);
                    let event = Event::GenerationFinished { issuer, transcript_sha256: transcript.sha256() };
                    audit::record(tx, now, &actor, &event).await?;
                    failpoint::pass("ca.generation-finishing");
                    Ok::<_, Error>(())
                })
            })
            .await?;
        tracing::info!(issuer = %id, "{id} is a new generation of {}", id.line());
        Ok(())
    }

    async fn line(&self, id: &IssuerId, text: &str) -> Result<(), Error> {
        let (now, id, text) = (self.authority.desk().clock.now(), id.to_string(), text.to_owned());
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { Ok::<_, Error>(generations::add_line(tx, &id, now, &text).await?) })
            })
            .await
    }
}

/// Who certifies a generation, with its key.
struct Signer {
    identity: Arc<Identity>,
    key: Key,
}

impl Signer {
    fn of(issuer: &Issuer) -> Result<Signer, Error> {
        Ok(Signer { identity: Arc::clone(&issuer.identity), key: issuer.key()?.clone() })
    }

    /// A new root certifies itself; its validity is its profile's.
    fn itself(plan: &Plan, key: &Key) -> Result<Signer, Error> {
        let spki = SubjectKey::parse(key.public_key())?;
        let identity = Identity {
            id: plan.id.clone(),
            name_der: plan.subject.to_der(),
            subject: plan.subject.clone(),
            alg: key.alg(),
            spki: key.public_key().to_vec(),
            key_id: spki.key_id().to_vec(),
            period: Period { not_before: Millis(0), not_after: Millis(i64::MAX) },
            constraints: Vec::new(),
        };
        Ok(Signer { identity: Arc::new(identity), key: key.clone() })
    }
}

/// The request of this id; content that differs would be another.
fn own_request(id: &str, content: &[&[u8]]) -> RequestKey {
    let content_sha256 = sha256_hex(&content.concat());
    RequestKey { client: CLIENT.to_owned(), request_id: id.to_owned(), content_sha256 }
}

fn corrupt(reason: &dyn std::fmt::Display) -> Error {
    platform::db::Error::corrupt("ca_generation", reason).into()
}
