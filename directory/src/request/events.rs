//! What requests write into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

/// A step of a request. It is written in the transaction that takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RequestEvent {
    /// A request was written but not handed in.
    RequestDrafted {
        /// The request.
        request: String,
        /// What is asked for.
        kind: String,
    },
    /// A request was handed in.
    RequestSubmitted {
        /// The request.
        request: String,
        /// What is asked for.
        kind: String,
        /// Whom it is about.
        user: Option<String>,
        /// The position.
        position: Option<String>,
        /// Where.
        organisation: Option<String>,
    },
    /// Somebody began to decide it.
    RequestOpened {
        /// The request.
        request: String,
    },
    /// Whoever held it let it go.
    RequestLetGo {
        /// The request.
        request: String,
    },
    /// It was approved.
    RequestApproved {
        /// The request.
        request: String,
        /// Who asked.
        requester: String,
    },
    /// It was rejected.
    RequestRejected {
        /// The request.
        request: String,
        /// Who asked.
        requester: String,
    },
    /// Its requester took it back.
    RequestWithdrawn {
        /// The request.
        request: String,
    },
    /// What was approved was done.
    RequestApplied {
        /// The request.
        request: String,
    },
    /// What was approved could not be done.
    RequestFailed {
        /// The request.
        request: String,
    },
    /// What could not be done is tried again.
    RequestRetried {
        /// The request.
        request: String,
    },
    /// Nobody decided them in time.
    RequestsExpired {
        /// The requests.
        requests: Vec<String>,
    },
    /// Requests were erased because their time was over.
    RequestsErased {
        /// How many.
        many: u64,
        /// Those that were over before this time, in milliseconds since 1970.
        before: i64,
        /// Drafts that nobody had touched since this time, in milliseconds since 1970.
        drafts_before: i64,
    },
}

impl audit::Event for RequestEvent {
    const MODULE: &'static str = "directory";

    fn name(&self) -> &'static str {
        match self {
            Self::RequestDrafted { .. } => "request-drafted",
            Self::RequestSubmitted { .. } => "request-submitted",
            Self::RequestOpened { .. } => "request-opened",
            Self::RequestLetGo { .. } => "request-let-go",
            Self::RequestApproved { .. } => "request-approved",
            Self::RequestRejected { .. } => "request-rejected",
            Self::RequestWithdrawn { .. } => "request-withdrawn",
            Self::RequestApplied { .. } => "request-applied",
            Self::RequestFailed { .. } => "request-failed",
            Self::RequestRetried { .. } => "request-retried",
            Self::RequestsExpired { .. } => "requests-expired",
            Self::RequestsErased { .. } => "requests-erased",
        }
    }
}
