//! What is said of a concept, and whether a code is one.

use super::concept::Concept;
use super::system::System;
use crate::fhir::kit::{Outcome, Parts, Tree, parts, resource, shown};

fn parameter(name: &str, member: &'static str, value: impl Into<Tree>) -> Parts {
    parts().with("name", name).with(member, value)
}

/// A code that its system has not.
pub(super) fn missing(system: System, code: &str, version: &str) -> String {
    format!("The code {} is not in the code system {} of version {version}.", shown(code), system.url())
}

/// What is said of a concept; of one that is not there, that it is not.
pub(crate) fn lookup_answer(
    system: System,
    version: &str,
    code: &str,
    concept: Option<&Concept>,
    properties: &[String],
) -> Result<Parts, Outcome> {
    let Some(concept) = concept else {
        let sentence = missing(system, code, version);
        return Err(Outcome { details: Some(sentence.clone()), ..Outcome::new(404, "not-found", sentence) });
    };
    let designation = [
        parameter(
            "use",
            "valueCoding",
            parts()
                .with("system", "http://snomed.info/sct")
                .with("code", "900000000000013009")
                .with("display", "Synonym"),
        ),
        parameter("value", "valueString", &concept.display),
    ];
    let mut told = vec![
        parameter("code", "valueCode", &concept.code),
        parameter("display", "valueString", &concept.display),
        parameter("name", "valueString", system.title()),
        parameter("system", "valueUri", system.url()),
        parameter("version", "valueString", version),
        parts().with("name", "designation").with("part", designation.to_vec()),
    ];
    for (name, value) in concept.asked(properties) {
        // The national service tells each value twice: once by what it is, once by its type.
        let of = [
            parameter("code", "valueCode", name),
            value.put(parts().with("name", "value")),
            value.put(parts().with("name", value.member())),
        ];
        told.push(parts().with("name", "property").with("part", of.to_vec()));
    }
    Ok(resource("Parameters").with("parameter", told))
}

/// Whether a code is one of a code system or set, as which it is given.
pub(crate) struct Validity<'v> {
    /// The system, where it is known here.
    pub(crate) system: Option<System>,
    pub(crate) version: &'v str,
    pub(crate) code: &'v str,
    /// What the client takes it to be called.
    pub(crate) display: Option<&'v str>,
    /// The concept, if it is one.
    pub(crate) concept: Option<&'v Concept>,
    /// Properties that are told of it.
    pub(crate) properties: &'v [String],
}

/// Whether a code is one.
pub(crate) fn validity(asked: &Validity<'_>) -> Parts {
    let mut told = Vec::new();
    let named = asked.concept.is_none_or(|concept| {
        asked.display.is_none_or(|display| display.eq_ignore_ascii_case(&concept.display))
    });
    let message = match (asked.system, asked.concept) {
        (None, _) => Some("The code system is not known here.".to_owned()),
        (Some(system), None) => Some(missing(system, asked.code, asked.version)),
        (Some(_), Some(concept)) if !named => {
            Some(format!("The code {} is called {}.", shown(asked.code), concept.display))
        }
        _ => None,
    };
    told.push(parameter("result", "valueBoolean", asked.concept.is_some() && named));
    told.push(parameter("code", "valueCode", asked.code));
    if let Some(system) = asked.system {
        told.push(parameter("system", "valueUri", system.url()));
        told.push(parameter("version", "valueString", asked.version));
    }
    if let Some(concept) = asked.concept {
        told.push(parameter("display", "valueString", &concept.display));
        told.push(parameter("inactive", "valueBoolean", concept.is_inactive));
        for (name, value) in concept.asked(asked.properties).filter(|one| one.0 != "inactive") {
            told.push(value.put(parts().with("name", name)));
        }
    }
    if let Some(message) = message {
        told.push(parameter("message", "valueString", &message));
        let kind = if asked.concept.is_some() { "invalid-display" } else { "invalid-code" };
        let coding =
            parts().with("system", "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type").with("code", kind);
        let details = parts().with("coding", vec![coding]).with("text", message);
        let issue = parts().with("severity", "error").with("code", "code-invalid").with("details", details);
        let issues = resource("OperationOutcome").with("issue", vec![issue]);
        told.push(parts().with("name", "issues").with("resource", issues));
    }
    resource("Parameters").with("parameter", told)
}

/// How two codes of a system stand to each other. No system here has a hierarchy.
pub(crate) fn subsumption(one: &Concept, other: &Concept) -> Parts {
    let outcome = if one.code == other.code { "equivalent" } else { "not-subsumed" };
    resource("Parameters").with("parameter", vec![parameter("outcome", "valueCode", outcome)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every property is told twice, and only those that are asked for; what is missing is said with code, system and version.
    #[test]
    fn concepts_are_looked_up() {
        let concept = Concept::plain("RO182", "PHARMACY");
        let told = |properties: &[&str]| {
            let properties: Vec<String> = properties.iter().map(|&name| name.to_owned()).collect();
            lookup_answer(System::Role, "1", "RO182", Some(&concept), &properties).unwrap().json()
        };
        let twice = r#"{"name":"property","part":[{"name":"code","valueCode":"status"},{"name":"value","valueCode":"Active"},{"name":"valueCode","valueCode":"Active"}]}"#;
        assert!(
            told(&["status"]).contains(twice)
                && told(&["*"]).contains(twice)
                && !told(&[]).contains("property")
        );
        let missing = lookup_answer(System::Role, "1", "RO9999", None, &[]).unwrap_err();
        assert_eq!((missing.status, missing.issue), (404, "not-found"));
        let text = missing.details.unwrap();
        assert!(["RO9999", System::Role.url(), "version 1"].iter().all(|part| text.contains(part)), "{text}");
    }

    /// A code is one or not, and called so or not.
    #[test]
    fn codes_are_judged() {
        let concept = Concept::plain("RO182", "PHARMACY");
        let told = |concept: Option<&Concept>, display: Option<&str>| {
            validity(&Validity {
                system: Some(System::Role),
                version: "1",
                code: "RO182",
                display,
                concept,
                properties: &[],
            })
            .json()
        };
        assert!(told(Some(&concept), Some("Pharmacy")).contains(r#"{"name":"result","valueBoolean":true}"#));
        assert!(told(Some(&concept), Some("BAKERY")).contains("invalid-display"));
        assert!(
            told(None, None).contains(r#""valueBoolean":false"#) && told(None, None).contains("invalid-code")
        );
        assert!(subsumption(&concept, &concept).json().contains("equivalent"));
        assert!(subsumption(&concept, &Concept::plain("RO1", "x")).json().contains("not-subsumed"));
    }
}
