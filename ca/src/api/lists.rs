//! Wire types of revocation lists.

use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rfc3339;

/// Which of an issuer's newest lists is wanted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CrlQuery {
    /// The shard; without it the list of certificates that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The delta list and not the complete one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<bool>,
}

/// One newest list, without its octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListInfo {
    /// Where everybody finds it.
    pub url: String,
    /// The shard it is of; absent for the certificates that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// Whether it is a delta list.
    pub delta: bool,
    /// Its number, always rising within its shard.
    pub number: i64,
    /// The number of the complete list a delta list goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i64>,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub this_update: Millis,
    /// When a newer one is there at the latest.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub next_update: Millis,
    /// How many certificates it lists.
    pub entries: i64,
    /// How many octets it has.
    pub size: i64,
    /// Since when this process tries to make the next one, and cannot.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Millis>,
}

/// One revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CrlInfo {
    /// The issuer's id.
    pub issuer: String,
    /// The shard it is of; absent for the certificates that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// Its number, always rising.
    pub number: i64,
    /// The number of the complete list a delta list goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i64>,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub this_update: Millis,
    /// When a newer one is there at the latest.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub next_update: Millis,
    /// How many certificates it lists.
    pub entries: i64,
    /// The list itself, base64 of its DER.
    pub crl: String,
}
