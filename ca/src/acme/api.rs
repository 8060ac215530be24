//! Wire types of `/ca/acme/external-accounts`: whom operators let register.

use platform::caller::Act;
use platform::clock::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rfc3339;

/// May make and end external accounts of ACME, and list them.
pub const ACME: Act = Act("ca:acme");

/// Whom an operator lets register by ACME, and what for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExternalAccount {
    /// What it is called here, 1 to 64 characters.
    #[schema(example = "Larkfield Surgery, web servers")]
    pub name: String,
    /// The profiles it may use; the first is used when an order names none.
    #[schema(example = json!(["acme-tls-server"]))]
    pub profiles: Vec<String>,
    /// Host names it may have certified: these, and those that end in one of them after a dot.
    #[serde(default)]
    #[schema(example = json!(["larkfield.example"]))]
    pub dns_suffixes: Vec<String>,
    /// The networks its names may resolve to; validation connects nowhere else. Their addresses may be certified too.
    #[serde(default)]
    #[schema(example = json!(["10.1.0.0/16"]))]
    pub networks: Vec<String>,
    /// Serial numbers of devices it may have certified, or `*` for every one whose attestation is good.
    #[serde(default)]
    pub devices: Vec<String>,
    /// How many ACME accounts may be bound to it, ever: 1 to 1000; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_accounts: Option<u32>,
}

/// An external account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalAccountInfo {
    /// Its id: the key identifier that a client is given.
    pub id: String,
    /// What it is called here.
    pub name: String,
    /// The profiles it may use.
    pub profiles: Vec<String>,
    /// Host names it may have certified.
    pub dns_suffixes: Vec<String>,
    /// The networks its names may resolve to.
    pub networks: Vec<String>,
    /// Serial numbers of devices.
    pub devices: Vec<String>,
    /// How many ACME accounts may be bound to it.
    pub most_accounts: u32,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Millis>,
}

/// A new external account with its key, which is shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ExternalAccountKey {
    /// The account.
    pub account: ExternalAccountInfo,
    /// The key for the client, base64url: `--eab-hmac-key` of certbot, `--hmac` of lego.
    pub mac_key: String,
    /// The directory that the client is given.
    pub directory: String,
}
