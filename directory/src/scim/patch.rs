//! Changes to a resource (RFC 7644 3.5.2), on its JSON: what comes out is read like any user.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Refused;
use super::resource::{EXTENSION, USER, respelled, spelled};

/// The most operations of one request.
const MOST: usize = 100;

/// The body of a PATCH.
#[derive(Debug, Deserialize)]
pub(crate) struct PatchRequest {
    #[serde(rename = "Operations", alias = "operations")]
    pub(crate) operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) op: String,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) value: Option<Value>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Add,
    Replace,
    Remove,
}

/// Where an operation does it: `attribute[filter].sub`, in the core or the extension.
#[derive(Debug, PartialEq, Eq)]
struct Where {
    extension: bool,
    attribute: Option<String>,
    /// The attribute of an item and its text.
    item: Option<(String, String)>,
    sub: Option<String>,
}

/// A resource after the operations, in their order. One that cannot be done leaves nothing done.
pub(crate) fn patched(resource: Value, request: PatchRequest) -> Result<Value, Refused> {
    if request.operations.is_empty() || request.operations.len() > MOST {
        return Err(Refused::invalid("invalidValue", format!("Send between 1 and {MOST} operations.")));
    }
    let mut resource = respelled(resource, 5);
    for operation in request.operations {
        let act = match operation.op.to_ascii_lowercase().as_str() {
            "add" => Act::Add,
            "replace" => Act::Replace,
            "remove" => Act::Remove,
            _ => return Err(Refused::invalid("invalidSyntax", "An operation is add, replace or remove.")),
        };
        apply(&mut resource, act, operation.path.as_deref(), operation.value)?;
    }
    Ok(resource)
}

fn apply(resource: &mut Value, act: Act, path: Option<&str>, value: Option<Value>) -> Result<(), Refused> {
    let value = value.map(|value| respelled(value, 5));
    let Some(path) = path else {
        let Some(Value::Object(members)) = value.filter(|_| act != Act::Remove) else {
            return Err(Refused::invalid(
                "noTarget",
                "Without a path the value is an object, and nothing is removed.",
            ));
        };
        for (name, value) in members {
            // Some clients write paths for names here.
            apply(resource, act, Some(&name), Some(value))?;
        }
        return Ok(());
    };
    let place = place(path)?;
    let mut at = resource;
    if place.extension {
        at = member(at, EXTENSION);
    }
    let Some(attribute) = &place.attribute else {
        return merge(at, act, value);
    };
    if matches!(attribute.as_str(), "id" | "meta" | "schemas") {
        // Written by us only; who sends them back unchanged does no harm.
        return Ok(());
    }
    match (&place.item, &place.sub) {
        (None, None) => set(at, attribute, act, value),
        (None, Some(sub)) => set(member(at, attribute), sub, act, value),
        (Some(item), sub) => items(member(at, attribute), item, sub.as_deref(), act, value.as_ref()),
    }
}

/// The member of an object, made if it is not there.
fn member<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    if !value.is_object() && !value.is_array() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members.entry(name.to_owned()).or_insert(Value::Null),
        other => other,
    }
}

/// Every member of a value by itself.
fn merge(at: &mut Value, act: Act, value: Option<Value>) -> Result<(), Refused> {
    match (act, value) {
        (Act::Remove, _) => *at = Value::Null,
        (_, Some(Value::Object(members))) => {
            for (name, value) in members {
                set(at, &name, act, Some(value))?;
            }
        }
        _ => return Err(Refused::invalid("invalidValue", "The value is an object.")),
    }
    Ok(())
}

fn set(at: &mut Value, name: &str, act: Act, value: Option<Value>) -> Result<(), Refused> {
    let present = member(at, name);
    match (act, value) {
        (Act::Remove, _) => *present = Value::Null,
        (_, None) => return Err(Refused::invalid("invalidValue", "The operation has no value.")),
        // A list takes what it has not (3.5.2.1).
        (Act::Add, Some(more)) if present.is_array() => {
            let more = if let Value::Array(more) = more { more } else { vec![more] };
            if let Value::Array(items) = present {
                for item in more {
                    if !items.contains(&item) {
                        items.push(item);
                    }
                }
            }
        }
        (Act::Add, Some(Value::Object(members))) if present.is_object() => {
            for (name, value) in members {
                set(present, &name, act, Some(value))?;
            }
        }
        (_, Some(value)) => *present = value,
    }
    Ok(())
}

/// The items of a list of which an attribute has a text.
fn items(
    list: &mut Value,
    (attribute, text): &(String, String),
    sub: Option<&str>,
    act: Act,
    value: Option<&Value>,
) -> Result<(), Refused> {
    if list.is_null() {
        *list = Value::Array(Vec::new());
    }
    let Value::Array(items) = list else {
        return Err(Refused::invalid("invalidPath", "Only items of lists are chosen by a filter."));
    };
    let chosen = |item: &Value| item[attribute].as_str().is_some_and(|it| it.eq_ignore_ascii_case(text));
    if act == Act::Remove && sub.is_none() {
        items.retain(|item| !chosen(item));
        return Ok(());
    }
    if !items.iter().any(chosen) {
        if act == Act::Remove {
            return Ok(());
        }
        // RFC 7644 3.5.2.3 refuses; what clients mean is an item of that kind.
        let mut new = Map::new();
        new.insert(attribute.clone(), Value::from(text.as_str()));
        items.push(Value::Object(new));
    }
    for item in items.iter_mut().filter(|item| chosen(item)) {
        match sub {
            Some(sub) => set(item, sub, act, value.cloned())?,
            None => merge(item, act, value.cloned())?,
        }
    }
    Ok(())
}

