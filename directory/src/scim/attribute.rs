//! The attributes of a user, each in one row: what is read, changed, compared and described follows from here
//! (RFC 7643 2.2, 7).

use serde_json::{Map, Value};

/// What a value is (RFC 7643 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Moment,
    Complex,
}

/// Who may change it when (RFC 7643 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutability {
    ReadWrite,
    ReadOnly,
    WriteOnly,
    /// Said once, when somebody is announced.
    Immutable,
}

impl Mutability {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ReadWrite => "readWrite",
            Self::ReadOnly => "readOnly",
            Self::WriteOnly => "writeOnly",
            Self::Immutable => "immutable",
        }
    }
}

/// An attribute or a part of one.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "RFC 7643 7 has as many, each by itself")]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_plural: bool,
    pub(crate) is_needed: bool,
    pub(crate) mutability: Mutability,
    /// Whether it is written and never read.
    pub(crate) is_hidden: bool,
    /// Whether small and capital letters differ.
    pub(crate) is_exact: bool,
    pub(crate) about: &'static str,
    /// The words that are usual there.
    pub(crate) words: &'static [&'static str],
    pub(crate) parts: &'static [Attribute],
}

impl Attribute {
    const fn of(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            kind,
            is_plural: false,
            is_needed: false,
            mutability: Mutability::ReadWrite,
            is_hidden: false,
            is_exact: false,
            about,
            words: &[],
            parts: &[],
        }
    }

    const fn text(name: &'static str, about: &'static str) -> Self {
        Self::of(name, Kind::Text, about)
    }

    const fn several(name: &'static str, parts: &'static [Attribute], about: &'static str) -> Self {
        let mut attribute = Self::of(name, Kind::Complex, about);
        attribute.is_plural = true;
        attribute.parts = parts;
        attribute
    }

    const fn needed(mut self) -> Self {
        self.is_needed = true;
        self
    }

    const fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    const fn with(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// A part of it, by its name in any spelling.
    pub(crate) fn part(&self, name: &str) -> Option<&'static Attribute> {
        self.parts.iter().find(|part| part.name.eq_ignore_ascii_case(name))
    }

    /// A value of it with the names of its parts in their one spelling, and without parts that it has not; `None` where it is of
    /// another kind. Nothing stands for nothing (RFC 7643 2.5).
    pub(crate) fn taken(&self, value: Value) -> Option<Value> {
        if value.is_null() {
            return Some(value);
        }
        if !self.is_plural {
            return self.one(value);
        }
        let items = match value {
            Value::Array(items) => items,
            // RFC 7644 3.5.2.1 adds one value to several.
            item @ Value::Object(_) => vec![item],
            item @ Value::String(_) if self.kind == Kind::Text => vec![item],
            _ => return None,
        };
        let items: Option<Vec<Value>> =
            items.into_iter().filter(|item| !item.is_null()).map(|item| self.one(item)).collect();
        items.map(Value::Array)
    }

    fn one(&self, value: Value) -> Option<Value> {
        match (self.kind, value) {
            (Kind::Complex, Value::Object(members)) => {
                let mut taken = Map::new();
                for (name, value) in members {
                    if let Some(part) = self.part(&name) {
                        taken.insert(part.name.to_owned(), part.taken(value)?);
                    }
                }
                Some(Value::Object(taken))
            }
            (Kind::Text | Kind::Moment, value @ Value::String(_)) | (Kind::Flag, value @ Value::Bool(_)) => {
                Some(value)
            }
            // Some clients send the word as text.
            (Kind::Flag, Value::String(word)) => match word.to_ascii_lowercase().as_str() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            _ => None,
        }
    }
}

const WORK: &[&str] = &["work", "home", "other"];
const PHONES: &[&str] = &["work", "home", "mobile", "fax", "pager", "other"];
const PRIMARY: Attribute =
    Attribute::of("primary", Kind::Flag, "Whether it is the preferred one; one at most is.");
const DISPLAY: Attribute = Attribute::text("display", "How it is shown.");

