//! Takes in what a ceremony with a root kept elsewhere made: certificates of authorities whose keys are here, and lists.

use std::sync::Arc;

use audit::Actor;
use hsm::Hsm;
use pki::{Certificate, Covers, Crl};
use platform::caller::Caller;
use platform::clock::{Clock, HighWater, Millis};
use platform::db::{Db, Tx};

use super::turn::Turn;
use super::{Rollover, corrupt, plan};
use crate::api::{Import, ImportInfo};
use crate::authority::{Authority, Strictness};
use crate::config::Config;
use crate::crl::Kind;
use crate::digest::{sha256, sha256_hex};
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::intent::{Intent, Period};
use crate::issuer::{self, Issuer};
use crate::lint;
use crate::names::IssuerId;
use crate::profile::Profile;
use crate::serial::Serial;
use crate::store::certificates::{self, Adoption};
use crate::store::generations::{self, StoredGeneration};
use crate::store::issuers::{self, StoredIssuer};
use crate::store::lists::{self, ListId, StoredList};
use crate::store::scopes::{self, Mark};
use crate::subject::Subject;
use crate::subject_key::SubjectKey;

/// How many certificates and lists one import brings at most.
const MOST: usize = 64;

impl Authority {
    /// Takes in the certificates and lists of a PEM text. Each is taken in as a whole or refused; those before a refused
    /// one stay, and bringing them again does no harm.
    pub(crate) async fn import(&self, import: &Import, caller: &Caller) -> Result<ImportInfo, Error> {
        self.import_as(import, Actor::from(caller)).await
    }

    /// The same before a server can run, on the machine that has the keys.
    pub async fn import_first(
        config: Config,
        hsm: &Hsm,
        db: Db,
        clock: Clock,
        high_water: HighWater,
        import: &Import,
    ) -> Result<ImportInfo, Error> {
        let authority = Authority::open_as(config, hsm, db, clock, high_water, Strictness::Beside).await?;
        authority.import_as(import, Actor::system("ceremony")).await
    }

    async fn import_as(&self, import: &Import, actor: Actor) -> Result<ImportInfo, Error> {
        let unreadable = |_| refused("the PEM text cannot be read");
        let certificates = pki::pem_blocks(&import.pem, "CERTIFICATE").map_err(unreadable)?;
        let lists = pki::pem_blocks(&import.pem, "X509 CRL").map_err(unreadable)?;
        if certificates.is_empty() && lists.is_empty() {
            return Err(refused("there is neither a certificate nor a revocation list in it"));
        }
        if certificates.len() + lists.len() > MOST {
            return Err(refused("more than 64 certificates and lists at once"));
        }
        let authority = self.clone();
        // In a task of its own: a client that goes away must not leave it half-way.
        let task = tokio::spawn(async move {
            let turn = Turn::take(&authority).await?;
            let rollover = Rollover { authority: &authority, actor, turn: &turn };
            let taken = authority.import_each(&certificates, &lists, &rollover).await;
            turn.end().await;
            taken
        });
        task.await.unwrap_or(Err(Error::TaskEnded))
    }

    async fn import_each(
        &self,
        certificates: &[Vec<u8>],
        lists: &[Vec<u8>],
        rollover: &Rollover<'_>,
    ) -> Result<ImportInfo, Error> {
        let mut info = ImportInfo::default();
        let read = |der: &Vec<u8>| {
            Certificate::from_der(der).map_err(|_| refused("a certificate in it cannot be read"))
        };
        let brought: Vec<Certificate> = certificates.iter().map(read).collect::<Result<_, _>>()?;
        // Roots first: others are signed by them, or certify them across.
        let (roots, others): (Vec<_>, Vec<_>) = brought.iter().partition(|one| issuer::is_root(one));
        for root in roots {
            info.issuers.push(self.import_root(root, &others, rollover).await?.to_string());
        }
        for certificate in others {
            let id = match self.import_across(certificate, rollover).await? {
                Some(id) => id,
                None => self.import_certificate(certificate, rollover).await?,
            };
            info.issuers.push(id.to_string());
        }
        info.issuers.dedup();
        for der in lists {
            info.lists.push(self.import_list(der, &rollover.actor).await?);
        }
        // A list may say of an authority here that it is revoked.
        self.read_book().await?;
        Ok(info)
    }

