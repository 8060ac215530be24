//! What can go wrong in signing, and how the two faces of the module say it.

use std::time::Duration;

use platform::clock::Millis;
use platform::db;
use platform::problem::{Kind, Problem};

use crate::digest::Repeated;
use crate::eps::Fault;
use crate::time_stamp::Failure;

/// Why a request to the signer was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter of a CSC request is missing or wrong.
    #[error(transparent)]
    Parameter(#[from] Parameter),
    /// The request body is larger than the configuration allows.
    #[error("The request body is too large")]
    BodyTooLarge,
    /// No such credential, or somebody else's.
    #[error("there is no credential {credential}")]
    CredentialUnknown {
        /// What was asked for.
        credential: String,
    },
    /// The credential has no certificate or no passphrase yet, or it was destroyed.
    #[error("the credential is not ready to sign: {why}")]
    CredentialDisabled {
        /// What is missing.
        why: &'static str,
    },
    /// The credential or its certificate is on hold.
    #[error("the signing certificate is suspended")]
    CertificateSuspended,
    /// The credential or its certificate is revoked.
    #[error("the signing certificate is revoked")]
    CertificateRevoked,
    /// The certificate, or the period in which its key may sign, is over or has not begun.
    #[error("the signing certificate is outside its validity")]
    CertificateExpired,
    /// More digests than one authorisation may cover.
    #[error("more documents than one authorisation may cover")]
    TooManyDocuments,
    /// The passphrase is not the holder's.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// Wrong passphrases from this client came before; it has to wait.
    #[error("attempts on this credential by this client are delayed until {until:?}")]
    Locked {
        /// When the next attempt is looked at.
        until: Millis,
        /// The time of the refusal.
        now: Millis,
    },
    /// No such authorisation, or not this client's, or not for this credential.
    #[error("the SAD is not known")]
    SadUnknown,
    /// The authorisation has run out.
    #[error("the SAD has expired")]
    SadExpired,
    /// A digest that the authorisation does not list.
    #[error("a hash is not covered by the authorisation")]
    HashNotAuthorised,
    /// A document whose digest the authorisation does not list.
    #[error("a document is not covered by the authorisation")]
    DocumentNotAuthorised,
    /// The digest was signed before, in another form than the one now asked for.
    #[error("a hash was signed before in another form")]
    AlreadySigned,
    /// The credential changed while the request was under way.
    #[error("the credential changed while it was in use")]
    CredentialChanged,
    /// A certificate may have been revoked at the authority while the request was under way.
    #[error("a certificate changed while it was in use")]
    CertificateChanged,
    /// The act does not fit the credential's state.
    #[error("{sentence}")]
    StateConflict {
        /// What to tell the caller.
        sentence: &'static str,
    },
    /// A passphrase that breaks a rule.
    #[error("{rule}")]
    PassphraseRules {
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The subject of a new credential is not usable.
    #[error("{sentence}")]
    Subject {
        /// What is wrong with it.
        sentence: &'static str,
    },
    /// No such signature, or somebody else's.
    #[error("there is no such signature")]
    SignatureUnknown,
    /// The audit record did not show what was recorded.
    #[error("the audit record did not answer")]
    Record(#[source] Problem),
    /// A question to the ledger that makes no sense.
    #[error("{sentence}")]
    Query {
        /// What is wrong with it.
        sentence: &'static str,
    },
    /// A prescription that cannot be read, or not in one way only.
    #[error(transparent)]
    Unreadable(#[from] Fault),
    /// A prescription, or what was sent with it, that is not taken.
    #[error("{sentence}")]
    Prescription {
        /// What is wrong.
        sentence: &'static str,
    },
    /// A request to verify that says nothing that could be verified.
    #[error("{sentence}")]
    Verification {
        /// What is wrong.
        sentence: &'static str,
    },
    /// An HL7 V3 document whose author claims to sign at another time than now.
    #[error("author.time lies more than ten minutes from now; set it to the time of signing, in UTC")]
    AuthorTimeFarOff,
    /// Nothing was prepared under this digest by this client, or it is kept no more.
    #[error("nothing that this client had prepared has this digest")]
    PreparedUnknown,
    /// The client has as many prepared prescriptions as are kept for it.
    #[error("as many prepared prescriptions of this client are kept as may")]
    PreparedFull,
    /// There are no such evidence records, or they are another's, or kept no more.
    #[error("there are no such evidence records")]
    RecordsUnknown,
    /// The client has as many evidence records as are kept for it.
    #[error("as many evidence records of this client are kept as may")]
    RecordsFull,
    /// As many verifications are under way as may.
    #[error("as many signatures are being verified as may")]
    VerificationsBusy,
    /// Too many passphrases are waiting to be hashed.
    #[error("too many passphrases are waiting to be checked")]
    PassphrasesBusy,
    /// As many requests of this client wait as may.
    #[error("as many requests of this client wait as may")]
    ShareTaken,
    /// A setting that would make signing unsafe or impossible.
    #[error("{sentence}")]
    Setting {
        /// What it may be.
        sentence: &'static str,
    },
    /// The configured cost of argon2id is not possible.
    #[error("argon2id cannot use these parameters: {reason}")]
    Argon2Parameters {
        /// What the library says.
        reason: String,
    },
    /// The threads that hash could not start.
    #[error("the passphrase threads could not start")]
    Argon2Threads {
        /// Why.
        source: std::io::Error,
    },
    /// The system gave no random numbers.
    #[error("the system has no random numbers")]
    NoRandomness,
    /// A stored row does not read back.
    #[error("a stored {what} does not read back")]
    StoredRow {
        /// Which part of it.
        what: &'static str,
    },
    /// The key in the row is not the key in the certificate.
    #[error("the stored key is not the key in the certificate")]
    KeyMismatch,
    /// The signing certificate cannot be used in a CMS.
    #[error("the CMS template could not be made")]
    Template(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The token refused or failed.
    #[error("the token did not sign")]
    Hsm(#[from] hsm::Error),
    /// The certificate authority refused or failed.
    #[error("the certificate authority did not answer the request")]
    Authority(#[source] Problem),
    /// A request to the Digital Signature Service that is refused, in words for whoever sent it.
    #[error("the request to sign is refused")]
    Dss(#[source] Problem),
    /// The caller may not do this, or is not known.
    #[error("the caller may not do this")]
    Caller(#[source] Problem),
    /// No time-stamp could be had.
    #[error("{}", .0.sentence())]
    TimeStamp(Failure),
    /// The clock lies behind a time at which something was already done.
    #[error("the clock is behind")]
    Clock(#[source] Problem),
    /// The database refused or failed.
    #[error("the database did not take the change")]
    Db(#[from] db::Error),
}

impl Error {
    /// Whether the request was refused for what was known of it; otherwise something was not to be had.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Hsm(_)
                | Self::Db(_)
                | Self::Authority(_)
                | Self::Clock(_)
                | Self::TimeStamp(_)
                | Self::ShareTaken
                | Self::Parameter(_)
        )
    }
}

/// A parameter of a CSC request that is missing or wrong. The texts are those of the specification, section 11.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Parameter {
    /// The body is no JSON object.
    #[error("The request body is not a JSON object")]
    Body,
    /// A string is missing or of another type.
    #[error("Missing (or invalid type) string parameter {0}")]
    MissingString(&'static str),
    /// An array is missing or of another type.
    #[error("Missing (or invalid type) array parameter {0}")]
    MissingArray(&'static str),
    /// A whole number is missing or of another type.
    #[error("Missing (or invalid type) integer parameter {0}")]
    MissingInteger(&'static str),
    /// A value that is not one of those allowed.
    #[error("Invalid parameter {0}")]
    Invalid(&'static str),
    /// A number beyond what is allowed.
    #[error("Out of bounds parameter {0}")]
    OutOfBounds(&'static str),
    /// numSignatures below one, or not the number of hashes.
    #[error("Invalid value for parameter numSignatures")]
    NumSignatures,
    /// A person gave a userID, which is implied.
    #[error("userID parameter MUST be null")]
    UserIdGiven,
    /// No hash at all.
    #[error("Empty hash array")]
    EmptyHashes,
    /// A hash that is not base64.
    #[error("Invalid Base64 hash string parameter")]
    HashNotBase64,
    /// A hash in documentDigests that is not base64.
    #[error("Invalid Base64 hashes string parameter")]
    HashesNotBase64,
    /// A document that is not base64.
    #[error("Invalid Base64 documents string parameter")]
    DocumentNotBase64,
    /// A hash that is not as long as the algorithm's.
    #[error("Invalid digest value length")]
    DigestLength,
    /// A hash or document that stands in the request twice; each is signed once. Places are counted from zero.
    #[error("{what} at position {again} repeats the one at position {first}")]
    Repeated {
        /// Hash or Document.
        what: &'static str,
        /// Where it stands first.
        first: usize,
        /// Where it stands again.
        again: usize,
    },
    /// documentDigests is not what it should be.
    #[error("Invalid object parameter documentDigests")]
    DocumentDigests,
    /// documents is not what it should be.
    #[error("Invalid array parameter documents")]
    Documents,
    /// Neither documents nor digests.
    #[error("Empty documentDigests and documents objects")]
    NothingToSign,
    /// Both documents and digests.
    #[error("Both documentDigests and documents parameters passed")]
    BothGiven,
    /// The hash algorithm is not the one in the signature algorithm.
    #[error("String parameter hashAlgorithmOID contradicts with signAlgo parameter")]
    HashAlgorithmContradicts,
    /// A signature beside those that a CMS has.
    #[error("Invalid parameter signed_envelope_property (Parallel is not made: Detached or Attached)")]
    ParallelSignature,
    /// Attributes that a client wants signed.
    #[error("Invalid parameter signed_props (the signed attributes are those of the service: leave it out)")]
    SignedProperties,
    /// A digest alone cannot be wrapped around its document.
    #[error("Invalid parameter signed_envelope_property (Attached needs documents)")]
    AttachedDigest,
    /// The algorithm wants a longer hash than the one by which documents are authorised.
    #[error("Invalid parameter documentDigests (this signAlgo hashes the document itself: pass documents)")]
    DocumentNeeded,
}

impl Parameter {
    /// A hash that stands in the request twice.
    pub(crate) fn hash_repeated(repeated: Repeated) -> Self {
        Self::Repeated { what: "Hash", first: repeated.first, again: repeated.again }
    }

    /// A document that stands in the request twice.
    pub(crate) fn document_repeated(repeated: Repeated) -> Self {
        Self::Repeated { what: "Document", first: repeated.first, again: repeated.again }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Some(problem) = crowded(&error).or_else(|| kept(&error)) {
            return problem;
        }
        let sentence = error.to_string();
        match error {
            Error::Parameter(parameter) => Problem::invalid("parameter-invalid", parameter.to_string()),
            Error::BodyTooLarge => Problem::too_large("body-too-large", sentence),
            Error::CredentialUnknown { .. } => {
                Problem::not_found("credential-unknown", "There is no such credential.")
            }
            Error::SignatureUnknown => {
                Problem::not_found("signature-unknown", "There is no such signature, or it is another's.")
            }
            Error::Record(problem) => record(problem),
            Error::PassphraseRules { rule } => Problem::invalid("passphrase-rules", rule),
            Error::Subject { sentence } => Problem::invalid("subject-invalid", sentence),
            Error::Query { sentence } => Problem::invalid("query-invalid", sentence),
            Error::Prescription { sentence } => Problem::invalid("prescription-invalid", sentence),
            Error::Verification { sentence } => Problem::invalid("verification-invalid", sentence),
            Error::Unreadable(fault) => Problem::invalid("prescription-invalid", format!("{fault}.")),
            Error::AuthorTimeFarOff => Problem::invalid("author-time", format!("{sentence}.")),
            Error::WrongPassphrase => {
                Problem::forbidden("passphrase-wrong", "The present passphrase is wrong.")
            }
            Error::Locked { until, now } => Problem::too_many(
                "passphrase-delayed",
                "Wrong passphrases came before. Wait, then try again.",
                until.since(now),
            ),
            Error::StateConflict { sentence } => Problem::conflict("credential-state", sentence),
            Error::CredentialDisabled { .. }
            | Error::CertificateSuspended
            | Error::CertificateRevoked
            | Error::CertificateExpired
            | Error::CredentialChanged
            | Error::CertificateChanged
            | Error::AlreadySigned => Problem::conflict("credential-state", sentence),
            Error::TooManyDocuments
            | Error::SadUnknown
            | Error::SadExpired
            | Error::HashNotAuthorised
            | Error::DocumentNotAuthorised => Problem::invalid("authorisation-invalid", sentence),
            Error::TimeStamp(_) => {
                Problem::unavailable("time-stamp-unavailable", sentence, Duration::from_secs(5))
            }
            Error::Hsm(source) => token(source),
            Error::Authority(problem) => authority(problem),
            Error::Caller(problem) | Error::Dss(problem) | Error::Clock(problem) => problem,
            Error::Db(source) => source.into(),
            other => Problem::internal(other),
        }
    }
}

/// What passes within a second: too many came at once.
fn crowded(error: &Error) -> Option<Problem> {
    match error {
        Error::VerificationsBusy => Some(Problem::unavailable(
            "verifications-busy",
            "As many signatures are being verified as may. Try again shortly.",
            Duration::from_secs(1),
        )),
        Error::PassphrasesBusy => Some(Problem::unavailable(
            "passphrases-busy",
            "Too many passphrases wait to be checked. Try again shortly.",
            Duration::from_secs(1),
        )),
        Error::ShareTaken => Some(Problem::too_many(
            "share-taken",
            "As many requests of yours are waiting as may. Send this one again when one is answered.",
            Duration::from_secs(1),
        )),
        _ => None,
    }
}

/// Of what is kept for a client.
fn kept(error: &Error) -> Option<Problem> {
    Some(match error {
        Error::PreparedUnknown => Problem::not_found(
            "prescription-unknown",
            "Nothing that you had prepared has this digest, or it is kept no more. Prepare it again.",
        ),
        Error::PreparedFull => Problem::too_many(
            "prepared-full",
            "As many prepared prescriptions of yours are kept as may. Wait until the first are erased.",
            Duration::from_mins(1),
        ),
        Error::RecordsUnknown => Problem::not_found(
            "records-unknown",
            "There are no such evidence records, or they are another's.",
        ),
        Error::RecordsFull => Problem::conflict(
            "records-full",
            "As many evidence records of yours are kept as may. Keep further ones yourself.",
        ),
        _ => return None,
    })
}

/// A token that is busy or away is worth another try; anything else is ours to look at.
fn token(source: hsm::Error) -> Problem {
    match source.retry_after() {
        Some(wait) => {
            Problem::unavailable("token-unavailable", "The key store is not available. Try again.", wait)
                .caused_by(source)
        }
        None => Problem::internal(source),
    }
}

/// What the audit record said: that it is not there yet passes by itself.
fn record(problem: Problem) -> Problem {
    match problem.kind {
        Kind::Unavailable | Kind::TimedOut | Kind::TooMany => problem,
        _ => Problem::internal(problem),
    }
}

/// What the authority said, as far as it concerns who asked us: our own right to ask it does not.
fn authority(problem: Problem) -> Problem {
    match problem.kind {
        Kind::Invalid | Kind::Conflict | Kind::TooMany | Kind::Unavailable => problem,
        Kind::TimedOut => Problem::unavailable(
            "authority-unavailable",
            "The certificate authority did not answer in time. Try again.",
            Duration::from_secs(5),
        )
        .caused_by(problem),
        _ => Problem::internal(problem),
    }
}
