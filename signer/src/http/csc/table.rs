//! The table of errors in `docs/signing.md` is what the code says: each error has its row, and each sentence its error.

use axum::body::to_bytes;
use axum::response::IntoResponse as _;
use platform::clock::Millis;
use platform::problem::Problem;

use super::answer::CscAnswer;
use crate::api::CscError;
use crate::error::{Error, Parameter};

/// A row: status, `error`, and the sentences that it gives, each up to what changes from case to case.
struct Row {
    status: u16,
    error: String,
    sentences: Vec<String>,
}

impl Row {
    /// A row without a sentence is of whatever sentence.
    fn tells(&self, description: &str) -> bool {
        self.sentences.is_empty() || self.sentences.iter().any(|sentence| description.starts_with(sentence))
    }
}

fn rows() -> Vec<Row> {
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/signing.md");
    let text = std::fs::read_to_string(text).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| status | error |")).skip(2);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [status, error, description, ..] = cells[..] else { panic!("{line}") };
        let sentences =
            description.split(", ").map(|sentence| sentence.trim_matches('*').trim_end_matches('…').trim());
        Row {
            status: status.parse().unwrap(),
            error: error.to_owned(),
            sentences: sentences.filter(|sentence| !sentence.is_empty()).map(str::to_owned).collect(),
        }
    };
    table.take_while(|line| line.starts_with('|')).map(row).collect()
}

/// What a parameter can be wrong in. A variant that is not here does not compile in [`every`].
const PARAMETERS: [Parameter; 23] = [
    Parameter::Body,
    Parameter::MissingString("SAD"),
    Parameter::MissingArray("hashes"),
    Parameter::MissingInteger("numSignatures"),
    Parameter::Invalid("signAlgo"),
    Parameter::OutOfBounds("validity_period"),
    Parameter::NumSignatures,
    Parameter::UserIdGiven,
    Parameter::EmptyHashes,
    Parameter::HashNotBase64,
    Parameter::HashesNotBase64,
    Parameter::DocumentNotBase64,
    Parameter::DigestLength,
    Parameter::Repeated { what: "Hash", again: 3, first: 1 },
    Parameter::Repeated { what: "Document", again: 3, first: 1 },
    Parameter::DocumentDigests,
    Parameter::Documents,
    Parameter::NothingToSign,
    Parameter::BothGiven,
    Parameter::HashAlgorithmContradicts,
    Parameter::AttachedDigest,
    Parameter::ParallelSignature,
    Parameter::SignedProperties,
];

/// Whether the CSC API can answer this error. What only the routes of credentials and the start know is told elsewhere; a new
/// variant has to be put into one of both.
fn is_of_this_api(error: &Error) -> bool {
    match error {
        Error::Parameter(parameter) => is_said(parameter),
        Error::BodyTooLarge
        | Error::CredentialUnknown { .. }
        | Error::CredentialDisabled { .. }
        | Error::CertificateSuspended
        | Error::CertificateRevoked
        | Error::CertificateExpired
        | Error::TooManyDocuments
        | Error::WrongPassphrase
        | Error::Locked { .. }
        | Error::SadUnknown
        | Error::SadExpired
        | Error::HashNotAuthorised
        | Error::DocumentNotAuthorised
        | Error::AlreadySigned
        | Error::CredentialChanged
        | Error::CertificateChanged
        | Error::PassphrasesBusy
        | Error::ShareTaken
        | Error::TimeStamp(_)
        | Error::NoRandomness
        | Error::StoredRow { .. }
        | Error::KeyMismatch
        | Error::Template(_)
        | Error::Hsm(_)
        | Error::Authority(_)
        | Error::Caller(_)
        // What was prepared has a time and an author.
        | Error::Dss(_)
        | Error::Db(_) => true,
        Error::StateConflict { .. }
        | Error::PassphraseRules { .. }
        | Error::Subject { .. }
        | Error::Query { .. }
        | Error::SignatureUnknown
        | Error::Record(_)
        | Error::Unreadable(_)
        | Error::Prescription { .. }
        | Error::Verification { .. }
        | Error::AuthorTimeFarOff
        | Error::PreparedUnknown
        | Error::RecordsUnknown
        | Error::RecordsFull
        | Error::Clock(_)
        | Error::PreparedFull
        | Error::VerificationsBusy
        | Error::Setting { .. }
        | Error::Argon2Parameters { .. }
        | Error::Argon2Threads { .. } => false,
    }
}

