//! The way to a module on another machine.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use serde::Deserialize;

use super::{ANSWER_LIMIT, Answer};
use crate::problem::Problem;

/// Where another module runs and how to prove who we are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://host:port`, without a path.
    pub url: String,
    /// PEM file of the anchors that its server certificate must lead to.
    pub anchors: PathBuf,
    /// PEM file of our client certificate and what leads to its anchor.
    pub certificate: PathBuf,
    /// PEM file of our client key.
    pub key: PathBuf,
    /// How long connecting may take.
    #[serde(default = "default_connect_time_out_ms")]
    pub connect_time_out_ms: u64,
    /// How long a call may take.
    #[serde(default = "default_time_out_ms")]
    pub time_out_ms: u64,
}

const fn default_connect_time_out_ms() -> u64 {
    3_000
}

const fn default_time_out_ms() -> u64 {
    15_000
}

/// A connection pool to another machine.
#[derive(Debug, Clone)]
pub struct Remote {
    url: String,
    client: reqwest::Client,
}

impl Remote {
    pub(super) fn new(config: &Config) -> Result<Self, Problem> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::client(&config.anchors, &config.certificate, &config.key)?)
            .https_only(true)
            .connect_timeout(Duration::from_millis(config.connect_time_out_ms))
            .timeout(Duration::from_millis(config.time_out_ms))
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Problem::internal)?;
        Ok(Self { url: config.url.trim_end_matches('/').to_owned(), client })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Problem> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok((status, retry_after, limited(response).await?))
    }
}

async fn limited(mut response: reqwest::Response) -> Result<Bytes, Problem> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if answer.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Problem::internal("a peer's answer is too large"));
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer.into())
}

fn unreachable(error: reqwest::Error) -> Problem {
    if error.is_timeout() {
        let detail = "Another part of the service did not answer in time. Try again shortly.";
        return Problem::timed_out("peer-timed-out", detail).caused_by(error);
    }
    let detail = "Another part of the service cannot be reached. Try again shortly.";
    Problem::unavailable("peer-unreachable", detail, Duration::from_secs(2)).caused_by(error)
}
