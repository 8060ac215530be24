//! Security keys, the workstation's own key (Windows Hello), and passkeys: WebAuthn.
//!
//! The person is always verified by the authenticator, and that is looked at in what it signed. What a credential is worth is
//! decided once, when it is enrolled: one that can be copied is a passkey, whatever its maker calls it; one that cannot is a
//! security key or the workstation's own if it proved its model by a certificate that the metadata names.

mod enrol;
mod metadata;
mod models;
mod policy;
mod presence;
mod settings;
mod sign_in;
mod tpm;

use std::time::Duration;

use serde_json::Value;
use url::Url;
use webauthn_rs::prelude::{Passkey, Webauthn, WebauthnBuilder, WebauthnError};

use crate::error::Error;

pub(crate) use enrol::{Kind, begin as begin_enrolment, finish as finish_enrolment, random_handle};
pub(crate) use models::Models;
pub(crate) use policy::Judged;
pub(crate) use presence::{Answered, Asked, ask, look_at};
pub use settings::{Keys, Unproven};
pub(crate) use sign_in::{begin, finish};

/// How long somebody may take to touch their key.
const LASTS: Duration = Duration::from_mins(5);

/// What verifies keys.
pub(crate) struct Site {
    webauthn: Webauthn,
    /// The id of the relying party.
    pub id: String,
    /// Where its pages are.
    pub origin: String,
    /// Which models are worth what.
    pub models: Models,
}

impl Site {
    /// The site whose pages are at this origin.
    pub(crate) fn open(settings: &Keys, name: &str, origin: &str) -> Result<Self, Error> {
        let refused = || Error::Setting {
            sentence: "authn.webauthn.rp_id is the host of authn.issuer or a domain above it, and authn.issuer is an origin",
        };
        let origin = Url::parse(origin).map_err(|_| refused())?;
        let host = origin.host_str().ok_or_else(refused)?.to_owned();
        let id = settings.rp_id.clone().unwrap_or(host);
        let webauthn = WebauthnBuilder::new(&id, &origin)
            .map_err(|_| refused())?
            .rp_name(name)
            .timeout(LASTS)
            .build()
            .map_err(|_| refused())?;
        let origin = origin.origin().ascii_serialization();
        Ok(Self { webauthn, id, origin, models: Models::open(settings)? })
    }
}

/// What a credential has counted.
fn counted(credential: &str) -> Result<i64, Error> {
    let read: Value = serde_json::from_str(credential).map_err(Error::json)?;
    let counter = read.pointer("/cred/counter").and_then(Value::as_i64);
    counter.ok_or(Error::Stored { what: "authn_authenticator.credential" })
}

/// A credential whose counter says nothing, until its next answer does.
pub(crate) fn counted_anew(credential: &str) -> Result<String, Error> {
    let mut read: Value = serde_json::from_str(credential).map_err(Error::json)?;
    let counter = read.pointer_mut("/cred/counter");
    *counter.ok_or(Error::Stored { what: "authn_authenticator.credential" })? = 0.into();
    let passkey: Passkey = serde_json::from_value(read).map_err(Error::json)?;
    serde_json::to_string(&passkey).map_err(Error::json)
}

/// A stable word for the record, for what an authenticator answered and does not hold.
fn word(error: &WebauthnError) -> &'static str {
    match error {
        WebauthnError::InvalidRPOrigin => "wrong-origin",
        WebauthnError::InvalidRPIDHash => "wrong-rp-id",
        WebauthnError::MismatchedChallenge => "wrong-challenge",
        WebauthnError::UserNotVerified | WebauthnError::UserNotPresent => "not-verified",
        WebauthnError::CredentialPossibleCompromise => "counter-went-back",
        WebauthnError::CredentialBackupEligibilityInconsistent
        | WebauthnError::CredentialMayNotBeHardwareBound => "became-copyable",
        WebauthnError::AuthenticationFailure => "wrong-signature",
        _ => "not-verifiable",
    }
}
