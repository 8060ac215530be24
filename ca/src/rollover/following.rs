//! Takes in a root that follows one whose key is kept elsewhere, and what the two certified of each other.
//!
//! Whom this server trusts is not for who brings a file to say: a new root comes in by the word of a root that is known here,
//! which certified its key across in a ceremony (RFC 4210 4.4).

use std::sync::Arc;

use pki::Certificate;
use platform::clock::Millis;
use platform::db::Tx;

use super::importing::{adopt, refused};
use super::{Rollover, corrupt, plan};
use crate::authority::Authority;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::issuer::{self, Issuer};
use crate::names::IssuerId;
use crate::store::certificates::Adoption;
use crate::store::generations::{self, StoredCross, StoredGeneration};
use crate::store::issuers::{self, StoredIssuer};
use crate::subject::Subject;
use crate::subject_key::{KeyRefused, SubjectKey};

/// What a root certified of another's key, and the row that it becomes.
struct Across {
    signer: Arc<Issuer>,
    adoption: Adoption,
    cross: StoredCross,
}

impl Authority {
    /// Takes in a root, with the certificate among those `brought` by which a known root certified its key.
    pub(super) async fn import_root(
        &self,
        root: &Certificate,
        brought: &[&Certificate],
        rollover: &Rollover<'_>,
    ) -> Result<IssuerId, Error> {
        self.read_book().await?;
        let known = self.all_issuers().into_iter().find(|known| known.certificate.der() == root.der());
        let id = if let Some(known) = known {
            known.id().clone()
        } else {
            let id = self.store_root(root, brought, rollover).await?;
            failpoint::pass("ca.generation-stored");
            self.read_book().await?;
            id
        };
        // What the new one certified of those before it, so that it stands in the book before the end is told.
        for certificate in brought {
            self.import_across(certificate, rollover).await?;
        }
        if id.generation() > 1 && !plan::is_finished(self, &id).await? {
            rollover.complete(&id).await?;
        }
        Ok(id)
    }

    /// Takes in what one known root certified of another; `None` if the certificate is no such.
    pub(super) async fn import_across(
        &self,
        certificate: &Certificate,
        rollover: &Rollover<'_>,
    ) -> Result<Option<IssuerId>, Error> {
        let roots = self.all_issuers().into_iter().filter(|known| known.id().is_root());
        let of_key = |root: &Arc<Issuer>| root.identity.spki == certificate.spki_der();
        let Some(subject) = roots.into_iter().find(of_key) else { return Ok(None) };
        let signer = self.root_that_signed(certificate)?;
        let book = self.book();
        if let Some(before) = book.crosses_of(subject.id()).find(|cross| cross.signer == *signer.id()) {
            if before.certificate.der() == certificate.der() {
                return Ok(Some(subject.id().clone()));
            }
            let (one, other) = (subject.id(), signer.id());
            return Err(refused(&format!(
                "{other} certified the key of {one} before, and this is another certificate"
            )));
        }
        let across = self.judge_across(certificate, subject.id(), &subject.identity.subject)?;
        self.store_across(across, rollover).await?;
        self.read_book().await?;
        Ok(Some(subject.id().clone()))
    }

