//! What was granted at once, and the tokens given out under it.

use platform::clock::Millis;
use platform::id::{ClientId, UserId};
use serde::{Deserialize, Serialize};

use super::Binding;
use crate::api::SigningDetails;
use crate::interaction::Method;
use crate::oidc::face::Face;
use crate::oidc::scope::Scopes;
use crate::secret::{Secret, sha256_hex};

/// The longest signed token.
const LONGEST: usize = 16 * 1024;

platform::text_id!(
    /// A grant: everything that one authorisation gave ends with it.
    GrantId
);

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Its id.
    pub(crate) id: GrantId,
    /// To whom.
    pub(crate) client: ClientId,
    /// Who signed in; nobody where a system asked for itself.
    pub(crate) person: Option<UserId>,
    /// In which session.
    pub(crate) sid: Option<String>,
    /// What was granted.
    pub(crate) content: Content,
    /// When.
    pub(crate) created_at: Millis,
    /// Until when at the latest.
    pub(crate) expires_at: Millis,
    /// When it ended, if it did.
    pub(crate) ended_at: Option<Millis>,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Under which issuer.
    pub(crate) face: Face,
    /// For what.
    pub(crate) scope: Scopes,
    /// How somebody signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<Method>,
    /// When somebody signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authenticated_at: Option<Millis>,
    /// The relying party's word for this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// The half hash of its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) s_hash: Option<String>,
    /// The role that was chosen: empty where the person has none, left out where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    /// The classes of sign-in of which the ID token has to name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acr: Vec<String>,
    /// Claims that were asked for by name in the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) id_token_claims: Vec<String>,
    /// Claims that were asked for by name at userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) userinfo_claims: Vec<String>,
    /// What its person authorised to be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signing: Option<GrantedSigning>,
}

/// What a person authorised to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantedSigning {
    /// The signer's name for it.
    pub(crate) authorisation: String,
    /// What it covers.
    pub(crate) details: SigningDetails,
}

impl Content {
    /// What a system has for itself, under the issuer that it asked.
    pub(crate) fn of_system(scope: Scopes, face: Face) -> Self {
        Self {
            face,
            scope,
            method: None,
            authenticated_at: None,
            nonce: None,
            s_hash: None,
            role: None,
            acr: Vec::new(),
            id_token_claims: Vec::new(),
            userinfo_claims: Vec::new(),
            signing: None,
        }
    }
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To ask with.
    Access,
    /// To be changed into new tokens, once.
    Refresh,
}

impl Kind {
    /// Its name in rows.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// A token as its row has it. What was given out is not there, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// SHA-256 of what was given out, in hexadecimal.
    pub(crate) hash: String,
    /// What it is for.
    pub(crate) kind: Kind,
    /// Under which grant.
    pub(crate) grant: GrantId,
    /// To whom.
    pub(crate) client: ClientId,
    /// For what.
    pub(crate) scope: Scopes,
    /// When.
    pub(crate) issued_at: Millis,
    /// Until when.
    pub(crate) expires_at: Millis,
    /// When it was changed into new tokens, if it is of that kind and was.
    pub(crate) used_at: Option<Millis>,
    /// When it was given back, if it was.
    pub(crate) ended_at: Option<Millis>,
    /// What has to be shown with it.
    pub(crate) binding: Binding,
    /// Who acts with it in turn for whom it was given to first, the latest first; nobody where it was never exchanged.
    pub(crate) actors: Vec<ClientId>,
    /// For whom it is; for this provider where nobody is said.
    pub(crate) audience: Option<String>,
}

/// As a token that somebody presents is stored and looked up; none where it cannot be one of ours. A signed one is looked up whole, so
/// that nothing in it is believed that was not given out.
pub(crate) fn stored(presented: &str) -> Option<String> {
    if presented.contains('.') {
        return (presented.len() <= LONGEST).then(|| sha256_hex(presented.as_bytes()));
    }
    Secret::parse(presented).map(|secret| secret.stored())
}
