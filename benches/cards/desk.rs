//! An installation whose register has people, and its RA manager, who issues cards over HTTPS as from a page.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use axum::http::Method;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::client::{Identity, Sent, Server};
use lanyard::keypair::Pair;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};

use crate::rig::site::{Running, Site};

/// The job role of an RA manager.
const MANAGER: &str = "S0080:G0450:R5080";
/// How many people get cards, in turn.
const HOLDERS: i64 = 20;

/// The installation, and what was read of its register.
pub(crate) struct Place {
    pub(crate) site: Site,
    manager: String,
    organisation: String,
    holders: Vec<String>,
}

/// A card in stock.
#[derive(Clone)]
pub(crate) struct Stocked {
    pub(crate) id: String,
    pub(crate) serial: String,
}

/// A card of a batch, whose errand is begun.
#[derive(Clone)]
pub(crate) struct Begun {
    pub(crate) card: Stocked,
    pub(crate) errand: String,
}

/// Whoever issues.
#[derive(Clone)]
pub(crate) struct Desk {
    server: Server,
    organisation: String,
    location: String,
    holders: Vec<String>,
}

impl Place {
    /// Makes it, with people in its register, and an address at which agents reach it.
    pub(crate) async fn make() -> anyhow::Result<Self> {
        let site = Site::make()?;
        let text = std::fs::read_to_string(site.configuration())?;
        ensure!(!text.contains("[ca.cards]"), "the configuration says of cards what it did not");
        let port = site.config()?.listen.public.port();
        let cards = format!("\n[ca.cards]\naddress = \"https://localhost:{port}\"\n");
        std::fs::write(site.configuration(), text + &cards)?;
        let seeded = Command::new(env!("CARGO_BIN_EXE_lanyard"))
            .arg("--config")
            .arg(site.configuration())
            .args(["seed", "--people", "100"])
            .output()?;
        ensure!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        let (manager, organisation, holders) = people(&site).await?;
        Ok(Self { site, manager, organisation, holders })
    }

    /// Where agents reach it.
    pub(crate) fn server(&self) -> anyhow::Result<String> {
        Ok(format!("localhost:{}", self.site.config()?.listen.public.port()))
    }

    /// A chip as from the factory, with this serial number.
    pub(crate) fn chip(&self, serial: &str) -> anyhow::Result<PathBuf> {
        let folder = self.site.folder().join("chips").join(serial);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("serial"), serial)?;
        Ok(folder)
    }

    /// The RA manager, with a certificate of their own and a place for cards.
    pub(crate) async fn desk(&self) -> anyhow::Result<Desk> {
        let pair = Pair::in_folder(&self.site.folder().join("clients"), "manager");
        let subject = SubjectData {
            common_name: format!("{}_Bench_Manager", self.manager),
            user_id: Some(self.manager.clone()),
            given_name: Some("Bench".to_owned()),
            family_name: Some("Manager".to_owned()),
            ..SubjectData::default()
        };
        let key = KeySource::Csr(pair.request(&subject.common_name)?);
        let request = IssueRequest::new("bench-manager", "person-sign-in", subject, key);
        let issued: Issued = self.client(&self.site.desk())?.post("/ca/certificates", &request).await?;
        pair.store(&issued)?;
        let mut desk = Desk {
            server: self.client(&pair)?,
            organisation: self.organisation.clone(),
            location: String::new(),
            holders: self.holders.clone(),
        };
        let body = json!({"organisation": desk.organisation, "name": "RA office"});
        desk.location = word(&desk.posted("/ca/card-locations", Some(body)).await?["id"])?;
        Ok(desk)
    }

    fn client(&self, pair: &Pair) -> anyhow::Result<Server> {
        let identity = Identity { certificate: &pair.certificate, key: &pair.key };
        Server::new(&self.site.base(), &self.site.root(), Some(&identity))
    }

    /// The server's metrics as they are now.
    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(http.get(format!("{}/metrics", self.site.private())).send().await?.text().await?)
    }

    /// Serves it.
    pub(crate) async fn serve(&self) -> anyhow::Result<Running> {
        self.site.serve().await
    }
}

