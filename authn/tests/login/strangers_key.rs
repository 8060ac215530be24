//! A client and an authenticator of somebody else (`passkey`, by 1Password), without a browser: what they make of our options is taken,
//! and what must not be is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, ISSUER, Rig, STRONG, USER};

/// Whoever holds the device, and shows who they are.
struct Holder;

#[async_trait::async_trait]
impl UserValidationMethod for Holder {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        _presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence: true, verification: true })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// What a browser's script would send: octets as base64url, where this library writes lists of numbers.
fn written(value: Value) -> Value {
    match value {
        Value::Array(all) if !all.is_empty() && all.iter().all(Value::is_u64) => {
            let octets: Vec<u8> =
                all.iter().map(|octet| u8::try_from(octet.as_u64().unwrap()).unwrap()).collect();
            Value::String(URL_SAFE_NO_PAD.encode(octets))
        }
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, written(value))).collect(),
        other => other,
    }
}

fn origin(text: &str) -> url::Url {
    url::Url::parse(text).unwrap()
}

platform::both_engines! {
    /// A passkey of a stranger's making is enrolled by our options and signs in with them, as what it says it is; it is not enough where
    /// more is asked for, and an answer for another place is refused by the client itself and by us.
    async fn a_strangers_passkey_signs_in(db: Db) {
        let rig = Rig::new(db).await;
        let (mut browser, link) = rig.opened(USER, "issue").await;
        let asked = browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await;
        let options: CredentialCreationOptions = serde_json::from_value(asked.json()).unwrap();
        let kept: Option<Passkey> = None;
        let authenticator = Authenticator::new(Aaguid::new_empty(), kept, Holder, RustCryptoBackend);
        let mut theirs = Client::new(authenticator);
        let made = theirs.register(&origin(ISSUER), options, DefaultClientData).await.unwrap();
        let credential = written(serde_json::to_value(&made).unwrap());
        let body = json!({"name": "my phone", "credential": credential});
        let enrolled = browser.script(&format!("{link}/key"), &body).await;
        assert_eq!(enrolled.status, 200, "{}", enrolled.body);
        assert_eq!(rig.events("authenticator-enrolled").await[0]["method"], "passkey");
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let asked = browser.asked(&here).await;
        let elsewhere: CredentialRequestOptions = serde_json::from_value(asked.clone()).unwrap();
        assert!(theirs.authenticate(&origin("https://evil.example"), elsewhere, DefaultClientData).await.is_err());
        let asked: CredentialRequestOptions = serde_json::from_value(asked).unwrap();
        let answer = theirs.authenticate(&origin(ISSUER), asked, DefaultClientData).await.unwrap();
        let signed = browser.answer(&here, &written(serde_json::to_value(&answer).unwrap())).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        assert_eq!(rig.events("session-opened").await[0]["level"], "2");
        let mut strict = rig.browser();
        let here = rig.begin(&mut strict, STRONG).await;
        let asked: CredentialRequestOptions = serde_json::from_value(strict.asked(&here).await).unwrap();
        let answer = theirs.authenticate(&origin(ISSUER), asked, DefaultClientData).await.unwrap();
        let weak = strict.answer(&here, &written(serde_json::to_value(&answer).unwrap())).await;
        assert!(weak.status == 403 && weak.body.contains("stronger way to sign in"), "{}", weak.body);
        assert_eq!(rig.events("session-opened").await.len(), 1);
    }
}
