//! The card whose holder signs.

use card::piv::{CertificateObject, Error, Passcode, Piv, PublicKey, Slot};
use pki::Certificate;

use super::{Request, SignatureAlgorithm, SigningError};
use crate::readers::{CardInReader, Content, ReaderName, Readers};

/// A card that can sign now.
#[derive(Clone)]
pub struct SigningCard {
    reader: ReaderName,
    slot: Slot,
    certificate: Certificate,
    key: PublicKey,
}

impl SigningCard {
    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// How its key signs.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::of_key(self.key.algorithm())
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

/// Finds the one card whose key for signing can sign this now. The passcode is not needed for it.
pub fn find_card(readers: &Readers, request: &Request, now_ms: i64) -> Result<SigningCard, SigningError> {
    let card = find_card_for(readers, Slot::Signature, now_ms)?;
    if card.algorithm() == request.algorithm { Ok(card) } else { Err(SigningError::OtherKey) }
}

/// Finds the one card that has a certificate in this slot, which must be good now. The passcode is not needed for it.
pub fn find_card_for(readers: &Readers, slot: Slot, now_ms: i64) -> Result<SigningCard, SigningError> {
    let mut found = Vec::new();
    for state in readers.now()? {
        if state.content != Content::Card {
            continue;
        }
        // A card that cannot be read is not the one: it is the doctor who says why.
        let Ok(Ok(Some(object))) = readers.with_card(&state.name, |card| certificate_in(card, slot)) else {
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
    Ok(SigningCard { reader, slot, certificate, key })
}

/// Signs one after the other with the key in the card's slot, with the passcode entered anew before each, as 9C wants it. It stops
/// at the first that fails; the passcode is wiped at the end.
pub fn sign(
    readers: &Readers,
    card: &SigningCard,
    passcode: Passcode,
    request: &Request,
) -> Result<Signed, SigningError> {
    let signed = readers.with_card(&card.reader, |transport| {
        let mut piv = Piv::select(transport)?;
        let object = piv.certificate(card.slot)?;
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
    let signature = piv.sign(card.slot, card.key.algorithm(), &algorithm.digest(octets))?;
    let key = card.certificate.spki_der();
    pki::verify_signature(key, algorithm.identifier(), octets, &signature)
        .map_err(|_| SigningError::BadSignature)?;
    Ok(signature)
}

/// The certificate in a slot of a card.
pub(crate) fn certificate_in(
    card: &mut CardInReader<'_>,
    slot: Slot,
) -> Result<Option<CertificateObject>, Error> {
    Piv::select(card)?.certificate(slot)
}
