//! What an ACME client is told when it cannot have what it asked for: RFC 8555 6.7.

use std::time::Duration;

use platform::problem::{Kind as Platform, Problem as PlatformProblem};
use serde::{Deserialize, Serialize};

use super::identifier::Identifier;
use super::jwk::Algorithm;
use crate::error::Error;

/// Where the types of RFC 8555 6.7 and of the documents after it stand.
const NAMESPACE: &str = "urn:ietf:params:acme:error:";

/// The types of problems we answer: RFC 8555 6.7, RFC 9773 7.4, draft-ietf-acme-profiles, draft-acme-device-attest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    AccountDoesNotExist,
    AlreadyReplaced,
    AlreadyRevoked,
    BadAttestationStatement,
    BadCSR,
    BadNonce,
    BadPublicKey,
    BadRevocationReason,
    BadSignatureAlgorithm,
    Compound,
    Connection,
    Dns,
    ExternalAccountRequired,
    IncorrectResponse,
    InvalidContact,
    InvalidProfile,
    Malformed,
    OrderNotReady,
    RateLimited,
    RejectedIdentifier,
    ServerInternal,
    Tls,
    Unauthorized,
    UnsupportedContact,
    UnsupportedIdentifier,
}

impl Kind {
    fn status(self) -> u16 {
        match self {
            Kind::AlreadyReplaced => 409,
            Kind::OrderNotReady
            | Kind::Unauthorized
            | Kind::ExternalAccountRequired
            | Kind::RejectedIdentifier => 403,
            Kind::RateLimited => 429,
            Kind::ServerInternal => 500,
            _ => 400,
        }
    }

    /// The type's URN.
    pub(crate) fn urn(self) -> String {
        let name = serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned));
        format!("{NAMESPACE}{}", name.unwrap_or_default())
    }
}

/// A refusal or a failure, as it is told to an ACME client and kept with what failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) status: u16,
    pub(crate) detail: String,
    /// RFC 8555 6.7.1: what is wrong with each name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<(Identifier, Kind, String)>,
    /// When it makes sense to try again.
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
    /// The account that stands in the way of a new key, RFC 8555 7.3.5.
    #[serde(skip)]
    pub(crate) location: Option<String>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        let (status, detail) = (kind.status(), detail.into());
        Problem { kind, status, detail, parts: Vec::new(), retry_after: None, location: None }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(Kind::Malformed, detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(Kind::Unauthorized, detail)
    }

    /// There is no such thing, or it is another account's.
    pub(crate) fn not_found(what: &str) -> Problem {
        Problem {
            status: 404,
            ..Problem::malformed(format!("there is no such {what}, or not for this account"))
        }
    }

    pub(crate) fn rate_limited(detail: impl Into<String>, retry_after: Duration) -> Problem {
        Problem { retry_after: Some(retry_after), ..Problem::new(Kind::RateLimited, detail) }
    }

    /// Something of ours failed; it is logged here, once.
    pub(crate) fn internal(error: Error) -> Problem {
        Problem::from(PlatformProblem::from(error))
    }

    /// One problem out of several names' problems.
    pub(crate) fn compound(parts: Vec<(Identifier, Kind, String)>) -> Problem {
        if let [(identifier, kind, detail)] = parts.as_slice() {
            let problem = Problem::new(*kind, format!("{}: {detail}", identifier.value()));
            return Problem { parts, ..problem };
        }
        let same =
            parts.first().map(|first| first.1).filter(|first| parts.iter().all(|part| part.1 == *first));
        let kind = same.unwrap_or(Kind::Compound);
        Problem { parts, ..Problem::new(kind, "several names are refused; each has its own reason") }
    }

    /// The members of RFC 9457 3 with those of RFC 8555 6.7.1.
    pub(crate) fn body(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "type": self.kind.urn(), "detail": self.detail, "status": self.status,
        });
        if self.kind == Kind::BadSignatureAlgorithm {
            // RFC 8555 6.2: what may be signed with.
            body["algorithms"] = serde_json::json!(Algorithm::NAMES);
        }
        if !self.parts.is_empty() {
            let part = |(identifier, kind, detail): &(Identifier, Kind, String)| serde_json::json!({"type": kind.urn(), "detail": detail, "identifier": identifier.wire()});
            body["subproblems"] = self.parts.iter().map(part).collect();
        }
        body
    }

    /// The form in which it is kept with an order or a challenge.
    pub(crate) fn kept(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the kept form.
    pub(crate) fn from_kept(text: &str) -> Option<Problem> {
        serde_json::from_str(text).ok()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::internal(error)
    }
}

impl From<platform::db::Error> for Problem {
    fn from(error: platform::db::Error) -> Problem {
        Problem::internal(error.into())
    }
}

impl From<hsm::Error> for Problem {
    fn from(error: hsm::Error) -> Problem {
        Problem::internal(error.into())
    }
}

impl From<PlatformProblem> for Problem {
    fn from(problem: PlatformProblem) -> Problem {
        problem.log();
        let kind = match problem.kind {
            Platform::Internal | Platform::Unavailable | Platform::TimedOut => Kind::ServerInternal,
            Platform::TooMany => Kind::RateLimited,
            _ => Kind::Malformed,
        };
        let status = problem.kind.status().as_u16();
        Problem { status, retry_after: problem.retry_after, ..Problem::new(kind, problem.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types are those of the registry, letter by letter, and the kept form comes back.
    #[test]
    fn types_are_those_of_the_registry() {
        let urn = |kind: Kind| kind.urn().strip_prefix(NAMESPACE).map(str::to_owned).unwrap();
        assert_eq!(urn(Kind::BadCSR), "badCSR");
        assert_eq!(urn(Kind::BadNonce), "badNonce");
        assert_eq!(urn(Kind::Dns), "dns");
        assert_eq!(urn(Kind::ExternalAccountRequired), "externalAccountRequired");
        assert_eq!(urn(Kind::ServerInternal), "serverInternal");
        let name = Identifier::Dns("a.example".to_owned());
        let problem = Problem::compound(vec![(name, Kind::RejectedIdentifier, "no".to_owned())]);
        assert_eq!(Problem::from_kept(&problem.kept()), Some(problem.clone()));
        assert_eq!(problem.body()["subproblems"][0]["identifier"]["value"], "a.example");
    }
}
