//! Wire types of `/signer/verifications`. The answer is [`crate::verification::Report`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something to verify: a CMS signature, a prescription, or an evidence record.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// A CMS signature in DER, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cms: Option<String>,
    /// What it signs, base64, when that is not inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// A prescription with its signature, base64: a FHIR message with its Provenance, or an HL7 V3 document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prescription: Option<String>,
    /// An evidence record of RFC 4998 in DER, base64; its document is in `document`. Beside `prescription` or `cms` it is that of the signature, of
    /// a CMS of the first, as `proof.evidence_record` of a bundle of evidence has it, with `proof.crls` of the bundle in `crls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_record: Option<String>,
    /// Certificates that may be missing, base64 of DER; nobody is trusted because of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// Revocation lists beside those of this service's own authorities, base64 of DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<String>,
    /// OCSP responses, base64 of DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocsp: Vec<String>,
    /// How many signatures there may be; 1 when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<u32>,
}

impl Verify {
    /// How many characters it carries.
    pub(crate) fn size(&self) -> usize {
        let single = [&self.cms, &self.document, &self.prescription, &self.evidence_record];
        let many = [&self.certificates, &self.crls, &self.ocsp];
        let single = single.into_iter().flatten().map(String::len).sum::<usize>();
        single + many.into_iter().flatten().map(String::len).sum::<usize>()
    }
}
