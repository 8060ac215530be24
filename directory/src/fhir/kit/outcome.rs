//! What is answered when something cannot be done: `OperationOutcome`.

use platform::problem::{Kind, Problem};

use super::tree::{Parts, parts, resource};
use super::xml::escape;

/// The system of the Spine's codes. It names a value set where FHIR wants a code system; clients look for it as it is.
const SPINE_CODES: &str = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1";

/// How many octets an answer has at most.
pub(crate) const LARGEST: usize = 10 * 1024 * 1024;

/// Why an answer is not given that has more.
pub(crate) fn too_large() -> Outcome {
    let sentence =
        format!("The answer exceeds size limit: it has more than {LARGEST} octets. Ask for less at once.");
    Outcome::new(422, "too-costly", sentence)
}

/// Why something is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The kind of issue, as FHIR has it.
    pub(crate) issue: &'static str,
    /// A code of the Spine and what it is called.
    pub(crate) spine: Option<(&'static str, String)>,
    /// What a terminology server says in the details.
    pub(crate) details: Option<String>,
    pub(crate) diagnostics: String,
}

impl Outcome {
    /// An outcome without codes of its own.
    pub(crate) fn new(status: u16, issue: &'static str, diagnostics: impl Into<String>) -> Self {
        Self { status, issue, spine: None, details: None, diagnostics: diagnostics.into() }
    }

    /// The same with a code of the Spine.
    pub(crate) fn coded(self, code: &'static str, display: impl Into<String>) -> Self {
        Self { spine: Some((code, display.into())), ..self }
    }

    /// As FHIR has it; with the id by which the request is known where there is one.
    pub(crate) fn resource(&self, known: Option<&str>) -> Parts {
        let coding = self.spine.as_ref().map(|(code, display)| {
            parts().with("system", SPINE_CODES).with("code", *code).with("display", display)
        });
        let details = parts()
            .with("coding", coding.into_iter().collect::<Vec<_>>())
            .with("text", self.details.as_ref());
        let issue = parts()
            .with("severity", "error")
            .with("code", self.issue)
            .with("details", details)
            .with("diagnostics", &self.diagnostics);
        resource("OperationOutcome").with("id", known).with("issue", vec![issue])
    }

    /// The same with a narrative, as HAPI writes one.
    pub(crate) fn narrated(&self) -> Parts {
        let mut div = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><h1>Operation Outcome</h1><p>".to_owned();
        escape(&mut div, &self.diagnostics);
        div.push_str("</p></div>");
        let text = parts().with("status", "generated").with("div", div);
        let issue = self.resource(None);
        let mut whole = resource("OperationOutcome").with("text", text);
        whole.members.extend(issue.members);
        whole
    }
}

impl Outcome {
    /// A refusal of this kind, which is in the log already if it belongs there.
    pub(crate) fn of(kind: Kind, detail: impl Into<String>) -> Self {
        let issue = match kind {
            Kind::Unauthenticated => "login",
            Kind::Forbidden => "forbidden",
            Kind::NotFound => "not-found",
            Kind::MethodNotAllowed | Kind::UnsupportedMedia => "not-supported",
            Kind::Conflict => "conflict",
            Kind::TooMany => "throttled",
            Kind::TooLarge => "too-long",
            Kind::Unavailable => "transient",
            Kind::TimedOut => "timeout",
            kind if kind.status().is_client_error() => "invalid",
            _ => "exception",
        };
        Self::new(kind.status().as_u16(), issue, detail)
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        problem.log();
        Self::of(problem.kind, problem.detail)
    }
}

impl From<crate::Error> for Outcome {
    fn from(error: crate::Error) -> Self {
        Problem::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An outcome has one issue with its codes; a narrative lets nothing through.
    #[test]
    fn outcomes_have_their_shape() {
        let outcome = Outcome::new(404, "unknown", "a <b>").coded("404", "not here");
        assert_eq!(
            outcome.resource(Some("x")).json(),
            r#"{"resourceType":"OperationOutcome","id":"x","issue":[{"severity":"error","code":"unknown","details":{"coding":[{"system":"https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1","code":"404","display":"not here"}]},"diagnostics":"a <b>"}]}"#
        );
        let narrated = outcome.narrated();
        assert!(narrated.xml().contains("<p>a &lt;b&gt;</p></div></text><issue>"), "{}", narrated.xml());
        assert_eq!(Outcome::from(Problem::forbidden("x", "No.")).issue, "forbidden");
    }
}
