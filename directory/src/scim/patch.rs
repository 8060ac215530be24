//! Changes to a resource (RFC 7644 3.5.2), on its JSON: what comes out is read like any user.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Refused;
use super::attribute::{self, Mutability};
use super::change::{Act, change, change_items};
use super::path::{Of, Place, Target, Unreadable, place};
use super::resource::{EXTENSION, demand_schema};

/// The schema of the body.
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The most operations of one request.
const MOST: usize = 100;

/// The body of a PATCH.
#[derive(Debug, Deserialize)]
pub(crate) struct PatchRequest {
    #[serde(default)]
    pub(crate) schemas: Vec<String>,
    #[serde(rename = "Operations", alias = "operations")]
    pub(crate) operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) op: String,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) value: Option<Value>,
}

/// A value that stands there, `null` too: it is not the same as none (RFC 7643 2.5).
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A resource after the operations, in their order. One that cannot be done leaves nothing done.
///
/// What was taken away stands there as nothing (`null`), which is not the same as what was never told.
pub(crate) fn patched(resource: Value, request: PatchRequest) -> Result<Value, Refused> {
    demand_schema(&request.schemas, PATCH)?;
    if request.operations.is_empty() || request.operations.len() > MOST {
        return Err(Refused::invalid("invalidValue", format!("Send between 1 and {MOST} operations.")));
    }
    let mut resource = resource;
    for operation in request.operations {
        let act = match operation.op.to_ascii_lowercase().as_str() {
            "add" => Act::Add,
            "replace" => Act::Replace,
            "remove" => Act::Remove,
            _ => return Err(Refused::invalid("invalidSyntax", "An operation is add, replace or remove.")),
        };
        match operation.path {
            Some(path) => apply(&mut resource, act, place(&path).map_err(unreadable)?, operation.value)?,
            None => apply_each(&mut resource, act, operation.value)?,
        }
    }
    Ok(resource)
}

fn unreadable(why: Unreadable) -> Refused {
    match why {
        Unreadable::Path => {
            Refused::invalid("invalidPath", "A path is attribute, attribute.part or attribute[filter].part.")
        }
        Unreadable::Filter => Refused::invalid("invalidFilter", "The filter in the path cannot be read."),
        Unreadable::Unknown => Refused::invalid(
            "invalidPath",
            "No schema has the attribute of the path. GET /Schemas shows them.",
        ),
    }
}

/// Without a path: the members of the value, each at its own place. Attributes that no schema has are left, as in a POST.
fn apply_each(resource: &mut Value, act: Act, value: Option<Value>) -> Result<(), Refused> {
    if act == Act::Remove {
        // RFC 7644 3.5.2.2.
        return Err(Refused::invalid("noTarget", "Say with a path what is to be removed."));
    }
    let Some(Value::Object(members)) = value else {
        return Err(Refused::invalid("invalidValue", "Without a path the value is an object."));
    };
    for (name, value) in members {
        // Some clients write paths for names here.
        match place(&name) {
            Ok(place) => apply(resource, act, place, Some(value))?,
            Err(Unreadable::Unknown) => {}
            Err(why) => return Err(unreadable(why)),
        }
    }
    Ok(())
}

fn apply(resource: &mut Value, act: Act, place: Place, value: Option<Value>) -> Result<(), Refused> {
    // Nothing stands for what is not there (RFC 7643 2.5): to add it adds nothing.
    if act == Act::Add && value == Some(Value::Null) {
        return Ok(());
    }
    let act = if act == Act::Replace && value == Some(Value::Null) { Act::Remove } else { act };
    match place {
        Place::Extension => apply_extension(resource, act, value),
        Place::Attribute(target, filter) => {
            demand_changeable(resource, act, target, value.as_ref())?;
            let at = inside(resource, target.of);
            match filter {
                Some(filter) => change_items(&mut at[target.attribute.name], target, &filter, act, value),
                None => change(&mut at[target.attribute.name], target, act, value),
            }
        }
    }
}

