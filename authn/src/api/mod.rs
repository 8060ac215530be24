//! What others may say to sign-in: its acts and the types on the wire.

mod clients;
mod people;
mod policies;
mod reports;
mod signing;

use platform::caller::Act;

pub use crate::session::CardRemoved;
pub use clients::{
    AssertionAlg, AuthMethod, ClientConfig, Configs, DefaultPrompt, Deliveries, Delivery, DpopNonce, Failure,
    Failures, FetchedKeys, GrantType, HashQuery, Introspection, ListQuery, LogoutTyp, NewConfig, Pkce,
    Registered, ReplaceConfig, SecurityProfile, SubjectToken, TokenAlg, TokenBinding, TokenExchange,
};
pub use people::{
    AuthenticatorChange, AuthenticatorInfo, AuthenticatorState, Authenticators, Ended, EnrolmentInfo,
    EnrolmentPurpose, EnrolmentSending, NewEnrolment, SessionInfo, SessionQuery, Sessions,
};
pub use reports::{AuthenticatorReportQuery, AuthenticatorReportRow, LoginReportQuery, LoginReportRow};

pub use policies::{CardRemoval, CardRemovalDone, Policy};
pub use signing::{
    Bearer, Bound, BrowserHolder, BrowserQuery, Keys, KeysQuery, NewPresence, PolicyQuery, Presence,
    PresenceAnswer, ShownToken, SigningAuthorisation, SigningClient, SigningConfig, SigningDecided,
    SigningDecision, SigningDetails, SigningDocument, SigningGrant, SigningPolicy, SigningQuery, Unseen,
};

/// To register relying parties of one's own team and to read why they were refused.
pub const CLIENTS: Act = Act("authn:clients");
/// To do so for every team, beside [`CLIENTS`].
pub const ALL_TEAMS: Act = Act("authn:all-teams");

/// The word for whose relying parties somebody with [`CLIENTS`] looks after.
pub fn clients_of(team: &str) -> String {
    format!("{}:{team}", CLIENTS.0)
}

/// To see and end the sessions of anybody.
pub const SESSIONS: Act = Act("authn:sessions");
/// To see, issue and take away the authenticators of anybody.
pub const AUTHENTICATORS: Act = Act("authn:authenticators");
/// To ask, as the signer, who stands behind tokens and browsers, and to have people prove that they are there.
pub const SIGNING: Act = Act("authn:signing");
/// To see and set what organisations ask of those who sign in for them: of its own, where the caller is of one.
pub const POLICIES: Act = Act("authn:policies");
/// To look after one's own sessions and authenticators: what every person may.
pub const OWN: Act = Act("authn:own");
