//! What a request comes to, before HTTP.

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
}

/// What an answer holds.
#[derive(Debug)]
pub(crate) enum Content {
    Nothing,
    Json(Value),
    /// RFC 8555 9.1: application/pem-certificate-chain.
    PemChain(String),
}

impl Answer {
    pub(crate) fn nothing(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), content: Content::Nothing }
    }

    pub(crate) fn json(status: u16, body: Value) -> Answer {
        Answer { status, headers: Vec::new(), content: Content::Json(body) }
    }

    pub(crate) fn pem_chain(text: String) -> Answer {
        Answer { status: 200, headers: Vec::new(), content: Content::PemChain(text) }
    }

    #[must_use]
    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((header, value.into()));
        self
    }
}
