//! What is answered when a query cannot be done: `OperationOutcome` with the Spine's codes.

use platform::problem::{Kind, Problem};
use serde_json::{Value, json};

use crate::error::Error;

/// The system of the Spine's codes. It names a value set where FHIR wants a code system; clients look for it as it is.
const SYSTEM: &str = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1";

/// Why a query is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The kind of issue, as FHIR has it.
    issue: &'static str,
    /// The Spine's code and what it is called.
    spine: (&'static str, &'static str),
    diagnostics: String,
}

const NOT_FOUND: (&str, &str) = ("NO_RECORD_FOUND", "No record found");
const BAD_REQUEST: (&str, &str) = ("BAD_REQUEST", "Bad request");
const FAILED: (&str, &str) = ("INTERNAL_SERVER_ERROR", "Unexpected internal server error");
const HEADER: (&str, &str) = ("MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid");
const DENIED: (&str, &str) = ("ACCESS_DENIED", "Access has been denied to process this request");

impl Outcome {
    fn new(
        status: u16,
        issue: &'static str,
        spine: (&'static str, &'static str),
        text: impl Into<String>,
    ) -> Self {
        Self { status, issue, spine, diagnostics: text.into() }
    }

    /// 400: a parameter or header is missing, not known or not right.
    pub(crate) fn bad_request(sentence: impl Into<String>) -> Self {
        Self::new(400, "required", BAD_REQUEST, sentence)
    }

    /// 404: there is no such path.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "not-found", NOT_FOUND, "HTTP endpoint not found")
    }

    /// 404: there is no such resource.
    pub(crate) fn no_such_resource(kind: &str) -> Self {
        Self::new(404, "not-found", NOT_FOUND, format!("There is no such {kind}."))
    }

    /// 405: something else than GET.
    pub(crate) fn only_get() -> Self {
        Self::new(
            405,
            "not-supported",
            ("NOT_IMPLEMENTED", "Not implemented"),
            "HTTP operation not supported",
        )
    }

    /// 406: the client takes nothing that there is.
    pub(crate) fn not_acceptable() -> Self {
        Self::new(406, "not-supported", HEADER, "Accept type not supported")
    }

    /// 422: the answer would be too large.
    pub(crate) fn too_costly() -> Self {
        Self::new(
            422,
            "too-costly",
            BAD_REQUEST,
            "Too many systems are meant. Name an interaction or a party key too.",
        )
    }

    /// 500: something is not as it should be.
    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self::new(500, "exception", FAILED, sentence)
    }

    /// 504: the register did not answer in time.
    pub(crate) fn timed_out() -> Self {
        Self::new(504, "timeout", FAILED, "The directory did not answer in time")
    }

    /// As FHIR has it, with the id by which the request is known.
    pub(crate) fn body(&self, correlation: &str) -> Value {
        json!({
            "resourceType": "OperationOutcome",
            "id": correlation,
            "issue": [{
                "severity": "error",
                "code": self.issue,
                "details": {"coding": [{"system": SYSTEM, "code": self.spine.0, "display": self.spine.1}]},
                "diagnostics": self.diagnostics,
            }],
        })
    }
}

impl From<crate::fhir::kit::Outcome> for Outcome {
    fn from(outcome: crate::fhir::kit::Outcome) -> Self {
        let spine = match outcome.status {
            401 | 403 => DENIED,
            404 | 410 => NOT_FOUND,
            406 => HEADER,
            500.. => FAILED,
            _ => BAD_REQUEST,
        };
        Self::new(outcome.status, outcome.issue, spine, outcome.diagnostics)
    }
}

impl Outcome {
    /// A refusal of this kind, which is in the log already if it belongs there.
    pub(crate) fn of(kind: Kind, detail: impl Into<String>) -> Self {
        let (issue, spine) = match kind {
            Kind::Unauthenticated => ("login", DENIED),
            Kind::Forbidden => ("forbidden", DENIED),
            Kind::TooMany => ("throttled", BAD_REQUEST),
            Kind::TooLarge => ("too-long", BAD_REQUEST),
            Kind::NotFound => ("not-found", NOT_FOUND),
            Kind::MethodNotAllowed => ("not-supported", ("NOT_IMPLEMENTED", "Not implemented")),
            Kind::UnsupportedMedia => ("not-supported", HEADER),
            Kind::Unavailable => ("transient", FAILED),
            kind if kind.status().is_client_error() => ("invalid", BAD_REQUEST),
            _ => ("exception", FAILED),
        };
        Self::new(kind.status().as_u16(), issue, spine, detail)
    }
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<Outcome> for crate::fhir::kit::Outcome {
    fn from(outcome: Outcome) -> Self {
        let (code, display) = outcome.spine;
        Self::new(outcome.status, outcome.issue, outcome.diagnostics).coded(code, display)
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        problem.log();
        Self::of(problem.kind, problem.detail)
    }
}

/// The id by which a request is known: that of the header, or a new one if there is none; `Err` with a new one if it is no UUID.
pub(crate) fn correlation(header: Option<&str>, new: impl FnOnce() -> String) -> Result<String, String> {
    match header {
        None => Ok(new()),
        Some(text) if uuid::Uuid::try_parse(text).is_ok() && text.len() == 36 => Ok(text.to_owned()),
        Some(_) => Err(new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal has the shape and the codes of the national service.
    #[test]
    fn outcomes_have_their_shape() {
        let body = Outcome::bad_request("x").body("A");
        assert_eq!(
            (body["resourceType"].as_str(), body["id"].as_str()),
            (Some("OperationOutcome"), Some("A"))
        );
        let issue = &body["issue"][0];
        assert_eq!((issue["severity"].as_str(), issue["code"].as_str()), (Some("error"), Some("required")));
        assert_eq!(issue["details"]["coding"][0]["code"], "BAD_REQUEST");
        assert_eq!(issue["details"]["coding"][0]["system"], SYSTEM);
        let refused = Outcome::from(Problem::forbidden("x", "No."));
        assert_eq!((refused.status, refused.issue), (403, "forbidden"));
    }

    /// A correlation id is a UUID with its hyphens; anything else is refused, under a new one.
    #[test]
    fn correlation_ids_are_uuids() {
        let of = |header: Option<&str>| correlation(header, || "new".to_owned());
        let good = "9562466f-C982-4cd5-BB0e-255e9f5e6689";
        assert_eq!(of(Some(good)), Ok(good.to_owned()));
        assert_eq!(of(None), Ok("new".to_owned()));
        for bad in ["", "1", "9562466fc9824cd5bb0e255e9f5e6689", "{9562466f-c982-4cd5-bb0e-255e9f5e6689}"] {
            assert_eq!(of(Some(bad)), Err("new".to_owned()), "{bad}");
        }
    }
}
