//! `kill -9` of the server, and of the agent, while a card is told something: whoever comes next goes on, and nothing is half issued.
//!
//! Server, agent, service for card readers and card are the real ones. A kill falls where a command is before the card, which obeys it
//! when nobody is there any more to hear so.

use std::time::{Duration, Instant};

use axum::http::Method;
use card::testing::CardProcess;
use lanyard::client::{Sent, Server};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::leaving;
use crate::rig::{PATIENCE, Serving, Site};
use crate::workstation::{Agent, Wanted, Workstation};

/// The management key, and the unblocking key, become ours.
const MANAGEMENT: Wanted = Wanted(0xFF, 0xFF);
const UNBLOCKING: Wanted = Wanted(0x24, 0x81);
/// A key is made in 9A, signs what nobody could have foreseen, and one is made in 9C.
const FIRST_KEY: Wanted = Wanted(0x47, 0x9A);
const FIRST_PROOF: Wanted = Wanted(0x87, 0x9A);
const SECOND_KEY: Wanted = Wanted(0x47, 0x9C);
/// Something is written on the card: in an issue both certificates have been made.
const WRITING: Wanted = Wanted(0xDB, 0xFF);
/// A passcode is set by the unblocking key, and the holder's takes its place.
const UNLOCKING: Wanted = Wanted(0x2C, 0x80);
const CHOOSING: Wanted = Wanted(0x24, 0x80);
/// The holder's own passcode is entered, which a renewal begins with.
const ENTERING: Wanted = Wanted(0x20, 0x80);

/// An installation with a registration desk that issues cards, and a workstation.
struct Office {
    site: Site,
    serving: Option<Serving>,
    workstation: Workstation,
    agent: Option<Agent>,
    person: String,
    location: String,
}

impl Office {
    async fn open(dir: &std::path::Path) -> Self {
        let site = Site::of_demo(dir);
        site.configure("\"ca:acme\"", "\"ca:acme\", \"ca:cards\"");
        site.configure("\n[ca]\n", "\n[ca]\nschedule_seconds = 1\n");
        let cards = format!(
            "\n[ca.cards]\naddress = \"https://localhost:{}\"\norganisation = \"Larkfield\"\nrenewal_days = 3650\n\n[signer]\n",
            site.base
        );
        site.configure("\n[signer]\n", &cards);
        leaving::hire_payroll(&site);
        let workstation = Workstation::set_up();
        let agent = Some(workstation.agent(site.base, &site.root()));
        let (person, location) = (String::new(), String::new());
        let mut office = Self { site, serving: None, workstation, agent, person, location };
        office.serves().await;
        let desk = office.desk();
        let payroll = office.site.systems(&leaving::payroll(&office.site, &desk).await);
        office.person = leaving::announced(&payroll, "4711", "Ann").await;
        let place =
            office.post("/ca/card-locations", json!({"organisation": "Z99901", "name": "RA office"})).await;
        place["id"].as_str().unwrap().clone_into(&mut office.location);
        office
    }

