//! How one module calls another: in memory when both run here, over mutual TLS when it runs elsewhere.
//!
//! Both ways go through the other's router, so that authorisation, limits and refusals are one code.

mod codes;
mod remote;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

use crate::caller::Caller;
use crate::problem::{self, Kind, Problem};
pub use remote::{Config, Remote};

/// No answer between modules is larger than this, CRLs included.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Another module.
#[derive(Clone)]
pub enum Peer {
    /// In this process.
    Local {
        /// The module's router.
        router: Router,
        /// As whom it is called.
        caller: Caller,
    },
    /// On another machine, which makes the caller from our client certificate.
    Remote(Remote),
}

impl Peer {
    /// A module in this process, called as `caller`.
    pub fn local(router: Router, caller: Caller) -> Self {
        Self::Local { router, caller }
    }

    /// A module on another machine.
    pub fn remote(config: &Config) -> Result<Self, Problem> {
        Remote::new(config).map(Self::Remote)
    }

    /// Sends a body, if there is one, and reads the answer, both as JSON. An empty answer is read as `()`. A refusal
    /// of the other side keeps its kind and its code.
    pub async fn call<Req, Res>(&self, method: Method, path: &str, body: Option<&Req>) -> Result<Res, Problem>
    where
        Req: Serialize + ?Sized + Sync,
        Res: DeserializeOwned,
    {
        let body = body.map(serde_json::to_vec).transpose().map_err(Problem::internal)?;
        let answer = self.bytes(method, path, body).await?;
        let json: &[u8] = if answer.is_empty() { b"null" } else { &answer };
        serde_json::from_slice(json).map_err(Problem::internal)
    }

    /// Fetches what is not JSON, such as DER.
    pub async fn fetch(&self, path: &str) -> Result<Bytes, Problem> {
        self.bytes(Method::GET, path, None).await
    }

    async fn bytes(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Bytes, Problem> {
        let (status, retry_after, answer) = match self {
            Self::Local { router, caller } => local(router, caller, method, path, body).await?,
            Self::Remote(remote) => remote.send(method, path, body).await?,
        };
        if status.is_success() { Ok(answer) } else { Err(refusal(status, retry_after.as_deref(), &answer)) }
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local { caller, .. } => write!(f, "Peer::Local as {}", caller.client),
            Self::Remote(remote) => write!(f, "Peer::Remote at {}", remote.url()),
        }
    }
}

/// Status, `retry-after`, and body of an answer.
type Answer = (StatusCode, Option<String>, Bytes);

async fn local(
    router: &Router,
    caller: &Caller,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Answer, Problem> {
    let mut request = Request::builder().method(method).uri(path).extension(caller.clone());
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(body.map_or_else(Body::empty, Body::from)).map_err(Problem::internal)?;
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let retry_after =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status();
    let answer = to_bytes(response.into_body(), ANSWER_LIMIT).await.map_err(Problem::internal)?;
    Ok((status, retry_after, answer))
}

/// Makes the other side's refusal ours. What is an internal fault there is one here, and was logged there.
fn refusal(status: StatusCode, retry_after: Option<&str>, answer: &[u8]) -> Problem {
    let kind = Kind::of(status);
    let mut problem = if let Ok(body) = serde_json::from_slice::<problem::Body>(answer) {
        Problem::new(kind, codes::known(&body.code), body.detail)
    } else {
        let detail = format!("Another part of the service answered with status {}.", status.as_u16());
        Problem::new(kind, "peer-refused", detail)
    };
    problem.retry_after =
        retry_after.and_then(|seconds| seconds.parse().ok()).map(std::time::Duration::from_secs);
    problem
}