impl Desk {
    /// Cards in stock, with serial numbers from this one on.
    pub(crate) async fn stocked(&self, first: u32, many: u32) -> anyhow::Result<Vec<Stocked>> {
        let serials: Vec<String> = (first..first + many).map(|serial| serial.to_string()).collect();
        let body = json!({"serials": serials, "location": self.location});
        let page = self.posted("/ca/cards", Some(body)).await?;
        let cards = page["cards"].as_array().context("no cards")?;
        ensure!(cards.len() == serials.len(), "{} cards are in stock", cards.len());
        let card =
            |card: &Value| anyhow::Ok(Stocked { id: word(&card["id"])?, serial: word(&card["serial"])? });
        cards.iter().map(card).collect()
    }

    /// Keeps a card for somebody.
    pub(crate) async fn reserve(&self, card: &str, number: usize) -> anyhow::Result<()> {
        let body = json!({"move": "reserve", "user_id": self.holder(number)});
        self.posted(&format!("/ca/cards/{card}/acts"), Some(body)).await.map(drop)
    }

    /// Begins something with a card, and has a ticket for it.
    pub(crate) async fn begun(&self, card: &Stocked, act: &str) -> anyhow::Result<Value> {
        let path = format!("/ca/cards/{}/errands", card.id);
        let errand = word(&self.posted(&path, Some(json!({"act": act}))).await?["id"])?;
        self.ticket(&Begun { card: card.clone(), errand }).await
    }

    /// A ticket for the agent.
    pub(crate) async fn ticket(&self, begun: &Begun) -> anyhow::Result<Value> {
        let path = format!("/ca/cards/{}/errands/{}/tickets", begun.card.id, begun.errand);
        self.posted(&path, None).await
    }

    /// Begins a batch of cards: its id, and each with its errand.
    pub(crate) async fn batch(&self, cards: &[Stocked]) -> anyhow::Result<(String, Vec<Begun>)> {
        let wanted: Vec<Value> = cards
            .iter()
            .enumerate()
            .map(|(number, card)| json!({"card": card.id, "user_id": self.holder(number)}))
            .collect();
        let body = json!({"organisation": self.organisation, "cards": wanted, "locked": true});
        let batch = self.posted("/ca/card-batches", Some(body)).await?;
        let errands = batch["errands"].as_array().context("no errands")?;
        let begun = |one: &Value| {
            let card = Stocked { id: word(&one["card"])?, serial: word(&one["serial"])? };
            anyhow::Ok(Begun { card, errand: word(&one["errand"])? })
        };
        let begun = errands.iter().map(begun).collect::<Result<Vec<_>, _>>()?;
        Ok((word(&batch["id"])?, begun))
    }

    /// How many cards of a batch are issued.
    pub(crate) async fn done(&self, batch: &str) -> anyhow::Result<u64> {
        let batch: Value = self.server.get(&format!("/ca/card-batches/{batch}")).await?;
        batch["done"].as_u64().context("no count")
    }

    fn holder(&self, number: usize) -> &str {
        &self.holders[number % self.holders.len()]
    }

    async fn posted(&self, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let sent = body.map_or(Sent::Nothing, Sent::Json);
        let (status, text) = self.server.change(Method::POST, path, sent).await?;
        ensure!((200..300).contains(&status), "{path}: {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// An RA manager, of which organisation, and people of it.
async fn people(site: &Site) -> anyhow::Result<(String, String, Vec<String>)> {
    let address = format!("sqlite:{}", site.folder().join("lanyard.db").display());
    platform::db::install_drivers();
    let mut db = AnyConnection::connect(&address).await?;
    let (manager, organisation): (String, String) = sqlx::query_as(
        "SELECT a.user_id, a.organisation FROM directory_assignment a \
         JOIN directory_access_profile p ON p.position_id = a.position_id \
         JOIN directory_person u ON u.user_id = a.user_id \
         WHERE p.job_role = $1 AND a.state = 'live' AND a.to_day IS NULL AND u.state = 'open' ORDER BY a.user_id LIMIT 1",
    )
    .bind(MANAGER)
    .fetch_one(&mut db)
    .await
    .context("the register has no RA manager")?;
    let holders: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT a.user_id FROM directory_assignment a JOIN directory_person u ON u.user_id = a.user_id \
         WHERE a.organisation = $1 AND a.state = 'live' AND a.to_day IS NULL AND u.state = 'open' AND a.user_id <> $2 \
         ORDER BY a.user_id DESC LIMIT $3",
    )
    .bind(organisation.as_str())
    .bind(manager.as_str())
    .bind(HOLDERS)
    .fetch_all(&mut db)
    .await?;
    db.close().await?;
    ensure!(!holders.is_empty(), "{organisation} has no people");
    Ok((manager, organisation, holders))
}

fn word(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("no word: {value}"))
}
