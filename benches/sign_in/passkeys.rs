//! Somebody with a passkey: the browser's part and the authenticator are `passkey` by 1Password, which is not ours. What these two
//! cost is told apart from what the server does, since all of it shares the cores.

use anyhow::{Context, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::browser::{Browser, Wanted, code_in};
use super::provider::Provider;
use crate::rig::{load, number};

/// What is enough for a passkey that proves no maker.
const ACR: &str = "AAL2_OR_AAL3_ANY";
/// How often an assertion is made to tell what it costs.
const TIMES: usize = 2_000;

/// Whoever holds the device, and shows who they are.
struct Present;

#[async_trait::async_trait]
impl UserValidationMethod for Present {
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

/// What a page asks, and where what comes of it goes.
type Question = (Vec<u8>, oneshot::Sender<anyhow::Result<Value>>);

/// Somebody with a passkey. It answers one question after the other, as a device does.
#[derive(Clone)]
pub(crate) struct Holder {
    asks: mpsc::Sender<Question>,
}

impl Holder {
    /// Enrols a passkey with a link that was made for somebody, which is an address of the provider.
    pub(crate) async fn enrolled(provider: &Provider, link: &str) -> anyhow::Result<Self> {
        let link = link.strip_prefix(&provider.origin).context("the link leads elsewhere")?;
        let mut browser = Browser::new(provider);
        browser.presses(link).await?;
        let asked = browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await?;
        let options: CredentialCreationOptions = serde_json::from_slice(&asked)?;
        let kept: Option<Passkey> = None;
        let authenticator = Authenticator::new(Aaguid::new_empty(), kept, Present, RustCryptoBackend);
        let mut device = Client::new(authenticator).allows_insecure_localhost(true);
        let origin = url::Url::parse(&provider.origin)?;
        let made = device.register(&origin, options, DefaultClientData).await;
        let made = made.map_err(|error| anyhow!("no passkey was made: {error:?}"))?;
        let body = json!({"name": "bench", "credential": written(serde_json::to_value(&made)?)});
        browser.script(&format!("{link}/key"), &body).await?;
        let (asks, mut asked) = mpsc::channel::<Question>(1);
        tokio::spawn(async move {
            while let Some((options, answer)) = asked.recv().await {
                let made = async {
                    let options: CredentialRequestOptions = serde_json::from_slice(&options)?;
                    let made = device.authenticate(&origin, options, DefaultClientData).await;
                    let made = made.map_err(|error| anyhow!("the passkey did not answer: {error:?}"))?;
                    anyhow::Ok(written(serde_json::to_value(&made)?))
                };
                // Whoever asked has gone where it cannot be sent.
                let _gone = answer.send(made.await);
            }
        });
        Ok(Self { asks })
    }

    /// What the authenticator answers to a page's question.
    pub(crate) async fn assertion(&self, options: Vec<u8>) -> anyhow::Result<Value> {
        let (answer, answered) = oneshot::channel();
        self.asks.send((options, answer)).await.ok().context("the device is gone")?;
        answered.await?
    }

    /// Signs in for a client, in a new browser, up to the ID token.
    pub(crate) async fn signs_in(&self, provider: &Provider, client: &'static str) -> anyhow::Result<()> {
        self.access_token(&mut Browser::new(provider), provider, client).await.map(drop)
    }

    /// Signs in for a client in this browser, which holds the session then; the access token.
    pub(crate) async fn access_token(
        &self,
        browser: &mut Browser,
        provider: &Provider,
        client: &'static str,
    ) -> anyhow::Result<String> {
        let here = browser.is_asked(Wanted { client, scope: "openid", acr: ACR }).await?;
        let options = browser.script(&format!("{here}/key/options"), &json!({})).await?;
        let body = json!({"credential": self.assertion(options).await?});
        let signed: Value = serde_json::from_slice(&browser.script(&format!("{here}/key"), &body).await?)?;
        let location = signed["location"].as_str().context("nobody was signed in")?;
        let code = code_in(&browser.goes(location).await?)?;
        Ok(provider.exchange(client, &code).await?.access)
    }

    /// What an assertion costs the browser's part and the authenticator, in microseconds of the processor, with nothing else going on.
    pub(crate) async fn cost(&self, provider: &Provider, client: &'static str) -> anyhow::Result<f64> {
        let mut browser = Browser::new(provider);
        let here = browser.is_asked(Wanted { client, scope: "openid", acr: ACR }).await?;
        let options = browser.script(&format!("{here}/key/options"), &json!({})).await?;
        let before = load::cpu(std::process::id())?;
        for _ in 0..TIMES {
            self.assertion(options.clone()).await?;
        }
        Ok((load::cpu(std::process::id())? - before) / number(TIMES) * 1e6)
    }
}

/// What a browser's script would send: octets as base64url, where this library writes lists of numbers.
fn written(value: Value) -> Value {
    match value {
        Value::Array(all) if !all.is_empty() && all.iter().all(Value::is_u64) => {
            let octets: Option<Vec<u8>> =
                all.iter().map(|octet| octet.as_u64().and_then(|octet| u8::try_from(octet).ok())).collect();
            octets.map_or(Value::Array(all), |octets| Value::String(URL_SAFE_NO_PAD.encode(octets)))
        }
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, written(value))).collect(),
        other => other,
    }
}
