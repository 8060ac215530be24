//! What holds for every route of the faces over FHIR, said once in the description.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi, RefOr, Response, ResponseBuilder};

use crate::fhir::{organisations, spine, workers};

/// The types of resources.
const JSON: &str = "application/fhir+json";
const XML: &str = "application/fhir+xml";

/// Refusals that any of these routes can give, each with an `OperationOutcome`.
const COMMON: [(&str, &str); 7] = [
    ("400", "OperationOutcome: a parameter or a header is missing, not known or not right"),
    ("401", "It is not known who asks"),
    ("403", "OperationOutcome: whoever asks may not"),
    ("404", "OperationOutcome: there is no such thing"),
    ("406", "OperationOutcome: there is no form that the client takes"),
    ("429", "OperationOutcome: the client asks too often; the answer says when to come back"),
    ("default", "OperationOutcome: any other refusal"),
];

/// Refusals that the Healthcare Worker API gives without a body, as the national service does, or may give so.
const BARE: [(&str, &str); 2] = [
    ("401", "It is not known who asks"),
    ("404", "There is no such thing: OperationOutcome, or no body where nothing can be at the address"),
];

/// Says of every route of the faces in which forms it answers and how it refuses, where it does not say so itself.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let Some(forms) = forms(path) else { continue };
        for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
            describe(operation, forms);
            if path.starts_with(workers::BASE) {
                for (status, description) in BARE {
                    let bare = ResponseBuilder::new().description(description);
                    operation.responses.responses.insert(status.to_owned(), RefOr::T(bare.build()));
                }
            }
            if path.ends_with("/{id}") || path.ends_with("/{version}") {
                let same = ResponseBuilder::new().description("The client has it as it is: If-None-Match");
                operation.responses.responses.insert("304".to_owned(), RefOr::T(same.build()));
            }
        }
    }
}

/// Describes what is described of the Healthcare Worker API for the other APIs too, each operation under an id of its own.
pub(super) fn on_every_face(document: &mut OpenApi) {
    let mut further = Vec::new();
    for (base, tag) in
        [(spine::BASE, "spine-directory"), (organisations::BASE, "organisation-data-terminology")]
    {
        for (path, item) in &document.paths.paths {
            let mut item = item.clone();
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                operation.tags = Some(vec![tag.to_owned()]);
                operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_{tag}"));
            }
            further.push((path.replacen(workers::BASE, base, 1), item));
        }
    }
    document.paths.paths.extend(further);
}

/// In which forms the face answers that a path is of.
fn forms(path: &str) -> Option<&'static [&'static str]> {
    if path.starts_with(spine::BASE) {
        Some(&[JSON])
    } else if path.starts_with(workers::BASE) || path.starts_with(organisations::BASE) {
        Some(&[JSON, XML])
    } else {
        None
    }
}

fn describe(operation: &mut Operation, forms: &[&str]) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        // What is only accepted, or gone, has no body.
        if let RefOr::T(response) = response
            && response.content.is_empty()
            && !matches!(status.as_str(), "202" | "204")
        {
            let anew = filled(&response.description, forms);
            response.content = anew.content;
        }
    }
    for (status, description) in COMMON {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(filled(description, forms)));
    }
}

/// An answer that is a resource in any of these forms.
fn filled(description: &str, forms: &[&str]) -> Response {
    let resource = || ContentBuilder::new().schema(Some(ObjectBuilder::new().build())).build();
    let begun = ResponseBuilder::new().description(description);
    forms.iter().fold(begun, |response, form| response.content(*form, resource())).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every route of the faces says how it refuses and what it answers; those of others are left as they are.
    #[test]
    fn routes_are_described() {
        let document = serde_json::to_value(super::super::openapi()).unwrap();
        let read = &document["paths"][format!("{}/Practitioner/{{id}}", workers::BASE)]["get"]["responses"];
        for status in ["200", "304", "400", "401", "403", "404", "406", "410", "429", "default"] {
            assert!(read[status]["description"].is_string(), "{status}");
        }
        assert!(read["200"]["content"][XML].is_object() && read["304"]["content"].is_null());
        assert!(read["401"]["content"].is_null() && read["404"]["content"].is_null(), "it may have no body");
        let device = &document["paths"][format!("{}/Device", spine::BASE)]["get"]["responses"];
        assert!(device["200"]["content"][JSON].is_object() && device["200"]["content"][XML].is_null());
        assert!(document["paths"]["/directory/changes"]["get"]["responses"]["406"].is_null());
        for base in [workers::BASE, spine::BASE, organisations::BASE] {
            for path in ["$export/{export}", "Subscription/{id}"] {
                assert!(document["paths"][format!("{base}/{path}")]["delete"].is_object(), "{base}/{path}");
            }
        }
    }
}
