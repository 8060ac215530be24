//! What sign-in writes into the audit record about relying parties and what is granted to them.

use serde::Serialize;
use utoipa::ToSchema;

/// An act of the protocol. It is written in the transaction that does what it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A relying party was registered.
    ClientRegistered {
        /// Its client id.
        client: String,
        /// Whose it is.
        team: String,
        /// What it was registered with, as JSON.
        registration: String,
    },
    /// A relying party has another registration.
    ClientChanged {
        /// Its client id.
        client: String,
        /// What it is registered with, as JSON.
        registration: String,
    },
    /// A new secret was made for a relying party.
    ClientSecretMade {
        /// Its client id.
        client: String,
    },
    /// A relying party was taken out of use.
    ClientClosed {
        /// Its client id.
        client: String,
    },
    /// An organisation asks something of those who sign in for it.
    PolicySet {
        /// Its code.
        organisation: String,
        /// What it asks, as JSON.
        policy: String,
    },
    /// An organisation asks nothing any more.
    PolicyRemoved {
        /// Its code.
        organisation: String,
    },
    /// Somebody who signed in was sent back to a relying party with a code.
    AccessGranted {
        /// The grant.
        grant: String,
        /// To whom.
        client: String,
        /// Who signed in.
        user: String,
        /// In which session, as in tokens.
        sid: String,
        /// For what.
        scope: String,
        /// The role that was chosen.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// Tokens were given out.
    TokensIssued {
        /// The grant.
        grant: String,
        /// To whom.
        client: String,
        /// For what they were exchanged: `authorization_code`, `refresh_token`, `client_credentials` or `token_exchange`.
        grant_type: String,
        /// For what they can be used.
        scope: String,
    },
    /// A grant ended, and everything that was given out under it.
    GrantEnded {
        /// The grant.
        grant: String,
        /// To whom.
        client: String,
        /// Why: `code-replayed`, `refresh-token-replayed` or `given-back`.
        cause: String,
    },
    /// A token was given back by the relying party that had it.
    TokenGivenBack {
        /// The grant, which goes on.
        grant: String,
        /// Whose it was.
        client: String,
    },
    /// A key signs tokens from now on, or is published to do so: it was made here, or is found in the token for the first time.
    TokenKeyTaken {
        /// Its label in the token.
        label: String,
        /// The name under which it is published.
        kid: String,
        /// Its algorithm.
        alg: String,
    },
    /// The database was put back from a copy, and what the copy brought back of sign-in was ended.
    SignInRecovered {
        /// How many sessions ended.
        sessions: u64,
        /// How many grants beside those of the sessions.
        grants: u64,
        /// How many links for new authenticators were taken back.
        links: u64,
        /// How many authenticators sign in, those among them that were taken away since the copy was made.
        authenticators: u64,
    },
    /// A relying party was told that a session has ended, or could not be.
    LogoutTold {
        /// To whom.
        client: String,
        /// The session, as in tokens.
        sid: String,
        /// In which form: `logout-token` or `session-revoked`.
        form: String,
        /// `delivered`, `unknown-session`, `refused` or `given-up`.
        outcome: String,
        /// After how many attempts.
        attempts: u32,
    },
}

impl audit::Event for Event {
    const MODULE: &'static str = "authn";

    fn name(&self) -> &'static str {
        match self {
            Self::ClientRegistered { .. } => "client-registered",
            Self::ClientChanged { .. } => "client-changed",
            Self::ClientSecretMade { .. } => "client-secret-made",
            Self::ClientClosed { .. } => "client-closed",
            Self::PolicySet { .. } => "policy-set",
            Self::PolicyRemoved { .. } => "policy-removed",
            Self::AccessGranted { .. } => "access-granted",
            Self::TokensIssued { .. } => "tokens-issued",
            Self::GrantEnded { .. } => "grant-ended",
            Self::TokenGivenBack { .. } => "token-given-back",
            Self::TokenKeyTaken { .. } => "token-key-taken",
            Self::SignInRecovered { .. } => "sign-in-recovered",
            Self::LogoutTold { .. } => "logout-told",
        }
    }
}
