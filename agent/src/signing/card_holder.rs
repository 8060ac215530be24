//! The card whose holder signs.

use card::piv::{CertificateObject, Error, Passcode, Piv, PublicKey, Slot};
use pki::Certificate;

use super::{Request, SigningError};
use crate::readers::{CardInReader, Content, ReaderName, Readers};

/// A card that can sign now.
pub struct SigningCard {
    reader: ReaderName,
    certificate: Certificate,
    key: PublicKey,
}

impl SigningCard {
    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// What was signed.
#[derive(Debug)]
pub struct Signed {
    /// The signatures, each with what the asker calls it.
    pub signatures: Vec<(String, Vec<u8>)>,
    /// What was not signed, and why.
    pub failed: Option<(Vec<String>, SigningError)>,
}

/// Finds the one card whose key can sign this now. The passcode is not needed for it.
pub fn find_card(readers: &Readers, request: &Request, now_ms: i64) -> Result<SigningCard, SigningError> {
    let mut found = Vec::new();
    for state in readers.now()? {
        if state.content != Content::Card {
            continue;
        }
        // A card that cannot be read is not the one: it is the doctor who says why.
        let Ok(Ok(Some(object))) = readers.with_card(&state.name, signing_certificate) else {
            continue;
        };
        found.push((state.name, object));
    }
    let (reader, object) = match (found.pop(), found.is_empty()) {
        (None, _) => return Err(SigningError::NoCard),
        (Some(_), false) => return Err(SigningError::ManyCards),
        (Some(only), true) => only,
    };
    let certificate = Certificate::from_der(&object.der).map_err(|_| SigningError::NoCard)?;
    if now_ms < certificate.not_before_ms() || now_ms > certificate.not_after_ms() {
        return Err(SigningError::NotInTime);
    }
    let key = PublicKey::from_der(certificate.spki_der()).ok_or(SigningError::OtherKey)?;
    if key.algorithm() != request.algorithm.key() {
        return Err(SigningError::OtherKey);
    }
    Ok(SigningCard { reader, certificate, key })
}

/// Signs one after the other, with the passcode entered anew before each, as the signing key wants it. It stops at the first that
/// fails; the passcode is wiped at the end.
pub fn sign(
    readers: &Readers,
    card: &SigningCard,
    passcode: Passcode,
    request: &Request,
) -> Result<Signed, SigningError> {
    let signed = readers.with_card(&card.reader, |transport| {
        let mut piv = Piv::select(transport)?;
        let object = piv.certificate(Slot::Signature)?;
        if object.is_none_or(|object| object.der != card.certificate.der()) {
            return Err(SigningError::OtherCard);
        }
        Ok(sign_each(&mut piv, card, &passcode, request))
    })?;
    drop(passcode);
    signed
}

fn sign_each(
    piv: &mut Piv<&mut CardInReader<'_>>,
    card: &SigningCard,
    passcode: &Passcode,
    request: &Request,
) -> Signed {
    let mut signatures = Vec::new();
    for (at, document) in request.documents.iter().enumerate() {
        match sign_one(piv, card, passcode, request, &document.octets) {
            Ok(signature) => signatures.push((document.id.clone(), signature)),
            Err(error) => {
                let failed = request.documents[at..].iter().map(|document| document.id.clone()).collect();
                return Signed { signatures, failed: Some((failed, error)) };
            }
        }
    }
    Signed { signatures, failed: None }
}

fn sign_one(
    piv: &mut Piv<&mut CardInReader<'_>>,
    card: &SigningCard,
    passcode: &Passcode,
    request: &Request,
    octets: &[u8],
) -> Result<Vec<u8>, SigningError> {
    let algorithm = request.algorithm;
    piv.verify(passcode)?;
    let signature = piv.sign(Slot::Signature, card.key.algorithm(), &algorithm.digest(octets))?;
    let key = card.certificate.spki_der();
    pki::verify_signature(key, algorithm.identifier(), octets, &signature)
        .map_err(|_| SigningError::BadSignature)?;
    Ok(signature)
}

fn signing_certificate(card: &mut CardInReader<'_>) -> Result<Option<CertificateObject>, Error> {
    Piv::select(card)?.certificate(Slot::Signature)
}