    /// The desk, on a connection of its own: one from before may be that of a server that is gone.
    fn desk(&self) -> Server {
        self.site.systems(&self.site.desk())
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let sent = if body.is_null() { Sent::Nothing } else { Sent::Json(body) };
        let (status, text) = self.desk().change(Method::POST, path, sent).await.unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn serves(&mut self) {
        self.serving = Some(Serving::spawn(&self.site));
        self.site.private("/ready", 200).await;
    }

    /// A card that is kept for the person.
    async fn reserved(&self, serial: u32) -> String {
        let stock = json!({"serials": [serial.to_string()], "location": self.location});
        let page = self.post("/ca/cards", stock).await;
        let id = page["cards"][0]["id"].as_str().unwrap().to_owned();
        let acts = format!("/ca/cards/{id}/acts");
        self.post(&acts, json!({"move": "reserve", "user_id": self.person})).await;
        id
    }

    async fn card(&self, card: &str) -> Value {
        self.desk().get(&format!("/ca/cards/{card}")).await.unwrap()
    }

    /// Begins an errand: where it is.
    async fn begun(&self, card: &str, act: &str) -> String {
        let made = self.post(&format!("/ca/cards/{card}/errands"), json!({"act": act})).await;
        format!("/ca/cards/{card}/errands/{}", made["id"].as_str().unwrap())
    }

    async fn ticket(&self, errand: &str) -> Value {
        self.post(&format!("{errand}/tickets"), Value::Null).await
    }

    /// The serials of the person's certificates that are good now.
    async fn good(&self) -> Vec<String> {
        let path = format!("/ca/certificates?user_id={}&state=issued&limit=500", self.person);
        let page: Value = self.desk().get(&path).await.unwrap();
        let all = page["certificates"].as_array().unwrap().iter();
        let mut serials: Vec<String> = all.map(|one| one["serial"].as_str().unwrap().to_owned()).collect();
        serials.sort();
        serials
    }

    /// The server is killed while the card is before this command, which it then obeys, and comes back. The page was told that it broke off.
    async fn kill_server_at(&mut self, errand: &str, wanted: Wanted) {
        let ticket = self.ticket(errand).await;
        self.workstation.gate.hold_at(wanted);
        let page = self.agent.as_ref().unwrap().relay(&ticket);
        self.workstation.gate.reached();
        self.serving.take().unwrap().kill();
        self.workstation.gate.let_through();
        let told = page.join().unwrap().unwrap();
        assert_eq!(told["done"], false, "{wanted:?}: {told}");
        self.serves().await;
    }

    /// The same with the agent, of which the page hears nothing any more.
    async fn kill_agent_at(&mut self, errand: &str, wanted: Wanted) {
        let ticket = self.ticket(errand).await;
        self.workstation.gate.hold_at(wanted);
        let agent = self.agent.take().unwrap();
        let page = agent.relay(&ticket);
        self.workstation.gate.reached();
        drop(agent);
        self.workstation.gate.let_through();
        assert_eq!(page.join().unwrap(), None, "{wanted:?}");
        self.agent = Some(self.workstation.agent(self.site.base, &self.site.root()));
    }

    /// Another agent goes on with the errand, which must be done then.
    async fn carried(&self, errand: &str) {
        let ticket = self.ticket(errand).await;
        self.agent.as_ref().unwrap().carry(&ticket);
        let info: Value = self.desk().get(errand).await.unwrap();
        assert_eq!((&info["state"], &info["step"]), (&json!("done"), &json!("done")), "{info}");
    }

    /// Of these cards each is in use, with its own two certificates, and nobody has others.
    async fn are_issued(&self, cards: &[&str], when: &str) {
        let mut own = Vec::new();
        for id in cards {
            let card = self.card(id).await;
            assert_eq!(card["state"], "active", "{when}: {card}");
            own.extend(["authentication", "signature"].map(|which| card[which].as_str().unwrap().to_owned()));
        }
        own.sort();
        assert_eq!(self.good().await, own, "{when}");
    }

    /// The time of an errand is over, as the database has it; the server is not there.
    async fn is_over(&self, errand: &str) {
        let id = errand.rsplit('/').next().unwrap();
        let url = format!("sqlite:{}", self.site.folder.join("lanyard.db").display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let changed =
            sqlx::query("UPDATE ca_card_errand SET until = 1 WHERE errand_id = $1 AND state = 'open'")
                .bind(id)
                .execute(&mut database)
                .await
                .unwrap();
        assert_eq!(changed.rows_affected(), 1);
        database.close().await.unwrap();
    }

    /// The card in the reader signs for its holder, by the passcode that they chose.
    fn signs(&self, name: &str) {
        let path = self.site.folder.join(name);
        std::fs::write(&path, name).unwrap();
        let (good, told) = self.workstation.signs(&path);
        assert!(good && path.with_extension("sig").exists(), "{told}");
    }
}

/// The server is killed at every kind of step of an issue, of an unlock, of a renewal and of a repair, each time with the card obeying what it
/// was told: the next agent finishes each, with two certificates for the card and no third. The agent is killed likewise. A certificate
/// that was made and is on no card is revoked by itself once the server is back.
#[tokio::test(flavor = "multi_thread")]
async fn cards_outlive_a_killed_server() {
    let dir = tempfile::tempdir().unwrap();
    let mut office = Office::open(dir.path()).await;
    let first = issued(&mut office).await;
    let chip = office.workstation.insert(815);
    for (act, steps) in [
        ("unlock", &[UNLOCKING, CHOOSING, UNBLOCKING][..]),
        ("renew", &[ENTERING, FIRST_KEY, WRITING][..]),
        ("repair", &[WRITING][..]),
    ] {
        let before = office.card(&first).await["authentication"].clone();
        let errand = office.begun(&first, act).await;
        for wanted in steps {
            office.kill_server_at(&errand, *wanted).await;
            let card = office.card(&first).await;
            assert_eq!(card["authentication"], before, "{act}, {wanted:?}");
            assert!(office.good().await.contains(&before.as_str().unwrap().to_owned()), "{act}, {wanted:?}");
        }
        office.carried(&errand).await;
        office.are_issued(&[&first], act).await;
        office.signs(act);
    }
    drop(chip);

    let second = office.reserved(816).await;
    let chip = office.workstation.insert(816);
    let errand = office.begun(&second, "issue").await;
    for wanted in [FIRST_KEY, WRITING, CHOOSING] {
        office.kill_agent_at(&errand, wanted).await;
        assert_eq!(office.card(&second).await["state"], "reserved", "{wanted:?}");
    }
    office.carried(&errand).await;
    office.are_issued(&[&first, &second], "agent killed").await;
    drop(chip);
    revoked_by_itself(&mut office, &[&first, &second]).await;
}

/// A card that was issued though the server was killed seven times meanwhile.
async fn issued(office: &mut Office) -> String {
    let id = office.reserved(815).await;
    let _chip = office.workstation.insert(815);
    let errand = office.begun(&id, "issue").await;
    for wanted in [MANAGEMENT, UNBLOCKING, FIRST_KEY, FIRST_PROOF, SECOND_KEY, WRITING, CHOOSING] {
        office.kill_server_at(&errand, wanted).await;
        assert_eq!(office.card(&id).await["state"], "reserved", "{wanted:?}: nothing is half issued");
    }
    office.carried(&errand).await;
    office.are_issued(&[&id], "issue").await;
    office.signs("issue");
    id
}

/// The server is killed when both certificates were made and neither is on the card, which is taken away: they are revoked without anybody
/// asking for it, and the card can be issued anew.
async fn revoked_by_itself(office: &mut Office, others: &[&str]) {
    let id = office.reserved(817).await;
    let chip: CardProcess = office.workstation.insert(817);
    let errand = office.begun(&id, "issue").await;
    let before = office.good().await;
    office.workstation.gate.hold_at(WRITING);
    let ticket = office.ticket(&errand).await;
    let page = office.agent.as_ref().unwrap().relay(&ticket);
    office.workstation.gate.reached();
    assert_eq!(office.good().await.len(), before.len() + 2, "they were made");
    office.serving.take().unwrap().kill();
    drop(chip);
    office.workstation.gate.let_through();
    assert_eq!(page.join().unwrap().unwrap()["done"], false);
    office.is_over(&errand).await;
    office.serves().await;
    let deadline = Instant::now() + PATIENCE;
    while office.good().await != before {
        assert!(Instant::now() < deadline, "they are good and on no card");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    office.are_issued(others, "the others").await;
    assert_eq!(office.card(&id).await["state"], "reserved");
    let _chip = office.workstation.insert(817);
    let errand = office.begun(&id, "issue").await;
    office.carried(&errand).await;
    office.are_issued(&[others, &[id.as_str()]].concat(), "anew").await;
}
