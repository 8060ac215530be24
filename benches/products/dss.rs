//! The Digital Signature Service, from the request of an application to its signatures, without what a person needs: their key is in
//! software and answers at once.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA512, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ca::api::SubjectData;
use lanyard::client::{Identity, Server};
use serde_json::{Value, json};
use signer::api::{Algorithm, CreateCredential, Credential, KeyLife, SigningResponse};
use tokio::task::JoinSet;

use crate::browser::Browser;
use crate::passkeys::Holder;
use crate::provider::{CALLBACK, Provider};
use crate::rig::line;
use crate::rig::load::Meter;
use crate::{SYSTEM, Stage, milliseconds, preparing, report};

/// How many people sign at the same time, each in their own browser.
const PEOPLE: usize = 8;
/// For how long, and how many prescriptions are prepared for it.
const TIME: Duration = Duration::from_secs(10);
const PRESCRIPTIONS: usize = 6_000;
/// None of the rounds of preparing.
const ROUND: usize = 9;
/// The name of the application's key.
const KID: &str = "bench";

/// An application that has people sign, and what it has had prepared.
struct Application {
    provider: Provider,
    key: RsaKeyPair,
    payloads: Vec<String>,
    next: AtomicUsize,
}

/// Somebody who has signed in to it.
struct Person {
    user: String,
    browser: Browser,
    holder: Holder,
    access: String,
}

/// What came of one request.
struct Signed {
    payload: String,
    response: SigningResponse,
}

/// Measures it.
pub(crate) async fn measure(stage: &mut Stage) -> anyhow::Result<()> {
    line(format_args!("\nDigital Signature Service, one prescription each, {PEOPLE} people at once"));
    let application = Arc::new(Application::register(stage).await?);
    stage.place.without_roles().await?;
    let mut people = Vec::new();
    let holders = stage.place.passkeys(&application.provider).await?;
    for (user, holder) in stage.place.users().await?.into_iter().zip(holders).take(PEOPLE) {
        people.push(Person::ready(stage, &application, user, holder).await?);
    }
    let mut first = people.pop().context("nobody is there")?;
    let cost = first.holder.cost(&application.provider, SYSTEM).await?;
    let signed = first.signs(&application).await?.context("nothing is prepared")?;
    verified(stage, &signed)?;
    people.push(first);
    let meter = Meter::start(stage.server.id())?;
    let (mut tasks, begun) = (JoinSet::new(), Instant::now());
    for mut person in people {
        let application = Arc::clone(&application);
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < TIME {
                let sent = Instant::now();
                if person.signs(&application).await?.is_none() {
                    break;
                }
                latencies.push(sent.elapsed());
            }
            Ok((latencies.len(), latencies))
        });
    }
    let measured = meter.stop(tasks).await?;
    let more = format!("of the client's {cost:.0} us are the authenticator's and its browser's");
    report("round trip", &measured, &more);
    stage.goals.row("DSS round trips, one RSA-2048 signature each", "/s", measured.rate, None);
    stage.goals.row("DSS round trip, p50", "ms", milliseconds(&measured, 500), None);
    stage.goals.row("DSS round trip, p99", "ms", milliseconds(&measured, 990), None);
    Ok(())
}

