//! Wire types of `/signer/evidence-records`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Digests that are to be time-stamped together.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDigests {
    /// The digests, base64; 1000 at most.
    pub hashes: Vec<String>,
    /// The object identifier of their hash; SHA-256 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_algo: Option<String>,
}

/// An evidence record for each digest, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EvidenceRecords {
    /// `EvidenceRecord` of RFC 4998, base64 of its DER.
    pub evidence_records: Vec<String>,
}

/// An evidence record whose last time-stamp is to be followed by another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRecord {
    /// `EvidenceRecord` of RFC 4998, base64 of its DER.
    pub evidence_record: String,
    /// The object identifier of a new hash: the record then gets a new chain, with that hash. Left out, its last chain gets a time-stamp more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_algo: Option<String>,
    /// The digest of the document in the new hash, base64; together with `hash_algo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// The same with one time-stamp more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RenewedRecord {
    /// `EvidenceRecord` of RFC 4998, base64 of its DER.
    pub evidence_record: String,
}
