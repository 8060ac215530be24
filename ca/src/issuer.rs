//! An issuer: its certificate, who it is, and its key in the token.

use std::sync::Arc;

use hsm::{Hsm, Key};
use pki::Certificate;
use platform::clock::Millis;
use x509_cert::der::Decode as _;

use crate::error::Error;
use crate::intent::{Identity, Period};
use crate::names::IssuerId;
use crate::store::issuers::StoredIssuer;
use crate::subject::{Attribute, AttributeKind, Subject};
use crate::subject_key::SubjectKey;

/// An issuer that this process knows.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) identity: Arc<Identity>,
    pub(crate) certificate: Certificate,
    /// The certificates above it, nearest first.
    pub(crate) chain: Vec<Certificate>,
    /// From when on new certificates come from it.
    pub(crate) signs_from: Millis,
    /// Absent when the key is kept elsewhere.
    key: Option<Key>,
}

impl Issuer {
    pub(crate) fn id(&self) -> &IssuerId {
        &self.identity.id
    }

    pub(crate) fn key(&self) -> Result<&Key, Error> {
        self.key.as_ref().ok_or_else(|| Error::IssuerKeyMissing(self.identity.id.clone()))
    }

    /// Opens a stored issuer, whose chain is the root among these that has signed it. A key under its label that is not
    /// its own stops everything.
    pub(crate) async fn open(
        stored: &StoredIssuer,
        roots: &[Certificate],
        signs_from: Millis,
        hsm: &Hsm,
    ) -> Result<Issuer, Error> {
        let certificate = Certificate::from_der(&stored.certificate).map_err(|error| corrupt(&error))?;
        let id: IssuerId = stored.id.parse().map_err(|error| corrupt(&error))?;
        let key = match hsm.key(&stored.key_label).await {
            Ok(key) if key.public_key() == certificate.spki_der() => Some(key),
            Ok(_) => return Err(Error::IssuerKeyDiffers { issuer: id, label: stored.key_label.clone() }),
            Err(hsm::Error::KeyNotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let is_root = id.is_root();
        let above = |root: &&Certificate| !is_root && certificate.verify_signed_by(root).is_ok();
        let chain: Vec<_> = roots.iter().find(above).cloned().into_iter().collect();
        let identity = Arc::new(identity(id, &certificate, &chain)?);
        Ok(Issuer { identity, certificate, chain, signs_from, key })
    }

    /// Says so where the key is not in the token.
    pub(crate) fn warn_without_key(&self) {
        if self.key.is_none() {
            let id = self.id();
            tracing::warn!(issuer = %id, "the key of issuer {id} is not in the token; it cannot sign");
        }
    }

    /// Whether its certificate has ended: then it signs nothing any more, lists and answers neither.
    pub(crate) fn has_ended(&self, now: Millis) -> bool {
        self.identity.period.not_after < now
    }
}

/// Who signs, as its certificate says.
fn identity(id: IssuerId, certificate: &Certificate, chain: &[Certificate]) -> Result<Identity, Error> {
    let parsed = x509_cert::Certificate::from_der(certificate.der()).map_err(|error| corrupt(&error))?;
    let key = SubjectKey::parse(certificate.spki_der())?;
    Ok(Identity {
        id,
        subject: subject(parsed.tbs_certificate().subject())?,
        name_der: encoded(parsed.tbs_certificate().subject())?,
        alg: key.alg(),
        spki: certificate.spki_der().to_vec(),
        key_id: certificate.subject_key_id().map_or_else(|| key.key_id().to_vec(), <[u8]>::to_vec),
        period: Period {
            not_before: Millis(certificate.not_before_ms()),
            not_after: Millis(certificate.not_after_ms()),
        },
        constraints: std::iter::once(certificate)
            .chain(chain)
            .filter_map(|certificate| certificate.extensions().name_constraints.clone())
            .collect(),
    })
}

pub(crate) fn subject(name: &x509_cert::name::Name) -> Result<Subject, Error> {
    let attributes = name.iter().map(|attribute| {
        let kind = AttributeKind::ALL.into_iter().find(|kind| kind.oid() == attribute.oid);
        let kind = kind.ok_or_else(|| corrupt(&format!("attribute {}", attribute.oid)))?;
        let text = std::str::from_utf8(attribute.value.value()).map_err(|error| corrupt(&error))?;
        Ok::<_, Error>(Attribute { kind, text: text.to_owned() })
    });
    Ok(Subject { attributes: attributes.collect::<Result<_, _>>()? })
}

fn encoded(value: &impl der::Encode) -> Result<Vec<u8>, Error> {
    value.to_der().map_err(|error| corrupt(&error))
}

fn corrupt(reason: &dyn std::fmt::Display) -> Error {
    platform::db::Error::corrupt("ca_issuer.certificate", reason).into()
}

/// Whether it is the certificate of a root: it signs itself and is an authority.
pub(crate) fn is_root(certificate: &Certificate) -> bool {
    certificate.is_self_issued() && certificate.is_ca() && certificate.verify_signed_by(certificate).is_ok()
}
