//! The protocol: OpenID Connect Core 1.0 and what stands on OAuth 2.0 around it.

pub(crate) mod answer;
pub(crate) mod authorise;
pub(crate) mod bearer;
pub(crate) mod claims;
pub(crate) mod claims_request;
pub(crate) mod crowds;
pub(crate) mod details;
pub(crate) mod discovery;
pub(crate) mod end_session;
pub(crate) mod exchange;
pub(crate) mod face;
pub(crate) mod giving;
pub(crate) mod id_token;
pub(crate) mod introspect;
pub(crate) mod itself;
pub(crate) mod limits;
pub(crate) mod logout;
pub(crate) mod making;
pub(crate) mod parameters;
pub(crate) mod possession;
pub(crate) mod prompt;
pub(crate) mod pushed;
pub(crate) mod refresh;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod revoke;
pub(crate) mod scope;
pub(crate) mod telling;
pub(crate) mod token_exchange;
pub(crate) mod userinfo;

pub use limits::Limits;
/// What the protocol stores of a request, and gives on to what follows.
pub(crate) use request::AuthorisationRequest;
