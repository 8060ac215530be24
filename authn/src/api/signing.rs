//! What the signer asks: who stands behind a token or a browser, by which keys an application speaks, and whether a person is there.
//!
//! The signer sees no credential of anybody: it names the person and what their answer is to be bound to, and is given what was
//! proved, to be kept as evidence.

use http::Method;
use platform::peer::Peer;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What an application may have people sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningConfig {
    /// Where browsers come back to after somebody was asked to sign.
    pub callback_uri: String,
    /// What becomes of a request to sign something that the application has not shown before.
    #[serde(default)]
    pub unseen: Unseen,
}

/// What becomes of documents that nobody can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// The page says plainly that the content was not seen.
    #[default]
    Told,
    /// The request is refused.
    Refused,
}

/// An access token as it was shown, with what it may be bound to.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShownToken {
    /// The token.
    pub token: String,
    /// Whether it was shown with a proof, as `DPoP`.
    pub dpop: bool,
    /// The header `DPoP`; empty where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The SHA-256 of the certificate of the connection, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
}

/// Who stands behind an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bearer {
    /// To which application it was given.
    pub client_id: String,
    /// What people who sign in call that.
    pub client_name: String,
    /// Who signed in.
    pub user_id: String,
    /// In which session.
    pub sid: String,
    /// When, in milliseconds since 1970.
    pub authenticated_at: i64,
    /// How.
    pub method: String,
    /// What that is worth: 1 to 3.
    pub level: String,
    /// What the application may have signed; nothing if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<SigningConfig>,
    /// The signer's name for what may be signed with the token; nothing where it is not for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<String>,
}

/// What a request for a token asks to have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningDetails {
    /// With which credential.
    pub credential: String,
    /// What: 1 to 250 documents, each once.
    pub documents: Vec<SigningDocument>,
    /// What the application says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A document to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningDocument {
    /// Its SHA-256, base64.
    pub hash: String,
    /// What the application calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Which request for a token is asked about, by a browser that came from it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningQuery {
    /// The secret of the request: the last part of the address.
    pub secret: String,
    /// What the browser holds: the field `cookie` of its request.
    pub cookie: String,
}

/// A request for a token for signing, whose person is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningAuthorisation {
    /// The name of the request.
    pub reference: String,
    /// Which application asks.
    pub client_id: String,
    /// What people who sign in call that.
    pub client_name: String,
    /// Who is to sign.
    pub user_id: String,
    /// In which session.
    pub sid: String,
    /// What the sign-in is worth: 1 to 3.
    pub level: String,
    /// What is to be signed.
    pub details: SigningDetails,
    /// What becomes of documents that nobody can be shown.
    pub unseen: Unseen,
    /// Until when, in milliseconds since 1970.
    pub expires_at: i64,
}

/// What somebody decided about what they were asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum SigningDecision {
    /// They were there and agreed.
    Consented {
        /// The signer's name for what they gave.
        authorisation: String,
        /// Until when it can be used, in milliseconds since 1970.
        expires_at: i64,
    },
    /// They did not want to.
    Declined,
}

/// What somebody decided, and who that was: it counts for nobody else who is signed in when the browser goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningDecided {
    /// Who was asked.
    pub user_id: String,
    /// What they decided.
    pub decided: SigningDecision,
}

/// What an access token of a person lets its application do at the signer. It is put into the request beside the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningGrant {
    /// The signer's name for what may be signed with it.
    pub authorisation: Option<String>,
    /// Whether it is good for the whole API, and not for that alone.
    pub service: bool,
}

/// Whose keys are asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysQuery {
    /// The application.
    pub client_id: String,
    /// The name of the key.
    pub kid: String,
}

/// Of which application the policy is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyQuery {
    /// The application.
    pub client_id: String,
}

/// What an application may have people sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningPolicy {
    /// What becomes of documents that nobody can be shown; of an application that is not registered, people are told.
    pub unseen: Unseen,
}

/// Public keys of an application.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// Those with the name that was asked for, as JWK.
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<Value>,
}

/// A browser that came.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserQuery {
    /// What it holds of its session: the field `cookie` of its request.
    pub cookie: String,
}

