//! What a profile is and was.

use std::collections::BTreeSet;

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::rfc3339;

/// A profile and what it has been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileHistory {
    /// Its id.
    pub id: String,
    /// The version in force here; absent for one that is not in the profile file any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Every content it has had, oldest first.
    pub versions: Vec<ProfileVersion>,
}

impl ProfileHistory {
    /// Every policy that any of its versions asserts, in dotted form, each once.
    pub fn policies(&self) -> BTreeSet<&str> {
        self.versions.iter().flat_map(|version| policies_in(&version.content)).collect()
    }
}

/// As profile files name them: one by itself, and further ones with what they say.
fn policies_in(content: &Value) -> impl Iterator<Item = &str> {
    let further = content["policies"].as_array().into_iter().flatten().map(|policy| &policy["id"]);
    [&content["policy"]].into_iter().chain(further).filter_map(Value::as_str)
}

/// One content of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileVersion {
    /// Its number.
    pub version: i64,
    /// SHA-256 of the content, hexadecimal.
    pub content_sha256: String,
    /// When a process first started with it.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub used_at: Millis,
    /// What the profile file said of it; options at their default are left out.
    #[schema(value_type = Object)]
    pub content: Value,
}

/// One profile that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileInfo {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// The version in force.
    pub version: i64,
    /// Who issues it.
    pub issuers: Vec<String>,
    /// How long its certificates last at most.
    pub validity_days: i64,
    /// Over how many days before that their ends are spread; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_days: Option<u16>,
    /// How many of them end on one day at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_per_day: Option<u32>,
    /// Which kinds of keys it takes.
    pub keys: Vec<String>,
    /// The first policy it asserts, in dotted form.
    pub policy: Option<String>,
    /// Every policy it asserts, in dotted form.
    #[serde(default)]
    pub policies: Vec<String>,
    /// What a request must and may say of its subject; what is not here has no place in it.
    #[serde(default)]
    pub subject: Vec<FieldInfo>,
}

/// A field of a subject that a profile takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldInfo {
    /// Its name, as in `SubjectData`.
    #[schema(example = "user_id")]
    pub field: String,
    /// Whether it must be given.
    pub needed: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The policies of every version count, each once, and nothing that is none.
    #[test]
    fn versions_say_their_policies() {
        let version = |number: i64, content: Value| ProfileVersion {
            version: number,
            content_sha256: String::new(),
            used_at: Millis(number),
            content,
        };
        let versions = vec![
            version(1, json!({"policy": "1.2.3"})),
            version(
                2,
                json!({"policy": "1.2.3", "policies": [{"id": "1.2.4", "notice": "1.2.9"}, {"id": "1.2.5"}]}),
            ),
            version(3, json!({"title": "1.2.8", "policies": []})),
        ];
        let history = ProfileHistory { id: "signing".to_owned(), version: Some(3), versions };
        assert_eq!(history.policies().into_iter().collect::<Vec<_>>(), ["1.2.3", "1.2.4", "1.2.5"]);
    }
}
