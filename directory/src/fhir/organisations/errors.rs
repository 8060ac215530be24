//! Refusals in the words of the servers behind the national service, by the numbers that clients know.

use crate::fhir::kit::{Outcome, shown};

/// 400: a date that is none.
pub(super) fn bad_date(value: &str) -> Outcome {
    processing(400, format!("HAPI-1940: Invalid date/time format: \"{}\"", shown(value)))
}

/// 400: a parameter that there is not, with those that there are.
pub(crate) fn unknown_parameter(name: &str, kind: &str, known: &[&str]) -> Outcome {
    processing(
        400,
        format!(
            "HAPI-0524: Unknown search parameter \"{}\" for resource type \"{kind}\". Valid search parameters for this \
             search are: [{}]",
            shown(name),
            known.join(", ")
        ),
    )
}

/// 404: there is no resource of this id.
pub(crate) fn not_known(kind: &str, id: &str) -> Outcome {
    processing(404, format!("HAPI-2001: Resource {kind}/{} is not known", shown(id)))
}

/// 405: nothing is written here.
pub(crate) fn no_method(method: &str) -> Outcome {
    processing(
        405,
        format!(
            "HAPI-0427: The method {} is not supported here: nothing is written over FHIR.",
            shown(method)
        ),
    )
}

/// 400: a value that makes no sense.
pub(crate) fn bad(sentence: impl Into<String>) -> Outcome {
    processing(400, sentence)
}

/// 422: the answer would be too large.
pub(crate) fn too_costly(sentence: impl Into<String>) -> Outcome {
    Outcome::new(422, "too-costly", sentence)
}

fn processing(status: u16, sentence: impl Into<String>) -> Outcome {
    Outcome::new(status, "processing", sentence)
}
