//! Values of attributes that have several (RFC 7643 2.4): e-mail addresses, telephones, postal addresses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attribute::{Attribute, Kind, core};
use crate::api::Channel;
use crate::error::Error;
use crate::person;

/// The most values of an attribute.
const MOST: usize = 20;
/// The longest part.
const LONGEST: usize = 200;

/// A value with its parts, such as `value`, `type` and `primary`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Item(pub(crate) BTreeMap<String, Value>);

impl Item {
    /// A value with its kind.
    pub(crate) fn new(value: &str, kind: Option<&str>) -> Self {
        let parts = [("value", Some(value)), ("type", kind)];
        let parts = parts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
        Self(parts.collect())
    }

    /// The text of a part; nothing where it has none.
    pub(crate) fn text(&self, part: &str) -> &str {
        self.0.get(part).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_primary(&self) -> bool {
        self.0.get("primary") == Some(&Value::Bool(true))
    }
}

/// Which attribute has several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Several {
    Emails,
    Phones,
    Addresses,
}

impl Several {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Emails, Self::Phones, Self::Addresses];

    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Emails => "emails",
            Self::Phones => "phoneNumbers",
            Self::Addresses => "addresses",
        }
    }

    fn attribute(self) -> Option<&'static Attribute> {
        core(self.word())
    }

    /// By what the address of the register is known that a value is; `None` where it is none of the register's.
    ///
    /// A telephone is a mobile where its type says so, or where it says nothing and the number is one.
    pub(crate) fn contact(self, item: &Item) -> Option<Channel> {
        let mobile = || {
            let kind = item.text("type");
            let is_one = || person::addresses(Channel::Mobile, &[item.text("value").to_owned()]).is_ok();
            kind.eq_ignore_ascii_case("mobile") || (kind.is_empty() && is_one())
        };
        match self {
            Self::Emails => Some(Channel::Email),
            Self::Phones if mobile() => Some(Channel::Mobile),
            Self::Phones | Self::Addresses => None,
        }
    }
}

/// Values as they are kept: each once, in the form of its kind, one primary at most.
pub(crate) fn checked(several: Several, given: &[Item]) -> Result<Vec<Item>, Error> {
    let field = several.word();
    if given.len() > MOST {
        return Err(Error::field(field, format!("Give at most {MOST}.")));
    }
    if given.iter().filter(|item| item.is_primary()).count() > 1 {
        return Err(Error::field(field, "One value at most is the primary one."));
    }
    let mut checked: Vec<Item> = Vec::with_capacity(given.len());
    for item in given {
        let item = one(several, item)?;
        // RFC 7643 2.4: the same value of the same type is there once.
        let same = |other: &&mut Item| {
            let differs = |part: &str| other.text(part) != item.text(part);
            several != Several::Addresses && !differs("value") && !differs("type")
        };
        match checked.iter_mut().find(same) {
            Some(other) => other.0.extend(item.0),
            None => checked.push(item),
        }
    }
    Ok(checked)
}

fn one(several: Several, item: &Item) -> Result<Item, Error> {
    let field = several.word();
    let mut parts = BTreeMap::new();
    for part in several.attribute().map_or(&[][..], |attribute| attribute.parts) {
        match (part.kind, item.0.get(part.name)) {
            (Kind::Flag, Some(flag)) => {
                parts.insert(part.name.to_owned(), flag.clone());
            }
            (_, Some(Value::String(text))) if !text.trim().is_empty() => {
                let lines = matches!(part.name, "formatted" | "streetAddress");
                let text =
                    if lines { person::lines(field, text)? } else { person::line(field, text, LONGEST)? };
                parts.insert(part.name.to_owned(), Value::from(text));
            }
            _ if part.is_needed => return Err(Error::field(field, format!("The {} is missing.", part.name))),
            _ => {}
        }
    }
    let mut item = Item(parts);
    if let Some(channel) = several.contact(&item) {
        // The one form in which the register has it.
        let forms = person::addresses(channel, &[item.text("value").to_owned()])?;
        item.0.extend(forms.into_iter().map(|form| ("value".to_owned(), Value::from(form))));
    }
    let country = item.text("country");
    let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !country.is_empty() && !is_country {
        return Err(Error::field(field, "A country has two letters, such as GB (ISO 3166-1)."));
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(value: Value) -> Vec<Item> {
        serde_json::from_value(value).unwrap()
    }

    /// Values keep type and primary, are there once, and stand in their one form.
    #[test]
    fn values_keep_what_they_are() {
        let emails = checked(
            Several::Emails,
            &items(
                json!([{"value": " A@B.Example", "type": "work", "primary": true}, {"value": "a@b.example", "type": "work"},
                          {"value": "a@b.example", "type": "home"}]),
            ),
        );
        let expected = json!([{"value": "a@b.example", "type": "work", "primary": true}, {"value": "a@b.example", "type": "home"}]);
        assert_eq!(json!(emails.unwrap()), expected);
        let phones = json!([{"value": "07700 900123"}, {"value": "020 7946 0123"}, {"value": "020 7946 0124", "type": "work"}]);
        let phones = checked(Several::Phones, &items(phones)).unwrap();
        assert_eq!(phones[0].text("value"), "+447700900123");
        assert_eq!(
            phones.iter().map(|one| Several::Phones.contact(one)).collect::<Vec<_>>(),
            [Some(Channel::Mobile), None, None]
        );
        for (several, bad) in [
            (
                Several::Emails,
                json!([{"value": "a@b.example", "primary": true}, {"value": "c@b.example", "primary": true}]),
            ),
            (Several::Emails, json!([{"type": "work"}])),
            (Several::Emails, json!([{"value": "no address"}])),
            (Several::Phones, json!([{"value": "020 7946 0123", "type": "mobile"}])),
            (Several::Phones, json!([{"value": "020\n7946"}])),
            (Several::Addresses, json!([{"country": "England"}])),
            (Several::Addresses, json!(vec![json!({"locality": "Leeds"}); MOST + 1])),
        ] {
            assert!(checked(several, &items(bad.clone())).is_err(), "{bad}");
        }
    }
}
