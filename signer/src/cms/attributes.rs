//! The five signed attributes: encoded once for a certificate, with room for time and digest.

use aws_lc_rs::digest::{SHA256, digest};
use platform::clock::Millis;
use time::OffsetDateTime;

use super::der::{CONTEXT_0, CONTEXT_1, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, element};
use super::template::TemplateError;
use crate::suite::Hash;

/// id-contentType, RFC 5652 11.1.
pub(crate) const CONTENT_TYPE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03];
/// id-messageDigest, RFC 5652 11.2.
pub(crate) const MESSAGE_DIGEST: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04];
/// id-signingTime, RFC 5652 11.3.
const SIGNING_TIME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x05];
/// id-aa-CMSAlgorithmProtection, RFC 6211 2.
pub(crate) const ALGORITHM_PROTECTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x34];
/// id-aa-signingCertificateV2, RFC 5035 3.
pub(crate) const SIGNING_CERTIFICATE_V2: &[u8] =
    &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x2F];
/// id-data, RFC 5652 4.
pub(super) const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The signed attributes of one document, as the DER SET OF that is hashed (RFC 5652 5.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    /// What the key signs, hashed or as it is: the SET OF, not its `[0]` form.
    pub(crate) fn to_sign(&self) -> &[u8] {
        &self.0
    }

    /// The same bytes under the tag they carry inside a `SignerInfo`.
    pub(super) fn tagged(&self) -> (u8, &[u8]) {
        (CONTEXT_0, &self.0[1..])
    }

    /// How many octets they take in a `SignerInfo`.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Where time and digest go in the otherwise constant attributes of one certificate.
pub(super) struct Layout {
    bytes: Vec<u8>,
    time_at: usize,
    digest_at: usize,
    digest_length: usize,
}

impl Layout {
    /// Encodes the attributes of signatures whose time is a `UTCTime` (until 2049) or a `GeneralizedTime`.
    pub(super) fn new(
        form: TimeForm,
        certificate: &[u8],
        hash: Hash,
        signature_algorithm: &[u8],
    ) -> Result<Self, TemplateError> {
        let time = element(form.tag(), &[form.marker()]);
        let message_digest = vec![MARKER; hash.len()];
        let mut attributes = [
            attribute(CONTENT_TYPE, &element(OBJECT_IDENTIFIER, &[DATA])),
            attribute(SIGNING_TIME, &time),
            attribute(ALGORITHM_PROTECTION, &algorithm_protection(hash.identifier(), signature_algorithm)),
            attribute(MESSAGE_DIGEST, &element(OCTET_STRING, &[&message_digest])),
            attribute(SIGNING_CERTIFICATE_V2, &signing_certificate(certificate)),
        ];
        // X.690 11.6: a SET OF is ordered by its encodings. The five differ in their first two octets (all shorter than
        // 128), so time and digest cannot change the order; the unit tests hold us to it.
        attributes.sort();
        let parts: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
        let bytes = element(SET, &parts);
        let time_at = position(&bytes, form.marker()).ok_or(TemplateError::Layout)?;
        let digest_at = position(&bytes, &message_digest).ok_or(TemplateError::Layout)?;
        Ok(Self { bytes, time_at, digest_at, digest_length: message_digest.len() })
    }

    /// The attributes of one document, whose digest is of the layout's hash.
    pub(super) fn fill(&self, time: &[u8], document: &[u8]) -> Result<Attributes, TemplateError> {
        if document.len() != self.digest_length {
            return Err(TemplateError::Digest);
        }
        let mut bytes = self.bytes.clone();
        bytes[self.time_at..self.time_at + time.len()].copy_from_slice(time);
        bytes[self.digest_at..self.digest_at + document.len()].copy_from_slice(document);
        Ok(Attributes(bytes))
    }
}

/// Which of the two time types a signing time takes: RFC 5652 11.3, `UTCTime` through 2049.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimeForm {
    /// `YYMMDDhhmmssZ`.
    Utc,
    /// `YYYYMMDDhhmmssZ`.
    Generalized,
}

impl TimeForm {
    fn tag(self) -> u8 {
        match self {
            Self::Utc => UTC_TIME,
            Self::Generalized => GENERALIZED_TIME,
        }
    }

    /// Octets of the right length that occur nowhere else in the attributes.
    fn marker(self) -> &'static [u8] {
        match self {
            Self::Utc => b"\x00lanyard-time",
            Self::Generalized => b"\x00lanyard-time-g",
        }
    }
}

const MARKER: u8 = 0xDB;

/// A signing time in the form its year asks for, to the second.
pub(super) fn signing_time(at: Millis) -> Result<(TimeForm, [u8; 15], usize), TemplateError> {
    let time = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).map_err(|_| TemplateError::Time)?;
    let year = u32::try_from(time.year()).map_err(|_| TemplateError::Time)?;
    let mut text = [b'Z'; 15];
    let mut write = |at: usize, value: u32| {
        text[at] = b'0' + u8::try_from(value / 10 % 10).unwrap_or(0);
        text[at + 1] = b'0' + u8::try_from(value % 10).unwrap_or(0);
    };
    let (form, mut at) = if (1950..2050).contains(&year) {
        (TimeForm::Utc, 0)
    } else {
        write(0, year / 100);
        (TimeForm::Generalized, 2)
    };
    for value in [
        year % 100,
        u32::from(u8::from(time.month())),
        u32::from(time.day()),
        u32::from(time.hour()),
        u32::from(time.minute()),
        u32::from(time.second()),
    ] {
        write(at, value);
        at += 2;
    }
    Ok((form, text, at + 1))
}

/// RFC 5652 5.3: an attribute is its type and a SET OF its values, here always one.
fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[kind]), &element(SET, &[value])])
}

/// RFC 6211 2: digestAlgorithm as it stands in the `SignerInfo`, signatureAlgorithm under an implicit `[1]`.
fn algorithm_protection(digest_algorithm: &[u8], signature_algorithm: &[u8]) -> Vec<u8> {
    let mut tagged = signature_algorithm.to_vec();
    tagged[0] = CONTEXT_1;
    element(SEQUENCE, &[digest_algorithm, &tagged])
}

/// RFC 5035 3: one `ESSCertIDv2`; hashAlgorithm is left out because SHA-256 is its DEFAULT and DER forbids writing it.
fn signing_certificate(certificate: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, certificate);
    let identifier = element(SEQUENCE, &[&element(OCTET_STRING, &[hash.as_ref()])]);
    element(SEQUENCE, &[&element(SEQUENCE, &[&identifier])])
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
