//! How the world is told to a register: requests of its API, whoever carries them there.

use std::future::Future;

use http::Method;
use platform::id::UserId;
use serde_json::Value;

use crate::api::Name;

/// Who says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// A system with the acts `directory:operate`, `directory:import` and `directory:read`.
    Operator,
    /// A person who has signed in with a smartcard.
    Person {
        /// Who.
        user_id: UserId,
        /// Their name, for whoever has to make them a sign-in first.
        name: Name,
    },
}

/// What is sent with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// JSON.
    Json(Value),
    /// A CSV file.
    Csv(String),
}

/// A request. Whoever carries it adds a new idempotency key to each POST, and `If-Match: *` to whatever changes something.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// Who says it.
    pub voice: Voice,
    /// The method.
    pub method: Method,
    /// The path, with its query.
    pub path: String,
    /// What is sent.
    pub body: Body,
}

/// What the register answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
}

/// Carries requests to a register: over HTTPS with the certificates of an installation, or to a router in memory.
pub trait Speaker: Sync {
    /// Why a request did not get there.
    type Error: From<Refused> + Send;

    /// Carries one and brings the answer.
    fn say(&self, saying: Saying) -> impl Future<Output = Result<Answer, Self::Error>> + Send;
}

/// The register did not do what the world needs.
#[derive(Debug, thiserror::Error)]
#[error("the register refused {method} {path} ({status}): {said}")]
pub struct Refused {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The status.
    pub status: u16,
    /// Why.
    pub said: String,
}
