//! The catalogue of events, from the types themselves: `docs/events.md` is this text.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::event::Event;

/// The events of one module as their schema says.
pub struct Module {
    name: &'static str,
    schema: Value,
    /// The types that the events are made of, by name.
    parts: Map<String, Value>,
}

/// The events of one module.
pub fn module<E: Event>() -> Module {
    let mut collected = Vec::new();
    E::schemas(&mut collected);
    let parts = collected
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    Module { name: E::MODULE, schema: serde_json::to_value(E::schema()).unwrap_or_default(), parts }
}

/// The catalogue as Markdown. The same types always give the same text.
pub fn render(modules: &[Module]) -> String {
    let mut modules: Vec<&Module> = modules.iter().collect();
    modules.sort_by_key(|module| module.name);
    let mut text = String::from(HEAD);
    let mut before = "";
    for module in modules {
        // A module may have an enum for each of its parts.
        if module.name != before {
            let _ = write!(text, "\n## {}\n", module.name);
        }
        before = module.name;
        if let Some(description) = description(&module.schema) {
            let _ = write!(text, "\n{description}\n");
        }
        for variant in variants(&module.schema) {
            event(&mut text, variant);
        }
        let mut parts: Vec<_> = module.parts.iter().collect();
        parts.sort_by_key(|(name, _)| name.as_str());
        if !parts.is_empty() {
            let _ = write!(text, "\n### Types in the events of {}\n", module.name);
        }
        for (name, schema) in parts {
            let _ = write!(text, "\n#### {name}\n");
            body(&mut text, schema);
        }
    }
    text
}

const HEAD: &str = "\
# Events

This page is generated from the types; do not edit it. Every act writes its event into the audit record in the same
transaction as its effect. A record is an object with these members; the module's part is `event`:

| member | type | meaning |
|---|---|---|
| `id` | string | the name of the event, a version 7 UUID |
| `at` | integer | when, in milliseconds since 1970 |
| `module` | string | who recorded it |
| `name` | string | what happened |
| `actor` | object | who did it: `kind`, `subject` and, where known, `client`, `organisation`, `role_profile`, `session` |
| `event` | object | what is told below |
";

fn variants(schema: &Value) -> Vec<&Value> {
    schema["oneOf"].as_array().map_or_else(|| vec![schema], |variants| variants.iter().collect())
}

/// An enum's variant: a tag among its members, one member that holds the rest, or a bare word.
fn event(text: &mut String, variant: &Value) {
    if let Some(word) = constant(variant) {
        let _ = write!(text, "\n### `{word}`\n");
        body(text, &Value::Null);
        described(text, variant);
        return;
    }
    let members = members(variant);
    let tag = members.iter().find_map(|(name, schema)| constant(schema).map(|word| (*name, word)));
    if let Some((tag, word)) = tag {
        let _ = write!(text, "\n### `{word}`\n");
        described(text, variant);
        table(text, variant, Some(tag));
    } else if let [(name, inner)] = members.as_slice() {
        let _ = write!(text, "\n### `{name}`\n");
        described(text, variant);
        table(text, inner, None);
    } else {
        body(text, variant);
    }
}

fn body(text: &mut String, schema: &Value) {
    described(text, schema);
    table(text, schema, None);
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", plain(word))).collect();
        let _ = write!(text, "\nOne of {}.\n", words.join(", "));
    }
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        let word = constant(variant).map_or_else(|| kind(variant), |word| format!("`{word}`"));
        let _ = write!(text, "\n- {word}: {}", description(variant).unwrap_or_default());
    }
    if schema["oneOf"].is_array() {
        text.push('\n');
    }
}

fn described(text: &mut String, schema: &Value) {
    if let Some(description) = description(schema) {
        let _ = write!(text, "\n{description}\n");
    }
}

fn table(text: &mut String, schema: &Value, left_out: Option<&str>) {
    let members = members(schema);
    let rows: Vec<_> = members.iter().filter(|(name, _)| Some(*name) != left_out).collect();
    if rows.is_empty() {
        return;
    }
    text.push_str("\n| member | type | meaning |\n|---|---|---|\n");
    for (name, member) in rows {
        let needed = schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let may = if needed { "" } else { ", optional" };
        let meaning = description(member).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(text, "| `{name}` | {}{may} | {meaning} |", kind(member));
    }
}

/// The members in the order of their names: the order in the schema depends on features of other crates.
fn members(schema: &Value) -> Vec<(&str, &Value)> {
    let mut members: Vec<(&str, &Value)> = Vec::new();
    for part in schema["allOf"].as_array().into_iter().flatten().chain([schema]) {
        let own = part["properties"].as_object().into_iter().flatten();
        members.extend(own.map(|(name, schema)| (name.as_str(), schema)));
    }
    members.sort_by_key(|(name, _)| *name);
    members
}

fn description(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str().or_else(|| {
        // A member that may be absent says its meaning beside the type that it refers to.
        let choices = schema["oneOf"].as_array().filter(|choices| choices.len() == 2)?;
        choices.iter().find(|choice| choice["$ref"].is_string())?["description"].as_str()
    })?;
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

/// The one word that a schema allows.
fn constant(schema: &Value) -> Option<String> {
    match schema["enum"].as_array()?.as_slice() {
        [word] => Some(plain(word)),
        _ => None,
    }
}

fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return name.to_owned();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let kinds: Vec<String> = choices.iter().filter(|choice| choice["type"] != "null").map(kind).collect();
        return kinds.join(" or ");
    }
    let name = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().filter(|kind| *kind != "null").map(plain).collect::<Vec<_>>().join(" or ")
        }
        other => plain(other),
    };
    if name == "array" { format!("array of {}", kind(&schema["items"])) } else { name }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record's own events are in the catalogue with their members, and the text is the same each time.
    #[test]
    fn own_events_are_told() {
        let text = render(&[module::<crate::acts::Event>()]);
        assert_eq!(text, render(&[module::<crate::acts::Event>()]));
        insta::assert_snapshot!(text.strip_prefix(HEAD).unwrap());
    }
}
