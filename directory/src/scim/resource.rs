//! The user resource (RFC 7643 4.1) with an extension of ours.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Refused;
use super::attribute::{self, Mutability};
use super::item::{Item, Several};
use super::path::{Of, within};
use crate::api::{Gender, Registration};
use crate::person::Gone;

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
    #[serde(skip_serializing_if = "UserName::is_empty")]
    pub(crate) name: UserName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) emails: Vec<Item>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phone_numbers: Vec<Item>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<Item>,
    #[serde(
        rename = "urn:lanyard:params:scim:schemas:extension:register:2.0:User",
        skip_serializing_if = "Extension::is_empty"
    )]
    pub(crate) extension: Extension,
    /// What is told to be no more: it stands there as nothing, and not only is not there (RFC 7643 2.5).
    #[serde(skip)]
    pub(crate) gone: BTreeSet<Gone>,
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

impl UserName {
    /// Whether nobody is named.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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

impl Extension {
    /// Whether nothing of it is shown.
    fn is_empty(&self) -> bool {
        self.date_of_birth.is_none() && self.gender.is_none() && self.registrations.is_empty()
    }
}

/// Goes on if a body says that it is of this schema (RFC 7643 3, RFC 7644 3.1). Further ones are of what is left unread.
pub(crate) fn demand_schema(schemas: &[String], schema: &str) -> Result<(), Refused> {
    if schemas.iter().any(|one| one.eq_ignore_ascii_case(schema)) {
        return Ok(());
    }
    Err(Refused::invalid("invalidValue", format!("The schemas of the body lack {schema}.")))
}

/// Reads a user that a client sent whole.
pub(crate) fn read(value: Value) -> Result<User, Refused> {
    let Value::Object(members) = &value else {
        return Err(Refused::invalid("invalidSyntax", "A user is a JSON object."));
    };
    let schemas = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    let schemas: Vec<String> = match schemas {
        Some((_, schemas)) => serde_json::from_value(schemas.clone()).map_err(|_| misfit("schemas"))?,
        None => Vec::new(),
    };
    demand_schema(&schemas, USER)?;
    taken(value)
}

/// Reads a user by the schemas: names in any spelling (RFC 7643 2.1), each value of its type.
pub(crate) fn taken(value: Value) -> Result<User, Refused> {
    let Value::Object(members) = value else { return Err(misfit("The user")) };
    let mut user = Map::new();
    let mut gone = BTreeSet::new();
    for (name, value) in members {
        match within(&name) {
            (Of::Register, "") => {
                let extension = extension(value, &mut gone)?;
                user.insert(EXTENSION.to_owned(), Value::Object(extension));
            }
            (Of::Core, name) => {
                // RFC 7644 3.3: what only we write is left unread.
                let known = attribute::core(name).filter(|one| one.mutability != Mutability::ReadOnly);
                if let Some(attribute) = known {
                    let value = attribute.taken(value).ok_or_else(|| misfit(attribute.name))?;
                    user.insert(attribute.name.to_owned(), value);
                }
            }
            (Of::Register, _) => {}
        }
    }
    let user = without_nulls(Value::Object(user), 5);
    let mut user: User = serde_json::from_value(user).map_err(|_| misfit("One attribute"))?;
    user.gone = gone;
    Ok(user)
}

fn extension(value: Value, gone: &mut BTreeSet<Gone>) -> Result<Map<String, Value>, Refused> {
    let mut extension = Map::new();
    let members = match value {
        Value::Object(members) => members,
        Value::Null => {
            gone.extend(Gone::ALL);
            return Ok(extension);
        }
        _ => return Err(misfit("The extension")),
    };
    for (name, value) in members {
        let Some(attribute) = attribute::register(&name) else { continue };
        let value = attribute.taken(value).ok_or_else(|| misfit(attribute.name))?;
        let known = match attribute.name {
            "dateOfBirth" => Some(Gone::Birth),
            "gender" => Some(Gone::Gender),
            "nationalInsuranceNumber" => Some(Gone::NationalInsurance),
            // A list that is there is the whole list.
            "registrations" => {
                gone.insert(Gone::OtherRegistrations);
                None
            }
            _ => None,
        };
        gone.extend(known.filter(|_| value.is_null()));
        let usual = |value: &Value| value.as_str().is_none_or(|word| attribute.words.contains(&word));
        if !attribute.words.is_empty() && !usual(&value) {
            let sentence = format!("{} is one of {}.", attribute.name, attribute.words.join(", "));
            return Err(Refused::invalid("invalidValue", sentence));
        }
        extension.insert(attribute.name.to_owned(), value);
    }
    Ok(extension)
}

fn misfit(what: &str) -> Refused {
    let sentence = format!("{what} has not the type that its schema says. GET /Schemas shows them.");
    Refused::invalid("invalidSyntax", sentence)
}

/// A value without what is null: nothing and an empty list say the same (RFC 7643 2.5).
fn without_nulls(value: Value, depth: u8) -> Value {
    match value {
        Value::Object(members) if depth > 0 => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name, without_nulls(value, depth - 1))).collect())
        }
        Value::Array(items) if depth > 0 => {
            Value::Array(items.into_iter().map(|item| without_nulls(item, depth - 1)).collect())
        }
        other => other,
    }
}

