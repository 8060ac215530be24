//! A browser for checks: it keeps cookies by host, follows addresses, and sends the one form that the provider for tests makes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Certificate, Method, StatusCode, Url};

/// How many addresses one sign-in may lead through.
const MOST: usize = 20;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A window of its own.
pub(super) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<(String, String), String>,
}

/// Where it ended.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) url: Url,
}

impl Browser {
    /// One that has been nowhere.
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, cookies: BTreeMap::new() }
    }

    /// What it speaks by.
    pub(super) fn client(anchors: &[&Path]) -> anyhow::Result<reqwest::Client> {
        let mut certificates = Vec::new();
        for file in anchors {
            for certificate in crate::client::certificates(file)? {
                certificates.push(Certificate::from_der(&certificate)?);
            }
        }
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .tls_certs_merge(certificates);
        builder.build().context("could not prepare a browser")
    }

    /// Goes to an address and wherever that leads, unless `stop` says that it stays.
    pub(super) async fn go(&mut self, url: &Url, stop: impl Fn(&Url) -> bool) -> anyhow::Result<Page> {
        let mut url = url.clone();
        for _ in 0..MOST {
            if stop(&url) {
                return Ok(Page { status: StatusCode::OK, url });
            }
            let answer = self.send(&url).await?;
            self.keep(&url, &answer);
            let next = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match next.filter(|_| answer.status().is_redirection()) {
                Some(next) => {
                    url = url.join(next).with_context(|| format!("{url} leads to {next:?}"))?;
                }
                None => return Ok(Page { status: answer.status(), url }),
            }
        }
        bail!("the client leads a browser through more than {MOST} addresses")
    }

    async fn send(&self, url: &Url) -> anyhow::Result<reqwest::Response> {
        let host = url.host_str().unwrap_or_default();
        let held = self.cookies.iter().filter(|((at, _), _)| at == host);
        let cookies: Vec<String> = held.map(|((_, name), value)| format!("{name}={value}")).collect();
        let request = self.http.request(Method::GET, url.clone()).header("accept", "text/html");
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) };
        request
            .send()
            .await
            .with_context(|| format!("{} does not answer", url.origin().ascii_serialization()))
    }

    fn keep(&mut self, url: &Url, answer: &reqwest::Response) {
        let host = url.host_str().unwrap_or_default();
        for field in answer.headers().get_all(SET_COOKIE).iter().filter_map(|field| field.to_str().ok()) {
            let mut parts = field.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let key = (host.to_owned(), name.to_owned());
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) || value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }
}
