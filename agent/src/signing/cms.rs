//! A CMS message around a signature, for a content that stays where it is. RFC 5652 5; the signed attributes are those of CAdES at its
//! first level, ETSI EN 319 122-1 6.3.

use aws_lc_rs::digest::{SHA256, digest};
use card::tlv::tagged;
use pki::Certificate;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::SignatureAlgorithm;

const SEQUENCE: u32 = 0x30;
const SET: u32 = 0x31;
const OCTETS: u32 = 0x04;
const INTEGER: u32 = 0x02;
/// [0], made of others.
const FIRST: u32 = 0xA0;

// Identifiers with their tag. RFC 5652 4, 5.1, 11.1 to 11.3; RFC 5035 3.
const DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04];
const SIGNING_TIME: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x05];
const SIGNING_CERTIFICATE: &[u8] =
    &[0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x2F];

/// A message that waits for its signature.
pub struct Unsigned {
    algorithm: SignatureAlgorithm,
    certificate: Certificate,
    /// The signed attributes one after the other, in the order of a SET OF.
    attributes: Vec<u8>,
}

impl Unsigned {
    /// A message about a content, signed by this certificate's key at this time of the workstation.
    pub fn new(
        certificate: &Certificate,
        algorithm: SignatureAlgorithm,
        content: &[u8],
        now_ms: i64,
    ) -> Self {
        let hashed = digest(algorithm.hash(), content);
        // ESSCertIDv2 with SHA-256, which is not said because it is the usual one. RFC 5035 4.
        let named = tagged(SEQUENCE, &tagged(OCTETS, digest(&SHA256, certificate.der()).as_ref()));
        let named = tagged(SEQUENCE, &tagged(SEQUENCE, &named));
        let mut attributes = [
            attribute(CONTENT_TYPE, DATA),
            attribute(MESSAGE_DIGEST, &tagged(OCTETS, hashed.as_ref())),
            attribute(SIGNING_TIME, &moment(now_ms)),
            attribute(SIGNING_CERTIFICATE, &named),
        ];
        // ITU-T X.690 11.6.
        attributes.sort();
        Self { algorithm, certificate: certificate.clone(), attributes: attributes.concat() }
    }

    /// What the key signs: the signed attributes as the set that they are. RFC 5652 5.4.
    pub fn to_be_signed(&self) -> Vec<u8> {
        tagged(SET, &self.attributes)
    }

    /// The whole message in DER.
    pub fn finish(self, signature: &[u8]) -> Vec<u8> {
        let issuer = [self.certificate.issuer().der(), &tagged(INTEGER, self.certificate.serial().content())];
        let hash = tagged(SEQUENCE, self.algorithm.hash_identifier());
        let version = [0x02, 0x01, 0x01];
        let by = [
            &version[..],
            &tagged(SEQUENCE, &issuer.concat()),
            &hash,
            &tagged(FIRST, &self.attributes),
            self.algorithm.identifier(),
            &tagged(OCTETS, signature),
        ];
        let signed = [
            &version[..],
            &tagged(SET, &hash),
            &tagged(SEQUENCE, DATA),
            &tagged(FIRST, self.certificate.der()),
            &tagged(SET, &tagged(SEQUENCE, &by.concat())),
        ];
        let content = tagged(FIRST, &tagged(SEQUENCE, &signed.concat()));
        tagged(SEQUENCE, &[SIGNED_DATA, &content].concat())
    }
}

fn attribute(name: &[u8], value: &[u8]) -> Vec<u8> {
    tagged(SEQUENCE, &[name, &tagged(SET, value)].concat())
}

/// A time: as `UTCTime` until 2049, and as `GeneralizedTime` since. RFC 5652 11.3.
fn moment(now_ms: i64) -> Vec<u8> {
    const SHORT: &[BorrowedFormatItem<'_>] =
        format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    const LONG: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]Z");
    let moment = OffsetDateTime::from_unix_timestamp(now_ms / 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (tag, form) = if moment.year() < 2050 { (0x17, SHORT) } else { (0x18, LONG) };
    tagged(tag, moment.format(form).unwrap_or_default().as_bytes())
}

/// Times change their form in 2050.
#[test]
fn times_have_their_form() {
    assert_eq!(moment(784_111_777_999), [&[0x17, 13][..], b"941106084937Z"].concat());
    assert_eq!(moment(2_524_608_000_000), [&[0x18, 15][..], b"20500101000000Z"].concat());
}