fn apply_extension(resource: &mut Value, act: Act, value: Option<Value>) -> Result<(), Refused> {
    if act == Act::Remove {
        for attribute in attribute::REGISTER.iter().filter(|one| one.mutability != Mutability::Immutable) {
            inside(resource, Of::Register)[attribute.name] = Value::Null;
        }
        return Ok(());
    }
    let Some(Value::Object(members)) = value else {
        return Err(Refused::invalid("invalidValue", "The value is an object."));
    };
    for (name, value) in members {
        if let Some(attribute) = attribute::register(&name) {
            let target = Target { of: Of::Register, attribute, part: None };
            apply(resource, act, Place::Attribute(target, None), Some(value))?;
        }
    }
    Ok(())
}

/// The object that holds the attributes of a schema.
fn inside(resource: &mut Value, of: Of) -> &mut Value {
    let at = match of {
        Of::Core => resource,
        Of::Register => &mut resource[EXTENSION],
    };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    at
}

/// RFC 7644 3.5.2: what only we write, or what was said once, is the same or refused; what is needed is not taken away.
fn demand_changeable(
    resource: &Value,
    act: Act,
    target: Target,
    value: Option<&Value>,
) -> Result<(), Refused> {
    let fixed = match target.attribute.mutability {
        Mutability::ReadOnly => true,
        Mutability::Immutable => act != Act::Remove,
        Mutability::ReadWrite | Mutability::WriteOnly => false,
    };
    let name = target.part.unwrap_or(target.attribute).name;
    if fixed {
        let present = match (target.of, target.part) {
            (Of::Core, None) => &resource[target.attribute.name],
            (Of::Core, Some(part)) => &resource[target.attribute.name][part.name],
            (Of::Register, _) => &resource[EXTENSION][target.attribute.name],
        };
        if act != Act::Remove && !present.is_null() && Some(present) == value {
            return Ok(());
        }
        return Err(Refused::invalid("mutability", format!("{name} is not changed here.")));
    }
    let needed = target.part.unwrap_or(target.attribute).is_needed;
    if act == Act::Remove && (needed || target.attribute.mutability == Mutability::Immutable) {
        return Err(Refused::invalid("mutability", format!("{name} is needed, and is not taken away.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn user() -> Value {
        json!({"id": "000000000013", "userName": "ann", "externalId": "1", "displayName": "Ann Example",
               "name": {"givenName": "Ann", "familyName": "Example"}, "active": true,
               "emails": [{"value": "a@b.example", "type": "work", "primary": true}, {"value": "h@b.example", "type": "home"}]})
    }

    fn after(operations: &Value) -> Result<Value, Refused> {
        patched(
            user(),
            serde_json::from_value(json!({"schemas": [PATCH], "Operations": operations})).unwrap(),
        )
    }

    /// The operations that clients send: by path, by filter, without a path, into the extension.
    #[test]
    fn operations_change_what_they_name() {
        let check = |operations: Value, pointer: &str, expected: Value| {
            let after = after(&operations).unwrap();
            assert_eq!(after.pointer(pointer).cloned().unwrap_or_default(), expected, "{operations}");
        };
        check(json!([{"op": "Replace", "path": "active", "value": "False"}]), "/active", json!(false));
        check(
            json!([{"op": "replace", "path": "name.familyname", "value": "Sample"}]),
            "/name",
            json!({"givenName": "Ann", "familyName": "Sample"}),
        );
        check(
            json!([{"op": "replace", "path": "name", "value": {"middleName": "Eve"}}]),
            "/name",
            json!({"givenName": "Ann", "familyName": "Example", "middleName": "Eve"}),
        );
        check(json!([{"op": "replace", "value": {"active": false, "title": "Dr"}}]), "/active", json!(false));
        check(json!([{"op": "add", "value": {"name.middleName": "Eve"}}]), "/name/middleName", json!("Eve"));
        check(
            json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "n@b.example"}]),
            "/emails/0/value",
            json!("n@b.example"),
        );
        check(
            json!([{"op": "replace", "path": "emails[type eq \"work\" and primary eq true]", "value": {"value": "n@b.example"}}]),
            "/emails/0",
            json!({"value": "n@b.example", "type": "work", "primary": true}),
        );
        check(
            json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]),
            "/emails",
            json!([{"value": "h@b.example", "type": "home"}]),
        );
        check(
            json!([{"op": "remove", "path": "emails", "value": [{"value": "h@b.example"}]}]),
            "/emails/1",
            Value::Null,
        );
        check(json!([{"op": "remove", "path": "emails"}]), "/emails", json!([]));
        check(
            json!([{"op": "add", "path": "emails", "value": [{"value": "n@b.example"}]}]),
            "/emails/2/value",
            json!("n@b.example"),
        );
        check(
            json!([{"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "07700900123"}]),
            "/phoneNumbers/0",
            json!({"type": "mobile", "value": "07700900123"}),
        );
        check(
            json!([{"op": "replace", "path": "emails.type", "value": "other"}]),
            "/emails/1/type",
            json!("other"),
        );
        check(
            json!([{"op": "add", "path": format!("{EXTENSION}:dateOfBirth"), "value": "1984-07-23"}]),
            &format!("/{EXTENSION}/dateOfBirth"),
            json!("1984-07-23"),
        );
        check(
            json!([{"op": "replace", "value": {EXTENSION: {"gender": "female"}}}]),
            &format!("/{EXTENSION}/gender"),
            json!("female"),
        );
        check(
            json!([{"op": "replace", "path": "id", "value": "000000000013"}]),
            "/id",
            json!("000000000013"),
        );
    }

    /// RFC 7644 3.5.2.1: to add what is there changes nothing, a value of the same kind is not there twice, a single value and the parts
    /// of a complex one are replaced, and nothing adds nothing.
    #[test]
    fn additions_are_those_of_the_standard() {
        for nothing in [
            json!({"op": "add", "path": "userName", "value": "ann"}),
            json!({"op": "add", "path": "name", "value": {"givenName": "Ann"}}),
            json!({"op": "add", "path": "emails", "value": [{"value": "a@b.example", "type": "work", "primary": true}]}),
            json!({"op": "add", "path": "emails", "value": {"type": "home", "value": "h@b.example"}}),
            json!({"op": "add", "path": "emails[type eq \"work\"].value", "value": "a@b.example"}),
            json!({"op": "add", "path": "emails", "value": []}),
            json!({"op": "add", "value": {"name": {"familyName": "Example"}, "emails": null, "title": "Dr"}}),
        ] {
            assert_eq!(after(&json!([nothing])).unwrap(), user(), "{nothing}");
        }
        let emails = |value: Value| {
            after(&json!([{"op": "add", "path": "emails", "value": value}])).unwrap()["emails"].clone()
        };
        let (work, home) = (
            json!({"value": "a@b.example", "type": "work", "primary": true}),
            json!({"value": "h@b.example", "type": "home"}),
        );
        let new = json!({"value": "a@b.example", "type": "other"});
        assert_eq!(emails(json!([new, new])), json!([work, home, new]), "once, and of another kind");
        let display = json!({"value": "h@b.example", "type": "home", "display": "At home"});
        assert_eq!(emails(display.clone()), json!([work, display]), "said of the one that is there");
        assert_eq!(
            after(&json!([{"op": "add", "path": "userName", "value": "eve"}])).unwrap()["userName"],
            "eve"
        );
        let phones =
            json!([{"value": "07700900123", "type": "mobile"}, {"value": "07700900123", "type": "mobile"}]);
        let added = after(&json!([{"op": "add", "value": {"phoneNumbers": phones}}])).unwrap();
        assert_eq!(added["phoneNumbers"].as_array().map(Vec::len), Some(1));
    }

    /// There is one primary value: the one that became it last.
    #[test]
    fn one_value_is_primary() {
        for operation in [
            json!({"op": "add", "path": "emails", "value": {"value": "n@b.example", "primary": true}}),
            json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}),
            json!({"op": "replace", "path": "emails[type eq \"home\"]", "value": {"primary": true}}),
        ] {
            let after = after(&json!([operation])).unwrap();
            let items = after["emails"].as_array().unwrap();
            assert_eq!(items.iter().filter(|item| item["primary"] == json!(true)).count(), 1, "{after}");
            assert_eq!(items[0]["primary"], json!(false), "{after}");
        }
    }

    /// What cannot be done is refused with the keyword of the standard.
    #[test]
    fn nonsense_is_refused() {
        for (operations, kind) in [
            (json!([]), "invalidValue"),
            (json!([{"op": "move", "path": "active"}]), "invalidSyntax"),
            (json!([{"op": "remove"}]), "noTarget"),
            (json!([{"op": "add", "value": "x"}]), "invalidValue"),
            (json!([{"op": "replace", "path": "active"}]), "invalidValue"),
            (json!([{"op": "replace", "path": "active", "value": "perhaps"}]), "invalidValue"),
            (json!([{"op": "replace", "path": "emails", "value": "x"}]), "invalidValue"),
            (
                json!([{"op": "replace", "path": "emails[type xx \"w\"].value", "value": "x"}]),
                "invalidFilter",
            ),
            (json!([{"op": "replace", "path": "emails[type eq \"other\"].value", "value": "x"}]), "noTarget"),
            (json!([{"op": "remove", "path": "emails[type eq \"other\"]"}]), "noTarget"),
            (json!([{"op": "remove", "path": "phoneNumbers.type"}]), "noTarget"),
            (json!([{"op": "replace", "path": "name..x", "value": "x"}]), "invalidPath"),
            (json!([{"op": "replace", "path": "title", "value": "x"}]), "invalidPath"),
            (json!([{"op": "remove", "path": "name[type eq \"x\"]"}]), "invalidPath"),
            (json!([{"op": "remove", "path": "userName"}]), "mutability"),
            (json!([{"op": "remove", "path": "name"}]), "mutability"),
            (json!([{"op": "replace", "path": "name.familyName", "value": null}]), "mutability"),
            (json!([{"op": "remove", "path": "emails[type eq \"work\"].value"}]), "mutability"),
            (json!([{"op": "remove", "path": "externalId"}]), "mutability"),
            (json!([{"op": "replace", "path": "externalId", "value": "2"}]), "mutability"),
            (json!([{"op": "replace", "path": "displayName", "value": "Eve"}]), "mutability"),
            (json!([{"op": "remove", "path": "meta.version"}]), "mutability"),
            (json!([{"op": "replace", "value": {"id": "000000000026"}}]), "mutability"),
            (
                json!([{"op": "add", "path": format!("{EXTENSION}:linkTo"), "value": "000000000026"}]),
                "mutability",
            ),
        ] {
            assert_eq!(after(&operations).unwrap_err().kind, Some(kind), "{operations}");
        }
        let without = json!({"Operations": [{"op": "remove", "path": "emails"}]});
        assert_eq!(
            patched(user(), serde_json::from_value(without).unwrap()).unwrap_err().kind,
            Some("invalidValue")
        );
    }

    proptest! {
        /// Whatever path and value come, an answer ends it, and what is not named stays.
        #[test]
        fn any_path_ends_in_an_answer(path in "[a-zA-Z.:\\[\\]\" ]{0,30}", value in "[a-z]{0,5}") {
            let operation = json!([{"op": "replace", "path": format!("title{path}"), "value": value}]);
            prop_assert_eq!(after(&operation).map_err(|refused| refused.kind.is_some()).err(), Some(true));
            let operation = json!([{"op": "add", "path": format!("emails{path}"), "value": value}]);
            if let Ok(after) = after(&operation) {
                prop_assert_eq!(&after["userName"], &json!("ann"));
            }
        }
    }
}
