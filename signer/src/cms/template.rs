//! The constant parts of the CMS signatures of one certificate.

use der::{Decode as _, Encode as _};
use hsm::Alg;
use platform::clock::Millis;
use x509_cert::Certificate;

use super::attributes::{Attributes, DATA, Layout, TimeForm, signing_time};
use super::der::{
    CONTEXT_0, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, element, element_length, header,
};
use crate::suite::{self, Suite};

/// id-signedData, RFC 5652 5.1.
pub(crate) const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
/// INTEGER 1: the version of `SignedData` (RFC 5652 5.1) and of `SignerInfo` (5.3) with issuer, serial and id-data.
const VERSION_1: &[u8] = &[0x02, 0x01, 0x01];

/// Why a certificate cannot have a template.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The signing certificate does not parse.
    #[error("the signing certificate does not parse")]
    Certificate(#[source] der::Error),
    /// The key's algorithm is none that signs prescriptions.
    #[error("{alg} does not sign documents")]
    Algorithm {
        /// The algorithm asked for.
        alg: Alg,
    },
    /// The document's digest is of another hash.
    #[error("the document's digest is not of the hash that goes with the key")]
    Digest,
    /// The signing time is outside what a CMS attribute can say.
    #[error("the signing time is out of range")]
    Time,
    /// The attributes do not have the layout this code gives them.
    #[error("the signed attributes have an unexpected layout")]
    Layout,
}

/// Everything in a signer's CMS that does not change: encoded once, when the credential is loaded.
pub(crate) struct Template {
    utc: Layout,
    generalized: Layout,
    /// version and digestAlgorithms of `SignedData`.
    before_content: Vec<u8>,
    /// id-data with its tag and length.
    content_type: Vec<u8>,
    /// `[0]` certificates: leaf and issuing CA.
    certificates: Vec<u8>,
    /// version, sid and digestAlgorithm of `SignerInfo`.
    before_attributes: Vec<u8>,
    signature_algorithm: &'static [u8],
}

impl Template {
    /// Encodes the parts for a signing certificate and the CA certificate that is to travel with it.
    pub(crate) fn new(alg: Alg, certificate: &[u8], issuer: &[u8]) -> Result<Self, TemplateError> {
        let Suite { hash, signature_algorithm, .. } =
            *suite::of(alg).ok_or(TemplateError::Algorithm { alg })?;
        let digest_algorithm = hash.identifier();
        let parsed = Certificate::from_der(certificate).map_err(TemplateError::Certificate)?;
        let issuer_name = parsed.tbs_certificate().issuer().to_der().map_err(TemplateError::Certificate)?;
        let serial = parsed.tbs_certificate().serial_number().to_der().map_err(TemplateError::Certificate)?;
        let layout = |form| Layout::new(form, certificate, hash, signature_algorithm);
        let mut both = [certificate, issuer];
        // X.690 11.6: the SET OF certificates is ordered by encoding.
        both.sort_unstable();
        Ok(Self {
            utc: layout(TimeForm::Utc)?,
            generalized: layout(TimeForm::Generalized)?,
            before_content: [VERSION_1, &element(SET, &[digest_algorithm])].concat(),
            content_type: element(OBJECT_IDENTIFIER, &[DATA]),
            certificates: element(CONTEXT_0, &both),
            before_attributes: [VERSION_1, &element(SEQUENCE, &[&issuer_name, &serial]), digest_algorithm]
                .concat(),
            signature_algorithm,
        })
    }

    /// The signed attributes of one document, signed at one time. Its digest is of the hash of the key's suite.
    pub(crate) fn attributes(&self, document: &[u8], signed_at: Millis) -> Result<Attributes, TemplateError> {
        let (form, text, length) = signing_time(signed_at)?;
        let layout = match form {
            TimeForm::Utc => &self.utc,
            TimeForm::Generalized => &self.generalized,
        };
        layout.fill(&text[..length], document)
    }

    /// The finished `ContentInfo`; with `content` inside it is an enveloping signature, without a detached one.
    pub(crate) fn assemble(
        &self,
        attributes: &Attributes,
        signature: &[u8],
        content: Option<&[u8]>,
    ) -> Vec<u8> {
        let signer_info = self.before_attributes.len()
            + attributes.len()
            + self.signature_algorithm.len()
            + element_length(signature.len());
        let signer_infos = element_length(signer_info);
        let octets = content.map_or(0, |content| element_length(content.len()));
        let encapsulated = self.content_type.len() + content.map_or(0, |_| element_length(octets));
        let signed_data = self.before_content.len()
            + element_length(encapsulated)
            + self.certificates.len()
            + element_length(signer_infos);
        let wrapped = element_length(signed_data);
        let content_info = 2 + SIGNED_DATA.len() + element_length(wrapped);

        let mut out = Vec::with_capacity(element_length(content_info));
        header(&mut out, SEQUENCE, content_info);
        header(&mut out, OBJECT_IDENTIFIER, SIGNED_DATA.len());
        out.extend_from_slice(SIGNED_DATA);
        header(&mut out, CONTEXT_0, wrapped);
        header(&mut out, SEQUENCE, signed_data);
        out.extend_from_slice(&self.before_content);
        header(&mut out, SEQUENCE, encapsulated);
        out.extend_from_slice(&self.content_type);
        if let Some(content) = content {
            header(&mut out, CONTEXT_0, octets);
            header(&mut out, OCTET_STRING, content.len());
            out.extend_from_slice(content);
        }
        out.extend_from_slice(&self.certificates);
        header(&mut out, SET, signer_infos);
        header(&mut out, SEQUENCE, signer_info);
        out.extend_from_slice(&self.before_attributes);
        let (tag, rest) = attributes.tagged();
        out.push(tag);
        out.extend_from_slice(rest);
        out.extend_from_slice(self.signature_algorithm);
        header(&mut out, OCTET_STRING, signature.len());
        out.extend_from_slice(signature);
        out
    }
}
