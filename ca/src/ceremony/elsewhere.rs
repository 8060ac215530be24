//! A ceremony whose root is kept elsewhere: keys and requests here, certificates by `lanyard ceremony import`.

use audit::Actor;
use pki::Certificate;
use platform::clock::Millis;
use platform::db::{Db, Tx};

use super::{AuthoritySpecification, Ceremony, Specification};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::events::Event;
use crate::names::IssuerId;
use crate::store::generations::{self, StoredGeneration};
use crate::store::issuers::{self, StoredIssuer};
use crate::subject_key::SubjectKey;

/// The label under which the key of a root kept elsewhere is looked for, so that a token that has it is used.
const LABEL: &str = "ca-root";

/// The requests that wait for a certificate: the issuer's id, and PKCS#10 in PEM.
pub async fn requests(db: &Db) -> Result<Vec<(String, String)>, Error> {
    let all = generations::all(db.read()).await?;
    let waiting = all.into_iter().filter(|one| one.certified_at.is_none());
    Ok(waiting
        .filter_map(|one| Some((one.issuer, pki::to_pem(pki::Csr::PEM_LABEL, &one.request?))))
        .collect())
}

/// Reads the certificate of a root that is kept elsewhere.
pub(super) fn read_root(pem: &str) -> Result<Certificate, Error> {
    let refused = |sentence: &str| Error::CeremonySpecification(format!("root.certificate: {sentence}"));
    let certificate = Certificate::from_pem(pem).map_err(|_| refused("it cannot be read"))?;
    if !crate::issuer::is_root(&certificate) {
        return Err(refused("it is not a root's: a root signs itself and is an authority"));
    }
    Ok(certificate)
}

impl<T: FnMut(&str) + Send> Ceremony<'_, T> {
    /// Takes the root in, and makes a key and a request for each issuing authority.
    pub(super) async fn await_root(
        &mut self,
        specification: &Specification,
        root: &Certificate,
    ) -> Result<(), Error> {
        let known = issuers::all(self.desk.db.read()).await?;
        if known.iter().all(|known| known.id != IssuerId::root().as_str()) {
            let serial = root.serial().to_string();
            let (der, sha256) = (root.der().to_vec(), sha256_hex(root.der()));
            let event = Event::IssuerCreated {
                issuer: IssuerId::root().to_string(),
                key_label: LABEL.to_owned(),
                key_id: hex::encode(SubjectKey::parse(root.spki_der())?.key_id()),
                serial: serial.clone(),
                certificate_sha256: sha256.clone(),
            };
            let id = IssuerId::root().to_string();
            let row = StoredIssuer { id, key_label: LABEL.to_owned(), serial, certificate: der };
            self.store_issuer(row, event).await?;
            self.line(&format!("the root is kept elsewhere: \"{}\", SHA-256 {sha256}", root.subject()))
                .await?;
        }
        for authority in &specification.issuing {
            self.ask(authority).await?;
        }
        self.line("the requests wait for a ceremony with the root's key").await
    }

    async fn ask(&mut self, specification: &AuthoritySpecification) -> Result<(), Error> {
        let profile = std::sync::Arc::clone(self.desk.profiles.issuing_of(&specification.id));
        let key = self.key(&specification.key, &profile).await?;
        let subject = specification.subject()?;
        let der = crate::rollover::request(&subject, &key).await?;
        let row = StoredGeneration {
            issuer: specification.id.to_string(),
            key_label: key.label().to_owned(),
            algorithm: key.alg().to_string(),
            subject: subject.to_der(),
            signs_from: Millis(0),
            request: None,
            certified_at: None,
        };
        let event = Event::IssuerRequested {
            issuer: row.issuer.clone(),
            key_id: hex::encode(SubjectKey::parse(key.public_key())?.key_id()),
            request_sha256: sha256_hex(&der),
        };
        let (now, sha256) = (self.desk.clock.now(), sha256_hex(&der));
        let asked = self
            .desk
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    generations::begin(tx, &row, now).await?;
                    let asked = generations::keep_request(tx, &row.issuer, &der).await?;
                    if asked {
                        audit::record(tx, now, &Actor::system("ceremony"), &event).await?;
                    }
                    Ok::<_, Error>(asked)
                })
            })
            .await?;
        if asked {
            let id = &specification.id;
            self.line(&format!("requested for \"{id}\": \"{subject}\", request SHA-256 {sha256}")).await?;
        }
        Ok(())
    }
}
