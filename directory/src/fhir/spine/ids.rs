//! Ids of resources. They are made of the identifier of a system, so that a resource is read under the one that a search told. An endpoint
//! that was always the only one of its system has that identifier, whatever its address is. Where there are, or were, several, each has an id
//! of its address too, but for the one that was alone before: so no id means another address when one of them goes or comes.

use uuid::{Builder, Uuid};

use crate::ldap::Entry;
use crate::system::{Several, folded};

/// The longest id (FHIR R4 2.24.0.1). Letters, digits, hyphens and dots stand in one.
const LONGEST: usize = 64;
/// How much of an identifier stands in an id that has no room for all of it.
const BEGINNING: usize = 30;

/// Ids of the resources of a system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// By its identifier.
    Name(String),
    /// A UUID in capital letters, as those of the national service, which are new each time.
    Uuid(String),
}

impl Ids {
    /// Those under which the resources of an entry are read.
    pub(crate) fn of(entry: &Entry) -> Self {
        Self::Name(first(entry, "uniqueIdentifier"))
    }

    /// Those where only the model is wanted, which reads nothing.
    pub(crate) fn of_model(entry: &Entry) -> Self {
        Self::Uuid(first(entry, "entryUUID"))
    }

    /// The id of the resource in a place, of a system with these addresses, which has or had several or not.
    pub(crate) fn at(&self, place: usize, addresses: &[String], several: Option<&Several>) -> String {
        let is_told_apart = |address: &String| match several {
            Some(several) => several.first.as_ref() != Some(address),
            // What it was before that was kept.
            None => addresses.len() > 1,
        };
        let address = addresses.get(place).filter(|address| is_told_apart(address));
        match self {
            Self::Name(name) => named(name, address),
            Self::Uuid(base) => uuid(base, address),
        }
    }
}

fn first(entry: &Entry, name: &str) -> String {
    entry.values(name).first().cloned().unwrap_or_default()
}

fn named(name: &str, address: Option<&String>) -> String {
    let suffix = address.map_or_else(String::new, |address| format!(".h{}", digest(address, 5)));
    // A dot begins what stands for something else.
    let escaped: Vec<String> = name.chars().map(escape).collect();
    let whole = escaped.concat();
    if whole.len() + suffix.len() <= LONGEST {
        return whole + &suffix;
    }
    let mut id = String::new();
    for one in escaped {
        if id.len() + one.len() > BEGINNING {
            break;
        }
        id.push_str(&one);
    }
    id + &mark(name) + &suffix
}

fn escape(character: char) -> String {
    match character {
        '.' => ".d".to_owned(),
        '_' => ".u".to_owned(),
        other => other.to_string(),
    }
}

fn mark(name: &str) -> String {
    format!(".p{}", digest(&folded(name), 8))
}

fn uuid(base: &str, address: Option<&String>) -> String {
    let Ok(base) = Uuid::try_parse(base) else { return base.to_owned() };
    let mut octets = *base.as_bytes();
    if let Some(address) = address {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, address.as_bytes());
        for (octet, more) in octets.iter_mut().zip(digest.as_ref()) {
            *octet ^= more;
        }
    }
    Builder::from_custom_bytes(octets).into_uuid().to_string().to_ascii_uppercase()
}

fn digest(text: &str, octets: usize) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hex::encode(&digest.as_ref()[..octets])
}

/// Which system an id names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The one with this identifier.
    Whole(String),
    /// One whose identifier begins so: [`is_of`] says which.
    Begins(String),
}

/// Reads which system an id names; nothing where it names none.
pub(crate) fn system_of(id: &str) -> Option<Named> {
    let rest = id.rsplit_once(".h").map_or(id, |parts| parts.0);
    if let Some((beginning, _)) = rest.rsplit_once(".p") {
        return Some(Named::Begins(unescaped(beginning)?));
    }
    unescaped(rest).map(Named::Whole)
}

/// Whether an id that names only a beginning is of the system with this identifier.
pub(crate) fn is_of(id: &str, name: &str) -> bool {
    let rest = id.rsplit_once(".h").map_or(id, |parts| parts.0);
    rest.ends_with(&mark(name))
}

fn unescaped(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            '.' => match characters.next()? {
                'd' => '.',
                'u' => '_',
                _ => return None,
            },
            other => other,
        };
        name.push(plain);
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    const ONE: &str = "https://one.example/";
    const TWO: &str = "https://two.example/";

    fn list(addresses: &[&str]) -> Vec<String> {
        addresses.iter().map(|&address| address.to_owned()).collect()
    }

    fn is_id(text: &str) -> bool {
        (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    }

    /// Any identifier becomes an id from which it is read again, or that begins as it does and is told from others.
    #[test]
    fn ids_name_their_systems() {
        let long = format!("{}_{}", "a".repeat(40), "b".repeat(23));
        for name in ["S918999410559", "a.b_c", "_", "x.h", "x.p", &long, &"_".repeat(64), &"c".repeat(64)] {
            let ids = Ids::Name(name.to_owned());
            for addresses in [list(&[]), list(&[ONE]), list(&[ONE, TWO])] {
                let id = ids.at(0, &addresses, None);
                assert!(is_id(&id), "{name}: {id}");
                match system_of(&id) {
                    Some(Named::Whole(read)) => assert_eq!(read, name, "{id}"),
                    Some(Named::Begins(read)) => {
                        assert!(name.starts_with(&read) && is_of(&id, name) && !is_of(&id, "other"), "{id}");
                    }
                    None => panic!("{name}: {id}"),
                }
            }
        }
        for bad in ["", ".", "a.", "a.x", ".h0123456789"] {
            assert_eq!(system_of(bad), None, "{bad}");
        }
    }

    /// The id of an address stays when another goes or comes before it, also when it is alone from then on or was before, and differs from that
    /// of any other.
    #[test]
    fn ids_stay_with_their_addresses() {
        for ids in [Ids::Name("S1".to_owned()), Ids::Uuid("6f1f7b06-6c3e-8a53-9d1e-7f0f6a3b2cff".to_owned())]
        {
            let both = list(&[ONE, TWO]);
            let three = list(&["https://new.example/", TWO, ONE]);
            let single = ids.at(0, &list(&[ONE]), None);
            assert_eq!(single, ids.at(0, &[], None), "it is the system's");
            let since = Version(2);
            for first in [None, Some(ONE.to_owned()), Some("https://former.example/".to_owned())] {
                let was_alone = first.as_deref() == Some(ONE);
                let several = Several { since, first };
                let at = |place: usize, addresses: &[String]| ids.at(place, addresses, Some(&several));
                assert_eq!((at(0, &both), at(1, &both)), (at(2, &three), at(1, &three)));
                assert_eq!((at(0, &list(&[ONE])), at(0, &list(&[TWO]))), (at(0, &both), at(1, &both)));
                assert_ne!(at(0, &both), at(1, &both));
                assert_eq!((at(0, &both) == single, at(1, &both) == single), (was_alone, false));
            }
        }
        let model = Ids::Uuid("6f1f7b06-6c3e-8a53-9d1e-7f0f6a3b2cff".to_owned());
        assert_eq!(model.at(0, &[], None), "6F1F7B06-6C3E-8A53-9D1E-7F0F6A3B2CFF");
    }
}
