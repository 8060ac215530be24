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
    /// For how many years the records are kept here and renewed before they age: 1 to 50; not at all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_years: Option<u32>,
}

/// An evidence record for each digest, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EvidenceRecords {
    /// `EvidenceRecord` of RFC 4998, base64 of its DER.
    pub evidence_records: Vec<String>,
    /// The name under which they are kept here, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
}

/// Evidence records that are kept here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeptRecords {
    /// Their name.
    pub records: String,
    /// For each digest, in their order: `EvidenceRecord` of RFC 4998, base64 of its DER.
    pub evidence_records: Vec<String>,
    /// How many further time-stamps they have.
    pub renewals: usize,
    /// When the next one is due, in milliseconds since the epoch.
    pub renew_at: i64,
    /// Until when they are kept, in milliseconds since the epoch.
    pub kept_until: i64,
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