/// Reads a path.
fn place(path: &str) -> Result<Where, Refused> {
    let refused = || {
        Refused::invalid(
            "invalidPath",
            "A path is attribute, attribute.sub or attribute[type eq \"text\"].sub.",
        )
    };
    let path = path.trim();
    let after = |schema: &str| {
        let (head, rest) = path.split_at_checked(schema.len())?;
        head.eq_ignore_ascii_case(schema).then_some(rest)
    };
    let (extension, rest) = match (after(EXTENSION), after(USER)) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => (false, path),
    };
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    if rest.is_empty() {
        return if extension {
            Ok(Where { extension, attribute: None, item: None, sub: None })
        } else {
            Err(refused())
        };
    }
    let (head, sub) = match rest.rfind(']') {
        Some(end) if end + 1 == rest.len() => (rest, None),
        Some(end) => (&rest[..=end], Some(rest[end + 1..].strip_prefix('.').ok_or_else(refused)?)),
        None => rest.split_once('.').map_or((rest, None), |(head, sub)| (head, Some(sub))),
    };
    let (attribute, item) = match head.split_once('[') {
        None => (head, None),
        Some((attribute, filter)) => {
            let filter = filter.strip_suffix(']').ok_or_else(refused)?;
            let (name, rest) = filter.trim().split_once(' ').ok_or_else(refused)?;
            let (operator, text) = rest.trim_start().split_once(' ').ok_or_else(refused)?;
            let text: String = serde_json::from_str(text.trim()).map_err(|_| refused())?;
            if !operator.eq_ignore_ascii_case("eq") {
                return Err(refused());
            }
            (attribute, Some((spelled(name), text)))
        }
    };
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'$' || byte == b'-' || byte == b'_')
    };
    if !word(attribute) || sub.is_some_and(|sub| !word(sub)) {
        return Err(refused());
    }
    Ok(Where { extension, attribute: Some(spelled(attribute)), item, sub: sub.map(spelled) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn user() -> Value {
        json!({"userName": "ann", "name": {"givenName": "Ann", "familyName": "Example"}, "active": true,
               "emails": [{"value": "a@b.example", "type": "work"}, {"value": "h@b.example", "type": "home"}]})
    }

    fn after(operations: &Value) -> Result<Value, Refused> {
        patched(user(), serde_json::from_value(json!({"Operations": operations})).unwrap())
    }

    /// The operations that clients send: by path, by filter, without a path, into the extension.
    #[test]
    fn operations_change_what_they_name() {
        let check = |operations: Value, pointer: &str, expected: Value| {
            let after = after(&operations).unwrap();
            assert_eq!(after.pointer(pointer).cloned().unwrap_or_default(), expected, "{operations}");
        };
        check(json!([{"op": "Replace", "path": "active", "value": "False"}]), "/active", json!("False"));
        check(
            json!([{"op": "replace", "path": "name.familyname", "value": "Sample"}]),
            "/name/familyName",
            json!("Sample"),
        );
        check(json!([{"op": "replace", "value": {"active": false}}]), "/active", json!(false));
        check(json!([{"op": "add", "value": {"name.middleName": "Eve"}}]), "/name/middleName", json!("Eve"));
        check(
            json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "n@b.example"}]),
            "/emails/0/value",
            json!("n@b.example"),
        );
        check(
            json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]),
            "/emails",
            json!([{"value": "h@b.example", "type": "home"}]),
        );
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
            json!([{"op": "add", "path": format!("{EXTENSION}:dateOfBirth"), "value": "1984-07-23"}]),
            &format!("/{EXTENSION}/dateOfBirth"),
            json!("1984-07-23"),
        );
        check(json!([{"op": "replace", "path": "id", "value": "1"}]), "/id", Value::Null);
    }

    /// What cannot be done is refused with the keyword of the standard.
    #[test]
    fn nonsense_is_refused() {
        for (operations, kind) in [
            (json!([]), "invalidValue"),
            (json!([{"op": "move", "path": "active"}]), "invalidSyntax"),
            (json!([{"op": "remove"}]), "noTarget"),
            (json!([{"op": "replace", "path": "active"}]), "invalidValue"),
            (json!([{"op": "replace", "path": "emails[type co \"w\"].value", "value": "x"}]), "invalidPath"),
            (json!([{"op": "replace", "path": "name..x", "value": "x"}]), "invalidPath"),
            (json!([{"op": "remove", "path": "name[type eq \"x\"]"}]), "invalidPath"),
        ] {
            assert_eq!(after(&operations).unwrap_err().kind, Some(kind), "{operations}");
        }
    }

    proptest! {
        /// Whatever path and value come, reading ends, and what is not named stays.
        #[test]
        fn any_path_ends_in_an_answer(path in "[a-zA-Z.:\\[\\]\" ]{0,30}", value in "[a-z]{0,5}") {
            let operation = json!([{"op": "replace", "path": format!("title{path}"), "value": value}]);
            if let Ok(after) = after(&operation) {
                prop_assert_eq!(&after["userName"], &json!("ann"));
            }
        }
    }
}
