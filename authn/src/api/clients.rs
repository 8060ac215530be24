//! Relying parties on the wire, in the shape of the Connection Manager of CIS2.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::signing::SigningConfig;
use crate::session::CardRemoved;
pub use crate::token::TokenAlg;

/// How a relying party proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// By its secret in the header `Authorization`.
    ClientSecretBasic,
    /// By its secret in the body.
    ClientSecretPost,
    /// By an assertion that it signs (RFC 7523).
    PrivateKeyJwt,
    /// By its certificate, on the port for systems (RFC 8705).
    TlsClientAuth,
}

/// How a relying party signs its assertions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum AssertionAlg {
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA with PKCS #1 v1.5 padding and SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// What a relying party can exchange for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// The code that a browser brought.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
    /// Its own proof of who it is.
    ClientCredentials,
    /// A token that was given to another, as `token_exchanges` allow (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

/// To what the access tokens of a relying party are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenBinding {
    /// To a key that it proves to hold where it does so (`DPoP`), and else to nothing.
    #[default]
    Offered,
    /// To a key that it proves to hold with each request (`DPoP`, RFC 9449).
    Dpop,
    /// To the certificate of its connection (RFC 8705 3).
    Tls,
}

/// Whether proofs of `DPoP` name a nonce of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DpopNonce {
    /// They need not.
    #[default]
    Optional,
    /// They must; the refusal of one that does not has the nonce.
    Required,
}

/// How strict the provider is with a relying party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProfile {
    /// As OpenID Connect asks.
    #[default]
    Basic,
    /// As the FAPI 2.0 Security Profile asks.
    Fapi2,
}

/// What may be exchanged for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum SubjectToken {
    /// An access token of this provider.
    #[serde(rename = "urn:ietf:params:oauth:token-type:access_token")]
    AccessToken,
    /// An ID token of this provider.
    #[serde(rename = "urn:ietf:params:oauth:token-type:id_token")]
    IdToken,
}

/// An exchange that a relying party may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenExchange {
    /// To whom the token was given that it shows.
    pub subject_clients: Vec<String>,
    /// What that is.
    pub subject_token_types: Vec<SubjectToken>,
    /// What it may ask for: of an access token no more than that was for.
    pub scopes: Vec<String>,
    /// For whom the token may be that it shows, beside this provider and itself: the `resource` that was named for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_audiences: Vec<String>,
    /// For whom the new token may be; the first if it does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
}

/// Whether the proof key of RFC 7636 is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// It is honoured where it is given.
    #[default]
    Optional,
    /// A request without it is refused.
    Required,
}

/// Of whose tokens somebody may ask what they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Introspection {
    /// Of its own.
    #[default]
    Own,
    /// Of everybody's: for a server that is shown tokens of others.
    Any,
}

/// What is asked for whatever a request says, for brokers that cannot say it and against browsers that change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefaultPrompt {
    /// Sign in anew.
    Login,
    /// Choose another person.
    SelectAccount,
}

/// What the header of a logout token says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub enum LogoutTyp {
    /// A logout token.
    #[default]
    #[serde(rename = "logout+jwt")]
    LogoutJwt,
    /// Some token: for clients of before there was a type for it.
    #[serde(rename = "JWT")]
    Jwt,
}

