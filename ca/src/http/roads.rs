//! Which road of enrolment an address names: none for the default one, or its label.

use serde::Deserialize;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};

/// The part of an address that names a road.
#[derive(Deserialize)]
pub(super) struct Road {
    label: Option<String>,
}

impl Road {
    pub(super) fn name(&self) -> Option<&str> {
        self.label.as_deref()
    }
}

/// Where the address of an operation stands, alone and with a label.
const PLACES: [(&str, &str); 2] =
    [("/.well-known/est/", "/.well-known/est/{label}/"), ("/.well-known/cmp", "/.well-known/cmp/p/{label}")];

/// Describes every operation of a road a second time, where its label is in the address.
pub(super) fn describe_labels(document: &mut OpenApi) {
    for (alone, labelled) in PLACES {
        let of_place = document.paths.paths.iter().filter(|(path, _)| path.starts_with(alone));
        let mut further = Vec::new();
        for (path, item) in of_place {
            let mut item = item.clone();
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                operation.parameters.get_or_insert_default().push(RefOr::T(parameter()));
                operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_by"));
            }
            further.push((path.replacen(alone, labelled, 1), item));
        }
        document.paths.paths.extend(further);
    }
}

fn parameter() -> Parameter {
    ParameterBuilder::new()
        .name("label")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The road's name"))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

#[cfg(test)]
mod tests {
    /// Every operation is described with and without a label, each under an id of its own.
    #[test]
    fn labels_are_described() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        for (alone, labelled, method) in [
            ("/.well-known/est/cacerts", "/.well-known/est/{label}/cacerts", "get"),
            ("/.well-known/est/csrattrs", "/.well-known/est/{label}/csrattrs", "get"),
            ("/.well-known/est/simpleenroll", "/.well-known/est/{label}/simpleenroll", "post"),
            ("/.well-known/est/simplereenroll", "/.well-known/est/{label}/simplereenroll", "post"),
            ("/.well-known/cmp", "/.well-known/cmp/p/{label}", "post"),
        ] {
            let [alone, labelled] = [alone, labelled].map(|path| &document["paths"][path][method]);
            assert_eq!(labelled["parameters"][0]["name"], "label", "{labelled}");
            assert!(alone["parameters"].is_null(), "{alone}");
            assert!(alone["operationId"].is_string() && labelled["operationId"].is_string());
            assert_ne!(alone["operationId"], labelled["operationId"]);
        }
    }
}