    async fn store_root(
        &self,
        root: &Certificate,
        brought: &[&Certificate],
        rollover: &Rollover<'_>,
    ) -> Result<IssuerId, Error> {
        let (id, subject) = self.judge_root(root)?;
        let across = brought.iter().find(|one| {
            one.spki_der() == root.spki_der()
                && one.subject().der() == root.subject().der()
                && self.root_that_signed(one).is_ok_and(|signer| !self.book().is_revoked(signer.id()))
        });
        let across = across.ok_or_else(|| {
            refused(
                "it is a root that no root known here has certified across: bring with it what `lanyard ceremony sign \
                 --across` made of it on the machine of a root that is known",
            )
        })?;
        let across = self.judge_across(across, &id, &subject)?;
        let key = SubjectKey::parse(root.spki_der())?;
        let (row, generation) = rows(root, &id, &key, &subject);
        let created = Event::IssuerCreated {
            issuer: row.id.clone(),
            key_label: row.key_label.clone(),
            key_id: hex::encode(key.key_id()),
            serial: row.serial.clone(),
            certificate_sha256: sha256_hex(root.der()),
        };
        let lines = [
            format!("the root is kept elsewhere: \"{}\", SHA-256 {}", root.subject(), sha256_hex(root.der())),
            across.line(),
        ];
        let (now, actor) = (self.desk().guarded_now()?, rollover.actor.clone());
        let desk = self.desk();
        desk.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if !generations::begin(tx, &generation, now).await? {
                        return Err(refused(&format!("{} is being made already", generation.issuer)));
                    }
                    generations::mark_certified(tx, &generation.issuer, now).await?;
                    issuers::insert(tx, &row, now).await?;
                    audit::record(tx, now, &actor, &created).await?;
                    across.store(tx, now, &actor).await?;
                    for line in &lines {
                        generations::add_line(tx, &generation.issuer, now, line).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(id)
    }

    /// A root that may follow those that are here: with a key and a name of its own, in force, and the next generation.
    fn judge_root(&self, root: &Certificate) -> Result<(IssuerId, Subject), Error> {
        let named = x509_cert::der::Decode::from_der(root.subject().der())
            .map_err(|_| refused("the name of the root cannot be read"))?;
        let subject = issuer::subject(&named)?;
        let (key, now) = (SubjectKey::parse(root.spki_der())?, self.desk().guarded_now()?);
        if !self.desk().profiles.root.keys.contains(&key.alg()) {
            return Err(KeyRefused::NotInProfile(key.alg()).into());
        }
        let name = root.subject().der();
        if self
            .all_issuers()
            .iter()
            .any(|known| known.identity.spki == key.spki() || known.identity.name_der == name)
        {
            return Err(refused("it has the key or the name of an authority that is here"));
        }
        if root.not_after_ms() < now.0 || root.not_before_ms() > now.0 {
            return Err(refused("the root has ended, or is not valid yet"));
        }
        let book = self.book();
        let newest = book.newest(&IssuerId::root()).ok_or(Error::NotFounded)?;
        let next =
            newest.id().of_generation(newest.id().generation() + 1).map_err(|error| corrupt(&error))?;
        Ok((next, subject))
    }

    fn judge_across(
        &self,
        certificate: &Certificate,
        subject: &IssuerId,
        name: &Subject,
    ) -> Result<Across, Error> {
        let signer = self.root_that_signed(certificate)?;
        let profile = Arc::clone(&self.desk().profiles.cross);
        let adoption = self.demand_as_asked(certificate, profile, name.clone())?;
        let cross = StoredCross {
            subject: subject.to_string(),
            signer: signer.id().to_string(),
            serial: adoption.serial.to_string(),
            certificate: certificate.der().to_vec(),
        };
        Ok(Across { signer, adoption, cross })
    }

    async fn store_across(&self, across: Across, rollover: &Rollover<'_>) -> Result<(), Error> {
        let (now, actor) = (self.desk().guarded_now()?, rollover.actor.clone());
        let subject: IssuerId = across.cross.subject.parse().map_err(|error| corrupt(&error))?;
        let newer = std::cmp::max_by_key(&subject, across.signer.id(), |id| id.generation()).to_string();
        let desk = self.desk();
        desk.db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    across.store(tx, now, &actor).await?;
                    Ok::<_, Error>(generations::add_line(tx, &newer, now, &across.line()).await?)
                })
            })
            .await
    }
}

impl Across {
    fn line(&self) -> String {
        let StoredCross { subject, signer, certificate, .. } = &self.cross;
        format!("certified across in a ceremony: {subject} by {signer}, SHA-256 {}", sha256_hex(certificate))
    }

    async fn store(&self, tx: &mut Tx, now: Millis, actor: &audit::Actor) -> Result<(), Error> {
        adopt(tx, &self.adoption).await?;
        generations::insert_cross(tx, &self.cross, now).await?;
        let event = Event::CrossCertified {
            subject: self.cross.subject.clone(),
            signer: self.cross.signer.clone(),
            serial: self.cross.serial.clone(),
            certificate_sha256: sha256_hex(&self.cross.certificate),
        };
        audit::record(tx, now, actor, &event).await?;
        Ok(())
    }
}

fn rows(
    root: &Certificate,
    id: &IssuerId,
    key: &SubjectKey,
    subject: &Subject,
) -> (StoredIssuer, StoredGeneration) {
    // The label under which a token that has the key would have it.
    let key_label = format!("ca-{id}");
    let issuer = StoredIssuer {
        id: id.to_string(),
        key_label: key_label.clone(),
        serial: root.serial().to_string(),
        certificate: root.der().to_vec(),
    };
    let generation = StoredGeneration {
        issuer: id.to_string(),
        key_label,
        algorithm: key.alg().to_string(),
        subject: subject.to_der(),
        signs_from: Millis(root.not_before_ms()),
        request: None,
        certified_at: None,
    };
    (issuer, generation)
}
