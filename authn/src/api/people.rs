//! Sessions and authenticators of people on the wire.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A session of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// Its id.
    pub id: String,
    /// Its name in tokens.
    pub sid: String,
    /// How it was opened: `smartcard`, `security-key`, `platform-key`, `passkey` or `totp`.
    pub method: String,
    /// What that is worth: 1 to 3.
    pub level: String,
    /// With what: the id of an authenticator, or `card:` and the serial number of a certificate.
    pub authenticator: String,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub authenticated_at: Millis,
    /// When the browser last came with it, to the minute.
    #[schema(value_type = i64)]
    pub last_used_at: Millis,
    /// When it ends.
    #[schema(value_type = i64)]
    pub expires_at: Millis,
    /// From which network address it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the browser called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// The sessions of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// The open ones, newest first.
    pub sessions: Vec<SessionInfo>,
    /// Where to read on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which sessions are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// How many at most: 1 to 100, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// How many sessions were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// How many.
    pub ended: u64,
}

/// An authenticator of a person that is no card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthenticatorInfo {
    /// Its id.
    pub id: String,
    /// How often it was changed: its entity tag.
    pub version: i64,
    /// How it signs in.
    pub method: String,
    /// What that is worth.
    pub level: String,
    /// What its holder calls it.
    pub name: String,
    /// The model of a key, as an AAGUID, where it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When it was enrolled, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub created_at: Millis,
    /// By whom: a user id or a client id.
    pub created_by: String,
    /// When it last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub last_used_at: Option<Millis>,
    /// Whether it signs in.
    pub state: AuthenticatorState,
    /// Since when it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub suspended_at: Option<Millis>,
}

/// Whether an authenticator signs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthenticatorState {
    /// It does.
    #[default]
    Active,
    /// It does not: it counted backwards, so there may be a copy of it.
    Suspended,
}

/// The authenticators of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authenticators {
    /// Oldest first; twenty at most.
    pub authenticators: Vec<AuthenticatorInfo>,
}

/// What is to change about an authenticator; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthenticatorChange {
    /// What it is called: 1 to 60 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `active`: it was suspended and signs in again. That is for the registration authority; nobody suspends by hand, but takes
    /// away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<AuthenticatorState>,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolmentPurpose {
    /// One authenticator more.
    Issue,
    /// A new one in the place of all others, which are lost. They stop working when the new one is there.
    Recovery,
}

/// A link is to be made for a person who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// What it is for.
    pub purpose: EnrolmentPurpose,
    /// Whether it is sent to them too.
    #[serde(default)]
    pub send: EnrolmentSending,
}

/// Whether a link is sent to the person it is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnrolmentSending {
    /// Whoever made it hands it over.
    #[default]
    No,
    /// By message, to the addresses that the register was shown to be theirs.
    Message,
}

/// A link that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentInfo {
    /// Its id.
    pub id: String,
    /// For whom.
    pub person: String,
    /// The link, shown this once. It works once, in the first browser that opens it.
    pub link: String,
    /// Until when it works, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub expires_at: Millis,
    /// To how many addresses it was sent, if it was to be: none if the register was shown no address of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<u32>,
}
