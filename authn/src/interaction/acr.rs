//! The classes of sign-in that a relying party can ask for, and the methods each allows.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::method::{Level, Method};

/// A value of `acr_values`, as CIS2 has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Acr {
    /// Any method of level three: what is meant where nothing was asked for.
    Aal3Any,
    /// Any method of level two or three.
    Aal2OrAal3Any,
    /// Any method of level two; what is worth more does too.
    Aal2Any,
    /// A security key or the workstation's own.
    Aal3Fido2,
    /// A smartcard.
    Aal3Smartcard,
    /// A smartcard, by the name of the road over the internet.
    Aal3Cis2Smartcard,
    /// A smartcard, by the name of the road over the private network.
    Aal3N3Smartcard,
    /// An authenticator app.
    Aal2Totp,
}

impl Acr {
    /// Every class that can be asked for.
    pub(crate) const ALL: [Self; 8] = [
        Self::Aal3Any,
        Self::Aal2OrAal3Any,
        Self::Aal2Any,
        Self::Aal3Fido2,
        Self::Aal3Smartcard,
        Self::Aal3Cis2Smartcard,
        Self::Aal3N3Smartcard,
        Self::Aal2Totp,
    ];

    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Aal3Any => "AAL3_ANY",
            Self::Aal2OrAal3Any => "AAL2_OR_AAL3_ANY",
            Self::Aal2Any => "AAL2_ANY",
            Self::Aal3Fido2 => "AAL3_FIDO2",
            Self::Aal3Smartcard => "AAL3_SMARTCARD",
            Self::Aal3Cis2Smartcard => "AAL3_CIS2_SMARTCARD",
            Self::Aal3N3Smartcard => "AAL3_N3_SMARTCARD",
            Self::Aal2Totp => "AAL2_TOTP",
        }
    }

    /// Whether a method satisfies it.
    pub(crate) fn allows(self, method: Method) -> bool {
        match self {
            Self::Aal3Any => method.level() >= Level::Three,
            Self::Aal2OrAal3Any | Self::Aal2Any => method.level() >= Level::Two,
            Self::Aal3Fido2 => matches!(method, Method::SecurityKey | Method::PlatformKey),
            Self::Aal3Smartcard | Self::Aal3Cis2Smartcard | Self::Aal3N3Smartcard => {
                method == Method::Smartcard
            }
            Self::Aal2Totp => method == Method::Totp,
        }
    }

    /// The class that a sign-in has reached, for the claim `acr`: what was reached and never what was asked for, because a
    /// relying party may look for `AAL3` in it, which `AAL2_OR_AAL3_ANY` holds too.
    pub(crate) fn reached(level: Level) -> &'static str {
        match level {
            Level::Three => "AAL3_ANY",
            Level::Two => "AAL2_ANY",
            Level::One => "AAL1_USERPASS",
        }
    }
}

/// A word that names no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a class of sign-in that is offered")]
pub(crate) struct NotAnAcr;

impl FromStr for Acr {
    type Err = NotAnAcr;

    fn from_str(word: &str) -> Result<Self, NotAnAcr> {
        Self::ALL.into_iter().find(|acr| acr.word() == word).ok_or(NotAnAcr)
    }
}

/// The methods that satisfy a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Acceptable(BTreeSet<Method>);

impl Acceptable {
    /// What satisfies one of these classes; level three where none is named.
    pub(crate) fn any_of(classes: &[Acr]) -> Self {
        let classes = if classes.is_empty() { &[Acr::Aal3Any] } else { classes };
        let allowed = |method: &Method| classes.iter().any(|class| class.allows(*method));
        Self(Method::ALL.into_iter().filter(allowed).collect())
    }

    /// These methods.
    pub(crate) fn of(methods: impl IntoIterator<Item = Method>) -> Self {
        Self(methods.into_iter().collect())
    }

    /// What satisfies both.
    #[must_use]
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether nothing satisfies it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a method satisfies it.
    pub(crate) fn allows(&self, method: Method) -> bool {
        self.0.contains(&method)
    }

    /// The methods, in the order in which they are offered.
    pub(crate) fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each class allows its methods and no others.
    #[test]
    fn classes_allow_their_methods() {
        use Method::{Passkey, PlatformKey, SecurityKey, Smartcard, Totp};
        let check = |classes: &[Acr], expected: &[Method]| {
            let methods: Vec<Method> = Acceptable::any_of(classes).methods().collect();
            assert_eq!(methods, expected, "{classes:?}");
        };
        check(&[], &[Smartcard, SecurityKey, PlatformKey]);
        check(&[Acr::Aal3Any], &[Smartcard, SecurityKey, PlatformKey]);
        check(&[Acr::Aal2OrAal3Any], &Method::ALL);
        check(&[Acr::Aal2Any], &Method::ALL);
        check(&[Acr::Aal3Fido2], &[SecurityKey, PlatformKey]);
        check(&[Acr::Aal3N3Smartcard], &[Smartcard]);
        check(&[Acr::Aal2Totp, Acr::Aal3Smartcard], &[Smartcard, Totp]);
        assert!(!Acceptable::any_of(&[Acr::Aal3Any]).allows(Passkey));
    }

    /// Every class is read back from its word, and others are refused.
    #[test]
    fn words_read_back() {
        for acr in Acr::ALL {
            assert_eq!(acr.word().parse(), Ok(acr));
        }
        assert_eq!("AAL3_IOS".parse::<Acr>(), Err(NotAnAcr));
    }
}
