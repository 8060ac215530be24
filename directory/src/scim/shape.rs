//! Which attributes of a resource are answered (RFC 7644 3.9).

use serde_json::{Map, Value};

use super::Refused;
use super::path::{Of, Target, Unreadable, target, within};
use super::resource::EXTENSION;

/// What everybody is answered (RFC 7643 7: always returned).
const ALWAYS: [&str; 2] = ["schemas", "id"];
/// The most names.
const MOST: usize = 50;

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) enum Shape {
    /// Everything.
    #[default]
    Whole,
    /// Only these.
    Only(Vec<Named>),
    /// All but these.
    Without(Vec<Named>),
}

/// An attribute, a part of one, or a whole schema of ours.
#[derive(Debug)]
pub(crate) enum Named {
    Target(Target),
    Extension,
}

impl Shape {
    /// Reads two lists, of which one at most has names. Attributes that no schema has are in no answer either way.
    pub(crate) fn read(only: &[String], without: &[String]) -> Result<Self, Refused> {
        let refused = |sentence: String| Refused::invalid("invalidValue", sentence);
        let names = |list: &[String]| -> Result<Option<Vec<Named>>, Refused> {
            if list.len() > MOST {
                return Err(refused(format!("Name at most {MOST} attributes.")));
            }
            let names = list.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
            let mut several = names.peekable();
            if several.peek().is_none() {
                return Ok(None);
            }
            let mut wanted = Vec::new();
            for name in several {
                match (within(name), target(name)) {
                    ((Of::Register, ""), _) => wanted.push(Named::Extension),
                    (_, Ok(target)) => wanted.push(Named::Target(target)),
                    (_, Err(Unreadable::Unknown)) => {}
                    (_, Err(_)) => return Err(refused("A name of an attribute cannot be read.".to_owned())),
                }
            }
            Ok(Some(wanted))
        };
        match (names(only)?, names(without)?) {
            (Some(_), Some(_)) => {
                Err(refused("Send attributes or excludedAttributes, and not both.".to_owned()))
            }
            (Some(only), None) => Ok(Self::Only(only)),
            (None, Some(without)) => Ok(Self::Without(without)),
            (None, None) => Ok(Self::Whole),
        }
    }

    /// A resource with what is asked for.
    pub(crate) fn of(&self, resource: Value) -> Value {
        match self {
            Self::Whole => resource,
            Self::Only(names) => {
                let mut only = Map::new();
                for name in ALWAYS {
                    only.insert(name.to_owned(), resource[name].clone());
                }
                let mut only = Value::Object(only);
                for name in names {
                    name.copy(&resource, &mut only);
                }
                only
            }
            Self::Without(names) => {
                let mut rest = resource;
                for name in names {
                    name.take_away(&mut rest);
                }
                rest
            }
        }
    }
}

impl Named {
    fn copy(&self, from: &Value, to: &mut Value) {
        let Self::Target(Target { of, attribute, part }) = self else {
            if !from[EXTENSION].is_null() {
                to[EXTENSION] = from[EXTENSION].clone();
            }
            return;
        };
        let from = match of {
            Of::Core => from,
            Of::Register => &from[EXTENSION],
        };
        let value = &from[attribute.name];
        if value.is_null() {
            return;
        }
        let to = match of {
            Of::Core => to,
            Of::Register => &mut to[EXTENSION],
        };
        let Some(part) = part else {
            to[attribute.name] = value.clone();
            return;
        };
        match value {
            Value::Array(items) => {
                let many = items.len();
                let list = &mut to[attribute.name];
                if !list.is_array() {
                    *list = Value::Array(vec![Value::Object(Map::new()); many]);
                }
                for (at, item) in items.iter().enumerate().filter(|(_, item)| !item[part.name].is_null()) {
                    list[at][part.name] = item[part.name].clone();
                }
            }
            value if !value[part.name].is_null() => to[attribute.name][part.name] = value[part.name].clone(),
            _ => {}
        }
    }

    fn take_away(&self, from: &mut Value) {
        let members = |value: &mut Value, name: &str| {
            if let Some(members) = value.as_object_mut() {
                members.remove(name);
            }
        };
        match self {
            Self::Extension => members(from, EXTENSION),
            Self::Target(Target { of, attribute, part }) => {
                if ALWAYS.contains(&attribute.name) {
                    return;
                }
                let from = match of {
                    Of::Core => from,
                    Of::Register if from[EXTENSION].is_null() => return,
                    Of::Register => &mut from[EXTENSION],
                };
                let Some(part) = part else { return members(from, attribute.name) };
                match from.get_mut(attribute.name) {
                    Some(Value::Array(items)) => items.iter_mut().for_each(|item| members(item, part.name)),
                    Some(value) => members(value, part.name),
                    None => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user() -> Value {
        json!({"schemas": ["x"], "id": "1", "userName": "ann", "name": {"familyName": "Example", "givenName": "Ann"},
               "emails": [{"value": "a@b.example", "type": "work"}, {"value": "h@b.example"}],
               EXTENSION: {"gender": "other", "dateOfBirth": "1984-07-23"}})
    }

    fn shaped(only: &[&str], without: &[&str]) -> Result<Value, Option<&'static str>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Shape::read(&owned(only), &owned(without))
            .map(|shape| shape.of(user()))
            .map_err(|refused| refused.kind)
    }

    /// Attributes and parts, in any spelling and with their schema; id and schemas are always there.
    #[test]
    fn answers_have_what_is_asked_for() {
        let gender = format!("{EXTENSION}:gender");
        for (only, expected) in [
            (&["USERNAME", "nothing"][..], json!({"schemas": ["x"], "id": "1", "userName": "ann"})),
            (
                &["name.familyName"][..],
                json!({"schemas": ["x"], "id": "1", "name": {"familyName": "Example"}}),
            ),
            (&["emails.type"][..], json!({"schemas": ["x"], "id": "1", "emails": [{"type": "work"}, {}]})),
            (&[gender.as_str()][..], json!({"schemas": ["x"], "id": "1", EXTENSION: {"gender": "other"}})),
            (&["nothing"][..], json!({"schemas": ["x"], "id": "1"})),
            (&["addresses", "linkTo"][..], json!({"schemas": ["x"], "id": "1"})),
            (&[""][..], user()),
        ] {
            assert_eq!(shaped(only, &[]), Ok(expected), "{only:?}");
        }
        let without = shaped(&[], &["id", "emails.type", "name", EXTENSION]).unwrap();
        let expected = json!({"schemas": ["x"], "id": "1", "userName": "ann", "emails": [{"value": "a@b.example"}, {"value": "h@b.example"}]});
        assert_eq!(without, expected);
        assert_eq!(shaped(&["id"], &["name"]), Err(Some("invalidValue")));
        assert_eq!(shaped(&["a b"], &[]), Err(Some("invalidValue")));
        assert_eq!(shaped(&["id"; MOST + 1], &[]), Err(Some("invalidValue")));
    }
}
