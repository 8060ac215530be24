//! What others may say to the signer: acts, wire types and the typed client.

mod archival;
mod client;
mod credential;
mod csc;
mod csc_v1;
mod dss;
mod evidence;
mod evidence_record;
mod prescription;
mod verification;

pub use archival::{Archive, Archived};
pub use client::Client;
pub use credential::{
    Algorithm, Certificate, CreateCredential, Credential, CredentialQuery, CredentialState, Credentials,
    KeyLife, LedgerEntry, LedgerPage, LedgerQuery, Revoke, SetPassphrase, SignatureForm,
};
pub use csc::{
    AuthInfo, AuthObject, AuthObjectInfo, Authorization, AuthorizeCheckRequest, AuthorizeRequest, CertInfo,
    Challenge, ChallengeRequest, CredentialInfo, CredentialInfoRequest, CredentialList,
    CredentialListRequest, CscError, Document, DocumentDigests, ExtendRequest, Handle, Info, InfoRequest,
    KeyInfo, PollingRequest, ResponseId, SignAlgorithms, SignDocRequest, SignHashRequest, SignatureFormats,
    Signatures, SignedDocuments, Timestamp, TimestampRequest, ValidationInfo,
};
pub use csc_v1::{
    V1AuthorizeRequest, V1Credential, V1CredentialList, V1CredentialListRequest, V1CredentialRequest, V1Info,
    V1Pin, V1SignHashRequest,
};
pub use dss::{Ping, SignedPayload, SigningRequested, SigningResponse, StateQuery, Status};
pub use evidence::{
    AskedEvidence, ConsentEvidence, EVIDENCE_FORMAT, EvidenceBundle, ProofEvidence, RecordedAct,
};
pub use evidence_record::{EvidenceRecords, KeptRecords, RecordDigests, RenewRecord, RenewedRecord};
pub use prescription::{Parameter, Prepared, Sign, SignedPrescription};
pub use verification::Verify;

use platform::caller::Act;

/// May use the credentials of people who authorise it: the systems in which prescriptions are written.
pub const SIGN: Act = Act("signer:sign");
/// May have signatures verified.
pub const VERIFY: Act = Act("signer:verify");
/// May create, renew, hold, revoke and destroy anybody's credential, and read the ledger.
pub const CREDENTIALS: Act = Act("signer:credentials");
/// May set the passphrase of one's own credential, hold and revoke it, and read one's own signatures.
pub const OWN_CREDENTIALS: Act = Act("signer:own-credentials");

/// Where browsers are sent from sign-in when a request for a token asks for signatures; the secret of the request follows.
pub const AUTHORISE_PAGE: &str = "/signing-service/authorise";

/// Where time-stamps are given (RFC 3161): to everybody.
pub const TIME_STAMPS: &str = "/tsa";

/// SHA-256, 2.16.840.1.101.3.4.2.1.
pub const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
/// sha256WithRSAEncryption (PKCS#1 v1.5).
pub const RSA_SHA_256: &str = "1.2.840.113549.1.1.11";
/// sha384WithRSAEncryption.
pub const RSA_SHA_384: &str = "1.2.840.113549.1.1.12";
/// sha512WithRSAEncryption.
pub const RSA_SHA_512: &str = "1.2.840.113549.1.1.13";
/// id-RSASSA-PSS.
pub const RSA_PSS: &str = "1.2.840.113549.1.1.10";
/// rsaEncryption: PKCS#1 v1.5 with the hash named apart.
pub const RSA: &str = "1.2.840.113549.1.1.1";
/// ecdsa-with-SHA256.
pub const ECDSA_SHA_256: &str = "1.2.840.10045.4.3.2";
/// The curve P-256.
pub const P_256: &str = "1.2.840.10045.3.1.7";
/// SHA-384, 2.16.840.1.101.3.4.2.2.
pub const SHA_384: &str = "2.16.840.1.101.3.4.2.2";
/// SHA-512, 2.16.840.1.101.3.4.2.3.
pub const SHA_512: &str = "2.16.840.1.101.3.4.2.3";
/// ecdsa-with-SHA384.
pub const ECDSA_SHA_384: &str = "1.2.840.10045.4.3.3";
/// The curve P-384.
pub const P_384: &str = "1.3.132.0.34";
/// id-ml-dsa-44 (RFC 9882 2).
pub const ML_DSA_44: &str = "2.16.840.1.101.3.4.3.17";
/// id-ml-dsa-65 (RFC 9882 2).
pub const ML_DSA_65: &str = "2.16.840.1.101.3.4.3.18";
/// id-ml-dsa-87 (RFC 9882 2).
pub const ML_DSA_87: &str = "2.16.840.1.101.3.4.3.19";
