//! A refusal as CMP tells it: one bit and one sentence.

use pki::cmp::Failure;
use platform::problem::{Kind, Problem};

use crate::enrol::Refused;
use crate::error::Error;

/// Why a message is answered with an error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    pub(super) sentence: String,
}

impl Refusal {
    pub(super) fn new(failure: Failure, sentence: impl Into<String>) -> Refusal {
        Refusal { failure, sentence: sentence.into() }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        Refusal { failure: refused.failure(), sentence: refused.to_string() }
    }
}

impl From<platform::db::Error> for Refusal {
    fn from(error: platform::db::Error) -> Refusal {
        Error::from(error).into()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let failure = match &error {
            Error::Enrolment(refused) => Some(refused.failure()),
            Error::CsrRefused => Some(Failure::BadProofOfPossession),
            Error::CertificateUnknown => Some(Failure::BadCertificateId),
            Error::AlreadyRevoked | Error::CertificateExpired => Some(Failure::CertificateRevoked),
            Error::Key(_) | Error::Subject(_) | Error::NameNotPermitted { .. } | Error::Validity(_) => {
                Some(Failure::BadCertificateTemplate)
            }
            _ => None,
        };
        let problem = Problem::from(error);
        match failure {
            Some(failure) => Refusal::new(failure, problem.detail),
            None => problem.into(),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        let failure = match problem.kind {
            Kind::Forbidden => Failure::NotAuthorized,
            Kind::Unauthenticated => Failure::SignerNotTrusted,
            Kind::Unavailable | Kind::TooMany | Kind::TimedOut => Failure::SystemUnavailable,
            Kind::Internal => Failure::SystemFailure,
            _ => Failure::BadRequest,
        };
        // Where a problem would be logged as it is answered, this is where it ends.
        problem.log();
        Refusal { failure, sentence: problem.detail }
    }
}
