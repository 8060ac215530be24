//! With what a session was opened.

use std::fmt;
use std::str::FromStr;

use super::AuthenticatorId;

/// With what a session was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// An authenticator of which we keep a row.
    Kept(AuthenticatorId),
    /// A card, by the serial number of its certificate as the authority writes it.
    Card(String),
}

const CARD: &str = "card:";

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(id) => write!(f, "{id}"),
            Self::Card(serial) => write!(f, "{CARD}{serial}"),
        }
    }
}

/// Text that names no authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an authenticator")]
pub(crate) struct NotAnAuthenticator;

impl FromStr for Bound {
    type Err = NotAnAuthenticator;

    fn from_str(text: &str) -> Result<Self, NotAnAuthenticator> {
        match text.strip_prefix(CARD) {
            Some(serial) => Ok(Self::Card(serial.to_owned())),
            None => text.parse().map(Self::Kept).map_err(|_| NotAnAuthenticator),
        }
    }
}

#[cfg(test)]
mod tests {
    use platform::clock::Millis;

    use super::*;

    /// Both kinds read back from their text.
    #[test]
    fn texts_read_back() {
        for bound in [Bound::Kept(AuthenticatorId::new(Millis(5))), Bound::Card("0a1b".to_owned())] {
            assert_eq!(bound.to_string().parse(), Ok(bound));
        }
        assert_eq!("cards".parse::<Bound>(), Err(NotAnAuthenticator));
    }
}
