//! Browsers that sign in at the sandbox of a demo, and the relying party that they come from.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use lanyard::client::{Server, certificates};
use lanyard::keypair::Pair;
use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Certificate, Client, RequestBuilder, Url};
use serde_json::{Value, json};

use crate::leaving;
use crate::rig::Site;

/// Where browsers are sent back to; nobody goes there.
const CALLBACK: &str = "https://records.example/callback";
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prepares an installation whose desk registers relying parties and whose people come by a personnel system, with codes that live for
/// ten minutes and no limit on how often one address comes. It is not started.
pub(crate) fn prepare(site: &Site) {
    let desk = "\"ca:acme\", \"authn:clients\", \"authn:all-teams\", \"authn:sessions\"";
    site.configure("\"ca:acme\"", desk);
    site.configure("\ncards_origin = ", "\ncode_seconds = 600\nrefresh_retry_seconds = 60\ncards_origin = ");
    leaving::hire_payroll(site);
    let end = "\n[limits.per_address]\nper_second = 10000\nburst = 10000\n";
    let path = site.folder.join("lanyard.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + end).unwrap();
}

/// A relying party, and somebody who signs in to it.
pub(crate) struct Party {
    secret: String,
    /// The personnel system, by its key.
    payroll: Pair,
    /// Somebody whom it has told of.
    pub(crate) person: String,
}

impl Party {
    /// Registers one at a running server, and has somebody employed.
    pub(crate) async fn register(site: &Site) -> Self {
        let desk = site.systems(&site.desk());
        let payroll = leaving::payroll(site, &desk).await;
        let person = leaving::announced(&site.systems(&payroll), "4711", "Ann").await;
        let config = json!({
            "client_name": "Shared records", "redirect_uris": [CALLBACK], "scopes": ["openid", "profile"],
            "token_endpoint_auth_method": "client_secret_basic", "grant_types": ["authorization_code", "refresh_token"],
        });
        let body = json!({"config_name": "records", "client_config": config});
        let made: Value = desk.post("/authn/configs/tests", &body).await.unwrap();
        Self { secret: made["client_secret"].as_str().unwrap().to_owned(), payroll, person }
    }

    /// Somebody else is employed.
    pub(crate) async fn employs(&self, site: &Site, number: &str, given: &str) -> String {
        leaving::announced(&self.payroll(site), number, given).await
    }

    /// The personnel system, as a client of one of the processes.
    pub(crate) fn payroll(&self, site: &Site) -> Server {
        site.systems(&self.payroll)
    }
}

/// Where a browser was led.
pub(crate) enum Led {
    /// Back to the relying party, with a code.
    Back(String),
    /// To a page on which somebody signs in: the secret of the request.
    SignIn(String),
}

/// A browser, or the server of a relying party where it keeps no cookies.
pub(crate) struct Visitor {
    http: Client,
    /// The origin of our own pages, wherever they are served.
    origin: String,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// One that has been nowhere, for an installation whose issuer is this.
    pub(crate) fn arrives(site: &Site) -> Self {
        let root = certificates(&site.root()).unwrap();
        let root = root.iter().map(|one| Certificate::from_der(one).unwrap());
        let builder =
            Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(PATIENCE);
        let http = builder.tls_certs_only(root).build().unwrap();
        Self { http, origin: format!("https://localhost:{}", site.base), cookies: BTreeMap::new() }
    }

    /// Comes from the relying party.
    pub(crate) async fn asks(&mut self, site: &Site) -> anyhow::Result<Led> {
        let query = [
            ("client_id", "records"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
        ];
        let mut url = at(site, "/authorize");
        url.query_pairs_mut().extend_pairs(query);
        let request = self.http.get(url);
        let location = self.sent(request).await?;
        led(&location)
    }

    /// Signs in as somebody at the page to which it was led; the code.
    pub(crate) async fn signs_in(
        &mut self,
        site: &Site,
        secret: &str,
        person: &str,
    ) -> anyhow::Result<String> {
        let form =
            self.http.post(at(site, &format!("/sandbox/sign-in/{secret}"))).header(ORIGIN, &self.origin);
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let onward = self.sent(form.body(format!("other={person}&method=smartcard"))).await?;
        let request = self.http.get(at(site, &onward));
        match led(&self.sent(request).await?)? {
            Led::Back(code) => Ok(code),
            Led::SignIn(_) => anyhow::bail!("somebody who signed in is asked to sign in"),
        }
    }

    /// Whoever has come once comes back with a code; others sign in.
    pub(crate) async fn code(&mut self, site: &Site, person: &str) -> anyhow::Result<String> {
        match self.asks(site).await? {
            Led::Back(code) => Ok(code),
            Led::SignIn(secret) => self.signs_in(site, &secret, person).await,
        }
    }

    /// Sends something, keeps the cookies of the answer, and says where that leads.
    async fn sent(&mut self, request: RequestBuilder) -> anyhow::Result<String> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, cookies.join("; ")).send().await?;
        for field in answer.headers().get_all(SET_COOKIE) {
            let pair = field.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie has a name")?;
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        let status = answer.status();
        let location = answer.headers().get(LOCATION).map(|value| value.to_str().map(str::to_owned));
        let said = answer.text().await?;
        ensure!(status.as_u16() == 303, "{status}: {said}");
        Ok(location.context("it leads nowhere")??)
    }

    /// The relying party uses a refresh token: the status, and what it was given.
    pub(crate) async fn refreshes(
        &self,
        site: &Site,
        party: &Party,
        token: &str,
    ) -> anyhow::Result<(u16, Value)> {
        self.token(site, party, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// The relying party uses a code: the status, and what it was given.
    pub(crate) async fn exchanges(
        &self,
        site: &Site,
        party: &Party,
        code: &str,
    ) -> anyhow::Result<(u16, Value)> {
        let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        self.token(site, party, &pairs).await
    }

    async fn token(
        &self,
        site: &Site,
        party: &Party,
        pairs: &[(&str, &str)],
    ) -> anyhow::Result<(u16, Value)> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = self.http.post(at(site, "/token")).basic_auth("records", Some(&party.secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// The status of userinfo for a token.
    pub(crate) async fn userinfo(&self, site: &Site, token: &str) -> anyhow::Result<u16> {
        let request = self.http.get(at(site, "/userinfo")).header(AUTHORIZATION, format!("Bearer {token}"));
        Ok(request.send().await?.status().as_u16())
    }
}

fn at(site: &Site, path: &str) -> Url {
    Url::parse(&format!("https://localhost:{}{path}", site.base)).unwrap()
}

/// What an address is to a browser.
fn led(location: &str) -> anyhow::Result<Led> {
    if let Some(secret) = location.strip_prefix("/sign-in/") {
        return Ok(Led::SignIn(secret.to_owned()));
    }
    ensure!(location.starts_with(CALLBACK), "a browser is led to {location}");
    let url = Url::parse(location)?;
    let code = url.query_pairs().find(|(name, _)| name == "code");
    Ok(Led::Back(code.with_context(|| format!("no code came back: {location}"))?.1.into_owned()))
}
