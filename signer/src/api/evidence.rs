//! Evidence of a signature, as it is kept and checked by itself.

use audit::api::{Entry, InclusionProof};
use authn::api::Presence;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::LedgerEntry;

/// What every bundle begins with.
pub const EVIDENCE_FORMAT: &str = "lanyard-signature-evidence-1";

/// Everything that proves a signature: `lanyard verify` checks it with the roots and the key of the audit record alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceBundle {
    /// Always `lanyard-signature-evidence-1`.
    pub format: String,
    /// The signature, as the ledger has it.
    pub signature: LedgerEntry,
    /// By what it was made, as JOSE calls it: `RS256`, `RS1`, `ES256` and so on; `RSA` over a longer hash than SHA-256 that was not kept.
    pub algorithm: String,
    /// The octets that are signed, base64; absent where only their digest is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// The certificate, base64 of its DER.
    pub certificate: String,
    /// The certificates above it, the issuing one first, base64.
    pub chain: Vec<String>,
    /// That it was signed, in the audit record.
    pub record: RecordedAct,
    /// That it was there while its certificate was good; absent in the first minute, and where no time-stamps are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofEvidence>,
    /// Who asked, and how the person agreed; absent where they gave their passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentEvidence>,
}

/// That a signature was there at a time at which its certificate was good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofEvidence {
    /// An `EvidenceRecord` of RFC 4998, base64. Its data object is four SHA-256 one behind the other: of the signature value, of `digest`, of the
    /// certificate, and of the SHA-256 of each of `crls` one behind the other.
    pub evidence_record: String,
    /// The revocation lists of that time, for the certificate and those above it, base64 of their DER.
    pub crls: Vec<String>,
}

/// An act in the audit record, with the proof that it is in the signed tree.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedAct {
    /// The entry.
    pub entry: Entry,
    /// The proof.
    pub proof: InclusionProof,
}

impl PartialEq for RecordedAct {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry
            && self.proof.checkpoint == other.proof.checkpoint
            && self.proof.path == other.proof.path
    }
}

/// Who asked for a signature, and how the person agreed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentEvidence {
    /// By what they were asked.
    pub asked: AskedEvidence,
    /// When the request ended, in milliseconds since the epoch: part of what was agreed to.
    pub expires_at: i64,
    /// SHA-256 over what was asked for and its end, in hexadecimal.
    pub binding: String,
    /// What the person was shown of this document.
    #[schema(value_type = Vec<Object>)]
    pub shown: Vec<serde_json::Value>,
    /// A hash of what was shown of each document of the batch, this one's among them, in hexadecimal: the binding is over all of them.
    #[serde(default)]
    pub shown_sha256: Vec<String>,
    /// That the person was there.
    pub presence: Presence,
    /// That they agreed, in the audit record.
    pub record: RecordedAct,
}

/// By what somebody was asked to sign.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AskedEvidence {
    /// By a request that the application signed.
    Statement {
        /// The request: a JWS.
        statement: String,
        /// The application's public key by which that was verified, as JWK.
        #[schema(value_type = Object)]
        statement_key: serde_json::Value,
    },
    /// By a client of the API of the Cloud Signature Consortium, which shows who it is otherwise.
    Authorisation {
        /// The credential.
        credential: String,
        /// SHA-256 of each document that it asked for, base64, in their order.
        hashes: Vec<String>,
        /// What it said of all of them, which the person was shown too; absent where it said nothing, and of consents of before that was bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}
