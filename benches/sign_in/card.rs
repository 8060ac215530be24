//! Somebody with a card in software, a browser and an agent: a whole sign-in, from the request to the ID token.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use card::wire::sign_in::{Algorithm, Answer, Challenge, SignedIn};
use reqwest::{Response, StatusCode};
use tokio::task::JoinSet;

use super::provider::{CALLBACK, Provider, VERIFIER};

/// Somebody with a card.
#[derive(Clone)]
pub(crate) struct Holder {
    leaf: String,
    key: Arc<EcdsaKeyPair>,
}

/// What a browser holds.
type Cookies = BTreeMap<String, String>;

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
    pub(crate) async fn signs_in(&self, provider: &Provider, client: &str) -> anyhow::Result<()> {
        let (_, code) = self.authorised(provider, client, "openid").await?;
        provider.exchange(client, &code).await.map(drop)
    }

    /// Signs in and gives the access token: what it tells is a name.
    pub(crate) async fn access_token(&self, provider: &Provider, client: &str) -> anyhow::Result<String> {
        let (_, code) = self.authorised(provider, client, "openid profile").await?;
        Ok(provider.exchange(client, &code).await?.access)
    }

    /// Signs in for a client; what the browser holds then, and the code.
    async fn authorised(
        &self,
        provider: &Provider,
        client: &str,
        scope: &str,
    ) -> anyhow::Result<(Cookies, String)> {
        let mut cookies = Cookies::new();
        let here = sent_on(&authorise(provider, client, scope, &mut cookies).await?)?;
        ensure!(here.starts_with("/sign-in/"), "nobody was asked to sign in: {here}");
        let asked = script(provider, &format!("{here}/card/challenge"), b"{}".to_vec(), &mut cookies).await?;
        let answer = serde_json::to_vec(&self.answer(&serde_json::from_slice(&asked)?)?)?;
        let signed = script(provider, &format!("{here}/card/answer"), answer, &mut cookies).await?;
        let SignedIn { location, .. } = serde_json::from_slice(&signed)?;
        let request = provider.http.get(format!("{}{location}", provider.origin));
        let back = sent_on(&sent(request, &mut cookies).await?)?;
        Ok((cookies, code_in(&back)?))
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
            let (mut cookies, _) = one.authorised(&provider, client, "openid").await?;
            let mut codes = Vec::with_capacity(each);
            for _ in 0..each {
                let back = sent_on(&authorise(&provider, client, "openid", &mut cookies).await?)?;
                codes.push(code_in(&back)?);
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

async fn authorise(
    provider: &Provider,
    client: &str,
    scope: &str,
    cookies: &mut Cookies,
) -> anyhow::Result<Response> {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let query = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", scope),
        ("state", "a-state"),
        ("nonce", "a-nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    sent(provider.http.get(format!("{}/authorize?{query}", provider.origin)), cookies).await
}

async fn script(
    provider: &Provider,
    path: &str,
    body: Vec<u8>,
    cookies: &mut Cookies,
) -> anyhow::Result<Vec<u8>> {
    let request = provider
        .http
        .post(format!("{}{path}", provider.origin))
        .header("content-type", "application/json")
        .header("origin", &provider.origin)
        .body(body);
    let answer = sent(request, cookies).await?;
    let status = answer.status();
    let said = answer.bytes().await?;
    ensure!(status == StatusCode::OK, "{path}: {status}: {}", String::from_utf8_lossy(&said));
    Ok(said.to_vec())
}

/// Sends what a browser sends, with what it holds, and keeps what it is given.
async fn sent(request: reqwest::RequestBuilder, cookies: &mut Cookies) -> anyhow::Result<Response> {
    let held: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = if held.is_empty() { request } else { request.header("cookie", held.join("; ")) };
    let answer = request.send().await?;
    for field in answer.headers().get_all("set-cookie") {
        let text = field.to_str()?;
        let (name, value) =
            text.split(';').next().and_then(|pair| pair.split_once('=')).context("no cookie")?;
        if text.contains("Max-Age=0") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(answer)
}

fn sent_on(answer: &Response) -> anyhow::Result<String> {
    let location =
        answer.headers().get("location").with_context(|| format!("not sent on: {}", answer.status()))?;
    Ok(location.to_str()?.to_owned())
}

fn code_in(address: &str) -> anyhow::Result<String> {
    let address = url::Url::parse(address).with_context(|| address.to_owned())?;
    let code = address.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned());
    code.with_context(|| format!("no code: {address}"))
}
