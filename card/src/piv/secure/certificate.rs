//! A card's certificate, and who is believed to sign such. NIST SP 800-73-5 part 2, 4.1.5.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::Suite;
use crate::tlv;

const CERTIFICATE: u32 = 0x7F21;
/// What is signed: each of these, in this order.
const PARTS: [u32; 5] = [0x5F29, 0x42, 0x5F20, 0x7F49, 0x5F4C];
const SIGNATURE: u32 = 0x5F37;

/// The one profile of certificates.
const PROFILE: &[u8] = &[0x80];
/// The key is a card's.
const OF_CARD: u8 = 0x00;
/// The key signs cards' certificates.
const OF_INTERMEDIATE: u8 = 0x12;

/// How many octets of a signer's key identifier stand in what it signed.
const ISSUER_LENGTH: usize = 8;

const SEQUENCE: u32 = 0x30;
const BIT_STRING: u32 = 0x03;
/// `AlgorithmIdentifier`, without its own head, of keys. RFC 5480 2.1.1; RFC 3279 2.3.1.
const P256_KEY: &[u8] = b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07";
const P384_KEY: &[u8] = b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22";
const RSA_KEY: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00";
/// The same of signatures. RFC 5758 3.2; RFC 4055 5.
const ECDSA_SHA256: &[u8] = b"\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x02";
const ECDSA_SHA384: &[u8] = b"\x06\x08\x2A\x86\x48\xCE\x3D\x04\x03\x03";
const RSA_SHA256: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B\x05\x00";

/// Whose signature makes a card's certificate believed.
#[derive(Clone, Debug)]
pub struct ContentSigner {
    issuer: [u8; ISSUER_LENGTH],
    key: Key,
}

/// A key that signs.
#[derive(Clone, Debug)]
enum Key {
    P256(Vec<u8>),
    P384(Vec<u8>),
    /// `RSAPublicKey` in DER.
    Rsa(Vec<u8>),
}

/// Why a card's certificate is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    /// It is none.
    #[error("the card's certificate for secure messaging cannot be read")]
    Unreadable,
    /// It is of another kind or for another curve.
    #[error("the card's certificate for secure messaging is not for what the card offers")]
    OtherKind,
    /// Nobody signed it that is known.
    #[error(
        "the card's certificate for secure messaging is not signed by a content signer that is known here"
    )]
    SignerUnknown,
    /// The signature is not the signer's.
    #[error("the signature of the card's certificate for secure messaging is not right")]
    Forged,
}

/// What is certified of a card. There is one only where the signature was right.
pub(super) struct Believed {
    /// The card's own identifier.
    pub(super) identifier: [u8; 16],
    /// Its point, uncompressed.
    pub(super) point: Vec<u8>,
}

impl ContentSigner {
    /// One by the subject key identifier and the public key of its certificate; nothing where the key is of a kind that signs no
    /// cards' certificates, or the identifier is short.
    pub fn new(subject_key_id: &[u8], spki_der: &[u8]) -> Option<Self> {
        let issuer: [u8; ISSUER_LENGTH] = *subject_key_id.first_chunk()?;
        let mut parts = tlv::values(tlv::only(spki_der, SEQUENCE).ok()?);
        let (SEQUENCE, algorithm) = parts.next()?.ok()? else { return None };
        let (BIT_STRING, [0, key @ ..]) = parts.next()?.ok()? else { return None };
        let key = match (algorithm, key.len()) {
            (P256_KEY, 65) => Key::P256(key.to_vec()),
            (P384_KEY, 97) => Key::P384(key.to_vec()),
            (RSA_KEY, _) => Key::Rsa(key.to_vec()),
            _ => return None,
        };
        parts.next().is_none().then_some(Self { issuer, key })
    }

    fn find<'a>(all: &'a [Self], issuer: &[u8]) -> Result<&'a Key, NotBelieved> {
        let found = all.iter().find(|known| known.issuer == *issuer);
        found.map(|known| &known.key).ok_or(NotBelieved::SignerUnknown)
    }
}