    async fn import_certificate(
        &self,
        certificate: &Certificate,
        rollover: &Rollover<'_>,
    ) -> Result<IssuerId, Error> {
        self.read_book().await?;
        let waiting = generations::all(self.desk().db.read()).await?.into_iter().find(|generation| {
            let request = generation.request.as_deref().and_then(|request| pki::Csr::from_der(request).ok());
            request.is_some_and(|request| request.spki_der() == certificate.spki_der())
        });
        let waiting =
            waiting.ok_or_else(|| refused("its key is none of those that wait for a certificate here"))?;
        let id: IssuerId = waiting.issuer.parse().map_err(|error| corrupt(&error))?;
        match self.book().find(&id) {
            Some(known) if known.certificate.der() == certificate.der() => {}
            Some(_) => return Err(refused(&format!("{id} has a certificate already, and this is another"))),
            None => {
                let profile = Arc::clone(self.desk().profiles.issuing_of(&id));
                let asked = self.demand_as_asked(certificate, profile, plan::subject(&waiting.subject)?)?;
                failpoint::pass("ca.generation-certified");
                self.store_imported(&waiting, asked, &rollover.actor).await?;
                failpoint::pass("ca.generation-stored");
                self.read_book().await?;
            }
        }
        if !plan::is_finished(self, &id).await? {
            let text = format!("the certificate was brought, SHA-256 {}", sha256_hex(certificate.der()));
            rollover.line(&id, &text).await?;
            rollover.complete(&id).await?;
        }
        Ok(id)
    }

    /// The certificate is what a root of ours would have issued here for this key and name: every lint holds it against that.
    pub(super) fn demand_as_asked(
        &self,
        certificate: &Certificate,
        profile: Arc<Profile>,
        subject: Subject,
    ) -> Result<Adoption, Error> {
        let root = self.root_that_signed(certificate)?;
        let serial = Serial::parse(&certificate.serial().to_string());
        let serial = serial
            .ok_or_else(|| refused("its serial number is not of the form that docs/cps.md 3.3 says"))?;
        let period = Period {
            not_before: Millis(certificate.not_before_ms()),
            not_after: Millis(certificate.not_after_ms()),
        };
        let now = self.desk().guarded_now()?;
        if period.not_after < now {
            return Err(refused("it has ended"));
        }
        // From then on it would be the newest, and sign nothing.
        if period.not_before > now {
            return Err(refused("it is not valid yet; bring it when it is"));
        }
        let intent = Intent {
            serial,
            places: self.desk().places(root.id(), &profile, &serial),
            profile,
            issuer: Arc::clone(&root.identity),
            subject,
            names: Vec::new(),
            user_id: None,
            system_id: None,
            key: SubjectKey::parse(certificate.spki_der())?,
            period,
            // When it was signed nobody here knows: its own first second is taken.
            now: period.not_before,
        };
        let findings = lint::check(&intent, certificate.tbs_der());
        if findings.is_empty() {
            return Ok(adoption(certificate, serial, root.id(), now));
        }
        let told: Vec<_> =
            findings.iter().map(|one| format!("{} ({}): {}", one.lint, one.clause, one.detail)).collect();
        Err(refused(&format!("it is not what was asked for: {}", told.join("; "))))
    }

    pub(super) fn root_that_signed(&self, certificate: &Certificate) -> Result<Arc<Issuer>, Error> {
        let signed = |root: &Arc<Issuer>| {
            root.id().is_root() && certificate.verify_signed_by(&root.certificate).is_ok()
        };
        let root = self.all_issuers().into_iter().find(signed);
        root.ok_or_else(|| refused("it is not signed by a root of this authority"))
    }

