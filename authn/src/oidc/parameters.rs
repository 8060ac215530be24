//! The parameters of a request, from a query or a form.

use platform::id::UserId;
use url::form_urlencoded;

/// How many are read: more than any request of the protocol has.
const MOST: usize = 64;

/// By what name the person is kept whom the hint of a pushed request named. Nobody says so from outside.
const HINTED: &str = "hinted";

/// Parameters by name. RFC 6749 3.1: none may come twice, and an empty one counts as left out. With them, of a request that was pushed,
/// the person whom its hint named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>, Option<UserId>);

/// Why parameters cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// One came twice.
    #[error("the parameter {0} came more than once")]
    Twice(String),
    /// There are more than any request has.
    #[error("there are too many parameters")]
    TooMany,
    /// One holds U+0000, which no text here may.
    #[error("a parameter holds the character U+0000")]
    Nul,
}

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, Unreadable> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if found.len() >= MOST {
                return Err(Unreadable::TooMany);
            }
            if name.contains('\0') || value.contains('\0') {
                return Err(Unreadable::Nul);
            }
            if found.iter().any(|(before, _)| *before == name) {
                return Err(Unreadable::Twice(plain(&name)));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        found.retain(|(_, value)| !value.is_empty());
        Ok(Self(found, None))
    }

    /// Reads what was kept of a pushed request; none where it does not read.
    pub(crate) fn kept(encoded: &str) -> Option<Self> {
        let Self(mut given, _) = Self::parse(encoded.as_bytes()).ok()?;
        let hinted = given.iter().find(|(name, _)| name == HINTED).map(|(_, value)| value.parse());
        let hinted = hinted.transpose().ok()?;
        given.retain(|(name, _)| name != HINTED);
        Some(Self(given, hinted))
    }

    /// The same as it is kept of a pushed request: in place of an ID token, which is a secret, the person whom it names.
    pub(crate) fn keeping(mut self, hinted: Option<UserId>) -> Self {
        self.0.retain(|(name, _)| name != HINTED && name != "id_token_hint");
        Self(self.0, hinted)
    }

    /// The person whom the hint of a pushed request named.
    pub(crate) fn hinted(&self) -> Option<&UserId> {
        self.1.as_ref()
    }

    /// A parameter, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The values of a parameter that is a list separated by blanks.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.get(name)
            .map(|text| text.split(' ').filter(|word| !word.is_empty()).collect())
            .unwrap_or_default()
    }

    /// The same with one more; one of the same name is replaced.
    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        self.0.retain(|(given, _)| given != name);
        self.0.push((name.to_owned(), value));
        self
    }

    /// The same without what proves who the client is.
    pub(crate) fn without_secrets(&self) -> Self {
        let proof =
            |name: &str| ["client_secret", "client_assertion", "client_assertion_type"].contains(&name);
        Self(self.0.iter().filter(|(name, _)| !proof(name)).cloned().collect(), self.1.clone())
    }

    /// All of them, encoded as they came.
    pub(crate) fn encoded(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            text.append_pair(name, value);
        }
        if let Some(person) = &self.1 {
            text.append_pair(HINTED, person.as_str());
        }
        text.finish()
    }
}

/// A name as it can stand in a message: what is no letter of a parameter's name is left out.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes twice is refused, what is empty was not given, and lists fall into words.
    #[test]
    fn parameters_are_read() {
        let read = Parameters::parse(b"scope=openid++profile&state=&client_id=a%2Eb").unwrap();
        assert_eq!(read.list("scope"), ["openid", "profile"]);
        assert_eq!(read.get("state"), None);
        assert_eq!(read.get("client_id"), Some("a.b"));
        assert_eq!(read.encoded(), "scope=openid++profile&client_id=a.b");
        let twice = Parameters::parse(b"state=a&state=b").unwrap_err();
        assert_eq!(twice, Unreadable::Twice("state".to_owned()));
        assert_eq!(Parameters::parse(b"a=%00").unwrap_err(), Unreadable::Nul);
        let many: Vec<String> = (0..65).map(|number| format!("a{number}=b")).collect();
        assert_eq!(Parameters::parse(many.join("&").as_bytes()).unwrap_err(), Unreadable::TooMany);
    }
}
