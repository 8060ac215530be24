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

/// Which version a caller means (RFC 9110 13.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever it is now: `*`.
    Any,
    /// This one.
    This(Version),
}

impl Expected {
    /// Reads the value of If-Match: `*` or one strong entity tag of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Any);
        }
        let number = text.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
        Some(Self::This(Version(number)))
    }

    /// Whether the present version is the one meant.
    pub(crate) fn holds(self, present: Version) -> bool {
        match self {
            Self::Any => true,
            Self::This(version) => version == present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One strong tag of ours or a star; weak tags and lists name no single version.
    #[test]
    fn if_match_names_one_version() {
        assert_eq!(Expected::parse("\"7\""), Some(Expected::This(Version(7))));
        assert_eq!(Expected::parse(" * "), Some(Expected::Any));
        for bad in ["7", "W/\"7\"", "\"7\", \"8\"", "\"x\"", ""] {
            assert_eq!(Expected::parse(bad), None, "{bad}");
        }
        assert!(
            Expected::This(Version(7)).holds(Version(7)) && !Expected::This(Version(7)).holds(Version(8))
        );
        assert_eq!(Version(7).tag(), "\"7\"");
    }
}
