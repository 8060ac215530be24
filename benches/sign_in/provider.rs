//! A provider as its clients see it, ours or another's.

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde_json::Value;

/// Where browsers come back to. Nobody is there.
pub(crate) const CALLBACK: &str = "https://rp.example/cb";
/// The proof key of every code; what counts is that it is looked at.
pub(crate) const VERIFIER: &str = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop";

/// A provider.
#[derive(Clone)]
pub(crate) struct Provider {
    /// What sends: HTTP/1.1, following nothing.
    pub(crate) http: reqwest::Client,
    /// Where it is.
    pub(crate) origin: String,
    /// The secret of each client, by its id.
    pub(crate) secrets: Vec<(&'static str, String)>,
}

/// What a code was exchanged for.
pub(crate) struct Tokens {
    /// The access token.
    pub(crate) access: String,
}

impl Provider {
    /// What a client proves itself by.
    pub(crate) fn secret(&self, client: &str) -> anyhow::Result<&str> {
        let found = self.secrets.iter().find(|(id, _)| *id == client);
        found.map(|(_, secret)| secret.as_str()).context("no such client")
    }

    async fn token(&self, client: &str, form: &[(&str, &str)]) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/token", self.origin));
        let body = encoded(form);
        let answer = request
            .basic_auth(client, Some(self.secret(client)?))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        let said = answer.bytes().await?;
        ensure!(status == StatusCode::OK, "{status}: {}", String::from_utf8_lossy(&said));
        Ok(serde_json::from_slice(&said)?)
    }

    /// Exchanges a code, with its proof key.
    pub(crate) async fn exchange(&self, client: &str, code: &str) -> anyhow::Result<Tokens> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let said = self.token(client, &form).await?;
        ensure!(said["id_token"].is_string(), "no ID token: {said}");
        let access = said["access_token"].as_str().context("no access token")?.to_owned();
        Ok(Tokens { access })
    }
}

/// A form as it travels.
pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
