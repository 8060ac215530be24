//! How many certificates end when.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::search::{percent_encoded, query_of};
use crate::rfc3339;

/// Which ends to count.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExpiryQuery {
    /// From the day, in UTC, of this time; today unless told.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[param(value_type = Option<String>, format = DateTime, example = "2027-01-01T00:00:00Z")]
    pub expires_from: Option<Millis>,
    /// To the day of the last instant before this time, 400 days at most; 90 days unless told.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[param(value_type = Option<String>, format = DateTime, example = "2027-04-01T00:00:00Z")]
    pub expires_before: Option<Millis>,
    /// Only certificates of this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(example = "card-signing")]
    pub profile: Option<String>,
}

impl ExpiryQuery {
    /// The query as it stands in a URL.
    pub fn to_query(&self) -> String {
        let [from, before] = [self.expires_from, self.expires_before].map(|at| at.and_then(rfc3339::to_text));
        query_of(&[("expires_from", &from), ("expires_before", &before), ("profile", &self.profile)])
    }
}

/// How many certificates in force end on each day of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Expiries {
    /// By day and profile; days on which none end are left out.
    pub days: Vec<ExpiryDay>,
}

/// How many certificates of one profile end on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpiryDay {
    /// The day in UTC.
    #[schema(format = Date, example = "2027-01-15")]
    pub day: String,
    /// The profile.
    #[schema(example = "card-signing")]
    pub profile: String,
    /// How many are in force or on hold now and end on it.
    #[schema(example = 4516)]
    pub certificates: i64,
    /// How many may, where the profile has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 5000)]
    pub most_per_day: Option<u32>,
}

/// Which certificates that end soon to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RenewalQuery {
    /// Only those whose last second is this or later; now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[param(value_type = Option<String>, format = DateTime, example = "2027-01-01T00:00:00Z")]
    pub expires_from: Option<Millis>,
    /// Only those whose last second is before this; 30 days from now unless told, 400 days at most.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    #[param(value_type = Option<String>, format = DateTime, example = "2027-02-01T00:00:00Z")]
    pub expires_before: Option<Millis>,
    /// Only those of this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Only those of this issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Only those that name this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Only those that somebody has acknowledged, or only those that nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most, 1 to 500; 50 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Whether somebody has taken care of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledged {
    /// Somebody has.
    Yes,
    /// Nobody has.
    No,
}

impl RenewalQuery {
    /// The query as it stands in a URL.
    pub fn to_query(&self) -> String {
        let [from, before] = [self.expires_from, self.expires_before].map(|at| at.and_then(rfc3339::to_text));
        let acknowledged = self.acknowledged.map(|acknowledged| match acknowledged {
            Acknowledged::Yes => "yes".to_owned(),
            Acknowledged::No => "no".to_owned(),
        });
        query_of(&[
            ("expires_from", &from),
            ("expires_before", &before),
            ("profile", &self.profile),
            ("issuer", &self.issuer),
            ("user_id", &self.user_id),
            ("acknowledged", &acknowledged),
            ("after", &self.after),
            ("limit", &self.limit.map(|limit| limit.to_string())),
        ])
    }
}

/// A certificate in force that ends soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewalInfo {
    /// Its serial, hexadecimal.
    pub serial: String,
    /// Its issuer's id.
    pub issuer: String,
    /// Its profile's id.
    pub profile: String,
    /// The subject as RFC 4514 text.
    pub subject: String,
    /// The person it names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Its last second.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Millis,
    /// The nearest distance, in days before the end, at which notice was given; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_days: Option<i64>,
    /// Who has taken care of it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
}

/// That somebody has taken care of a renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledgement {
    /// The client that said so.
    pub client: String,
    /// What it noted.
    pub note: String,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub acknowledged_at: Millis,
}

/// One page of certificates that end soon, by the end of their validity and then by serial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewalPage {
    /// The certificates.
    pub renewals: Vec<RenewalInfo>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Says that somebody has taken care of a renewal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// What to note, 200 characters at most.
    #[serde(default)]
    #[schema(example = "new card ordered")]
    pub note: String,
}

/// After which notice to go on.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoticeQuery {
    /// The number of the last notice that was read; 0 from the beginning.
    #[serde(default)]
    pub after: i64,
    /// How many at most, 1 to 500; 50 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A notice that a certificate ends soon. It is given once for each distance, and stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// Its number. Numbers grow in the order in which notices become visible, so that none is missed by reading on.
    pub number: i64,
    /// How many days before the end it is due.
    pub days: i64,
    /// When it was given.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub given_at: Millis,
    /// The certificate as it is now, though it may be revoked or acknowledged since.
    pub renewal: RenewalInfo,
}

/// Notices in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticePage {
    /// The notices; none when all were read.
    pub notices: Vec<Notice>,
}

/// The path of the acknowledgement of a certificate.
pub(super) fn acknowledgement_path(serial: &str) -> String {
    format!("/ca/renewals/{}/acknowledgement", percent_encoded(serial))
}
