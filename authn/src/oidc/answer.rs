//! What a browser brings back to a relying party.

use url::{Url, form_urlencoded};

use super::refusal::Refusal;
use super::request::{Onlooker, ResponseMode, Return};
use crate::secret::Secret;

/// An answer on its way through the browser.
pub(crate) struct Answer {
    /// Where it goes, and how.
    pub(crate) mode: ResponseMode,
    /// The address that was registered.
    pub(crate) redirect_uri: String,
    /// Who sees it on the way.
    pub(crate) onlooker: Onlooker,
    /// What is said.
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Answer {
    /// A code.
    pub(crate) fn code(back: &Return, issuer: &str, code: &Secret) -> Self {
        Self::of(back, issuer, vec![("code", code.text().to_string())])
    }

    /// A refusal.
    pub(crate) fn refusal(back: &Return, issuer: &str, refusal: &Refusal) -> Self {
        let fields = vec![
            ("error", refusal.code.word().to_owned()),
            ("error_description", plain(&refusal.description)),
        ];
        Self::of(back, issuer, fields)
    }

    fn of(back: &Return, issuer: &str, mut fields: Vec<(&'static str, String)>) -> Self {
        if let Some(state) = &back.state {
            fields.push(("state", state.clone()));
        }
        // RFC 9207: so that the relying party sees whose answer it is.
        fields.push(("iss", issuer.to_owned()));
        Self { mode: back.mode, redirect_uri: back.redirect_uri.clone(), onlooker: back.onlooker, fields }
    }

    /// The origin in whose frames the page may be that takes this answer to it, where there is one: nobody sees that page, and a browser that
    /// refused it would leave the relying party without an answer.
    pub(crate) fn frame(&self) -> Option<String> {
        if self.onlooker == Onlooker::Person {
            return None;
        }
        let origin = Url::parse(&self.redirect_uri).ok()?.origin();
        // What stands in a policy is nothing but an origin.
        let plain = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:/".contains(c));
        origin.is_tuple().then(|| origin.ascii_serialization()).filter(plain)
    }

    /// The address with everything in its query, or in its fragment. What was registered stays as it is before it.
    pub(crate) fn location(&self) -> String {
        let Ok(mut url) = Url::parse(&self.redirect_uri) else { return self.redirect_uri.clone() };
        if self.mode == ResponseMode::Fragment {
            let mut text = form_urlencoded::Serializer::new(String::new());
            url.set_fragment(Some(&text.extend_pairs(&self.fields).finish()));
            return url.into();
        }
        for (name, value) in &self.fields {
            url.query_pairs_mut().append_pair(name, value);
        }
        url.into()
    }
}

/// RFC 6749 4.1.2.1: a description has no quotes, backslashes, and nothing beyond ASCII.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| matches!(letter, ' '..='~') && !"\"\\".contains(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::face::Face;
    use crate::oidc::refusal::Code;

    /// State and issuer come along, and a query that was registered stays.
    #[test]
    fn answers_keep_what_was_registered() {
        let back = Return {
            redirect_uri: "https://rp.example/cb?tenant=1".to_owned(),
            mode: ResponseMode::Query,
            state: Some("a&b".to_owned()),
            face: Face::Plain,
            onlooker: Onlooker::Person,
        };
        let refusal = Refusal::new(Code::LoginRequired, "Say \"who\".");
        let answer = Answer::refusal(&back, "https://id.example.org", &refusal);
        let fragment = Answer {
            mode: ResponseMode::Fragment,
            ..Answer::refusal(&back, "https://id.example.org", &refusal)
        };
        insta::assert_snapshot!(fragment.location(), @"https://rp.example/cb?tenant=1#error=login_required&error_description=Say+who.&state=a%26b&iss=https%3A%2F%2Fid.example.org");
        insta::assert_snapshot!(answer.location(), @"https://rp.example/cb?tenant=1&error=login_required&error_description=Say+who.&state=a%26b&iss=https%3A%2F%2Fid.example.org");
    }

    /// Only what nobody sees may be in a frame, and only in one of whom it goes to.
    #[test]
    fn frames_are_those_of_the_relying_party() {
        let check = |redirect_uri: &str, onlooker: Onlooker, expected: Option<&str>| {
            let mode = ResponseMode::FormPost;
            let answer = Answer { mode, redirect_uri: redirect_uri.to_owned(), onlooker, fields: Vec::new() };
            assert_eq!(answer.frame().as_deref(), expected, "{redirect_uri}");
        };
        check("https://rp.example/cb?tenant=1", Onlooker::Nobody, Some("https://rp.example"));
        check("http://localhost:9000/cb", Onlooker::Nobody, Some("http://localhost:9000"));
        check("https://rp.example/cb", Onlooker::Person, None);
        check("https://rp.example;sandbox/cb", Onlooker::Nobody, None);
        check("app:/cb", Onlooker::Nobody, None);
    }
}
