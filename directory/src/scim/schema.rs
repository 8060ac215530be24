//! What this face of SCIM can do, as it says it of itself (RFC 7643 5 to 7).

use serde_json::{Value, json};

use super::LARGEST_PAGE;
use super::attribute::{Attribute, CORE, Kind, REGISTER};
use super::resource::{EXTENSION, USER};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What is supported.
pub(crate) fn service_provider_config(base: &str) -> Value {
    let no = json!({"supported": false});
    json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": LARGEST_PAGE},
        "changePassword": no,
        "sort": no,
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Client certificate or access token",
            "description": "A client certificate of this service, or an access token, with the act directory:feed.",
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig")},
    })
}

/// The one kind of resource.
pub(crate) fn resource_types(base: &str) -> Vec<Value> {
    vec![json!({
        "schemas": [RESOURCE_TYPE],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "description": "Somebody whom a personnel system has announced.",
        "schema": USER,
        "schemaExtensions": [{"schema": EXTENSION, "required": false}],
        "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/User")},
    })]
}

/// The schemas.
pub(crate) fn schemas(base: &str) -> Vec<Value> {
    let schema = |id: &str, name: &str, about: &str, attributes: &[Attribute]| {
        json!({
            "schemas": [SCHEMA], "id": id, "name": name, "description": about,
            "attributes": attributes.iter().map(described).collect::<Vec<_>>(),
            "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{id}")},
        })
    };
    vec![
        schema(USER, "User", "Somebody whom a personnel system has announced.", CORE),
        schema(EXTENSION, "Register", "What the register needs beyond.", REGISTER),
    ]
}

/// An attribute in the form of RFC 7643 7.
fn described(attribute: &Attribute) -> Value {
    let kind = match attribute.kind {
        Kind::Text => "string",
        Kind::Flag => "boolean",
        Kind::Moment => "dateTime",
        Kind::Complex => "complex",
    };
    let mut value = json!({
        "name": attribute.name, "type": kind, "multiValued": attribute.is_plural,
        "description": attribute.about, "required": attribute.is_needed, "caseExact": attribute.is_exact,
        "mutability": attribute.mutability.word(),
        "returned": if attribute.is_hidden { "never" } else { "default" },
        "uniqueness": if matches!(attribute.name, "userName" | "externalId") { "server" } else { "none" },
    });
    if !attribute.words.is_empty() {
        value["canonicalValues"] = json!(attribute.words);
    }
    if !attribute.parts.is_empty() {
        value["subAttributes"] = attribute.parts.iter().map(described).collect();
    }
    value
}
