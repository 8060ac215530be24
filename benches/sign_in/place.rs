//! An installation with relying parties, and people with cards.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::client::certificates;
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::provider::{CALLBACK, Provider};
use super::{card, passkeys};
use crate::rig::load::Load;
use crate::rig::site::{Running, Site};

/// How many people there are.
const PEOPLE: usize = 16;
/// Where pages would find an agent. The bench is the agent.
const AGENT: &str = "http://127.0.0.1:21469";
/// What the registration desk may do besides: register relying parties, and make links by which people enrol passkeys.
const ACTS: &str = "\"authn:clients\", \"authn:all-teams\", \"authn:authenticators\"";

/// An installation that is ready to be served.
pub(crate) struct Place {
    site: Site,
    secrets: std::sync::OnceLock<Vec<(&'static str, String)>>,
}

/// What asks over TLS: HTTP/1.1, so that each request under way has a connection of its own, and following nothing.
pub(crate) fn client(root: &Path) -> anyhow::Result<reqwest::Client> {
    let mut roots = rustls::RootCertStore::empty();
    for root in certificates(root)? {
        roots.add(root)?;
    }
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1));
    Ok(client.build()?)
}

impl Place {
    /// Makes it, with people in its register.
    pub(crate) fn make() -> anyhow::Result<Self> {
        let site = Site::make()?;
        let text = std::fs::read_to_string(site.configuration())?;
        let more = text.replace("\"ca:acme\"", &format!("\"ca:acme\", {ACTS}")).replace(
            "\ncards_origin = ",
            &format!("\ncode_seconds = 600\ncard_agent = \"{AGENT}\"\ncards_origin = "),
        );
        ensure!(
            more.contains("authn:all-teams") && more.contains("card_agent"),
            "the configuration has no place for sign-in"
        );
        std::fs::write(site.configuration(), more)?;
        let seeded = Command::new(env!("CARGO_BIN_EXE_lanyard"))
            .arg("--config")
            .arg(site.configuration())
            .args(["seed", "--people", "100"])
            .output()?;
        ensure!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        Ok(Self { site, secrets: std::sync::OnceLock::new() })
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Serves it, with two relying parties.
    pub(crate) async fn serve(&self) -> anyhow::Result<Running> {
        let server = self.site.serve().await?;
        let mut secrets = Vec::new();
        for (client, alg) in [("es256", "ES256"), ("rs256", "RS256")] {
            let config = json!({
                "client_name": "Bench", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["authorization_code", "client_credentials"], "scopes": ["openid", "profile", "reports"],
                "id_token_signed_response_alg": alg, "pkce": "required",
            });
            let body = json!({"config_name": client, "client_config": config});
            let made: Value = self.ask("/authn/configs/bench", &body).await?;
            let secret = made["client_secret"].as_str().context("no secret was made")?.to_owned();
            secrets.push((client, secret));
        }
        ensure!(self.secrets.set(secrets).is_ok(), "it is served once");
        Ok(server)
    }

    /// It as its clients see it.
    pub(crate) fn provider(&self) -> anyhow::Result<Provider> {
        Ok(Provider {
            http: client(&self.site.root())?,
            origin: format!("https://localhost:{}", self.site.config()?.listen.public.port()),
            secrets: self.secrets.get().context("it is not served")?.clone(),
        })
    }

    /// Who is in the register.
    pub(crate) async fn users(&self) -> anyhow::Result<Vec<String>> {
        let address = format!("sqlite:{}", self.site.folder().join("lanyard.db").display());
        platform::db::install_drivers();
        let mut db = sqlx::AnyConnection::connect(&address).await?;
        let users: Vec<String> = sqlx::query_scalar(
            "SELECT user_id FROM directory_person WHERE state = 'open' ORDER BY user_id LIMIT $1",
        )
        .bind(i64::try_from(PEOPLE)?)
        .fetch_all(&mut db)
        .await?;
        db.close().await?;
        ensure!(users.len() == PEOPLE, "the register has {} people who are there", users.len());
        Ok(users)
    }

    /// Takes their role profiles from everybody: what is signed in a role that the register does not know may then be signed by anybody.
    pub(crate) async fn without_roles(&self) -> anyhow::Result<()> {
        let address = format!("sqlite:{}", self.site.folder().join("lanyard.db").display());
        platform::db::install_drivers();
        let mut db = sqlx::AnyConnection::connect(&address).await?;
        sqlx::query("DELETE FROM directory_role_profile").execute(&mut db).await?;
        db.close().await?;
        Ok(())
    }

    /// People of the register, each with a card that the authority has issued.
    pub(crate) async fn cards(&self, server: &Running) -> anyhow::Result<Vec<card::Holder>> {
        let users = self.users().await?;
        let asked: Vec<_> = users.iter().map(|user| request(user)).collect::<Result<_, _>>()?;
        let load = Load {
            client: self.site.loader(&self.site.desk())?,
            url: format!("{}/ca/certificates", self.site.base()),
            kind: "application/json",
            bodies: asked.iter().map(|(_, body)| body.clone()).collect(),
            check: |answer| Ok(usize::from(!serde_json::from_slice::<Issued>(answer)?.serial.is_empty())),
            things: 1,
        };
        let again = load.clone();
        load.closed(PEOPLE, server.id()).await?;
        let mut holders = Vec::new();
        for (key, body) in asked {
            // The same request answers the same certificate.
            let issued: Issued = serde_json::from_slice(&again.send(body).await?)?;
            holders.push(card::Holder::new(&STANDARD.decode(&issued.certificate)?, &key)?);
        }
        Ok(holders)
    }

    /// The same people, each with a passkey that they have enrolled with a link of the registration desk.
    pub(crate) async fn passkeys(&self, provider: &Provider) -> anyhow::Result<Vec<passkeys::Holder>> {
        let mut holders = Vec::new();
        for user in self.users().await? {
            let path = format!("/authn/people/{user}/enrolments");
            let made: Value = self.ask(&path, &json!({"purpose": "issue"})).await?;
            let link = made["link"].as_str().context("no link was made")?;
            holders.push(passkeys::Holder::enrolled(provider, link).await?);
        }
        Ok(holders)
    }

    /// The registration desk asks for something.
    pub(crate) async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> anyhow::Result<T> {
        let loader = self.site.loader(&self.site.desk())?;
        let request = loader.http.post(format!("{}{path}", self.site.base()));
        let answer =
            request.header("content-type", "application/json").body(serde_json::to_vec(body)?).send().await?;
        let status = answer.status();
        let said = answer.bytes().await?;
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&said));
        Ok(serde_json::from_slice(&said)?)
    }
}

/// A key for somebody's card, as PKCS #8, and the request for its certificate.
fn request(user: &str) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let subject = SubjectData {
        common_name: format!("{user}_Bench_Person"),
        user_id: Some(user.to_owned()),
        given_name: Some("Bench".to_owned()),
        family_name: Some("Person".to_owned()),
        ..SubjectData::default()
    };
    let source = KeySource::public_key(&key.subject_public_key_info());
    let asked = IssueRequest::new(format!("card-{user}"), "person-sign-in", subject, source);
    Ok((key.serialize_der(), serde_json::to_vec(&asked)?))
}
