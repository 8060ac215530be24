//! To what a token is bound: whoever uses it has to show that besides.

use serde_json::{Value, json};

/// How a key is written in a row.
const KEY: &str = "jkt:";
/// How a certificate is.
const CERTIFICATE: &str = "x5t#S256:";

/// What has to be shown with a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Nothing: whoever holds the token uses it.
    #[default]
    Nothing,
    /// A proof by the key with this thumbprint. RFC 9449 6.
    Key(String),
    /// A connection whose certificate has this SHA-256. RFC 8705 3.
    Certificate(String),
}

impl Binding {
    /// As it is stored.
    pub(crate) fn stored(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Key(thumbprint) => Some(format!("{KEY}{thumbprint}")),
            Self::Certificate(thumbprint) => Some(format!("{CERTIFICATE}{thumbprint}")),
        }
    }

    /// Reads what was stored; none where it is nothing of ours, so that nobody takes it for unbound.
    pub(crate) fn read(stored: Option<&str>) -> Option<Self> {
        let Some(text) = stored else { return Some(Self::Nothing) };
        let key = text.strip_prefix(KEY).map(|thumbprint| Self::Key(thumbprint.to_owned()));
        key.or_else(|| {
            text.strip_prefix(CERTIFICATE).map(|thumbprint| Self::Certificate(thumbprint.to_owned()))
        })
    }

    /// The claim `cnf`, if there is one.
    pub(crate) fn confirmation(&self) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Key(thumbprint) => Some(json!({"jkt": thumbprint})),
            Self::Certificate(thumbprint) => Some(json!({"x5t#S256": thumbprint})),
        }
    }

    /// The `token_type`.
    pub(crate) fn token_type(&self) -> &'static str {
        match self {
            Self::Key(_) => "DPoP",
            Self::Nothing | Self::Certificate(_) => "Bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binding reads back, and what is none of ours is not taken for none.
    #[test]
    fn bindings_read_back() {
        for binding in [Binding::Nothing, Binding::Key("a".to_owned()), Binding::Certificate("b".to_owned())]
        {
            assert_eq!(Binding::read(binding.stored().as_deref()), Some(binding));
        }
        assert_eq!(Binding::read(Some("other:a")), None);
        assert_eq!(Binding::read(Some("")), None);
    }
}
