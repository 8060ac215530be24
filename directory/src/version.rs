//! Versions of things that change, as entity tags (RFC 9110 8.8.3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How often a thing was written: 1 when it was made. Its entity tag is the number in quotes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Version(pub i64);

impl Version {
    /// The first.
    pub const FIRST: Self = Self(1);

    /// The entity tag.
    pub fn tag(self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many entity tags one may name at once.
const MOST_NAMED: usize = 8;

/// Which version a caller means (RFC 9110 13.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever it is now: `*`.
    Any,
    /// This one.
    This(Version),
    /// One of these. Tags that are none of ours stand for none.
    OneOf([Option<Version>; MOST_NAMED]),
}

impl Expected {
    /// Reads the value of If-Match: `*` or entity tags. Tags are compared strongly, so a weak one, and one that is no tag of
    /// ours to the letter, is of no version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Any);
        }
        let mut named = [None; MOST_NAMED];
        let (mut many, mut rest) = (0, text);
        loop {
            let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
            let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
            if !opaque.bytes().all(|byte| byte == 0x21 || (0x23..=0x7e).contains(&byte)) {
                return None;
            }
            *named.get_mut(many)? = Version::named(opaque).filter(|_| !weak);
            many += 1;
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix(',')?.trim_start();
        }
        match (many, named[0]) {
            (1, Some(version)) => Some(Self::This(version)),
            _ => Some(Self::OneOf(named)),
        }
    }

    /// Whether the present version is one that is meant.
    pub(crate) fn holds(self, present: Version) -> bool {
        match self {
            Self::Any => true,
            Self::This(version) => version == present,
            Self::OneOf(versions) => versions.contains(&Some(present)),
        }
    }
}

impl Version {
    /// The version of whose tag this is the inside, to the letter.
    fn named(opaque: &str) -> Option<Self> {
        let version = Self(opaque.parse().ok()?);
        (version.to_string() == opaque).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tag of ours or a star; one that is weak or not ours to the letter is of no version, and of several each counts.
    #[test]
    fn if_match_names_versions() {
        assert_eq!(Expected::parse("\"7\""), Some(Expected::This(Version(7))));
        assert_eq!(Expected::parse(" * "), Some(Expected::Any));
        for bad in ["7", "", "\"7", "\"7\" \"8\"", "\"7\",", "*, \"7\"", "\"a b\""] {
            assert_eq!(Expected::parse(bad), None, "{bad}");
        }
        for other in ["W/\"7\"", "\"+7\"", "\"07\"", "\"x\"", "\"\"", "\"8\"", "W/\"7\", \"8\""] {
            assert!(!Expected::parse(other).unwrap().holds(Version(7)), "{other}");
        }
        for good in ["\"7\", \"8\"", "\"x,y\" ,\"7\"", "W/\"7\", \"7\""] {
            assert!(Expected::parse(good).unwrap().holds(Version(7)), "{good}");
        }
        assert_eq!(Expected::parse(&["\"7\""; MOST_NAMED + 1].join(",")), None);
        assert_eq!(Version(7).tag(), "\"7\"");
    }
}
