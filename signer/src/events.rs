//! What the signer writes into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{Algorithm, SignatureForm};

/// One act of the signer. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A key was set aside for a new credential; its certificate is asked for next.
    CredentialRequested {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
        /// The kind of key.
        algorithm: Algorithm,
    },
    /// A new credential is there that has a key for each batch.
    OneTimeCredentialCreated {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
    },
    /// A key was made for one batch and is certified; it signs next.
    OneTimeKeyCertified {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
        /// The key.
        key: String,
        /// Serial number of the certificate.
        serial: String,
        /// Until when it is valid, in milliseconds since the epoch.
        not_after: i64,
    },
    /// The key of a batch was destroyed.
    OneTimeKeyDestroyed {
        /// The credential.
        credential: String,
        /// The key.
        key: String,
        /// Serial number of its certificate.
        serial: String,
    },
    /// Keys of batches that were not finished are gone: their certificates are over.
    OneTimeKeysWrittenOff {
        /// How many.
        keys: u64,
    },
    /// A new credential has its certificate.
    CredentialCreated {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
        /// Serial number of the certificate.
        serial: String,
    },
    /// A credential has a new certificate over the same key; the one before stays valid until its end.
    CertificateRenewed {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
        /// Serial number of the new certificate.
        serial: String,
        /// Serial number of the one before.
        replaces: String,
    },
    /// A credential has a new key and certificate; the key before is destroyed.
    CredentialRekeyed {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
        /// Serial number of the new certificate.
        serial: String,
        /// Serial number of the one before.
        replaces: String,
    },
    /// A credential was put on hold.
    CredentialSuspended {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
    },
    /// A hold was lifted.
    CredentialResumed {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
    },
    /// A credential was revoked for good.
    CredentialRevoked {
        /// The credential.
        credential: String,
        /// The person it is for.
        user: String,
        /// Why.
        reason: String,
    },
    /// The wrapped key of a credential was deleted.
    CredentialDestroyed {
        /// The credential.
        credential: String,
        /// The person it was for.
        user: String,
    },
    /// The holder set a passphrase for the first time.
    PassphraseSet {
        /// The credential.
        credential: String,
        /// Its holder.
        user: String,
    },
    /// The holder changed the passphrase.
    PassphraseChanged {
        /// The credential.
        credential: String,
        /// Its holder.
        user: String,
    },
    /// A wrong passphrase was given.
    PassphraseRefused {
        /// The credential.
        credential: String,
        /// Its holder.
        user: String,
        /// The client that gave it.
        client: String,
        /// How many in a row from this client.
        failures: u32,
        /// When its next attempt is looked at, in milliseconds since the epoch.
        next_attempt_at: i64,
    },
    /// The holder authorised signatures over listed digests.
    AuthorisationGranted {
        /// The authorisation.
        authorisation: String,
        /// The credential.
        credential: String,
        /// Its holder.
        user: String,
        /// The client that may use it.
        client: String,
        /// How many signatures.
        documents: u32,
        /// SHA-256 over the listed digests, in hexadecimal.
        digests_sha256: String,
        /// When it runs out, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// Every open authorisation was ended, as after a restore.
    AuthorisationsEnded {
        /// How many were open.
        authorisations: u64,
    },
    /// Keys were moved under another version of the token's wrapping key; what they sign stays the same.
    KeysRewrapped {
        /// The version they are under now.
        wrapping_version: u32,
        /// The keys.
        keys: Vec<String>,
    },
    /// A prescription was prepared to be signed, and is kept to be shown to whoever is asked to.
    PrescriptionPrepared {
        /// The client that sent it.
        client: String,
        /// SHA-256 of the statement that was answered, base64.
        digest: String,
        /// RS256, or RS1 where an operator allows it.
        algorithm: String,
        /// Until when it is kept, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// Prepared prescriptions were erased because their time was over.
    PreparedErased {
        /// How many.
        prescriptions: u64,
    },
    /// An application asked a person to sign.
    SigningRequested {
        /// The request.
        request: String,
        /// The application.
        client: String,
        /// Who is to sign.
        user: String,
        /// RS256, or RS1 where an operator allows it.
        algorithm: String,
        /// How many documents.
        documents: u32,
        /// How many of them the person can be shown.
        seen: u32,
        /// SHA-256 of what the application signed, in hexadecimal.
        request_sha256: String,
        /// SHA-256 over application, person, documents and end, in hexadecimal.
        binding: String,
        /// Until when the person can decide, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// A person is asked on our own page to authorise signatures, for a client of the API of the Cloud Signature Consortium.
    AuthorisationRequested {
        /// The request.
        request: String,
        /// token for a request for an access token, handle for a client that asks again.
        road: String,
        /// The client.
        client: String,
        /// Who is to sign.
        user: String,
        /// The credential.
        credential: String,
        /// How many documents.
        documents: u32,
        /// How many of them the person can be shown.
        seen: u32,
        /// SHA-256 over their digests, in hexadecimal.
        digests_sha256: String,
        /// SHA-256 over request, client, person, credential, documents and end, in hexadecimal.
        binding: String,
        /// Until when the person can decide, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// An authorisation has another secret and a later end, for the same documents.
    AuthorisationExtended {
        /// The authorisation.
        authorisation: String,
        /// The credential.
        credential: String,
        /// Its holder.
        user: String,
        /// The client that may use it.
        client: String,
        /// When it runs out now, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// The person was there, and agreed.
    SigningConsented {
        /// The request.
        request: String,
        /// What they gave.
        authorisation: String,
        /// The credential.
        credential: String,
        /// Who.
        user: String,
        /// The application.
        client: String,
        /// How many documents.
        documents: u32,
        /// With what they proved to be there.
        authenticator: String,
        /// What that is.
        method: String,
        /// SHA-256 over application, person, documents and end, in hexadecimal: what the proof stands for.
        binding: String,
        /// SHA-256 of what the application signed, in hexadecimal; none of one that signs nothing, since it shows who it is otherwise.
        request_sha256: Option<String>,
        /// SHA-256 of the key that verified it, in hexadecimal: of its JWK without blanks, the members in the order of their names.
        statement_key_sha256: Option<String>,
        /// The same of the proof itself, with the key that verifies it.
        presence_sha256: String,
        /// The same, for each document in its order, of a list of the proof's nonce and what the person was shown.
        shown_sha256: Vec<String>,
    },
    /// The person did not want to sign.
    SigningCancelled {
        /// The request.
        request: String,
        /// Who.
        user: String,
        /// The application.
        client: String,
    },
    /// Requests that nobody agreed to were erased because their time was over.
    RequestsErased {
        /// How many.
        requests: u64,
    },
    /// A process begins to give time-stamps: their serial numbers have this in the middle, and no other process's have.
    TimeStampSeriesBegun {
        /// Its number.
        series: u32,
    },
    /// Time-stamps have a new key with its certificate.
    TimeStampUnitRenewed {
        /// Its number, from one.
        generation: i64,
        /// The key's label in the token.
        key_label: String,
        /// Serial number of the certificate.
        serial: String,
    },
    /// The key of former time-stamps was destroyed: its time is over.
    TimeStampKeyDestroyed {
        /// Its number.
        generation: i64,
        /// The key's label in the token.
        key_label: String,
        /// Serial number of its certificate.
        serial: String,
    },
    /// Time-stamps were given: all that were signed together.
    TimeStampsGiven {
        /// Serial number of the certificate.
        certificate: String,
        /// The time in them, in milliseconds since the epoch.
        at: i64,
        /// Each of them.
        time_stamps: Vec<GivenTimeStamp>,
    },
    /// Evidence records are kept here, and renewed before they age.
    EvidenceRecordsKept {
        /// Their name.
        records: String,
        /// Whose they are.
        client: String,
        /// Over how many digests.
        digests: u32,
        /// Until when they are kept, in milliseconds since the epoch.
        expires_at: i64,
    },
    /// Kept evidence records have a further time-stamp.
    EvidenceRecordsRenewed {
        /// Their name.
        records: String,
        /// Whose they are.
        client: String,
        /// How many further time-stamps they have now.
        renewals: u32,
        /// When the next one is due, in milliseconds since the epoch.
        renew_at: i64,
    },
    /// Signatures are in evidence records, which are kept and renewed as long as the ledger is.
    SignaturesProved {
        /// The name of the records.
        records: String,
        /// How many answered requests.
        requests: u64,
        /// How many signatures.
        signatures: u32,
        /// The revocation lists of that time, each by its SHA-256 in hexadecimal.
        lists: Vec<String>,
    },
    /// Documents were signed: one answered request.
    DocumentsSigned {
        /// The request.
        signing: String,
        /// The authorisation it used.
        authorisation: String,
        /// The credential.
        credential: String,
        /// Its holder.
        user: String,
        /// Serial number of the signing certificate.
        serial: String,
        /// The client that asked.
        client: String,
        /// The request under which the person agreed to it on our page, where they did: its consent proves it then.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        /// When, in milliseconds since the epoch.
        signed_at: i64,
        /// Each signature.
        signatures: Vec<SignedDigest>,
    },
}

/// One time-stamp in the audit record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GivenTimeStamp {
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// SHA-256 of its `TSTInfo`, base64.
    pub sha256: String,
}

/// One signature in the audit record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignedDigest {
    /// The signature's id in the ledger.
    pub id: String,
    /// What was answered.
    pub form: SignatureForm,
    /// The document's digest, base64.
    pub digest: String,
    /// The digest that the signature is over, base64, where that is longer than SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashed: Option<String>,
}

impl audit::Event for Event {
    const MODULE: &'static str = "signer";

    fn name(&self) -> &'static str {
        match self {
            Self::CredentialRequested { .. } => "credential-requested",
            Self::OneTimeCredentialCreated { .. } => "one-time-credential-created",
            Self::OneTimeKeyCertified { .. } => "one-time-key-certified",
            Self::OneTimeKeyDestroyed { .. } => "one-time-key-destroyed",
            Self::OneTimeKeysWrittenOff { .. } => "one-time-keys-written-off",
            Self::CredentialCreated { .. } => "credential-created",
            Self::CertificateRenewed { .. } => "certificate-renewed",
            Self::CredentialRekeyed { .. } => "credential-rekeyed",
            Self::CredentialSuspended { .. } => "credential-suspended",
            Self::CredentialResumed { .. } => "credential-resumed",
            Self::CredentialRevoked { .. } => "credential-revoked",
            Self::CredentialDestroyed { .. } => "credential-destroyed",
            Self::PassphraseSet { .. } => "passphrase-set",
            Self::PassphraseChanged { .. } => "passphrase-changed",
            Self::PassphraseRefused { .. } => "passphrase-refused",
            Self::AuthorisationGranted { .. } => "authorisation-granted",
            Self::AuthorisationsEnded { .. } => "authorisations-ended",
            Self::KeysRewrapped { .. } => "keys-rewrapped",
            Self::PrescriptionPrepared { .. } => "prescription-prepared",
            Self::PreparedErased { .. } => "prepared-erased",
            Self::SigningRequested { .. } => "signing-requested",
            Self::AuthorisationRequested { .. } => "authorisation-requested",
            Self::AuthorisationExtended { .. } => "authorisation-extended",
            Self::SigningConsented { .. } => "signing-consented",
            Self::SigningCancelled { .. } => "signing-cancelled",
            Self::RequestsErased { .. } => "requests-erased",
            Self::TimeStampSeriesBegun { .. } => "time-stamp-series-begun",
            Self::TimeStampUnitRenewed { .. } => "time-stamp-unit-renewed",
            Self::TimeStampKeyDestroyed { .. } => "time-stamp-key-destroyed",
            Self::TimeStampsGiven { .. } => "time-stamps-given",
            Self::EvidenceRecordsKept { .. } => "evidence-records-kept",
            Self::EvidenceRecordsRenewed { .. } => "evidence-records-renewed",
            Self::SignaturesProved { .. } => "signatures-proved",
            Self::DocumentsSigned { .. } => "documents-signed",
        }
    }
}
