//! The content of a profile as text, and how two contents differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::FileError;
use super::file::File;

/// What a profile file says of one profile, as JSON.
///
/// Options at their default are left out, so an option that a later version of the program brings does not
/// change the contents of before.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The profile's id.
    pub profile: String,
    /// Its content.
    pub content: Value,
}

/// One field in which two contents differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The profile's id.
    pub profile: String,
    /// The field, as `subject.user_id`; empty when one side has no such profile.
    pub field: String,
    /// What it was; absent when it is new.
    pub old: Option<String>,
    /// What it is; absent when it is gone.
    pub new: Option<String>,
}

impl Content {
    /// The contents of every profile in a file that makes sense, the authorities' too.
    pub fn of_file(text: &str) -> Result<Vec<Content>, FileError> {
        super::Profiles::parse(text)?;
        let file: File = toml::from_str(text)?;
        Ok(file.contents())
    }

    /// A content that was kept, as the interface gives it.
    pub fn new(profile: impl Into<String>, content: Value) -> Content {
        Content { profile: profile.into(), content }
    }
}

/// The text that is kept and hashed: fields in the order of their declaration.
pub(super) fn text(raw: &impl Serialize) -> String {
    // Only maps with keys that are no text fail, and there are none.
    serde_json::to_string(raw).unwrap_or_default()
}

/// Every field in which the new contents differ from the old, by profile and field.
pub fn differences(old: &[Content], new: &[Content]) -> Vec<Difference> {
    let (old, new) = (by_profile(old), by_profile(new));
    let profiles: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    profiles.into_iter().flat_map(|profile| compare(profile, old.get(profile), new.get(profile))).collect()
}

/// Every field in which one content differs from another, be they of one profile or of two.
pub fn differences_of(old: &Content, new: &Content) -> Vec<Difference> {
    let profile = if old.profile == new.profile {
        old.profile.clone()
    } else {
        format!("{} -> {}", old.profile, new.profile)
    };
    compare(&profile, Some(&&old.content), Some(&&new.content))
}

fn by_profile(contents: &[Content]) -> BTreeMap<&str, &Value> {
    contents.iter().map(|content| (content.profile.as_str(), &content.content)).collect()
}

fn compare(profile: &str, old: Option<&&Value>, new: Option<&&Value>) -> Vec<Difference> {
    let difference =
        |field: &str, old, new| Difference { profile: profile.to_owned(), field: field.to_owned(), old, new };
    let (Some(old), Some(new)) = (old, new) else {
        let there = |side: Option<&&Value>| side.map(|_| "there".to_owned());
        return vec![difference("", there(old), there(new))];
    };
    let (old, new) = (fields(old), fields(new));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| difference(name, old.get(name).cloned(), new.get(name).cloned()))
        .collect()
}

/// Each leaf with its path. A list is one leaf: its order can matter.
fn fields(content: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect("", content, &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, value, found);
            }
        }
        other => {
            found.insert(path.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: &str = include_str!("../../profiles.toml");

    fn changed(from: &str, to: &str) -> Vec<String> {
        let text = BUILT_IN.replacen(from, to, 1);
        assert_ne!(text, BUILT_IN, "{from}");
        let (old, new) = (Content::of_file(BUILT_IN).unwrap(), Content::of_file(&text).unwrap());
        let told = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
        differences(&old, &new)
            .into_iter()
            .map(|d| format!("{} {} {} {}", d.profile, d.field, told(d.old), told(d.new)))
            .collect()
    }

    /// A file is the same as itself, whatever its comments and the order of its lines.
    #[test]
    fn the_same_content_does_not_differ() {
        assert_eq!(changed("# What", "# Which"), Vec::<String>::new());
        let swapped = changed(
            "id = \"card-signing\"\ntitle = \"Signing with a smartcard\"\n",
            "title = \"Signing with a smartcard\"\nid = \"card-signing\"\n",
        );
        assert_eq!(swapped, Vec::<String>::new());
    }

    /// Two profiles are compared field by field, and what is the same in both is not told.
    #[test]
    fn two_profiles_are_compared() {
        let contents = Content::of_file(BUILT_IN).unwrap();
        let find = |id: &str| contents.iter().find(|content| content.profile == id).unwrap();
        let told = differences_of(find("card-signing"), find("card-authentication"));
        let fields: Vec<_> = told.iter().map(|difference| difference.field.as_str()).collect();
        assert!(fields.contains(&"key_usage") && fields.contains(&"subject.upn"), "{fields:?}");
        assert!(!fields.contains(&"validity_days") && !fields.contains(&"subject.user_id"), "{fields:?}");
        assert!(told.iter().all(|difference| difference.profile == "card-signing -> card-authentication"));
        assert!(differences_of(find("card-signing"), find("card-signing")).is_empty());
    }

    /// Each changed field is told with both sides, inside tables too; a profile that went or came is told.
    #[test]
    fn changed_fields_are_told() {
        assert_eq!(
            changed("validity_days = 730", "validity_days = 700"),
            ["prescriber-remote-signing validity_days 730 700"]
        );
        assert_eq!(
            changed("given_name = \"optional\"", "given_name = \"required\""),
            ["prescriber-remote-signing subject.given_name \"optional\" \"required\""]
        );
        assert_eq!(
            changed("id = \"time-stamp\"", "id = \"stamp\""),
            ["stamp  - there", "time-stamp  there -"]
        );
    }
}
