//! What this face of SCIM can do, as it says it of itself (RFC 7643 5 to 7).

use serde_json::{Value, json};

use super::LARGEST_PAGE;
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

fn attribute(name: &str, kind: &str, needed: &str, mutability: &str, description: &str) -> Value {
    let returned = if mutability == "writeOnly" { "never" } else { "default" };
    json!({
        "name": name, "type": kind, "multiValued": false, "description": description,
        "required": needed == "required", "caseExact": name == "externalId", "mutability": mutability,
        "returned": returned, "uniqueness": if name == "userName" { "server" } else { "none" },
    })
}

fn several(mut attribute: Value, parts: Vec<Value>) -> Value {
    attribute["multiValued"] = Value::Bool(true);
    attribute["subAttributes"] = Value::Array(parts);
    attribute
}

/// The schemas.
pub(crate) fn schemas(base: &str) -> Vec<Value> {
    let plain = |name, description| attribute(name, "string", "optional", "readWrite", description);
    let needed = |name, description| attribute(name, "string", "required", "readWrite", description);
    let mut name = attribute("name", "complex", "required", "readWrite", "The name.");
    name["subAttributes"] = json!([
        needed("familyName", "Family name."),
        needed("givenName", "Given name."),
        plain("middleName", "Further given names."),
        plain("honorificPrefix", "Such as Dr."),
    ]);
    let addresses = |name, description| {
        let parts = vec![needed("value", "The address."), plain("type", "Such as work or mobile.")];
        several(attribute(name, "complex", "optional", "readWrite", description), parts)
    };
    let registrations = several(
        attribute("registrations", "complex", "optional", "readWrite", "Professional registrations."),
        vec![needed("body", "Such as GMC."), needed("number", "As the body writes it.")],
    );
    let looked_at = attribute(
        "lookedAt",
        "string",
        "optional",
        "writeOnly",
        "Possible duplicates who are somebody else.",
    );
    let user = json!([
        needed("userName", "The name that the personnel system gave."),
        needed("externalId", "The id that the personnel system gave: the same one is the same person."),
        name,
        attribute("displayName", "string", "optional", "readOnly", "Given and family name."),
        attribute("active", "boolean", "optional", "readWrite", "False when somebody has left."),
        addresses("emails", "E-mail addresses."),
        addresses("phoneNumbers", "Mobile telephones."),
    ]);
    let extension = json!([
        plain("dateOfBirth", "YYYY-MM-DD."),
        plain("gender", "female, male, other or not-stated."),
        attribute("nationalInsuranceNumber", "string", "optional", "writeOnly", "Kept as a hash."),
        registrations,
        several(looked_at, Vec::new()),
        attribute(
            "linkTo",
            "string",
            "optional",
            "writeOnly",
            "The user id of somebody who is known here already."
        ),
    ]);
    let schema = |id: &str, name: &str, attributes: Value| {
        json!({
            "schemas": [SCHEMA], "id": id, "name": name, "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{id}")},
        })
    };
    vec![schema(USER, "User", user), schema(EXTENSION, "Register", extension)]
}
