//! What a browser brings back to a relying party.

use url::{Url, form_urlencoded};

use super::refusal::Refusal;
use super::request::{ResponseMode, Return};
use crate::secret::Secret;

/// An answer on its way through the browser.
pub(crate) struct Answer {
    /// Where it goes, and how.
    pub(crate) mode: ResponseMode,
    /// The address that was registered.
    pub(crate) redirect_uri: String,
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
        Self { mode: back.mode, redirect_uri: back.redirect_uri.clone(), fields }
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
}