/// Which resource it is, when it was made and changed, and which version it is (RFC 7643 3.1).
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) id: String,
    pub(crate) created: String,
    pub(crate) changed: String,
    pub(crate) location: String,
    pub(crate) version: String,
}

impl User {
    /// Its values of an attribute that has several.
    pub(crate) fn several(&self, which: Several) -> &[Item] {
        match which {
            Several::Emails => &self.emails,
            Several::Phones => &self.phone_numbers,
            Several::Addresses => &self.addresses,
        }
    }

    /// The resource as it is answered.
    pub(crate) fn resource(&self, meta: &Meta) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["schemas"] = if self.extension.is_empty() { json!([USER]) } else { json!([USER, EXTENSION]) };
        value["id"] = json!(meta.id);
        if !self.name.is_empty() {
            value["displayName"] = json!(format!("{} {}", self.name.given_name, self.name.family_name));
        }
        value["meta"] = json!({
            "resourceType": "User", "created": meta.created, "lastModified": meta.changed,
            "location": meta.location, "version": meta.version,
        });
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
            "SCHEMAS": [USER], "username": "ann", "id": 7, "meta": "x", "externalID": "4711", "locale": "en", "Active": "True",
            "Name": {"FamilyName": "Example", "givenname": "Ann"}, "emails": [{"Value": "a@b.example", "primary": true}],
            "phoneNumbers": null,
            EXTENSION: {"dateOfBirth": "1984-07-23", "nationalInsuranceNumber": "AB123456C", "lookedAt": ["000000000013"]},
        }))
        .unwrap();
        assert_eq!((user.user_name.as_str(), user.external_id.as_deref()), ("ann", Some("4711")));
        assert_eq!((user.active, user.name.family_name.as_str()), (Some(true), "Example"));
        assert!(user.gone.is_empty());
        let meta = Meta {
            id: "000000000013".to_owned(),
            created: String::new(),
            changed: String::new(),
            location: String::new(),
            version: "\"1.0\"".to_owned(),
        };
        let resource = user.resource(&meta);
        assert!(!resource.to_string().contains("AB123456C") && resource[EXTENSION]["lookedAt"].is_null());
        assert_eq!(
            (&resource["displayName"], &resource["emails"][0]["primary"]),
            (&json!("Ann Example"), &json!(true))
        );
        for (bad, kind) in [
            (json!([]), "invalidSyntax"),
            (json!({"schemas": [USER], "userName": 7}), "invalidSyntax"),
            (json!({"schemas": [USER], "active": "perhaps"}), "invalidSyntax"),
            (json!({"schemas": [USER], "emails": "a@b.example"}), "invalidSyntax"),
            (json!({"schemas": USER}), "invalidSyntax"),
            (json!({"userName": "ann"}), "invalidValue"),
            (json!({"schemas": []}), "invalidValue"),
            (json!({"schemas": [EXTENSION]}), "invalidValue"),
            (json!({"schemas": [USER], EXTENSION: {"gender": "unsure"}}), "invalidValue"),
        ] {
            assert_eq!(read(bad.clone()).unwrap_err().kind, Some(kind), "{bad}");
        }
    }

    /// What stands there as nothing is told to be no more; what is not there is not told.
    #[test]
    fn nothing_is_not_the_same_as_not_told() {
        let gone = |extension: Value| read(json!({"schemas": [USER], EXTENSION: extension})).unwrap().gone;
        assert_eq!(gone(json!({})), BTreeSet::new());
        assert_eq!(gone(json!({"dateOfBirth": null, "gender": "other"})), BTreeSet::from([Gone::Birth]));
        assert_eq!(gone(json!({"registrations": []})), BTreeSet::from([Gone::OtherRegistrations]));
        assert_eq!(gone(Value::Null), BTreeSet::from(Gone::ALL));
    }
}
