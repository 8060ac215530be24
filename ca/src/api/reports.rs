//! The reports of smartcards and of who has one, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Reason;

/// Which certificates of cards.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SmartcardReportQuery {
    /// The organisation, by its ODS code.
    pub organisation: String,
    /// `yes`, if it is left out: those below it too; `no`: it alone.
    pub below: Option<String>,
    /// `active`, `held`, `cancelled` or `expired`; all if it is left out.
    pub state: Option<String>,
    /// Of this profile, as in `card-signing`.
    pub profile: Option<String>,
    /// Issued on this day or later.
    pub issued_from: Option<String>,
    /// Issued on this day or before.
    pub issued_to: Option<String>,
    /// That end on this day or later.
    pub ends_from: Option<String>,
    /// That end on this day or before.
    pub ends_to: Option<String>,
    /// In force, and end within so many days: 1 to 366.
    pub ends_within: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out. CSV is always whole.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A certificate of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SmartcardReportRow {
    /// The user id.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
    /// The serial number of the certificate.
    pub certificate: String,
    /// Its profile: what the card does with it.
    pub profile: String,
    /// `active`, `held`, `cancelled` or `expired`.
    pub state: String,
    /// When it was issued, in milliseconds since 1970.
    pub issued_at: i64,
    /// When it ends.
    pub ends_at: i64,
    /// When it was cancelled or put on hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Which people, by the certificates of their cards. What is said is said of one and the same.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardholderReportQuery {
    /// The organisation, by its ODS code.
    pub organisation: String,
    /// `yes`, if it is left out: those below it too; `no`: it alone.
    pub below: Option<String>,
    /// `yes`: who has a card in force, or on hold; `no`: who has none.
    pub has_card: Option<String>,
    /// Who has a certificate that is `active`, `held`, `cancelled` or `expired`.
    pub state: Option<String>,
    /// Who has a certificate in force that ends within so many days: 1 to 366.
    pub ends_within: Option<String>,
    /// How many at most: 1 to 500, 50 if it is left out. CSV is always whole.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A person with the certificates of their cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardholderReportRow {
    /// The user id.
    pub user_id: String,
    /// The given name.
    pub given: String,
    /// The family name.
    pub family: String,
    /// `yes` or `no`: whether a certificate of a card is in force or on hold.
    pub has_card: String,
    /// How many are in force.
    pub active: u64,
    /// How many are on hold.
    pub held: u64,
    /// How many were cancelled.
    pub cancelled: u64,
    /// How many have ended.
    pub expired: u64,
    /// When the first of those in force ends, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_end: Option<i64>,
}
