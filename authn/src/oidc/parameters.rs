//! The parameters of a request, from a query or a form.

use platform::id::UserId;
use url::form_urlencoded;

/// How many are read: more than any request of the protocol has.
const MOST: usize = 64;

/// Those of an authorisation request that are read. What else comes with one that is pushed is not kept, what proves who the client is
/// among it.
const OF_REQUESTS: [&str; 18] = [
    "acr_values",
    "claims",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
];

/// Those that say what is to be signed: `details` reads them, and bounds them.
const OF_SIGNING: [&str; 7] = [
    "authorization_details",
    "credentialID",
    "description",
    "hash",
    "hashAlgorithmOID",
    "hashes",
    "numSignatures",
];

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

    /// Those that an authorisation request has.
    pub(crate) fn of_requests(&self) -> Self {
        let read = |name: &str| OF_REQUESTS.contains(&name) || OF_SIGNING.contains(&name);
        Self(self.0.iter().filter(|(name, _)| read(name)).cloned().collect(), self.1.clone())
    }

    /// How long they are together, apart from what is to be signed.
    pub(crate) fn octets(&self) -> usize {
        let others = self.0.iter().filter(|(name, _)| !OF_SIGNING.contains(&name.as_str()));
        others.map(|(name, value)| name.len() + value.len()).sum()
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
        let pushed = Parameters::parse(b"scope=openid&client_secret=s&client_assertion=a&junk=j&hashes=h")
            .unwrap()
            .of_requests();
        assert_eq!((pushed.encoded().as_str(), pushed.octets()), ("scope=openid&hashes=h", 11));
        let many: Vec<String> = (0..65).map(|number| format!("a{number}=b")).collect();
        assert_eq!(Parameters::parse(many.join("&").as_bytes()).unwrap_err(), Unreadable::TooMany);
    }
}