impl Key {
    fn verify(&self, certificate: &Verifiable<'_>) -> Result<(), NotBelieved> {
        let verifier: &'static dyn VerificationAlgorithm = match (self, certificate.algorithm) {
            (Self::P256(_), ECDSA_SHA256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Self::P384(_), ECDSA_SHA384) => &signature::ECDSA_P384_SHA384_ASN1,
            (Self::Rsa(_), RSA_SHA256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(NotBelieved::OtherKind),
        };
        let (Self::P256(key) | Self::P384(key) | Self::Rsa(key)) = self;
        let is_signed = UnparsedPublicKey::new(verifier, key).verify(certificate.body, certificate.signature);
        is_signed.map_err(|_| NotBelieved::Forged)
    }
}

/// Believes a card's certificate that a known signer has signed, or an intermediate that a known signer has.
pub(super) fn believe(
    octets: &[u8],
    intermediate: Option<&[u8]>,
    known: &[ContentSigner],
    suite: Suite,
) -> Result<Believed, NotBelieved> {
    let card = Verifiable::parse(octets).ok_or(NotBelieved::Unreadable)?;
    let identifier: [u8; 16] = card.subject.try_into().map_err(|_| NotBelieved::OtherKind)?;
    if card.role != OF_CARD || card.curve != suite.curve() || card.point.len() != suite.point_length() {
        return Err(NotBelieved::OtherKind);
    }
    match intermediate.map(|octets| Verifiable::parse(octets).ok_or(NotBelieved::Unreadable)).transpose()? {
        Some(above) if above.subject == card.issuer => {
            if above.role != OF_INTERMEDIATE || above.subject.len() != ISSUER_LENGTH {
                return Err(NotBelieved::OtherKind);
            }
            ContentSigner::find(known, above.issuer)?.verify(&above)?;
            above.key()?.verify(&card)?;
        }
        // A card may hold one that its own certificate does not need.
        Some(_) | None => ContentSigner::find(known, card.issuer)?.verify(&card)?,
    }
    Ok(Believed { identifier, point: card.point.to_vec() })
}

/// A certificate, read and not yet believed.
struct Verifiable<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    curve: &'a [u8],
    point: &'a [u8],
    role: u8,
    /// What is signed.
    body: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Verifiable<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let content = tlv::only(octets, CERTIFICATE).ok()?;
        let mut values = tlv::values(content);
        let mut part = |wanted: u32| {
            let (tag, value) = values.next()?.ok()?;
            (tag == wanted).then_some((value, values.rest().len()))
        };
        let [profile, issuer, subject, key, role] = PARTS;
        let (profile, _) = part(profile)?;
        let (issuer, _) = part(issuer)?;
        let (subject, _) = part(subject)?;
        let (key, _) = part(key)?;
        let (role, left) = part(role)?;
        let (object, end) = part(SIGNATURE)?;
        let (curve, point) = point_of(key)?;
        let (algorithm, signature) = signature_of(object)?;
        let &[role] = role else { return None };
        let body = &content[..content.len() - left];
        let whole = profile == PROFILE && issuer.len() == ISSUER_LENGTH && end == 0;
        whole.then_some(Self { issuer, subject, curve, point, role, body, algorithm, signature })
    }

    /// Its key, to verify what that has signed.
    fn key(&self) -> Result<Key, NotBelieved> {
        let of = |suite: Suite| self.curve == suite.curve() && self.point.len() == suite.point_length();
        if of(Suite::P256) {
            Ok(Key::P256(self.point.to_vec()))
        } else if of(Suite::P384) {
            Ok(Key::P384(self.point.to_vec()))
        } else {
            Err(NotBelieved::OtherKind)
        }
    }
}

/// Curve and point, uncompressed.
fn point_of(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = tlv::values(key);
    let (0x06, curve) = parts.next()?.ok()? else { return None };
    let (0x86, point) = parts.next()?.ok()? else { return None };
    let whole = point.first() == Some(&0x04) && parts.next().is_none();
    whole.then_some((curve, point))
}

/// `DigitalSignature`: algorithm and signature.
fn signature_of(object: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = tlv::values(tlv::only(object, SEQUENCE).ok()?);
    let (SEQUENCE, algorithm) = parts.next()?.ok()? else { return None };
    let (BIT_STRING, [0, signature @ ..]) = parts.next()?.ok()? else { return None };
    parts.next().is_none().then_some((algorithm, signature))
}