    async fn store_imported(
        &self,
        waiting: &StoredGeneration,
        adoption: Adoption,
        actor: &Actor,
    ) -> Result<(), Error> {
        let der = adoption.certificate.clone().unwrap_or_default();
        let certificate = Certificate::from_der(&der).map_err(|error| corrupt(&error))?;
        let (now, serial) = (adoption.at, adoption.serial);
        let row = StoredIssuer {
            id: waiting.issuer.clone(),
            key_label: waiting.key_label.clone(),
            serial: serial.to_string(),
            certificate: certificate.der().to_vec(),
        };
        let event = Event::IssuerCreated {
            issuer: row.id.clone(),
            key_label: row.key_label.clone(),
            key_id: hex::encode(SubjectKey::parse(certificate.spki_der())?.key_id()),
            serial: row.serial.clone(),
            certificate_sha256: sha256_hex(certificate.der()),
        };
        let actor = actor.clone();
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if !generations::mark_certified(tx, &row.id, now).await? {
                        return Ok(());
                    }
                    // A refusal undoes the mark.
                    adopt(tx, &adoption).await?;
                    issuers::insert(tx, &row, now).await?;
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Takes in a complete list of an authority whose key is kept elsewhere, and publishes it.
    async fn import_list(&self, der: &[u8], actor: &Actor) -> Result<String, Error> {
        let crl = Crl::from_der(der).map_err(|_| refused("a list in it cannot be read"))?;
        let issuers = self.all_issuers();
        let issuer = issuers.iter().find(|issuer| crl.verify(&issuer.certificate).is_ok());
        let issuer = issuer.ok_or_else(|| refused("a list in it is not signed by an authority of ours"))?;
        if issuer.key().is_ok() {
            let sentence = format!(
                "the lists of {} are made here; only those of a root kept elsewhere are brought",
                issuer.id()
            );
            return Err(refused(&sentence));
        }
        let now = self.desk().guarded_now()?;
        let (this_update, next_update) = (crl.this_update_ms(), crl.next_update_ms().unwrap_or(0));
        if crl.delta_base().is_some() || next_update <= now.0 || this_update > now.0 + 300_000 {
            return Err(refused("the list is a delta list, has ended, or is of the future"));
        }
        let scope = crl.scope();
        let whole = matches!(scope.covers, Covers::All | Covers::Authorities) && scope.reasons.is_none();
        if !whole || scope.indirect {
            return Err(refused("the list is not about every certificate of the root and every reason"));
        }
        // What it revokes is revoked first: a crash after this leaves the old list published, and bringing it again helps.
        let taken = self.take_in_list(der).await?;
        failpoint::pass("ca.import-taken");
        let id = issuer.id().to_string();
        let scope = scopes::find(self.desk().db.read(), &id, 0).await?.ok_or_else(|| corrupt(&id))?;
        if scope.complete.is_some_and(|complete| complete.number >= taken.number) {
            return Ok(format!("{id} {}", taken.number));
        }
        let row = StoredList {
            id: ListId { issuer: id.clone(), shard: 0, kind: Kind::Complete, number: taken.number },
            base: None,
            this_update: Millis(this_update),
            next_update: Millis(next_update),
            entries: i64::try_from(crl.entries().count()).unwrap_or(i64::MAX),
            size: i64::try_from(der.len()).unwrap_or(i64::MAX),
        };
        let event = Event::CrlTakenIn {
            issuer: id.clone(),
            number: taken.number,
            sha256: sha256_hex(der),
            next_update: row.next_update,
        };
        let mark = Mark { number: taken.number, at: row.this_update, changes: scope.changes };
        let (octets, actor, span) = (der.to_vec(), actor.clone(), (next_update - this_update) / 2);
        self.desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    lists::insert_part(tx, &row.id, 0, &octets).await?;
                    lists::insert(tx, &row).await?;
                    scopes::complete_made(tx, &row.id.issuer, 0, mark, span).await?;
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        failpoint::pass("ca.import-published");
        Ok(format!("{id} {}", taken.number))
    }
}

/// The row of a certificate that a root of ours signed in a ceremony.
fn adoption(certificate: &Certificate, serial: Serial, root: &IssuerId, now: Millis) -> Adoption {
    Adoption {
        serial,
        issuer: root.to_string(),
        subject: certificate.subject().to_string(),
        common_name: certificate.common_name().unwrap_or_default(),
        not_before: Millis(certificate.not_before_ms()),
        not_after: Millis(certificate.not_after_ms()),
        at: now,
        certificate: Some(certificate.der().to_vec()),
        spki_sha256: Some(sha256(certificate.spki_der())),
        shard: 0,
        system_id: None,
        user_id: None,
    }
}

/// Makes its row, or refuses it with all that the job has done.
pub(super) async fn adopt(tx: &mut Tx, adoption: &Adoption) -> Result<(), Error> {
    if certificates::adopt(tx, adoption, None).await? {
        return Ok(());
    }
    Err(refused("its serial number is on record for something else, or as revoked"))
}

pub(super) fn refused(sentence: &str) -> Error {
    Error::AuthorityCertificateRefused(sentence.to_owned())
}
