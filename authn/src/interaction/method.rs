//! How people prove who they are, and what that is worth.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much a method is worth: the authenticator assurance levels of NIST SP 800-63B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// One thing known or held.
    One,
    /// Two things.
    Two,
    /// A key in hardware that answers for one origin alone, and a second thing.
    Three,
}

impl Level {
    /// The digit, as claims have it.
    pub(crate) fn digit(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        }
    }
}

/// One way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// A smartcard, by TLS or by a challenge that it signs.
    Smartcard,
    /// A security key that is carried.
    SecurityKey,
    /// A key in the workstation itself, such as Windows Hello.
    PlatformKey,
    /// A passkey that is synchronised between devices.
    Passkey,
    /// E-mail, password and the code of an authenticator app.
    Totp,
}

impl Method {
    /// Every method.
    pub(crate) const ALL: [Self; 5] =
        [Self::Smartcard, Self::SecurityKey, Self::PlatformKey, Self::Passkey, Self::Totp];

    /// What it is worth.
    pub(crate) fn level(self) -> Level {
        match self {
            Self::Smartcard | Self::SecurityKey | Self::PlatformKey => Level::Three,
            Self::Passkey | Self::Totp => Level::Two,
        }
    }

    /// Its name in the claim `amr`, as relying parties of CIS2 read it.
    pub(crate) fn amr(self) -> &'static str {
        match self {
            Self::Smartcard => "CIS2_SMARTCARD",
            Self::SecurityKey | Self::PlatformKey => "FIDO2",
            Self::Passkey => "PASSKEY",
            Self::Totp => "TOTP",
        }
    }

    /// Its name in rows and addresses.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Smartcard => "smartcard",
            Self::SecurityKey => "security-key",
            Self::PlatformKey => "platform-key",
            Self::Passkey => "passkey",
            Self::Totp => "totp",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a method of signing in")]
pub(crate) struct NotAMethod;

impl FromStr for Method {
    type Err = NotAMethod;

    fn from_str(word: &str) -> Result<Self, NotAMethod> {
        Self::ALL.into_iter().find(|method| method.word() == word).ok_or(NotAMethod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every method is read back from its word.
    #[test]
    fn words_read_back() {
        for method in Method::ALL {
            assert_eq!(method.word().parse(), Ok(method));
        }
        assert_eq!("password".parse::<Method>(), Err(NotAMethod));
    }
}
