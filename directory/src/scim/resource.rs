//! The user resource (RFC 7643 4.1) with an extension of ours.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Refused;
use crate::api::{Gender, Registration};

/// The schema of users.
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of what the register needs beyond.
pub(crate) const EXTENSION: &str = "urn:lanyard:params:scim:schemas:extension:register:2.0:User";

/// A user as a personnel system writes it. What else it writes is left unread, as RFC 7644 3.3 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the standard names it so")]
pub(crate) struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    pub(crate) user_name: String,
    pub(crate) name: UserName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active: Option<Activity>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) emails: Vec<Address>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phone_numbers: Vec<Address>,
    #[serde(rename = "urn:lanyard:params:scim:schemas:extension:register:2.0:User")]
    pub(crate) extension: Extension,
}

/// Whether somebody works there; some clients send the word as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub(crate) enum Activity {
    Active,
    Inactive,
}

impl TryFrom<Value> for Activity {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().map(str::to_ascii_lowercase);
        match (value.as_bool(), text.as_deref()) {
            (Some(true), _) | (_, Some("true")) => Ok(Self::Active),
            (Some(false), _) | (_, Some("false")) => Ok(Self::Inactive),
            _ => Err("active is true or false".to_owned()),
        }
    }
}

impl From<Activity> for Value {
    fn from(activity: Activity) -> Self {
        Self::Bool(activity == Activity::Active)
    }
}

/// The parts of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UserName {
    pub(crate) family_name: String,
    pub(crate) given_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) middle_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) honorific_prefix: Option<String>,
}

/// An e-mail address or a telephone number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Address {
    pub(crate) value: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
}

/// What the register needs beyond the standard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Extension {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date_of_birth: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gender: Option<Gender>,
    /// Written and never read.
    #[serde(skip_serializing)]
    pub(crate) national_insurance_number: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) registrations: Vec<Registration>,
    /// Possible duplicates that were looked at; written and never read.
    #[serde(skip_serializing)]
    pub(crate) looked_at: Vec<String>,
    /// The user id of somebody who is known here already; written and never read.
    #[serde(skip_serializing)]
    pub(crate) link_to: Option<String>,
}

/// Every attribute that is read, in its one spelling: names of attributes are written in any case (RFC 7643 2.1).
const SPELLINGS: [&str; 23] = [
    "schemas",
    "id",
    "externalId",
    "userName",
    "name",
    "familyName",
    "givenName",
    "middleName",
    "honorificPrefix",
    "formatted",
    "displayName",
    "active",
    "emails",
    "phoneNumbers",
    "value",
    "type",
    "primary",
    "dateOfBirth",
    "gender",
    "nationalInsuranceNumber",
    "registrations",
    "lookedAt",
    "linkTo",
];

/// An attribute's one spelling.
pub(super) fn spelled(name: &str) -> String {
    if name.eq_ignore_ascii_case(EXTENSION) {
        return EXTENSION.to_owned();
    }
    let known = SPELLINGS.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// A value with its attributes in their one spelling, to the depth that users have.
pub(super) fn respelled(value: Value, depth: u8) -> Value {
    match value {
        Value::Object(members) if depth > 0 => {
            let members =
                members.into_iter().map(|(name, value)| (spelled(&name), respelled(value, depth - 1)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) if depth > 0 => {
            Value::Array(items.into_iter().map(|item| respelled(item, depth - 1)).collect())
        }
        other => other,
    }
}

/// Reads a user.
pub(crate) fn read(value: Value) -> Result<User, Refused> {
    if !value.is_object() {
        return Err(Refused::invalid("invalidSyntax", "A user is a JSON object."));
    }
    serde_json::from_value(without_nulls(respelled(value, 5), 5)).map_err(|_| {
        Refused::invalid(
            "invalidSyntax",
            "An attribute has not the type that its schema says. GET /Schemas shows them.",
        )
    })
}

/// A value without what is null: nothing and an empty list say the same (RFC 7643 2.5).
fn without_nulls(value: Value, depth: u8) -> Value {
    match value {
        Value::Object(members) if depth > 0 => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name, without_nulls(value, depth - 1))).collect())
        }
        other => other,
    }
}

impl User {
    /// The resource as it is answered.
    pub(crate) fn resource(&self, id: &str, base: &str, version: &str) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let name = &self.name;
        let display = format!("{} {}", name.given_name, name.family_name);
        if let Some(members) = value.as_object_mut() {
            members.insert("schemas".to_owned(), json!([USER, EXTENSION]));
            members.insert("id".to_owned(), json!(id));
            members.insert("displayName".to_owned(), json!(display));
            members.insert(
                "meta".to_owned(),
                json!({"resourceType": "User", "location": format!("{base}/Users/{id}"), "version": version}),
            );
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attributes are read in any case, unknown ones are left, and nothing secret is written out again.
    #[test]
    fn users_are_read_in_any_case() {
        let user = read(json!({
            "SCHEMAS": [USER], "username": "ann", "externalID": "4711", "locale": "en", "Active": "True",
            "Name": {"FamilyName": "Example", "givenname": "Ann"}, "emails": [{"Value": "a@b.example", "primary": true}],
            "phoneNumbers": null,
            EXTENSION: {"dateOfBirth": "1984-07-23", "nationalInsuranceNumber": "AB123456C", "lookedAt": ["000000000013"]},
        }))
        .unwrap();
        assert_eq!((user.user_name.as_str(), user.external_id.as_deref()), ("ann", Some("4711")));
        assert_eq!((user.active, user.name.family_name.as_str()), (Some(Activity::Active), "Example"));
        let resource = user.resource("000000000013", "/directory/scim/v2", "\"1\"");
        assert!(!resource.to_string().contains("AB123456C") && resource[EXTENSION]["lookedAt"].is_null());
        assert_eq!(resource["displayName"], "Ann Example");
        for bad in [
            json!([]),
            json!({"userName": 7}),
            json!({"active": "perhaps"}),
            json!({"emails": "a@b.example"}),
        ] {
            assert!(read(bad).is_err());
        }
    }
}
