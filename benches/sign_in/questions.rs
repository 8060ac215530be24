//! Single requests at the token endpoint and for userinfo, ready to be sent, and what their answers have to hold.

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::provider::{CALLBACK, Provider, VERIFIER, encoded};

/// What an answer has to hold; it is read without copying.
#[derive(Deserialize)]
struct Answer<'a> {
    access_token: Option<&'a str>,
    id_token: Option<&'a str>,
    sub: Option<&'a str>,
}

/// A question for tokens.
pub(crate) struct Question {
    head: String,
    form: String,
}

impl Question {
    /// For a token that a client has for itself.
    pub(crate) fn credentials(provider: &Provider, client: &str) -> anyhow::Result<Self> {
        Self::of(provider, client, &[("grant_type", "client_credentials"), ("scope", "reports")])
    }

    /// For what a code gives, with its proof key.
    pub(crate) fn exchange(provider: &Provider, client: &str) -> anyhow::Result<Self> {
        let form =
            [("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
        Self::of(provider, client, &form)
    }

    fn of(provider: &Provider, client: &str, form: &[(&str, &str)]) -> anyhow::Result<Self> {
        let basic = STANDARD.encode(format!("{client}:{}", provider.secret(client)?));
        let head = format!(
            "POST /token HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {basic}\r\n\
             content-type: application/x-www-form-urlencoded\r\n",
            host(provider)
        );
        Ok(Self { head, form: encoded(form) })
    }

    /// It as it is.
    pub(crate) fn alone(&self) -> Vec<u8> {
        self.with(&self.form)
    }

    /// It with this code.
    pub(crate) fn with_code(&self, code: &str) -> Vec<u8> {
        self.with(&format!("{}&code={code}", self.form))
    }

    fn with(&self, form: &str) -> Vec<u8> {
        format!("{}content-length: {}\r\n\r\n{form}", self.head, form.len()).into_bytes()
    }
}

/// A question for what an access token tells.
pub(crate) fn userinfo(provider: &Provider, access: &str) -> Vec<u8> {
    format!("GET /userinfo HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {access}\r\n\r\n", host(provider))
        .into_bytes()
}

fn host(provider: &Provider) -> &str {
    provider.origin.trim_start_matches("https://")
}

/// That an answer holds an access token.
pub(crate) fn has_access_token(answer: &[u8]) -> anyhow::Result<()> {
    has(answer, |answer| answer.access_token.is_some())
}

/// That an answer holds an ID token.
pub(crate) fn has_id_token(answer: &[u8]) -> anyhow::Result<()> {
    has(answer, |answer| answer.id_token.is_some())
}

/// That an answer says who it is about.
pub(crate) fn has_subject(answer: &[u8]) -> anyhow::Result<()> {
    has(answer, |answer| answer.sub.is_some())
}

fn has(answer: &[u8], what: impl Fn(&Answer<'_>) -> bool) -> anyhow::Result<()> {
    ensure!(what(&serde_json::from_slice(answer)?), "not in it: {}", String::from_utf8_lossy(answer));
    Ok(())
}