/// What a relying party is registered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// What people who sign in call it.
    pub client_name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where browsers may be sent back to; compared letter by letter.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where browsers may be sent after they signed out; compared letter by letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told that a session has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// What the header of its logout tokens says that they are: `logout+jwt`, or `JWT` for clients that take nothing else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub logout_token_typ: LogoutTyp,
    /// Where security events are pushed to it (RFC 8935): that a session has ended (CAEP `session-revoked`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_events_uri: Option<String>,
    /// How it proves who it is.
    pub token_endpoint_auth_method: AuthMethod,
    /// Where its public keys are; with `private_key_jwt` this or `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its public keys themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// How it signs its assertions; the one algorithm that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri_signing_algorithm: Option<AssertionAlg>,
    /// With `tls_client_auth`: the subject of its certificate, `CN=` and the name under which `[clients]` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// What it may exchange for tokens; codes if it is left out.
    #[serde(default = "codes")]
    pub grant_types: Vec<GrantType>,
    /// What it may ask for.
    #[serde(default = "open_id")]
    pub scopes: Vec<String>,
    /// What is meant where it asks for no scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_scopes: Vec<String>,
    /// Which classes of sign-in are meant where it names none; one that it names counts only as far as it is among these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// With what people may sign in to it, as words: `smartcard`, `security-key`, `platform-key`, `passkey`, `totp`. With anything that
    /// satisfies the class if it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authenticators: Vec<String>,
    /// What becomes of a session in which it has something when the card is taken out; the strictest of all who say so counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_removed: Option<CardRemoved>,
    /// Whether people sign in anew whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prompt: Option<DefaultPrompt>,
    /// How many seconds ago somebody may have signed in at most, whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Whether it must use the proof key.
    #[serde(default)]
    pub pkce: Pkce,
    /// How its ID tokens are signed.
    #[serde(default)]
    pub id_token_signed_response_alg: TokenAlg,
    /// How answers of userinfo are signed; plain JSON if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<TokenAlg>,
    /// Of whose tokens it may ask what they are worth.
    #[serde(default)]
    pub introspection: Introspection,
    /// How its access tokens are signed, which makes them JWTs (RFC 9068); opaque if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_signed_response_alg: Option<TokenAlg>,
    /// For whom its access tokens may be: what it may name as `resource` (RFC 8707). A token for another is not taken here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// To what its access tokens are bound.
    #[serde(default, skip_serializing_if = "is_default")]
    pub access_token_binding: TokenBinding,
    /// Whether its proofs of `DPoP` name a nonce of ours.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dpop_nonce: DpopNonce,
    /// How strict the provider is with it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub security_profile: SecurityProfile,
    /// Which tokens of others it may exchange, and for what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_exchanges: Vec<TokenExchange>,
    /// What it may do at the other routes of this server with a token for itself; whoever registers it has each of these acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<String>,
    /// For which organisation it acts there, and whose policy of sign-in counts: that of whoever registers it, where that one has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// What it may have people sign by the Digital Signature Service; nothing if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<SigningConfig>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn codes() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

fn open_id() -> Vec<String> {
    vec!["openid".to_owned()]
}

/// The relying parties of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Configs {
    /// Their client ids.
    pub configs: Vec<String>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A relying party.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// Its client id.
    pub config_name: String,
    /// What it is registered with.
    pub client_config: ClientConfig,
    /// Give it when you change the registration: it changes with it.
    pub hash: String,
    /// Whether it can be used.
    pub state: String,
    /// Its secret, in the one answer that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// A relying party is to be registered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfig {
    /// Its client id; one is made if it is left out.
    #[serde(default)]
    pub config_name: Option<String>,
    /// What it is registered with.
    pub client_config: ClientConfig,
}

/// A registration is to be replaced.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceConfig {
    /// What it is registered with from then on.
    pub client_config: ClientConfig,
}

/// Which version of a registration is meant.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HashQuery {
    /// The `hash` that was last read; without it nothing is changed.
    pub hash: Option<String>,
}

/// Which part of a list is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many at most: 1 to 500, 50 if it is left out.
    pub limit: Option<u32>,
    /// The `next` of the part before.
    pub after: Option<String>,
}

/// A time at which a relying party was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The correlation id of the answer.
    pub correlation_id: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// A stable word for the check that failed, such as `signature`.
    pub failed: String,
    /// What happened and what to do.
    pub sentence: String,
}

/// Times at which a relying party was refused, latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failures {
    /// The refusals.
    pub failures: Vec<Failure>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The keys of a relying party, as they were last fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FetchedKeys {
    /// From where.
    pub jwks_uri: String,
    /// The ids of the keys that are in use.
    pub kids: Vec<String>,
    /// When those were fetched, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<i64>,
    /// When it was last tried, in milliseconds since 1970.
    pub tried_at: i64,
    /// How that went: `ok`, or why not.
    pub outcome: String,
}

/// A message to a relying party that a session has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// `logout-token`, or the security event: `session-revoked`.
    pub form: String,
    /// The session, as in tokens.
    pub sid: String,
    /// `due`, `delivered`, `unknown-session`, `refused`, or `given-up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, in milliseconds since 1970.
    pub due_at: i64,
    /// How the last attempt went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// When the session ended, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was delivered or given up, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<i64>,
}

/// Messages to a relying party, latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deliveries {
    /// The messages.
    pub deliveries: Vec<Delivery>,
    /// Give it as `after` to read on; left out at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
