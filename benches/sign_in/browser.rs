//! A browser in software: what it holds, where it is sent, and what the scripts of its pages send.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;

use super::provider::{CALLBACK, Provider, VERIFIER};

/// What a request asks of whoever signs in.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// The relying party.
    pub(crate) client: &'static str,
    /// What it wants to know.
    pub(crate) scope: &'static str,
    /// What an authenticator has to be worth.
    pub(crate) acr: &'static str,
}

/// A browser.
pub(crate) struct Browser {
    provider: Provider,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// One that holds nothing yet.
    pub(crate) fn new(provider: &Provider) -> Self {
        Self { provider: provider.clone(), cookies: BTreeMap::new() }
    }

    /// Comes with a request of a relying party; where it is sent.
    pub(crate) async fn asks(&mut self, wanted: Wanted) -> anyhow::Result<String> {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let query = [
            ("response_type", "code"),
            ("client_id", wanted.client),
            ("redirect_uri", CALLBACK),
            ("scope", wanted.scope),
            ("acr_values", wanted.acr),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.goes(&format!("/authorize?{query}")).await
    }

    /// Comes with a request and is asked to sign in; the page for that.
    pub(crate) async fn is_asked(&mut self, wanted: Wanted) -> anyhow::Result<String> {
        let here = self.asks(wanted).await?;
        ensure!(here.starts_with("/sign-in/"), "nobody was asked to sign in: {here}");
        Ok(here)
    }

    /// Goes somewhere; where it is sent from there.
    pub(crate) async fn goes(&mut self, path: &str) -> anyhow::Result<String> {
        let request = self.provider.http.get(format!("{}{path}", self.provider.origin));
        sent_on(&self.sends(request).await?)
    }

    /// Opens a page.
    pub(crate) async fn opens(&mut self, path: &str) -> anyhow::Result<()> {
        let request = self.provider.http.get(format!("{}{path}", self.provider.origin));
        let answer = self.sends(request).await?;
        let status = answer.status();
        let said = answer.bytes().await?;
        ensure!(status == StatusCode::OK, "{path}: {status}: {}", String::from_utf8_lossy(&said));
        Ok(())
    }

    /// Sends the form of a page that has no fields; where it is sent.
    pub(crate) async fn presses(&mut self, path: &str) -> anyhow::Result<String> {
        let request = self.posts(path, "application/x-www-form-urlencoded", Vec::new());
        sent_on(&self.sends(request).await?)
    }

    /// Sends what the script of a page does; the answer.
    pub(crate) async fn script(&mut self, path: &str, body: &impl Serialize) -> anyhow::Result<Vec<u8>> {
        let request = self.posts(path, "application/json", serde_json::to_vec(body)?);
        let answer = self.sends(request).await?;
        let status = answer.status();
        let said = answer.bytes().await?;
        ensure!(status == StatusCode::OK, "{path}: {status}: {}", String::from_utf8_lossy(&said));
        Ok(said.to_vec())
    }

    fn posts(&self, path: &str, kind: &str, body: Vec<u8>) -> RequestBuilder {
        let origin = &self.provider.origin;
        let request = self.provider.http.post(format!("{origin}{path}"));
        request.header("content-type", kind).header("origin", origin).body(body)
    }

    /// Sends a request with what the browser holds, and keeps what it is given.
    async fn sends(&mut self, request: RequestBuilder) -> anyhow::Result<Response> {
        let held: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if held.is_empty() { request } else { request.header("cookie", held.join("; ")) };
        let answer = request.send().await?;
        for field in answer.headers().get_all("set-cookie") {
            let text = field.to_str()?;
            let (name, value) =
                text.split(';').next().and_then(|pair| pair.split_once('=')).context("no cookie")?;
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

fn sent_on(answer: &Response) -> anyhow::Result<String> {
    let location =
        answer.headers().get("location").with_context(|| format!("not sent on: {}", answer.status()))?;
    Ok(location.to_str()?.to_owned())
}

/// The code in the address to which a relying party's browser is sent back.
pub(crate) fn code_in(address: &str) -> anyhow::Result<String> {
    let address = url::Url::parse(address).with_context(|| address.to_owned())?;
    let code = address.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned());
    code.with_context(|| format!("no code: {address}"))
}