impl Application {
    /// Registers it under the name by which its system has prescriptions prepared, and has those prepared.
    async fn register(stage: &Stage) -> anyhow::Result<Self> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).ok().context("no key was made")?;
        let public = key.public_key();
        let part = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let jwk = json!({
            "kty": "RSA", "kid": KID, "use": "sig", "alg": "RS512",
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero()),
        });
        let config = json!({
            "client_name": "Bench prescribing", "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "client_secret_basic", "scopes": ["openid"], "pkce": "required", "jwks": {"keys": [jwk]},
            "signing": {"callback_uri": "https://rp.example/signed", "unseen": "told"},
        });
        let body = json!({"config_name": SYSTEM, "client_config": config});
        let made: Value = stage.place.ask("/authn/configs/bench", &body).await?;
        let mut provider = stage.place.provider()?;
        provider
            .secrets
            .push((SYSTEM, made["client_secret"].as_str().context("no secret was made")?.to_owned()));
        let mut load = preparing::load(stage.site(), ROUND)?;
        let bodies = preparing::bodies(ROUND, PRESCRIPTIONS)?;
        load.bodies.clear();
        let mut payloads = Vec::with_capacity(bodies.len());
        for some in bodies.chunks(64) {
            let mut tasks = JoinSet::new();
            for body in some {
                let (load, body) = (load.clone(), body.clone());
                tasks.spawn(async move { preparing::payload(&load.send(body).await?) });
            }
            while let Some(done) = tasks.join_next().await {
                payloads.push(done??);
            }
        }
        Ok(Self { provider, key, payloads, next: AtomicUsize::new(0) })
    }

    /// The signed request to have something signed by somebody.
    fn statement(&self, user: &str, payload: &str) -> anyhow::Result<String> {
        #[expect(clippy::disallowed_methods, reason = "an application has the clock of its machine")]
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let header = json!({"typ": "JWT", "alg": "RS512", "kid": KID});
        let claims = json!({
            "iss": SYSTEM, "sub": user, "aud": format!("{}/signing-service", self.provider.origin),
            "iat": now, "exp": now + 600, "algorithm": "RS256", "payloads": [{"id": "one", "payload": payload}],
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed =
            self.key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), message.as_bytes(), &mut signature);
        signed.ok().context("the request was not signed")?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Person {
    /// Somebody with a credential in the token, signed in with a passkey.
    async fn ready(
        stage: &Stage,
        application: &Application,
        user: String,
        holder: Holder,
    ) -> anyhow::Result<Self> {
        let pair = stage.site().desk();
        let identity = Identity { certificate: &pair.certificate, key: &pair.key };
        let desk = Server::new(&stage.site().base(), &stage.site().root(), Some(&identity))?;
        let request = CreateCredential {
            request_id: format!("bench-dss-{user}"),
            subject: SubjectData {
                common_name: format!("{user}_Bench_Person"),
                user_id: Some(user.clone()),
                ..SubjectData::default()
            },
            algorithm: Algorithm::Rsa2048,
            key: KeyLife::Kept,
        };
        let _made: Credential = desk.post("/signer/credentials", &request).await?;
        let mut browser = Browser::new(&application.provider);
        let access = holder.access_token(&mut browser, &application.provider, SYSTEM).await?;
        Ok(Self { user, browser, holder, access })
    }

    /// Is asked to sign one prescription and does; nothing when none is left.
    async fn signs(&mut self, application: &Application) -> anyhow::Result<Option<Signed>> {
        let Provider { http, origin, .. } = &application.provider;
        let Some(payload) = application.payloads.get(application.next.fetch_add(1, Ordering::Relaxed)) else {
            return Ok(None);
        };
        let request = http.post(format!("{origin}/signing-service/signaturerequest?state=bench"));
        let request = request.header("content-type", "text/plain");
        let request = request.body(application.statement(&self.user, payload)?);
        let asked: Value = serde_json::from_slice(&asks(request, &self.access).await?)?;
        let token = asked["token"].as_str().context("no token was answered")?;
        let page = asked["redirectUri"].as_str().context("no address was answered")?;
        let page = page.strip_prefix(origin.as_str()).context("the page is elsewhere")?;
        self.browser.opens(page).await?;
        let options = self.browser.script(&format!("{page}/options"), &json!({})).await?;
        let body = json!({"credential": self.holder.assertion(options).await?});
        self.browser.script(page, &body).await?;
        let request = http.get(format!("{origin}/signing-service/signatureresponse/{token}"));
        let response: SigningResponse = serde_json::from_slice(&asks(request, &self.access).await?)?;
        ensure!(response.signatures.len() == 1, "{} signatures were answered", response.signatures.len());
        Ok(Some(Signed { payload: payload.clone(), response }))
    }
}

/// Asks the service with the access token of somebody.
async fn asks(request: reqwest::RequestBuilder, access: &str) -> anyhow::Result<Vec<u8>> {
    let answer = request.bearer_auth(access).send().await?;
    let status = answer.status();
    let said = answer.bytes().await?;
    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&said));
    Ok(said.to_vec())
}

/// Has OpenSSL verify a signature.
fn verified(stage: &Stage, signed: &Signed) -> anyhow::Result<()> {
    let at = |name: &str| stage.site().folder().join(name);
    std::fs::write(at("dss.cer"), STANDARD.decode(&signed.response.certificate)?)?;
    std::fs::write(at("dss.signed"), STANDARD.decode(&signed.payload)?)?;
    std::fs::write(at("dss.signature"), STANDARD.decode(&signed.response.signatures[0].signature)?)?;
    let key = Command::new("openssl")
        .args(["x509", "-inform", "DER", "-pubkey", "-noout", "-in"])
        .arg(at("dss.cer"))
        .output()
        .context("no openssl")?;
    ensure!(key.status.success(), "OpenSSL: {}", String::from_utf8_lossy(&key.stderr));
    std::fs::write(at("dss.key"), key.stdout)?;
    let said = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify"])
        .arg(at("dss.key"))
        .arg("-signature")
        .arg(at("dss.signature"))
        .arg(at("dss.signed"))
        .output()?;
    ensure!(said.status.success(), "OpenSSL: {}", String::from_utf8_lossy(&said.stdout));
    Ok(())
}
