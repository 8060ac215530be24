//! A client of the HTTPS API like any other: a base address, a root to trust and a certificate to show.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::http::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files;

mod files_sent;

/// How long one answer may take: a batch of 250 RSA signatures on a small token needs a good part of it.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long an answer may take that has every certificate.
const LONG_PATIENCE: Duration = Duration::from_hours(1);

/// One server, seen by one client.
#[derive(Debug, Clone)]
pub struct Server {
    base: String,
    http: reqwest::Client,
}

/// The files a client shows and trusts.
#[derive(Debug, Clone)]
pub struct Identity<'a> {
    /// The client's certificate, then its chain.
    pub certificate: &'a Path,
    /// The client's private key.
    pub key: &'a Path,
}

/// What is sent with a change.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// JSON.
    Json(serde_json::Value),
    /// A CSV file.
    Csv(String),
}

/// The server answered, and not with what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the server refused {path} ({status}): {said}")]
pub struct Refused {
    /// What was asked for.
    pub path: String,
    /// The status.
    pub status: reqwest::StatusCode,
    /// After how many seconds it makes sense to ask again.
    pub retry_after: Option<u64>,
    /// Why.
    pub said: String,
}

/// What a refusal says, in the three shapes an answer can have.
#[derive(serde::Deserialize)]
struct Refusal {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

impl Server {
    /// Prepares a client of the server at `base`; nothing is sent yet.
    pub fn new(base: &str, root: &Path, identity: Option<&Identity<'_>>) -> anyhow::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in certificates(root)? {
            roots.add(certificate).with_context(|| format!("{} holds no usable root", root.display()))?;
        }
        let builder = rustls::ClientConfig::builder().with_root_certificates(roots);
        let tls = match identity {
            Some(identity) => builder
                .with_client_auth_cert(certificates(identity.certificate)?, key(identity.key)?)
                .context("the client's certificate and key do not belong together")?,
            None => builder.with_no_client_auth(),
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(PATIENCE)
            .build()
            .context("could not prepare the HTTPS client")?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http })
    }

    /// Posts and reads the answer.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> anyhow::Result<T> {
        let text = self.send(Method::POST, path, Some(body)).await?;
        serde_json::from_str(&text).with_context(|| format!("the answer to {path} does not read"))
    }

    /// Sends without caring for the answer's body.
    pub async fn tell(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> anyhow::Result<()> {
        self.send(method, path, Some(body)).await.map(drop)
    }

    /// Gets and reads the answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let text = self.send(Method::GET, path, None::<&()>).await?;
        serde_json::from_str(&text).with_context(|| format!("the answer to {path} does not read"))
    }

    /// Sends without a body and reads the answer.
    pub async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> anyhow::Result<T> {
        let text = self.send(method, path, None::<&()>).await?;
        serde_json::from_str(&text).with_context(|| format!("the answer to {path} does not read"))
    }

    /// Gets text as it comes.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        self.send(Method::GET, path, None::<&()>).await
    }

    /// Gets an answer of any length and writes it as it comes; says how many octets it had.
    pub async fn download(&self, path: &str, to: &mut impl Write) -> anyhow::Result<u64> {
        self.download_as(path, "*/*", to).await
    }

    /// The same, in the form that is asked for.
    pub async fn download_as(&self, path: &str, accept: &str, to: &mut impl Write) -> anyhow::Result<u64> {
        let url = format!("{}{path}", self.base);
        let request = self.http.get(&url).header("accept", accept).timeout(LONG_PATIENCE);
        let mut response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        let status = response.status();
        if !status.is_success() {
            let text = response.text().await.with_context(|| format!("the answer of {url} broke off"))?;
            bail!("the server refused {path} ({status}): {}", said(&text))
        }
        let mut octets = 0;
        while let Some(chunk) =
            response.chunk().await.with_context(|| format!("the answer of {url} broke off"))?
        {
            to.write_all(&chunk).context("the answer could not be written")?;
            octets += chunk.len() as u64;
        }
        to.flush().context("the answer could not be written")?;
        Ok(octets)
    }

    /// Sends and answers the status alone, whatever it is.
    pub async fn status(&self, method: Method, path: &str, body: &serde_json::Value) -> anyhow::Result<u16> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        Ok(response.status().as_u16())
    }

    /// Sends a change of a register, which has headers of its own, and answers the status with the body, whatever they are.
    pub async fn change(&self, method: Method, path: &str, sent: Sent) -> anyhow::Result<(u16, String)> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), &url);
        if method != Method::GET {
            // As it is now, whatever its version; and a POST is another one each time.
            request =
                request.header("if-match", "*").header("idempotency-key", uuid::Uuid::now_v7().to_string());
        }
        request = match sent {
            Sent::Nothing => request,
            Sent::Json(value) => request.json(&value),
            Sent::Csv(text) => request.header("content-type", "text/csv").body(text),
        };
        let response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        let status = response.status().as_u16();
        let text = response.text().await.with_context(|| format!("the answer of {url} broke off"))?;
        Ok((status, text))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let text = response.text().await.with_context(|| format!("the answer of {url} broke off"))?;
        if status.is_success() {
            return Ok(text);
        }
        Err(Refused { path: path.to_owned(), status, retry_after, said: said(&text) }.into())
    }
}

fn retry_after(response: &reqwest::Response) -> Option<u64> {
    response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// What a refusal says, for a person.
fn said(text: &str) -> String {
    let Ok(refusal) = serde_json::from_str::<Refusal>(text) else {
        return text.chars().take(300).collect();
    };
    let code = refusal.code.or(refusal.error).unwrap_or_default();
    match refusal.detail.or(refusal.error_description) {
        Some(sentence) if code.is_empty() => sentence,
        Some(sentence) => format!("{sentence} [{code}]"),
        None => code,
    }
}

fn unreachable(base: &str, error: &reqwest::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    anyhow!("could not talk to {base}: {cause}; is the server running, and is this its root certificate?")
}

/// Every certificate of a PEM file.
pub fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let pem = files::read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| anyhow!("{} is not PEM: {error:?}", path.display()))?;
    if found.is_empty() {
        bail!("{} holds no certificate in PEM", path.display());
    }
    Ok(found)
}

fn key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let pem = zeroize::Zeroizing::new(files::read(path)?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| anyhow!("{} holds no private key in PEM", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Problems, CSC errors and anything else are all told in words.
    #[test]
    fn refusals_are_told_in_words() {
        assert_eq!(said(r#"{"code":"busy","detail":"Wait."}"#), "Wait. [busy]");
        assert_eq!(
            said(r#"{"error":"invalid_request","error_description":"Invalid SAD"}"#),
            "Invalid SAD [invalid_request]"
        );
        assert_eq!(said("gateway"), "gateway");
    }
}