/// Who is signed in with a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrowserHolder {
    /// The person.
    pub user_id: String,
    /// The session, by its id.
    pub session: String,
    /// What the sign-in is worth: 1 to 3.
    pub level: String,
}

/// A person is asked to prove that they are there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPresence {
    /// What it is for, by a name of the asker's. A later question under the same name takes the place of an earlier one.
    pub reference: String,
    /// Who is asked.
    pub user_id: String,
    /// SHA-256 of all that the answer is to stand for, in hexadecimal.
    pub binding: String,
    /// What the authenticator has to be worth at least: 2 or 3.
    pub level: String,
}

/// What an authenticator answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresenceAnswer {
    /// The answer, as the browser gave it.
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// That a person was there, with what proves it. It is evidence, to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// Who was there.
    pub user_id: String,
    /// The authenticator, by its id.
    pub authenticator: String,
    /// What it is.
    pub method: String,
    /// What that is worth: 2 or 3.
    pub level: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// SHA-256 of what the answer stands for, in hexadecimal.
    pub binding: String,
    /// How the answer is bound to it.
    pub bound: Bound,
    /// 32 random octets, base64url.
    pub nonce: String,
    /// What the authenticator was asked: where the answer is cryptographically bound, SHA-256 of nonce and binding. Base64url.
    pub challenge: String,
    /// The public key that verifies the answer, as JWK.
    #[schema(value_type = Object)]
    pub public_key: Value,
    /// The answer as it came.
    #[schema(value_type = Object)]
    pub assertion: Value,
    /// For whose pages the authenticator answered: the id of the relying party (WebAuthn). None of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rp_id: Option<String>,
    /// On whose page: its origin. None of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// How an answer is bound to what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Bound {
    /// The authenticator signed a challenge that was made of it.
    #[serde(rename = "cryptographically bound")]
    Cryptographically,
    /// The authenticator signed a random challenge, and a row of this server says for what.
    #[serde(rename = "bound by the server's record")]
    ByRecord,
}

/// Sign-in as the signer sees it.
#[derive(Clone, Debug)]
pub struct SigningClient {
    peer: Peer,
}

impl SigningClient {
    /// Talks to sign-in behind `peer`.
    pub fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// Who stands behind an access token.
    pub async fn bearer(&self, shown: &ShownToken) -> Result<Bearer, Problem> {
        self.peer.call(Method::POST, "/authn/signing/tokens", Some(shown)).await
    }

    /// The public keys of an application that have a name.
    pub async fn keys(&self, query: &KeysQuery) -> Result<Keys, Problem> {
        self.peer.call(Method::POST, "/authn/signing/keys", Some(query)).await
    }

    /// What becomes of what an application has not shown before.
    pub async fn policy(&self, query: &PolicyQuery) -> Result<SigningPolicy, Problem> {
        self.peer.call(Method::POST, "/authn/signing/policies", Some(query)).await
    }

    /// Who is signed in with a browser.
    pub async fn browser(&self, query: &BrowserQuery) -> Result<BrowserHolder, Problem> {
        self.peer.call(Method::POST, "/authn/signing/browsers", Some(query)).await
    }

    /// What a request for a token asks to have signed.
    pub async fn authorisation(&self, query: &SigningQuery) -> Result<SigningAuthorisation, Problem> {
        self.peer.call(Method::POST, "/authn/signing/authorisations", Some(query)).await
    }

    /// Writes what its person decided. The same decision again changes nothing.
    pub async fn decide(&self, reference: &str, decided: &SigningDecided) -> Result<(), Problem> {
        let path = format!("/authn/signing/authorisations/{reference}/decision");
        self.peer.call(Method::POST, &path, Some(decided)).await
    }

    /// Asks a person to prove that they are there: what the browser is to ask their authenticators.
    pub async fn ask(&self, presence: &NewPresence) -> Result<Value, Problem> {
        self.peer.call(Method::POST, "/authn/signing/presences", Some(presence)).await
    }

    /// Looks at what an authenticator answered. The question is then used up, whatever comes of it.
    pub async fn presence(&self, reference: &str, answer: &PresenceAnswer) -> Result<Presence, Problem> {
        let path = format!("/authn/signing/presences/{reference}/answer");
        self.peer.call(Method::POST, &path, Some(answer)).await
    }
}
