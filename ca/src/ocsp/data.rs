//! Writes `ResponseData` and joins it with its signature (RFC 6960 4.2.1).

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_CE_INVALIDITY_DATE;
use hsm::Alg;
use pki::ocsp::CertId;
use platform::clock::Millis;

use super::Standing;
use crate::api::Reason;
use crate::asn1::{
    BIT_STRING, ENUMERATED, GENERALIZED_TIME, NULL, OCTET_STRING, SEQUENCE, context, context_constructed,
    generalized_time, oid, put_header, size, tlv,
};
use crate::joining::algorithm_identifier;
use crate::store::certificates::Revocation;

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const EXTENDED_REVOKE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.9");

/// One answer as we mean it.
pub(super) struct Data<'a> {
    /// SHA-1 of the responder's key.
    pub(super) key_hash: &'a [u8],
    pub(super) this_update: Millis,
    pub(super) next_update: Millis,
    pub(super) singles: &'a [(&'a CertId, Standing)],
    pub(super) nonce: Option<&'a [u8]>,
}

/// The to-be-signed bytes.
pub(super) fn write(data: &Data<'_>) -> Vec<u8> {
    let singles: Vec<u8> =
        data.singles.iter().flat_map(|(id, standing)| single(data, id, *standing)).collect();
    tlv(
        SEQUENCE,
        &[
            // ResponderID byKey; the version is the default and not written.
            &tlv(context_constructed(2), &[&tlv(OCTET_STRING, &[data.key_hash])]),
            &generalized_time(GENERALIZED_TIME, data.this_update), // producedAt
            &tlv(SEQUENCE, &[&singles]),
            &extensions(data),
        ],
    )
}

fn single(data: &Data<'_>, id: &CertId, standing: Standing) -> Vec<u8> {
    let invalidity = match standing {
        Standing::Revoked(Revocation { invalidity_date: Some(since), .. }) => {
            // RFC 6960 4.4.5: extensions of list entries stand here too.
            let value = generalized_time(GENERALIZED_TIME, since);
            list(context_constructed(1), &[extension(&ID_CE_INVALIDITY_DATE, &value)])
        }
        _ => Vec::new(),
    };
    let next_update = generalized_time(GENERALIZED_TIME, data.next_update);
    tlv(
        SEQUENCE,
        &[
            id.der(),
            &status(standing),
            &generalized_time(GENERALIZED_TIME, data.this_update),
            &tlv(context_constructed(0), &[&next_update]),
            &invalidity,
        ],
    )
}

fn status(standing: Standing) -> Vec<u8> {
    match standing {
        Standing::Good => tlv(context(0), &[]),
        Standing::Revoked(revocation) => revoked(revocation.revoked_at, revocation.reason),
        // RFC 6960 2.2: certificateHold, 1 January 1970.
        Standing::NeverIssued => revoked(Millis(0), Reason::CertificateHold),
        Standing::OtherIssuer => tlv(context(2), &[]),
    }
}

fn revoked(at: Millis, reason: Reason) -> Vec<u8> {
    // RFC 5280 5.3.1: unspecified is said by saying nothing.
    let reason = if reason == Reason::Unspecified {
        Vec::new()
    } else {
        tlv(context_constructed(0), &[&tlv(ENUMERATED, &[&[reason.code()]])])
    };
    tlv(context_constructed(1), &[&generalized_time(GENERALIZED_TIME, at), &reason])
}

fn extensions(data: &Data<'_>) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(nonce) = data.nonce {
        extensions.push(extension(&NONCE, &tlv(OCTET_STRING, &[nonce])));
    }
    // RFC 6960 4.4.8: must be there when a certificate that was never issued is called revoked.
    if data.singles.iter().any(|(_, standing)| *standing == Standing::NeverIssued) {
        extensions.push(extension(&EXTENDED_REVOKE, &tlv(NULL, &[])));
    }
    if extensions.is_empty() { Vec::new() } else { list(context_constructed(1), &extensions) }
}

fn list(tag: u8, extensions: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, &[&tlv(SEQUENCE, &[&extensions.concat()])])
}

fn extension(id: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(id), &tlv(OCTET_STRING, &[value])])
}

/// What is the same around every answer of a responder: the kind of signature, and the responder's certificate, for readers
/// that have not seen it.
#[derive(Debug)]
pub(super) struct Frame {
    kind: Vec<u8>,
    algorithm: Vec<u8>,
    certificates: Vec<u8>,
}

impl Frame {
    pub(super) fn new(alg: Alg, certificate: &[u8]) -> Frame {
        Frame {
            kind: oid(&BASIC),
            algorithm: algorithm_identifier(alg),
            certificates: tlv(context_constructed(0), &[&tlv(SEQUENCE, &[certificate])]),
        }
    }

    /// The whole response, in one piece.
    pub(super) fn join(&self, data: &[u8], signature: &[u8]) -> Vec<u8> {
        const SUCCESSFUL: [u8; 3] = [ENUMERATED, 1, 0];
        let bits = 1 + signature.len();
        let basic = data.len() + self.algorithm.len() + size(bits) + self.certificates.len();
        let octets = size(basic);
        let bytes = self.kind.len() + size(octets);
        let response = SUCCESSFUL.len() + size(size(bytes));
        let mut out = Vec::with_capacity(size(response));
        put_header(&mut out, SEQUENCE, response);
        out.extend(SUCCESSFUL);
        put_header(&mut out, context_constructed(0), size(bytes));
        put_header(&mut out, SEQUENCE, bytes);
        out.extend_from_slice(&self.kind);
        put_header(&mut out, OCTET_STRING, octets);
        put_header(&mut out, SEQUENCE, basic);
        out.extend_from_slice(data);
        out.extend_from_slice(&self.algorithm);
        put_header(&mut out, BIT_STRING, bits);
        out.push(0);
        out.extend_from_slice(signature);
        out.extend_from_slice(&self.certificates);
        out
    }
}