/// The same of a parameter.
fn is_said(parameter: &Parameter) -> bool {
    match parameter {
        Parameter::Body
        | Parameter::MissingString(_)
        | Parameter::MissingArray(_)
        | Parameter::MissingInteger(_)
        | Parameter::Invalid(_)
        | Parameter::OutOfBounds(_)
        | Parameter::NumSignatures
        | Parameter::UserIdGiven
        | Parameter::EmptyHashes
        | Parameter::HashNotBase64
        | Parameter::HashesNotBase64
        | Parameter::DocumentNotBase64
        | Parameter::DigestLength
        | Parameter::Repeated { .. }
        | Parameter::DocumentDigests
        | Parameter::Documents
        | Parameter::NothingToSign
        | Parameter::BothGiven
        | Parameter::HashAlgorithmContradicts
        | Parameter::AttachedDigest
        | Parameter::ParallelSignature
        | Parameter::SignedProperties
        | Parameter::DocumentNeeded => true,
    }
}

/// One of each error that this API can answer.
fn every() -> Vec<Error> {
    let mut all: Vec<Error> = PARAMETERS.into_iter().map(Error::from).collect();
    let wait = std::time::Duration::from_secs(1);
    all.extend([
        Parameter::DocumentNeeded.into(),
        Error::BodyTooLarge,
        Error::CredentialUnknown { credential: "GBR-1".to_owned() },
        Error::CredentialDisabled { why: "it has no passphrase" },
        Error::CertificateSuspended,
        Error::CertificateRevoked,
        Error::CertificateExpired,
        Error::TooManyDocuments,
        Error::WrongPassphrase,
        Error::Locked { until: Millis(2_000), now: Millis(0) },
        Error::SadUnknown,
        Error::SadExpired,
        Error::HashNotAuthorised,
        Error::DocumentNotAuthorised,
        Error::AlreadySigned,
        Error::CredentialChanged,
        Error::CertificateChanged,
        Error::PassphrasesBusy,
        Error::ShareTaken,
        Error::TimeStamp(crate::time_stamp::Failure::TimeNotAvailable),
        Error::NoRandomness,
        Error::StoredRow { what: "key" },
        Error::KeyMismatch,
        Error::Template("unusable".into()),
        Error::Hsm(hsm::Error::TimedOut),
        Error::Hsm(hsm::Error::BadSignature),
        Error::Authority(Problem::unavailable("away", "The authority is away.", wait)),
        Error::Db(platform::db::Error::Busy),
        crate::dss::prepare_again(),
        crate::authorisation::made_too_late(),
    ]);
    all
}

/// Every error that this API answers stands in the table with its status, its code and its sentence; and no sentence of the
/// table that the specification or we give for a bad request has no error behind it.
#[tokio::test]
async fn the_table_of_errors_is_what_is_said() {
    let rows = rows();
    assert!(rows.len() > 30, "{} rows", rows.len());
    let (mut missing, mut said) = (Vec::new(), Vec::new());
    for error in every() {
        assert!(is_of_this_api(&error), "{error:?}");
        let answer = CscAnswer::from(error).into_response();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 64 * 1024).await.unwrap();
        let CscError { error, error_description } = serde_json::from_slice(&body).unwrap();
        if !rows.iter().any(|row| row.status == status && row.error == error && row.tells(&error_description))
        {
            missing.push(format!("{status} {error}: {error_description}"));
        }
        said.push((status, error_description));
    }
    assert_eq!(missing, [] as [String; 0], "not in docs/signing.md");
    let bad = rows.iter().filter(|row| row.status == 400).flat_map(|row| &row.sentences);
    let idle = bad.filter(|sentence| {
        !said.iter().any(|(status, told)| *status == 400 && told.starts_with(sentence.as_str()))
    });
    assert_eq!(idle.collect::<Vec<_>>(), [] as [&String; 0], "said nowhere");
}
