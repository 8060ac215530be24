//! What sign-in writes into the audit record about sessions.

use audit::Actor;
use platform::id::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use super::SessionId;

/// One act of a session. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SessionEvent {
    /// Somebody signed in.
    SessionOpened {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Who.
        user: String,
        /// How.
        method: String,
        /// What that is worth: 1 to 3.
        level: String,
        /// With what: the id of the authenticator, or `card:` and the serial number of the certificate.
        authenticator: String,
        /// From which network address.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// The session that this browser held before, of somebody else or over, and that ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
    },
    /// Somebody signed in anew in a session of theirs, which goes on: its secret is another one from then on.
    SessionContinued {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Who.
        user: String,
        /// How.
        method: String,
        /// What that is worth: 1 to 3.
        level: String,
        /// With what: the id of the authenticator, or `card:` and the serial number of the certificate.
        authenticator: String,
        /// From which network address.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// A session ended.
    SessionEnded {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Whose.
        user: String,
        /// Why: `signed-out`, `by-client`, `by-holder`, `by-administrator`, `left`, `merged`, `replaced`,
        /// `authenticator-removed`, `authenticator-suspended`, `card-revoked`, `card-removed`, `idle`, `expired`,
        /// `sandbox-refused`: the sandbox opened it and is none any more, or `restored`: the database was put back from a copy.
        cause: String,
    },
    /// A session was used from a network, or with a browser, where it was neither opened nor used before. People move; a stolen cookie
    /// looks the same.
    SessionMoved {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Whose.
        user: String,
        /// From which network address.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// What the browser calls itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
    },
    /// The card of a session was taken out, as the agent of the workstation told.
    CardRemoved {
        /// The session.
        session: String,
        /// Its name in tokens.
        sid: String,
        /// Whose.
        user: String,
        /// The serial number of the card's certificate.
        card: String,
        /// What was done: `end`, `lock`, `keep`, or `late` where the holder had signed in again meanwhile.
        rule: String,
    },
    /// Somebody could not sign in.
    SignInRefused {
        /// Who, where that is known; never what was typed.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// How they tried.
        method: String,
        /// A stable word for why.
        reason: String,
        /// With what, where that is known: the id of the authenticator, or `card:` and the serial number of the certificate.
        #[serde(skip_serializing_if = "Option::is_none")]
        authenticator: Option<String>,
        /// From which network address.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
}

impl audit::Event for SessionEvent {
    const MODULE: &'static str = "authn";

    fn name(&self) -> &'static str {
        match self {
            Self::SessionOpened { .. } => "session-opened",
            Self::SessionContinued { .. } => "session-continued",
            Self::SessionEnded { .. } => "session-ended",
            Self::SessionMoved { .. } => "session-moved",
            Self::CardRemoved { .. } => "card-removed",
            Self::SignInRefused { .. } => "sign-in-refused",
        }
    }
}

/// A person who acts on what is their own, in a session where there is one.
pub(crate) fn holder(person: &UserId, session: Option<&SessionId>) -> Actor {
    Actor {
        kind: "person".to_owned(),
        subject: person.to_string(),
        client: None,
        organisation: None,
        role_profile: None,
        session: session.map(ToString::to_string),
    }
}
