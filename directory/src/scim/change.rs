//! What an operation does to the values of an attribute (RFC 7644 3.5.2.1 to 3.5.2.3).

use serde_json::{Map, Value};

use super::Refused;
use super::attribute::Attribute;
use super::filter::Filter;
use super::path::Target;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Add,
    Replace,
    Remove,
}

fn taken(attribute: &Attribute, value: Option<Value>) -> Result<Value, Refused> {
    let refused = || {
        let sentence = format!("{} has not the type that its schema says, or no value.", attribute.name);
        Refused::invalid("invalidValue", sentence)
    };
    let value = value.filter(|value| !value.is_null()).ok_or_else(refused)?;
    attribute.taken(value).ok_or_else(refused)
}

/// Changes an attribute, or a part of it.
pub(super) fn change(at: &mut Value, target: Target, act: Act, value: Option<Value>) -> Result<(), Refused> {
    let Target { attribute, part, .. } = target;
    match part {
        None if act == Act::Remove && attribute.is_plural => remove_items(at, attribute, value),
        None if act == Act::Remove => {
            *at = Value::Null;
            Ok(())
        }
        None => {
            let value = taken(attribute, value)?;
            if attribute.is_plural {
                put_items(at, act, value);
            } else {
                put(at, value);
            }
            Ok(())
        }
        Some(part) if attribute.is_plural => {
            let every = (0..at.as_array().map_or(0, Vec::len)).collect::<Vec<_>>();
            put_part(at, &every, part, act, value)
        }
        Some(part) => {
            let value = if act == Act::Remove { Value::Null } else { taken(part, value)? };
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at[part.name] = value;
            Ok(())
        }
    }
}

/// RFC 7644 3.5.2.1, 3.5.2.3: the parts that are given; the others stay.
fn put(at: &mut Value, value: Value) {
    match (at, value) {
        (Value::Object(present), Value::Object(given)) => present.extend(given),
        (at, value) => *at = value,
    }
}

/// A list takes what it has not, or is replaced.
fn put_items(at: &mut Value, act: Act, given: Value) {
    let Value::Array(given) = given else {
        *at = given;
        return;
    };
    if act == Act::Replace {
        *at = Value::Array(given);
        return;
    }
    if !at.is_array() {
        *at = Value::Array(Vec::new());
    }
    let Value::Array(present) = at else { return };
    for item in given {
        add_item(present, item);
    }
}

/// RFC 7644 3.5.2.1: what is there already changes nothing. RFC 7643 2.4: a value of a kind stands there once, so that what is said of
/// one that is there is said of that one.
fn add_item(present: &mut Vec<Value>, item: Value) {
    let same = present.iter().position(|one| is_same(one, &item));
    if same.is_some_and(|at| has_all(&present[at], &item)) {
        return;
    }
    if is_primary(&item) {
        present.iter_mut().for_each(no_longer_primary);
    }
    match same {
        Some(at) => put(&mut present[at], item),
        None => present.push(item),
    }
}

/// Whether two items are one: the same, or the same value of the same kind.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other
        || !other["value"].is_null() && one["value"] == other["value"] && one["type"] == other["type"]
}

/// Whether an item has every part that another has.
fn has_all(one: &Value, other: &Value) -> bool {
    let members = other.as_object();
    one == other || members.is_some_and(|members| members.iter().all(|(name, value)| one[name] == *value))
}

/// All items, or those whose value is named.
fn remove_items(at: &mut Value, attribute: &Attribute, value: Option<Value>) -> Result<(), Refused> {
    match (at, value) {
        (at, None) => *at = Value::Array(Vec::new()),
        (Value::Array(items), Some(value)) => {
            let named = taken(attribute, Some(value))?;
            let named: Vec<&Value> = named.as_array().into_iter().flatten().collect();
            let is_named = |item: &Value| named.iter().any(|named| has_all(item, named));
            items.retain(|item| !is_named(item));
        }
        _ => {}
    }
    Ok(())
}

fn is_primary(item: &Value) -> bool {
    item["primary"] == Value::Bool(true)
}

/// RFC 7644 3.5.2: where another value becomes the primary one, the one of before is so no longer.
fn no_longer_primary(item: &mut Value) {
    if is_primary(item) {
        item["primary"] = Value::Bool(false);
    }
}

/// A part of some items.
fn put_part(
    at: &mut Value,
    chosen: &[usize],
    part: &Attribute,
    act: Act,
    value: Option<Value>,
) -> Result<(), Refused> {
    let Some(items) = at.as_array_mut().filter(|_| !chosen.is_empty()) else { return Err(no_target()) };
    let value = if act == Act::Remove { Value::Null } else { taken(part, value)? };
    if part.name == "primary" && value == Value::Bool(true) {
        items.iter_mut().for_each(no_longer_primary);
    }
    for at in chosen {
        items[*at][part.name] = value.clone();
    }
    Ok(())
}

fn no_target() -> Refused {
    Refused::invalid("noTarget", "There is no value that the path means.")
}

/// Changes the items of a list that a filter takes.
pub(super) fn change_items(
    at: &mut Value,
    target: Target,
    filter: &Filter,
    act: Act,
    value: Option<Value>,
) -> Result<(), Refused> {
    if !at.is_array() {
        *at = Value::Array(Vec::new());
    }
    let mut chosen: Vec<usize> = match at {
        Value::Array(items) => (0..items.len()).filter(|at| filter.takes(&items[*at])).collect(),
        _ => Vec::new(),
    };
    if chosen.is_empty() && act == Act::Add {
        // What clients mean who add to what is not there is an item of that kind.
        chosen = new_item(at, filter)?;
    }
    if chosen.is_empty() {
        // RFC 7644 3.5.2.3.
        return Err(no_target());
    }
    if let Some(part) = target.part {
        return put_part(at, &chosen, part, act, value);
    }
    let Value::Array(items) = at else { return Ok(()) };
    if act == Act::Remove {
        let mut place = 0;
        items.retain(|_| {
            place += 1;
            !chosen.contains(&(place - 1))
        });
        return Ok(());
    }
    let given = taken(target.attribute, value)?;
    let Some([Value::Object(given)]) = given.as_array().map(Vec::as_slice) else {
        return Err(Refused::invalid("invalidValue", "The value is one object."));
    };
    if given.get("primary") == Some(&Value::Bool(true)) {
        items.iter_mut().for_each(no_longer_primary);
    }
    for at in chosen {
        put(&mut items[at], Value::Object(given.clone()));
    }
    Ok(())
}

/// An item that has what a filter of one comparison asks for.
fn new_item(at: &mut Value, filter: &Filter) -> Result<Vec<usize>, Refused> {
    let (Some((part, value)), Value::Array(items)) = (filter.as_item(), at) else { return Err(no_target()) };
    let mut item = Map::new();
    item.insert(part.name.to_owned(), value.clone());
    items.push(Value::Object(item));
    Ok(vec![items.len() - 1])
}
