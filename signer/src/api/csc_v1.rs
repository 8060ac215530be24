//! Wire types of the API of the Cloud Signature Consortium as it was in version 1.0.4, as far as it is spoken here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CertInfo, KeyInfo};

/// 11.1 `info`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct V1Info {
    /// Version of the specification.
    pub specs: String,
    /// Commercial name.
    pub name: String,
    /// Address of a logo, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    pub region: String,
    /// Language of the answers.
    pub lang: String,
    /// A sentence about the service.
    pub description: String,
    /// How clients are known.
    #[serde(rename = "authType")]
    pub auth_type: Vec<String>,
    /// Below which address `oauth2/authorize`, `oauth2/token` and `oauth2/revoke` are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<String>,
    /// What is implemented.
    pub methods: Vec<String>,
}

/// 11.4 `credentials/list`, the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct V1CredentialListRequest {
    /// The person; a person who asks leaves it out.
    #[serde(rename = "userID", default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}

/// 11.4 `credentials/list`, the answer: all on one page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct V1CredentialList {
    /// The ids.
    #[serde(rename = "credentialIDs")]
    pub credential_ids: Vec<String>,
}

/// 11.5 `credentials/info`, the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct V1CredentialRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// `none`, `single` or `chain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
}

/// 11.5 `credentials/info`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct V1Credential {
    /// Its key.
    pub key: KeyInfo,
    /// Its certificate.
    pub cert: CertInfo,
    /// `explicit`: by `credentials/authorize`; `oauth2code` for whoever shows an access token.
    #[serde(rename = "authMode")]
    pub auth_mode: String,
    /// `2`: an authorisation is bound to the listed hashes.
    #[serde(rename = "SCAL")]
    pub scal: String,
    /// The holder's passphrase, where it is asked for.
    #[serde(rename = "PIN", default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<V1Pin>,
    /// How many signatures one authorisation may cover.
    pub multisign: usize,
    /// Language of the answers.
    pub lang: String,
}

/// What of a PIN is to be given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct V1Pin {
    /// `true`: it has to be given.
    pub presence: String,
    /// `A`: any characters.
    pub format: String,
    /// What to call it on a screen.
    pub label: String,
    /// What to tell the person.
    pub description: String,
}

/// 11.6 `credentials/authorize`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct V1AuthorizeRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// How many signatures: as many as hashes.
    #[serde(rename = "numSignatures")]
    pub num_signatures: usize,
    /// SHA-256 of each document, base64.
    pub hash: Vec<String>,
    /// The holder's passphrase.
    #[serde(rename = "PIN")]
    pub pin: String,
}

/// 11.9 `signatures/signHash`, the request.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct V1SignHashRequest {
    /// The credential.
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    /// The authorisation.
    #[serde(rename = "SAD")]
    pub sad: String,
    /// What to sign: SHA-256 digests, base64.
    pub hash: Vec<String>,
    /// SHA-256; needed when `signAlgo` does not say it.
    #[serde(rename = "hashAlgo", default, skip_serializing_if = "Option::is_none")]
    pub hash_algo: Option<String>,
    /// One of the credential's `key/algo`.
    #[serde(rename = "signAlgo")]
    pub sign_algo: String,
}
