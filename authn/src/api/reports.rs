//! The reports of authenticators and of sign-ins on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which authenticators.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuthenticatorReportQuery {
    /// The organisation, by its ODS code.
    pub organisation: String,
    /// `yes`, if it is left out: those below it too; `no`: it alone.
    pub below: Option<String>,
    /// `active`, if it is left out, `suspended`, `removed` or `all`.
    pub state: Option<String>,
    /// Of this kind: `security-key`, `platform-key`, `passkey` or `totp`.
    pub method: Option<String>,
    /// Enrolled on this day or later.
    pub from: Option<String>,
    /// Enrolled on this day or before.
    pub to: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out. CSV is always whole.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// An authenticator that is no card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthenticatorReportRow {
    /// The user id.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
    /// Its id.
    pub authenticator: String,
    /// What it is: `security-key`, `platform-key`, `passkey` or `totp`.
    pub method: String,
    /// What it is worth: 1 to 3.
    pub level: String,
    /// The model, where it told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `active`, `suspended` or `removed`.
    pub state: String,
    /// When it was enrolled, in milliseconds since 1970.
    pub enrolled_at: i64,
    /// By whom.
    pub enrolled_by: String,
    /// When it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<i64>,
    /// When it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<i64>,
}

/// Which sign-ins.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LoginReportQuery {
    /// The organisation, by its ODS code.
    pub organisation: String,
    /// `yes`, if it is left out: those below it too; `no`: it alone.
    pub below: Option<String>,
    /// `open` or `ended`; both if it is left out.
    pub state: Option<String>,
    /// In this way: `smartcard`, `security-key`, `platform-key`, `passkey` or `totp`.
    pub method: Option<String>,
    /// On this day or later.
    pub from: Option<String>,
    /// On this day or before.
    pub to: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out. CSV is always whole.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginReportRow {
    /// The user id.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
    /// The session that it opened.
    pub session: String,
    /// How: `smartcard`, `security-key`, `platform-key`, `passkey` or `totp`.
    pub method: String,
    /// What that is worth: 1 to 3.
    pub level: String,
    /// With what: the id of an authenticator, or `card:` and the serial number of a certificate.
    pub authenticator: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// `open` or `ended`.
    pub state: String,
    /// When it ended, or its time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_cause: Option<String>,
}
