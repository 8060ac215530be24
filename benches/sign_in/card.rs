//! Somebody with a card in software, a browser and an agent: a whole sign-in, from the request to the ID token.

use std::sync::Arc;

use anyhow::Context;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use card::wire::sign_in::{Algorithm, Answer, Challenge, SignedIn};
use serde_json::json;
use tokio::task::JoinSet;

use super::browser::{Browser, Wanted, code_in};
use super::provider::Provider;

/// What a card is worth.
const ACR: &str = "AAL3_ANY";

/// Somebody with a card.
#[derive(Clone)]
pub(crate) struct Holder {
    leaf: String,
    key: Arc<EcdsaKeyPair>,
}

impl Holder {
    /// The holder of a card with this certificate and key.
    pub(crate) fn new(leaf: &[u8], pkcs8: &[u8]) -> anyhow::Result<Self> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).context("no key")?;
        Ok(Self { leaf: STANDARD.encode(leaf), key: Arc::new(key) })
    }

    fn answer(&self, challenge: &Challenge) -> anyhow::Result<Answer> {
        let message = challenge.message().ok().context("no challenge")?;
        let signature = self.key.sign(&SystemRandom::new(), &message).ok().context("nothing was signed")?;
        Ok(Answer {
            certificate: self.leaf.clone(),
            above: Vec::new(),
            algorithm: Algorithm::Es256,
            signature: STANDARD.encode(signature.as_ref()),
        })
    }

    /// Signs in for a client, in a new browser, up to the ID token.
    pub(crate) async fn signs_in(&self, provider: &Provider, client: &'static str) -> anyhow::Result<()> {
        let wanted = Wanted { client, scope: "openid", acr: ACR };
        let code = self.authorised(&mut Browser::new(provider), wanted).await?;
        provider.exchange(client, &code).await.map(drop)
    }

    /// Signs in and gives the access token: what it tells is a name.
    pub(crate) async fn access_token(
        &self,
        provider: &Provider,
        client: &'static str,
    ) -> anyhow::Result<String> {
        let wanted = Wanted { client, scope: "openid profile", acr: ACR };
        let code = self.authorised(&mut Browser::new(provider), wanted).await?;
        Ok(provider.exchange(client, &code).await?.access)
    }

    /// Signs in in this browser; the code that comes of it.
    async fn authorised(&self, browser: &mut Browser, wanted: Wanted) -> anyhow::Result<String> {
        let here = browser.is_asked(wanted).await?;
        let asked = browser.script(&format!("{here}/card/challenge"), &json!({})).await?;
        let answer = self.answer(&serde_json::from_slice(&asked)?)?;
        let signed = browser.script(&format!("{here}/card/answer"), &answer).await?;
        let SignedIn { location, .. } = serde_json::from_slice(&signed)?;
        code_in(&browser.goes(&location).await?)
    }
}

/// Codes of people who are signed in already, made by many browsers at the same time.
pub(crate) async fn codes(
    provider: &Provider,
    people: &[Holder],
    client: &'static str,
    many: usize,
) -> anyhow::Result<Vec<String>> {
    let mut tasks = JoinSet::new();
    let each = many.div_ceil(people.len());
    for one in people {
        let (one, provider) = (one.clone(), provider.clone());
        tasks.spawn(async move {
            let mut browser = Browser::new(&provider);
            let wanted = Wanted { client, scope: "openid", acr: ACR };
            one.authorised(&mut browser, wanted).await?;
            let mut codes = Vec::with_capacity(each);
            for _ in 0..each {
                codes.push(code_in(&browser.asks(wanted).await?)?);
            }
            anyhow::Ok(codes)
        });
    }
    let mut all = Vec::with_capacity(many);
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}
