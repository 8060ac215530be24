//! A `SignedData` without signers: a bag of certificates (RFC 5652 5.1, "certs-only" in RFC 8551 3.8).

use const_oid::ObjectIdentifier;

use crate::asn1::{INTEGER, SEQUENCE, SET, context_constructed, oid, tlv, unsigned};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

/// The bag with these certificates, each in DER.
pub(crate) fn certificates_only(certificates: &[&[u8]]) -> Vec<u8> {
    // X.690 11.6: the elements of a SET OF in the order of their encodings.
    let mut sorted = certificates.to_vec();
    sorted.sort_unstable();
    let content = tlv(
        SEQUENCE,
        &[
            &unsigned(INTEGER, &[1]),
            &tlv(SET, &[]),
            &tlv(SEQUENCE, &[&oid(&DATA)]),
            &tlv(context_constructed(0), &sorted),
            &tlv(SET, &[]),
        ],
    );
    tlv(SEQUENCE, &[&oid(&SIGNED_DATA), &tlv(context_constructed(0), &[&content])])
}