const NAME: &[Attribute] = &[
    Attribute::text("familyName", "Family name.").needed(),
    Attribute::text("givenName", "Given name.").needed(),
    Attribute::text("middleName", "Further given names."),
    Attribute::text("honorificPrefix", "Such as Dr."),
];
const EMAIL: &[Attribute] = &[
    Attribute::text("value", "The address.").needed(),
    DISPLAY,
    Attribute::text("type", "What it is for.").one_of(WORK),
    PRIMARY,
];
const PHONE: &[Attribute] = &[
    Attribute::text("value", "The number.").needed(),
    DISPLAY,
    Attribute::text("type", "What it is.").one_of(PHONES),
    PRIMARY,
];
const ADDRESS: &[Attribute] = &[
    Attribute::text("formatted", "The whole address, in lines."),
    Attribute::text("streetAddress", "Street and house, in lines."),
    Attribute::text("locality", "City or village."),
    Attribute::text("region", "County."),
    Attribute::text("postalCode", "Postcode."),
    Attribute::text("country", "Two letters of ISO 3166-1, such as GB."),
    Attribute::text("type", "What it is for.").one_of(WORK),
    PRIMARY,
];
const REGISTRATION: &[Attribute] = &[
    Attribute::text("body", "The professional body.").needed().one_of(&[
        "GMC",
        "NMC",
        "GPhC",
        "PSNI",
        "GDC",
        "HCPC",
        "GOC",
        "SWE",
        "GOsC",
        "GCC",
        "RCN",
        "GMP",
        "GDP",
        "Consultant",
    ]),
    Attribute::text("number", "As the body writes it.").needed(),
];
const META: &[Attribute] = &[
    Attribute::text("resourceType", "User.").with(Mutability::ReadOnly).exact(),
    Attribute::of("created", Kind::Moment, "When the profile was made.").with(Mutability::ReadOnly),
    Attribute::of("lastModified", Kind::Moment, "When it was last changed.").with(Mutability::ReadOnly),
    Attribute::text("location", "Where it is read.").with(Mutability::ReadOnly).exact(),
    Attribute::text("version", "The entity tag.").with(Mutability::ReadOnly).exact(),
];

/// What every resource has and no schema lists (RFC 7643 3.1), but for `externalId`, which is needed here.
pub(crate) const COMMON: &[Attribute] = &[
    {
        let mut schemas = Attribute::text("schemas", "Of which schemas it is.").with(Mutability::ReadOnly);
        schemas.is_plural = true;
        schemas
    },
    Attribute::text("id", "The user id.").with(Mutability::ReadOnly).exact(),
    {
        let mut meta = Attribute::of("meta", Kind::Complex, "Of the resource.").with(Mutability::ReadOnly);
        meta.parts = META;
        meta
    },
];

/// The attributes of the schema of users.
pub(crate) const CORE: &[Attribute] = &[
    Attribute::text("userName", "The name that the personnel system gave.").needed(),
    Attribute::text("externalId", "The id that the personnel system gave: the same one is the same person.")
        .needed()
        .with(Mutability::Immutable)
        .exact(),
    {
        let mut name = Attribute::of("name", Kind::Complex, "The name.").needed();
        name.parts = NAME;
        name
    },
    Attribute::text("displayName", "Given and family name.").with(Mutability::ReadOnly),
    Attribute::of("active", Kind::Flag, "False when somebody has left; true if it is left out."),
    Attribute::several("emails", EMAIL, "E-mail addresses."),
    Attribute::several(
        "phoneNumbers",
        PHONE,
        "Telephones. Mobiles receive codes; others are kept as they are.",
    ),
    Attribute::several("addresses", ADDRESS, "Postal addresses."),
];

/// The attributes that the register needs beyond.
pub(crate) const REGISTER: &[Attribute] = &[
    Attribute::text("dateOfBirth", "YYYY-MM-DD."),
    Attribute::text("gender", "Gender.").one_of(&["female", "male", "other", "not-stated"]),
    Attribute::text("nationalInsuranceNumber", "Kept as a hash.").with(Mutability::WriteOnly).hidden(),
    Attribute::several("registrations", REGISTRATION, "Professional registrations."),
    {
        let mut looked_at = Attribute::text(
            "lookedAt",
            "Possible duplicates who are somebody else, when somebody is announced.",
        )
        .with(Mutability::Immutable)
        .hidden();
        looked_at.is_plural = true;
        looked_at
    },
    Attribute::text("linkTo", "The user id of somebody who is known here already, when they are announced.")
        .with(Mutability::Immutable)
        .hidden(),
];

/// An attribute of users by its name in any spelling (RFC 7643 2.1).
pub(crate) fn core(name: &str) -> Option<&'static Attribute> {
    COMMON.iter().chain(CORE).find(|one| one.name.eq_ignore_ascii_case(name))
}

/// An attribute of the extension by its name in any spelling.
pub(crate) fn register(name: &str) -> Option<&'static Attribute> {
    REGISTER.iter().find(|one| one.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Values are taken in any spelling and of the right kind; parts that an attribute has not are left.
    #[test]
    fn values_are_of_their_kind() {
        let emails = core("EMAILS").unwrap();
        let taken = emails.taken(json!({"VALUE": "a@b.example", "primary": "True", "x": 1})).unwrap();
        assert_eq!(taken, json!([{"value": "a@b.example", "primary": true}]));
        for bad in [json!("a@b.example"), json!([7]), json!([{"value": 7}]), json!([{"primary": "perhaps"}])]
        {
            assert_eq!(emails.taken(bad.clone()), None, "{bad}");
        }
        assert_eq!(core("active").unwrap().taken(json!("FALSE")), Some(json!(false)));
        assert_eq!(core("userName").unwrap().taken(json!(7)), None);
        assert_eq!(register("lookedAt").unwrap().taken(json!("000000000013")), Some(json!(["000000000013"])));
        assert_eq!(core("title").map(|one| one.name), None);
    }
}
