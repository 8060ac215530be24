//! What can go wrong at the authority, by event.

use std::path::PathBuf;
use std::time::Duration;

use hsm::Alg;
use platform::db;
use platform::problem::Problem;

use crate::cards::CardRefused;
use crate::enrol::Refused;
use crate::intent::ValidityRefused;
use crate::joining::Unfit;
use crate::lint::Finding;
use crate::names::{IssuerId, ProfileId};
use crate::profile::FileError;
use crate::refused_keys::ListRefused;
use crate::requested::ExtensionRefused;
use crate::subject::SubjectRefused;
use crate::subject_key::KeyRefused;

/// Why the authority did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part of the request cannot be read.
    #[error("{field}: {sentence}")]
    RequestInvalid {
        /// Which part.
        field: &'static str,
        /// What is wrong with it.
        sentence: String,
    },
    /// No profile has this id.
    #[error("there is no profile \"{0}\"")]
    ProfileUnknown(String),
    /// The profile is not of this issuer.
    #[error("the profile \"{profile}\" is not issued by \"{issuer}\"")]
    ProfileNotAllowed {
        /// The profile.
        profile: ProfileId,
        /// The issuer asked for.
        issuer: String,
    },
    /// The profile is of keys that were made on cards, as it says how.
    #[error(
        "the profile \"{0}\" says how its keys are made on cards: such a certificate comes with the issue of a card"
    )]
    ProfileOfCards(ProfileId),
    /// The profile has several issuers and none was named.
    #[error("the profile \"{0}\" has several issuers; name one")]
    IssuerNotNamed(ProfileId),
    /// A part of the subject is missing, forbidden or malformed.
    #[error(transparent)]
    Subject(#[from] SubjectRefused),
    /// A name lies outside of what the issuer may certify.
    #[error("issuer \"{issuer}\" may not certify this: {source}")]
    NameNotPermitted {
        /// The issuer.
        issuer: IssuerId,
        /// Which name, and what it is outside of.
        source: pki::NameOutside,
    },
    /// The register has closed the person.
    #[error("the person has left")]
    PersonLeft,
    /// The register has withdrawn the system.
    #[error("the system was withdrawn")]
    SystemWithdrawn,
    /// The key is not certified.
    #[error(transparent)]
    Key(#[from] KeyRefused),
    /// The PKCS#10 request is malformed or not signed by its own key.
    #[error("the certification request is not signed by its own key or cannot be read")]
    CsrRefused,
    /// The PKCS#10 request asks for something that the profile does not give.
    #[error(transparent)]
    Extension(#[from] ExtensionRefused),
    /// The validity is not allowed.
    #[error("validity: {0}")]
    Validity(#[from] ValidityRefused),
    /// Every day on which the certificate could end has its share.
    #[error(
        "as many certificates of the profile \"{0}\" as are allowed end on each day there is; try again tomorrow"
    )]
    ExpiryDaysFull(ProfileId),
    /// Ends are being counted for somebody else.
    #[error("ends are being counted for somebody else; ask again shortly")]
    CountingBusy,
    /// As many exports are being read as may be at once.
    #[error("as many exports are being read as may be at once; ask again when one has ended")]
    ExportsBusy,
    /// The client used this request id for something else.
    #[error("this request_id was used for another request; choose a new one")]
    RequestIdReused,
    /// The same request is being worked on.
    #[error("the same request is being worked on; ask again shortly")]
    RequestInProgress,

    /// A request by EST or CMP is refused for a reason of the road.
    #[error(transparent)]
    Enrolment(#[from] Refused),
    /// Something is not done with a card.
    #[error(transparent)]
    Card(#[from] CardRefused),
    /// The settings of cards make no sense.
    #[error("[ca.cards]: {0}")]
    CardsSetup(String),
    /// A secret of a card could not be derived.
    #[error("what the token derived is no key of a card")]
    CardKeyUnusable,
    /// A road in the configuration makes no sense.
    #[error("the road \"{road}\": {sentence}")]
    RoadSenseless {
        /// The road.
        road: String,
        /// What is wrong.
        sentence: String,
    },

    /// No issuer has this id.
    #[error("there is no issuer \"{0}\"")]
    IssuerUnknown(String),
    /// ACME is not served here.
    #[error("ACME is not served here; it needs a [ca.acme] section")]
    AcmeOff,
    /// No shared secret has this reference.
    #[error("there is no shared secret with this reference, or it has ended")]
    EnrolmentSecretUnknown,
    /// What ACME needs cannot be read.
    #[error("ACME: {0}")]
    AcmeSetup(String),
    /// No external account has this id.
    #[error("there is no external account with this id, or it has ended")]
    ExternalAccountUnknown,
    /// The issuer's key is not in the token, as with a root kept elsewhere.
    #[error("the key of issuer \"{0}\" is not in the token")]
    IssuerKeyMissing(IssuerId),
    /// The issuer's own certificate is revoked.
    #[error(
        "the certificate of issuer \"{0}\" is revoked, so it issues nothing; the authority needs a new key"
    )]
    IssuerRevoked(IssuerId),
    /// The key under the issuer's label is not the one in its certificate.
    #[error("the key labelled \"{label}\" is not the one in the certificate of issuer \"{issuer}\"")]
    IssuerKeyDiffers {
        /// The issuer.
        issuer: IssuerId,
        /// The label of its key.
        label: String,
    },
    /// No certificate has this serial.
    #[error("there is no certificate with this serial")]
    CertificateUnknown,
    /// It is revoked for good.
    #[error("the certificate is revoked already")]
    AlreadyRevoked,
    /// It is not on hold.
    #[error("the certificate is not on hold")]
    NotHeld,
    /// It has ended by itself.
    #[error("the certificate has expired")]
    CertificateExpired,
    /// Revoking an authority takes more than revoking its certificates.
    #[error("this is an authority's certificate; revoking it takes the act ca:revoke-authorities")]
    AuthorityOutOfReach,
    /// An authority is not put on hold.
    #[error("an authority's certificate is not put on hold; revoke it or leave it")]
    AuthorityNotHeld,
    /// The invalidity date is before every key that there is.
    #[error("invalidity_date is before 1970; say since when the key is known or suspected to be unsafe")]
    InvalidityTooEarly,
    /// The invalidity date is after now.
    #[error("invalidity_date is in the future")]
    InvalidityAhead,
    /// No profile of the file or of before has this id.
    #[error("there is no profile with this id, nor was there one")]
    ProfileNeverUsed,
    /// The page mark is not one we gave.
    #[error("the mark \"after\" is not one that a page gave")]
    CursorInvalid,
    /// The issuer has no such shard, or no delta lists.
    #[error("issuer \"{0}\" has no such revocation list")]
    NoSuchList(IssuerId),
    /// The list is too long for an answer in JSON.
    #[error("this list is too long for this answer: fetch it at {0}")]
    ListTooLong(String),
    /// No list has been made yet.
    #[error("issuer \"{0}\" has no revocation list yet")]
    NoCrlYet(IssuerId),

    /// Lints fired on bytes that we wrote: our fault, and nothing was signed.
    #[error("the certificate was not signed: {}", summary(.0))]
    LintsFired(Vec<Finding>),
    /// rcgen could not write the certificate.
    #[error("the certificate could not be written")]
    Unwritable(#[from] rcgen::Error),
    /// The row of this serial is not in the state the step before left: another closed it.
    #[error("the serial was closed by another step")]
    SerialClosed,
    /// What came out of signing is not fit to be given out.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The token did not sign.
    #[error("the token did not sign")]
    Token(#[from] hsm::Error),
    /// No random octets.
    #[error("the system gave no random octets")]
    NoRandomness,
    /// The task that was issuing ended early.
    #[error("the task ended before its work was done")]
    TaskEnded,
    /// The clock, or something else of the platform, forbids it.
    #[error("{}", .0.detail)]
    Platform(Problem),
    /// The database did not do it.
    #[error("the database did not do it")]
    Database(#[from] db::Error),

    /// The profile file makes no sense.
    #[error(transparent)]
    Profiles(#[from] FileError),
    /// The profile file cannot be read.
    #[error("the profile file {} cannot be read", path.display())]
    ProfileFileUnreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list of refused keys cannot be read.
    #[error("the list of refused keys {} cannot be read", path.display())]
    RefusedKeysUnreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The list of refused keys makes no sense.
    #[error("the list of refused keys: {0}")]
    RefusedKeys(#[from] ListRefused),
    /// A profile names an issuer that the ceremony did not make.
    #[error("the profile \"{profile}\" names the issuer \"{issuer}\", which does not exist")]
    ProfileIssuerMissing {
        /// The profile.
        profile: ProfileId,
        /// The issuer it names.
        issuer: IssuerId,
    },
    /// Other processes took every number that was tried.
    #[error("the profile \"{0}\" got no version number; start again")]
    ProfileNotNumbered(String),
    /// The settings of an issuer's lists make no sense.
    #[error("[ca.lists.{issuer}]: {sentence}")]
    ListSettings {
        /// The issuer.
        issuer: IssuerId,
        /// What is wrong.
        sentence: String,
    },
    /// There is no authority yet.
    #[error("there is no authority yet: run `lanyard ceremony`")]
    NotFounded,
    /// A ceremony with a root kept elsewhere does not do what it was asked.
    #[error("{0}")]
    OfflineCeremonyRefused(String),
    /// An authority is not given a new key as it was asked.
    #[error("{0}")]
    RolloverRefused(String),
    /// Another roll-over or import is under way, here or on another node.
    #[error("another roll-over or import is under way; ask again when it has ended")]
    RolloverBusy,
    /// A certificate for an authority of ours is not the one that was asked for.
    #[error("the certificate is refused: {0}")]
    AuthorityCertificateRefused(String),
    /// The ceremony was finished before.
    #[error("the ceremony was held already; an authority is made once")]
    CeremonyHeld,
    /// A ceremony with another specification was begun.
    #[error("a ceremony with another specification was begun; finish it with that file")]
    CeremonySpecificationDiffers,
    /// The specification makes no sense.
    #[error("the ceremony specification: {0}")]
    CeremonySpecification(String),
    /// A key in the token is not of the kind the specification says.
    #[error("the key labelled \"{label}\" is {actual}, not {expected} as the specification says")]
    CeremonyKeyDiffers {
        /// The key.
        label: String,
        /// What it is.
        actual: Alg,
        /// What it should be.
        expected: Alg,
    },
}

fn summary(findings: &[Finding]) -> String {
    findings.iter().map(|f| format!("{} ({}): {}", f.lint, f.clause, f.detail)).collect::<Vec<_>>().join("; ")
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Platform(problem)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        const SOON: Duration = Duration::from_secs(1);
        let detail = error.to_string();
        match error {
            Error::RequestInvalid { .. } => Problem::invalid("request-invalid", detail),
            Error::ProfileUnknown(_) => Problem::invalid("profile-unknown", detail),
            Error::ProfileNotAllowed { .. } | Error::IssuerNotNamed(_) | Error::ProfileOfCards(_) => {
                Problem::invalid("profile-not-allowed", detail)
            }
            Error::NameNotPermitted { .. } => Problem::invalid("name-not-permitted", detail),
            Error::Subject(_) => Problem::invalid("subject-refused", detail),
            Error::Key(_) => Problem::invalid("key-refused", detail),
            Error::Extension(_) => Problem::invalid("extension-refused", detail),
            Error::CsrRefused => Problem::invalid("csr-refused", detail),
            Error::Validity(_) => Problem::invalid("validity-refused", detail),
            Error::InvalidityAhead | Error::InvalidityTooEarly => {
                Problem::invalid("invalidity-date-refused", detail)
            }
            Error::CursorInvalid => Problem::invalid("cursor-invalid", detail),
            Error::IssuerUnknown(_) => Problem::not_found("issuer-unknown", detail),
            Error::CertificateUnknown => Problem::not_found("certificate-unknown", detail),
            Error::AcmeOff => Problem::not_found("acme-off", detail),
            Error::EnrolmentSecretUnknown => Problem::not_found("enrolment-secret-unknown", detail),
            Error::ExternalAccountUnknown => Problem::not_found("external-account-unknown", detail),
            Error::ProfileNeverUsed => Problem::not_found("profile-unknown", detail),
            Error::NoSuchList(_) => Problem::not_found("crl-unknown", detail),
            Error::ListTooLong(_) => Problem::conflict("crl-too-long", detail),
            Error::NoCrlYet(_) => Problem::not_found("crl-not-yet", detail),
            Error::RequestIdReused => Problem::conflict("request-id-reused", detail),
            Error::AlreadyRevoked => Problem::conflict("already-revoked", detail),
            Error::RolloverRefused(_) => Problem::conflict("rollover-refused", detail),
            Error::RolloverBusy => Problem::unavailable("rollover-busy", detail, Duration::from_secs(5)),
            Error::AuthorityCertificateRefused(_) => {
                Problem::invalid("authority-certificate-refused", detail)
            }
            Error::IssuerRevoked(_) => Problem::conflict("issuer-revoked", detail),
            Error::PersonLeft => Problem::conflict(
                "person-left",
                "The register has closed this person. Nothing is issued to them; open their profile again first.",
            ),
            Error::SystemWithdrawn => Problem::conflict(
                "system-withdrawn",
                "The register has withdrawn this system. Nothing is issued for it; register another.",
            ),
            Error::NotHeld => Problem::conflict("not-held", detail),
            Error::CertificateExpired => Problem::conflict("certificate-expired", detail),
            Error::AuthorityOutOfReach => Problem::forbidden("act-not-granted", detail),
            Error::AuthorityNotHeld => Problem::conflict("authority-not-held", detail),
            Error::RequestInProgress | Error::SerialClosed => {
                Problem::unavailable("request-in-progress", detail, SOON)
            }
            Error::ExpiryDaysFull(_) => {
                Problem::unavailable("expiry-days-full", detail, Duration::from_hours(1))
            }
            Error::ExportsBusy => Problem::unavailable("exports-busy", detail, Duration::from_secs(30)),
            Error::CountingBusy => Problem::unavailable("counting-busy", detail, SOON),
            Error::IssuerKeyMissing(_) => {
                Problem::unavailable("issuer-offline", detail, Duration::from_hours(1))
            }
            Error::Token(source) => token_problem(source),
            Error::Enrolment(refused) => refused.into(),
            Error::Card(refused) => refused.into(),
            Error::Platform(problem) => problem,
            Error::Database(source) => source.into(),
            other => Problem::internal(other),
        }
    }
}

fn token_problem(source: hsm::Error) -> Problem {
    let busy = matches!(source, hsm::Error::Busy);
    match source.retry_after() {
        Some(after) if busy => {
            Problem::unavailable("token-busy", "The token is busy. Try again shortly.", after)
                .caused_by(source)
        }
        Some(after) => {
            let detail = "The token is not ready. Nothing was issued; try again later.";
            Problem::unavailable("token-unavailable", detail, after).caused_by(source)
        }
        None => Problem::internal(source),
    }
}
