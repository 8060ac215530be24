//! The names that issuers and profiles go by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of an issuer: `root`, `card`, `remote-signing`, `sign-in`, `systems`.
///
/// An authority that was given a new key is a further issuer, a generation: `card-g2` follows `card`. Profiles, roads and
/// requests name the authority, `card`; its newest generation signs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerId(String);

impl IssuerId {
    /// The root's id; no other issuer may have it.
    pub fn root() -> IssuerId {
        IssuerId("root".to_owned())
    }

    /// The authority this is a generation of: `card` for `card`, `card-g2` and `card-g3`.
    #[must_use]
    pub fn line(&self) -> IssuerId {
        IssuerId(self.parts().0.to_owned())
    }

    /// Which generation it is; the first has no number in its id.
    pub fn generation(&self) -> u32 {
        self.parts().1
    }

    /// Another generation of the same authority.
    pub fn of_generation(&self, generation: u32) -> Result<IssuerId, NotAnId> {
        let line = self.parts().0;
        if generation < 2 { line.parse() } else { format!("{line}-g{generation}").parse() }
    }

    /// Whether it is a root, of whatever generation.
    pub fn is_root(&self) -> bool {
        self.parts().0 == "root"
    }

    fn parts(&self) -> (&str, u32) {
        let numbered = self.0.rsplit_once("-g").and_then(|(line, number)| {
            let plain = number.starts_with(|first| first != '0') && number.len() <= 4;
            let generation: u32 = number.parse().ok().filter(|_| plain)?;
            (generation > 1 && !line.is_empty()).then_some((line, generation))
        });
        numbered.unwrap_or((&self.0, 1))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a profile, such as `card-signing`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileId(String);

impl ProfileId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an id: use 1 to 40 of a-z, 0-9 and \"-\", starting with a letter")]
pub struct NotAnId(String);

fn slug(text: &str) -> Result<String, NotAnId> {
    let fits = (1..=40).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits { Ok(text.to_owned()) } else { Err(NotAnId(text.chars().take(60).collect())) }
}

macro_rules! id_traits {
    ($($id:ident),*) => {$(
        impl FromStr for $id {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<$id, NotAnId> {
                slug(text).map($id)
            }
        }

        impl TryFrom<String> for $id {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<$id, NotAnId> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> String {
                id.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

id_traits!(IssuerId, ProfileId);

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are short lower-case words; paths, capitals and nothing are refused.
    #[test]
    fn ids_are_slugs() {
        assert!("remote-signing".parse::<IssuerId>().is_ok());
        for wrong in ["", "Root", "../root", "1st", "a b", &"a".repeat(41)] {
            assert!(wrong.parse::<IssuerId>().is_err(), "{wrong}");
        }
    }

    /// A generation is told from the id, and leads back to its authority; other endings are part of the name.
    #[test]
    fn generations_are_in_the_id() {
        let id = |text: &str| text.parse::<IssuerId>().unwrap();
        let card = id("card");
        assert_eq!((card.line(), card.generation()), (id("card"), 1));
        let second = card.of_generation(2).unwrap();
        assert_eq!((second.as_str(), second.line(), second.generation()), ("card-g2", id("card"), 2));
        assert_eq!(second.of_generation(3).unwrap(), id("card-g3"));
        assert_eq!(second.of_generation(1).unwrap(), card);
        assert!(id("root-g12").is_root() && !id("rooted").is_root());
        for whole in ["card-g1", "card-g02", "card-go", "card-g", "card-g99999", "g2"] {
            assert_eq!((id(whole).line(), id(whole).generation()), (id(whole), 1), "{whole}");
        }
        assert!(id(&"a".repeat(38)).of_generation(2).is_err(), "too long");
    }
}
