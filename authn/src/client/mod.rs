//! Relying parties: who they are, how they prove it, and why they were refused.

pub(crate) mod assertion;
pub(crate) mod authentication;
pub(crate) mod failure;
mod fetching;
pub(crate) mod key_set;
pub(crate) mod registry;
pub(crate) mod remembered;
mod settings;
mod strict;

use platform::clock::Millis;
use platform::id::ClientId;

use crate::api::{AssertionAlg, AuthMethod, ClientConfig, GrantType, SecurityProfile};
use crate::oidc::scope::{Scope, Scopes};

pub(crate) use authentication::Authenticated;
pub(crate) use fetching::Fetching;
pub(crate) use remembered::Remembered;
pub(crate) use settings::Settings;

/// Whether a relying party can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It can.
    Open,
    /// It was taken out of use, for good.
    Closed,
}

impl State {
    /// Its name in rows.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A relying party.
#[derive(Clone)]
pub(crate) struct Client {
    /// Its id.
    pub(crate) id: ClientId,
    /// Whose it is.
    pub(crate) team: String,
    /// Whether it can be used.
    pub(crate) state: State,
    /// What it was registered with.
    pub(crate) settings: Settings,
    /// How often it was written.
    pub(crate) version: i64,
    /// SHA-256 of its secret, if it has one.
    pub(crate) secret: Option<String>,
    /// When it was registered.
    pub(crate) made_at: Millis,
    /// When it was last changed.
    pub(crate) changed_at: Millis,
}

impl Client {
    /// What it was registered with.
    pub(crate) fn config(&self) -> &ClientConfig {
        self.settings.config()
    }

    /// Whether it may exchange this for tokens.
    pub(crate) fn may(&self, grant: GrantType) -> bool {
        self.config().grant_types.contains(&grant)
    }

    /// What it may ask for.
    pub(crate) fn scopes(&self) -> Scopes {
        Scopes::of(self.config().scopes.iter().map(String::as_str))
    }

    /// What is left of what was granted by its registration of now: a scope or an act that was taken out counts no more.
    pub(crate) fn still(&self, granted: &Scopes) -> Scopes {
        let mut left = granted.clone();
        self.limit(&mut left);
        left
    }

    /// Leaves of what was granted what [`Client::still`] does.
    pub(crate) fn limit(&self, granted: &mut Scopes) {
        let config = self.config();
        granted.retain(|word| config.scopes.iter().chain(&config.acts).any(|registered| registered == word));
    }

    /// What it may have for itself: the scopes that are not a person's, and its acts.
    pub(crate) fn scopes_of_its_own(&self) -> Scopes {
        let config = self.config();
        let words = config.scopes.iter().map(String::as_str).filter(|word| !Scope::is_personal(word));
        Scopes::of(words.chain(config.acts.iter().map(String::as_str)))
    }

    /// Whether the FAPI 2.0 Security Profile is asked of it.
    pub(crate) fn is_strict(&self) -> bool {
        self.config().security_profile == SecurityProfile::Fapi2
    }

    /// How it proves who it is.
    pub(crate) fn method(&self) -> AuthMethod {
        self.config().token_endpoint_auth_method
    }
}

impl AssertionAlg {
    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }
}
