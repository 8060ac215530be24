//! Certificates across: the new root's key signed by each root before it, and theirs by the new root.

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;

use super::{Rollover, Signer, own_request};
use crate::api::Validity;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::failpoint;
use crate::intent::whole_second;
use crate::issuer::Issuer;
use crate::names::IssuerId;
use crate::order::Order;
use crate::store::generations::{self, StoredCross};
use crate::subject::Names;
use crate::subject_key::SubjectKey;

impl Rollover<'_> {
    /// New with old, and old with new (RFC 4210 4.4), for every root before that has not ended.
    pub(super) async fn cross(&self, new: &Issuer) -> Result<(), Error> {
        let (book, now) = (self.authority.book(), self.authority.desk().guarded_now()?);
        let others = book.issuers().filter(|known| known.id().is_root() && known.id() != new.id());
        for old in others.filter(|old| !old.has_ended(now)) {
            self.certify_across(new, old, now).await?;
            self.certify_across(old, new, now).await?;
        }
        Ok(())
    }

    /// The key of one root, certified by another, unless a run before has done it.
    async fn certify_across(&self, subject: &Issuer, signer: &Issuer, now: Millis) -> Result<(), Error> {
        let (book, made_for) = (self.authority.book(), newer(subject, signer));
        if book.crosses_of(subject.id()).any(|cross| cross.signer == *signer.id()) {
            return Ok(());
        }
        let signing = match Signer::of(signer) {
            Ok(signing) => signing,
            Err(Error::IssuerKeyMissing(id)) => {
                let text = format!("not certified by {id}: its key is not in this token");
                return self.line(made_for, &text).await;
            }
            Err(error) => return Err(error),
        };
        let (own, above) = (&subject.identity, &signer.identity.period);
        // Not longer than either: who trusts one root trusts the other as long as both last.
        let not_before = whole_second(Millis(now.0 - 60_000)).max(above.not_before);
        let not_after = own.period.not_after.min(above.not_after);
        let id = format!("cross-{}-{}", subject.id(), signer.id());
        let order = Order {
            profile: std::sync::Arc::clone(&self.authority.desk().profiles.cross),
            issuer: signer.id().clone(),
            names: Names {
                subject: own.subject.clone(),
                alternative: Vec::new(),
                user_id: None,
                system_id: None,
                organisation_id: None,
            },
            key: SubjectKey::parse(&own.spki)?,
            validity: Some(Validity { not_before, not_after }),
            request: own_request(&id, &[&own.spki, &own.name_der]),
        };
        let der = self.issued(order, &signing).await?;
        failpoint::pass("ca.cross-certified");
        let sha256 = sha256_hex(&der);
        self.store_cross(subject, signer, der).await?;
        failpoint::pass("ca.cross-stored");
        let text = format!("certified across: {} by {}, SHA-256 {sha256}", subject.id(), signer.id());
        self.line(made_for, &text).await
    }

    async fn store_cross(&self, subject: &Issuer, signer: &Issuer, der: Vec<u8>) -> Result<(), Error> {
        let certificate = pki::Certificate::from_der(&der).map_err(|error| super::corrupt(&error))?;
        let row = StoredCross {
            subject: subject.id().to_string(),
            signer: signer.id().to_string(),
            serial: certificate.serial().to_string(),
            certificate: der,
        };
        let event = Event::CrossCertified {
            subject: row.subject.clone(),
            signer: row.signer.clone(),
            serial: row.serial.clone(),
            certificate_sha256: sha256_hex(&row.certificate),
        };
        let (now, actor): (_, Actor) = (self.authority.desk().clock.now(), self.actor.clone());
        self.authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if generations::insert_cross(tx, &row, now).await? {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// In whose transcript it stands: that of the newer of the two.
fn newer<'i>(one: &'i Issuer, other: &'i Issuer) -> &'i IssuerId {
    std::cmp::max_by_key(one.id(), other.id(), |id| id.generation())
}
