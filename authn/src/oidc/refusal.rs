//! Refusals in the words of OAuth 2.0.

use std::time::Duration;

use platform::problem::Problem;
use serde::Serialize;

use crate::error::Error;

/// The `error` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The request is not what it must be.
    InvalidRequest,
    /// The client did not prove who it is.
    InvalidClient,
    /// The code or token that was presented is not good.
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// There is no such kind of grant here.
    UnsupportedGrantType,
    /// Only codes are given.
    UnsupportedResponseType,
    /// The client may not have what it asks for.
    InvalidScope,
    /// The person did not want to.
    AccessDenied,
    /// Nobody has signed in, and nobody may be asked.
    LoginRequired,
    /// Something has to be asked, and nobody may be.
    InteractionRequired,
    /// No method of signing in satisfies what was asked for (OpenID Connect Core Unmet Authentication Requirements).
    UnmetAuthenticationRequirements,
    /// Request objects are not read.
    RequestNotSupported,
    /// The `request_uri` is none of ours.
    InvalidRequestUri,
    /// The access token is not good.
    InvalidToken,
    /// The access token was given for less.
    InsufficientScope,
    /// The proof of a key is none, or is missing.
    InvalidDpopProof,
    /// The proof has to name a nonce of ours.
    UseDpopNonce,
    /// Tokens for that audience are not given to this client.
    InvalidTarget,
    /// What is to be signed is not named as it must be (RFC 9396 5).
    InvalidAuthorizationDetails,
    /// Our fault.
    ServerError,
    /// Not at the moment.
    TemporarilyUnavailable,
    /// Not while the session is locked, which is told by the same word.
    SessionLocked,
}

impl Code {
    /// The word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable | Self::SessionLocked => "temporarily_unavailable",
        }
    }

    /// The status where it is answered directly. RFC 6749 5.2, RFC 6750 3.1.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable | Self::SessionLocked => 503,
            _ => 400,
        }
    }

    /// After what time another try is worth it, where it is: a holder who is away is not back at once.
    pub(crate) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TemporarilyUnavailable => Some(Duration::from_secs(2)),
            Self::SessionLocked => Some(Duration::from_secs(30)),
            _ => None,
        }
    }
}

/// Why something was refused, as the relying party is told.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The word.
    pub(crate) code: Code,
    /// A sentence for whoever wrote the relying party.
    pub(crate) description: String,
    /// The name under which the list of failures has it.
    pub(crate) correlation: Option<String>,
    /// The nonce that the next proof is to name.
    pub(crate) nonce: Option<String>,
    /// What went wrong on our side, for the log.
    pub(crate) source: Option<Box<Error>>,
}

impl Refusal {
    /// A refusal.
    pub(crate) fn new(code: Code, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), correlation: None, nonce: None, source: None }
    }

    /// The session that was asked for is locked, and gives nothing until its holder lifts that.
    pub(crate) fn locked() -> Self {
        let sentence = "The session is locked, because its card was taken out. It goes on when its holder signs in again with \
                        the card; keep what you have, and try again then.";
        Self::new(Code::SessionLocked, sentence)
    }

    /// As the other routes say that another try is worth it; none where it is not.
    pub(crate) fn come_again(&self) -> Option<Problem> {
        let code = if self.code == Code::SessionLocked { "session-locked" } else { "token-unknown" };
        self.code.retry_after().map(|after| Problem::unavailable(code, self.description.clone(), after))
    }

    /// With the name under which it is found again.
    #[must_use]
    pub(crate) fn correlated(mut self, id: &str) -> Self {
        self.description = format!("{} (correlation id {id})", self.description);
        self.correlation = Some(id.to_owned());
        self
    }

    /// Logs what went wrong on our side. It takes the refusal, which ends here, so that nothing is logged twice.
    pub(crate) fn log(self) {
        if let Some(error) = self.source {
            let cause = std::error::Error::source(&*error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, %cause, "a request of a relying party failed: {error}");
        }
    }

    /// The body of a direct answer.
    pub(crate) fn body(&self) -> Body<'_> {
        Body {
            error: self.code.word(),
            error_description: &self.description,
            correlation_id: self.correlation.as_deref(),
        }
    }
}

/// RFC 6749 5.2.
#[derive(Debug, Serialize)]
pub(crate) struct Body<'r> {
    error: &'static str,
    error_description: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'r str>,
}

impl From<Error> for Refusal {
    /// A failure of ours: whether it is worth another try is all that is told.
    fn from(error: Error) -> Self {
        let (code, description) = if error.passes() {
            (Code::TemporarilyUnavailable, "The service is not available at the moment. Try again shortly.")
        } else {
            (Code::ServerError, "Something went wrong on the server. It has been logged.")
        };
        Self {
            code,
            description: description.to_owned(),
            correlation: None,
            nonce: None,
            source: Some(Box::new(error)),
        }
    }
}
