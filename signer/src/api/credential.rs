//! Wire types of `/signer/…`: credentials and the ledger of signatures.

use ca::api::{Reason, SubjectData};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A request for a new remote credential.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCredential {
    /// The caller's own name for this request, up to 64 visible ASCII characters. A repeated request finds the same
    /// credential, and finishes it if it was interrupted.
    #[schema(example = "enrol-2026-000017")]
    pub request_id: String,
    /// The person, as the certificate is to name them; `user_id` is needed.
    pub subject: SubjectData,
    /// The kind of key.
    pub algorithm: Algorithm,
    /// How long a key lives.
    #[serde(default)]
    pub key: KeyLife,
}

/// How long the key of a credential lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyLife {
    /// As long as the credential.
    #[default]
    Kept,
    /// For one batch: a P-256 key that is certified for ten minutes and destroyed after use. For CMS by `signDoc`, not for prescriptions.
    OneTime,
    /// It is on a smartcard, for as long as that is its holder's. Nobody asks for one here: it is a credential from its first signature on.
    Card,
}

/// The kinds of key that sign prescriptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub enum Algorithm {
    /// RSA with 2048 bits, PKCS#1 v1.5, SHA-256.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// ECDSA on P-256, SHA-256.
    #[serde(rename = "p-256")]
    P256,
    /// RSA with 3072 bits, PKCS#1 v1.5, SHA-256.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// ECDSA on P-384, SHA-384. Signs documents, not SHA-256 digests.
    #[serde(rename = "p-384")]
    P384,
    /// ML-DSA-44 with SHA-256 (RFC 9882). Signs documents or their digests by `signDoc`, never bare hashes.
    #[serde(rename = "ml-dsa-44")]
    MlDsa44,
    /// ML-DSA-65 with SHA-512 (RFC 9882). Signs documents by `signDoc`.
    #[serde(rename = "ml-dsa-65")]
    MlDsa65,
    /// ML-DSA-87 with SHA-512 (RFC 9882). Signs documents by `signDoc`.
    #[serde(rename = "ml-dsa-87")]
    MlDsa87,
}

/// A remote credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    /// Its id, the `credentialID` of the CSC API.
    pub credential_id: String,
    /// Whose it is.
    pub user_id: String,
    /// What can be done with it.
    pub state: CredentialState,
    /// The kind of key.
    pub algorithm: Algorithm,
    /// How long a key lives.
    #[serde(default)]
    pub key: KeyLife,
    /// Whether it is over and its certificates are not revoked at the authority yet, which goes on by itself.
    #[serde(default)]
    pub ending: bool,
    /// Whether the holder has set a passphrase; without one nothing is signed.
    pub passphrase_set: bool,
    /// Its certificates, the one that signs first.
    pub certificates: Vec<Certificate>,
    /// When it was asked for, in milliseconds since the epoch.
    pub created_at: i64,
}

/// A certificate of a credential.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// First moment of its validity, in milliseconds since the epoch.
    pub not_before: i64,
    /// Last moment of its validity, in milliseconds since the epoch.
    pub not_after: i64,
    /// The certificate, base64 of its DER.
    pub certificate: String,
}

/// The life of a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// It has a key and waits for its certificate.
    Pending,
    /// It can sign.
    Active,
    /// It is on hold.
    Suspended,
    /// It is revoked for good.
    Revoked,
    /// Its key is gone.
    Destroyed,
}

/// Which credentials to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CredentialQuery {
    /// The person; implied for a person who asks for their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}

/// A person's credentials.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    /// Oldest first.
    pub credentials: Vec<Credential>,
}

/// A new passphrase.
#[derive(Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct SetPassphrase {
    /// 12 to 128 characters, at least four different ones, no control characters.
    pub new: String,
    /// The present one; needed when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
}

/// Why a credential is revoked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Any reason but `certificate_hold`, which is what suspending is for.
    pub reason: Reason,
}

/// Which part of the ledger to read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Signatures of this credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Signatures of this person; implied for a person who asks for their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Signatures for this application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Signatures made from then on, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Signatures made before then, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most, 1 to 500; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of the ledger, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LedgerPage {
    /// The signatures.
    pub signatures: Vec<LedgerEntry>,
    /// Give this as `after` to go on; absent when the page is the last for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One signature in the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LedgerEntry {
    /// Its id, as in the audit record.
    pub id: String,
    /// The authorisation it used up.
    pub authorisation: String,
    /// Who signed.
    pub user_id: String,
    /// Serial number of the certificate, hexadecimal.
    pub serial: String,
    /// The application for which it was signed.
    pub client: String,
    /// How the person proved to be there: `passphrase`, or what their authenticator is.
    pub method: String,
    /// The authenticator, by its id, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticator: Option<String>,
    /// What the application calls the document, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The NHS number of the patient, where the content was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// What was answered.
    pub form: SignatureForm,
    /// The document's SHA-256, base64; of a longer hash that was signed as it is, SHA-256 over its algorithm and itself.
    pub digest: String,
    /// The digest that the signature is over, base64, where that is a longer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed: Option<String>,
    /// The signature value, base64.
    pub signature: String,
    /// When, in milliseconds since the epoch.
    pub signed_at: i64,
}

/// What a signature was answered as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureForm {
    /// A bare signature value over the digest (`signHash`).
    Hash,
    /// The same by RSASSA-PSS.
    HashPss,
    /// A CMS without the document.
    Detached,
    /// A CMS with the document inside.
    Attached,
}

impl SignatureForm {
    /// Whether it is a signature value and no CMS.
    pub fn is_bare(self) -> bool {
        matches!(self, Self::Hash | Self::HashPss)
    }
}
