//! A time-stamp token: `TSTInfo` in a CMS signature (RFC 3161 2.4.2, RFC 5816).

use aws_lc_rs::digest::{SHA256, digest};
use der::{Decode as _, Encode as _};
use hsm::Alg;
use x509_cert::Certificate;

use crate::cms::der::{
    CONTEXT_0, CONTEXT_1, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, element,
};
use crate::cms::{ALGORITHM_PROTECTION, CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_CERTIFICATE_V2};
use crate::suite::{self, Suite};

/// id-ct-TSTInfo, RFC 3161 2.4.2.
pub(crate) const TST_INFO: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x04];
/// RFC 5652 5.1: 3, because the content is no id-data.
const SIGNED_DATA_VERSION: [u8; 3] = [INTEGER, 1, 3];
/// RFC 5652 5.3: 1, because issuer and serial name the signer.
const SIGNER_VERSION: [u8; 3] = [INTEGER, 1, 1];

/// What is the same in every token of one certificate.
#[derive(Debug)]
pub(crate) struct Frame {
    suite: &'static Suite,
    /// version and digestAlgorithms.
    before_content: Vec<u8>,
    /// `[0]` certificates: the signer's and those above it, the root left out.
    certificates: Vec<u8>,
    /// version, sid and digestAlgorithm of the `SignerInfo`.
    before_attributes: Vec<u8>,
    /// The attributes that never change.
    attributes: [Vec<u8>; 3],
    /// The name in the certificate, in DER.
    pub(crate) subject: Vec<u8>,
}

/// What the token is to sign for one time-stamp.
#[derive(Debug)]
pub(crate) struct Draft {
    info: Vec<u8>,
    /// The SET OF signed attributes.
    pub(crate) to_sign: Vec<u8>,
}

impl Frame {
    /// For a certificate of a key of this kind, and the certificates above it without the root.
    pub(crate) fn new(alg: Alg, certificate: &[u8], above: &[Vec<u8>]) -> Option<Self> {
        let suite = suite::of(alg)?;
        let parsed = Certificate::from_der(certificate).ok()?;
        let tbs = parsed.tbs_certificate();
        let (issuer, serial) = (tbs.issuer().to_der().ok()?, tbs.serial_number().to_der().ok()?);
        let digest_algorithm = suite.hash.identifier();
        let mut all: Vec<&[u8]> = [certificate].into_iter().chain(above.iter().map(Vec::as_slice)).collect();
        // X.690 11.6: the SET OF certificates is ordered by encoding.
        all.sort_unstable();
        Some(Self {
            suite,
            before_content: [&SIGNED_DATA_VERSION[..], &element(SET, &[digest_algorithm])].concat(),
            certificates: element(CONTEXT_0, &all),
            before_attributes: [
                &SIGNER_VERSION[..],
                &element(SEQUENCE, &[&issuer, &serial]),
                digest_algorithm,
            ]
            .concat(),
            attributes: [
                // RFC 5652 11.1
                attribute(CONTENT_TYPE, &element(OBJECT_IDENTIFIER, &[TST_INFO])),
                attribute(SIGNING_CERTIFICATE_V2, &signing_certificate(certificate)),
                attribute(ALGORITHM_PROTECTION, &protection(suite)),
            ],
            subject: tbs.subject().to_der().ok()?,
        })
    }

    /// What is to be signed so that the token says this.
    pub(crate) fn draft(&self, info: Vec<u8>) -> Draft {
        let digest = self.suite.hash.digest(&info);
        let digest = attribute(MESSAGE_DIGEST, &element(OCTET_STRING, &[&digest]));
        let mut attributes: Vec<&[u8]> = self.attributes.iter().map(Vec::as_slice).collect();
        attributes.push(&digest);
        // X.690 11.6
        attributes.sort_unstable();
        let to_sign = element(SET, &attributes);
        Draft { info, to_sign }
    }

    /// The token.
    pub(crate) fn join(
        &self,
        draft: &Draft,
        signature: &[u8],
        certificates: super::request::Certificates,
    ) -> Vec<u8> {
        let content = element(CONTEXT_0, &[&element(OCTET_STRING, &[&draft.info])]);
        let content = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[TST_INFO]), &content]);
        // RFC 5652 5.3: the same octets under the implicit tag.
        let mut attributes = draft.to_sign.clone();
        attributes[0] = CONTEXT_0;
        let signer = element(
            SEQUENCE,
            &[
                &self.before_attributes,
                &attributes,
                self.suite.signature_algorithm,
                &element(OCTET_STRING, &[signature]),
            ],
        );
        // RFC 3161 2.4.1: without certReq there are no certificates.
        let certificates: &[u8] = match certificates {
            super::request::Certificates::Wanted => &self.certificates,
            super::request::Certificates::NotWanted => &[],
        };
        let data =
            element(SEQUENCE, &[&self.before_content, &content, certificates, &element(SET, &[&signer])]);
        element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[SIGNED_DATA]), &element(CONTEXT_0, &[&data])])
    }
}

impl Draft {
    /// SHA-256 of what the time-stamp says: by this the record knows it.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, &self.info).as_ref());
        out
    }
}

/// RFC 5652 5.3: an attribute with one value.
pub(crate) fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[kind]), &element(SET, &[value])])
}

/// RFC 5816 2.2.1: `ESSCertIDv2`, whose hash is SHA-256 by default.
fn signing_certificate(certificate: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, certificate);
    let identifier = element(SEQUENCE, &[&element(OCTET_STRING, &[hash.as_ref()])]);
    element(SEQUENCE, &[&element(SEQUENCE, &[&identifier])])
}

/// RFC 6211 2
fn protection(suite: &Suite) -> Vec<u8> {
    let mut signature = suite.signature_algorithm.to_vec();
    signature[0] = CONTEXT_1;
    element(SEQUENCE, &[suite.hash.identifier(), &signature])
}
