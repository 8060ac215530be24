//! An authority with ACME, and a machine that answers challenges.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ca::acme;
use ca::api::{self, ExternalAccountKey, NewExternalAccount};
use ca::{Authority, Config};
use platform::clock::ManualClock;
use platform::db::Db;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::client::{Acme, BASE, csr, names};
use crate::world::{World, client, config_of};

/// An authority with ACME on a clock that the test moves.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) hand: ManualClock,
    pub(crate) authority: Authority,
    pub(crate) machine: Machine,
}

impl Site {
    pub(crate) async fn new(db: Db) -> Site {
        Site::with(db, |_| {}).await
    }

    /// With changes to the configuration.
    pub(crate) async fn with(db: Db, change: impl FnOnce(&mut acme::Config)) -> Site {
        let (world, hand) = World::with_hand(db).await;
        world.hsm.create_wrapping_key(1).await.unwrap();
        let machine = Machine::start().await;
        let mut section = section(machine.address.port());
        change(&mut section);
        let (authority, _client) = world.again(under(section)).await;
        Site { world, hand, authority, machine }
    }

    /// Another process with ACME.
    pub(crate) async fn another(&self) -> Authority {
        let mut section = acme::Config::new(BASE.to_owned().try_into().unwrap());
        section.http_port = self.machine.address.port();
        self.world.again(Config { acme: Some(section), ..config_of(3) }).await.0
    }

    pub(crate) async fn external(&self, new: &NewExternalAccount) -> ExternalAccountKey {
        client(&self.authority, &[api::ACME]).add_external_account(new).await.unwrap()
    }

    /// A registered client that may have `localhost` and 127.0.0.1 certified.
    pub(crate) async fn client(&self) -> Acme {
        Acme::registered(&self.authority, &self.external(&local()).await).await
    }

    /// Lets the client answer the http-01 challenges of an order, and the server ask.
    pub(crate) async fn validate(&self, acme: &Acme, order: &serde_json::Value) {
        for (challenge, key_authorization) in acme.challenges(order, "http-01").await {
            self.machine.answer(challenge["token"].as_str().unwrap(), Answer::Text(key_authorization));
            let said = acme.post(challenge["url"].as_str().unwrap(), &serde_json::json!({})).await;
            assert_eq!((said.status, said.json()["status"].as_str()), (200, Some("processing")), "{said:?}");
        }
        self.authority.do_due_acme().await;
    }

    /// A certificate for these names from order to download: the order, and the PEM.
    pub(crate) async fn certified(&self, acme: &Acme, wanted: &[&str]) -> (serde_json::Value, String) {
        let (order, url) = acme.order(&names(wanted)).await;
        self.validate(acme, &order).await;
        let done = acme.finalize(&order, &csr(wanted)).await.json();
        assert_eq!(done["status"], "valid", "{done}");
        assert_eq!(acme.fetch(&url).await.json()["status"], "valid");
        let pem = acme.fetch(done["certificate"].as_str().unwrap()).await;
        assert_eq!(pem.header("content-type"), "application/pem-certificate-chain");
        (done, String::from_utf8(pem.body).unwrap())
    }
}

/// ACME with a machine that listens on this port.
pub(crate) fn section(port: u16) -> acme::Config {
    let mut section = acme::Config::new(BASE.to_owned().try_into().unwrap());
    section.http_port = port;
    section.tls_port = port;
    section
}

/// The configuration with this section.
pub(crate) fn under(section: acme::Config) -> Config {
    let enrol = toml::from_str("[roads.devices]\nprofile = \"system-tls-client\"").unwrap();
    Config { acme: Some(section), enrol, ..config_of(2) }
}

/// What the machine of these tests may have.
pub(crate) fn local() -> NewExternalAccount {
    NewExternalAccount {
        name: "A machine".to_owned(),
        profiles: vec!["acme-tls-server".to_owned(), "system-tls-server".to_owned()],
        dns_suffixes: vec!["localhost".to_owned(), "larkfield.example".to_owned()],
        networks: vec!["127.0.0.1/32".to_owned()],
        devices: Vec::new(),
        most_accounts: Some(10),
    }
}

/// What the machine says when it is asked for a token.
#[derive(Clone)]
pub(crate) enum Answer {
    Text(String),
    /// A whole answer of HTTP.
    Raw(Vec<u8>),
    /// Nothing, for as long as it is waited for.
    Silence,
}

/// A machine that answers http-01 on a port of its own.
pub(crate) struct Machine {
    pub(crate) address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<AtomicUsize>,
}

impl Machine {
    async fn start() -> Machine {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Arc<Mutex<HashMap<String, Answer>>> = Arc::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let (known, counted) = (Arc::clone(&answers), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let known = Arc::clone(&known);
                tokio::spawn(async move {
                    let mut head = [0; 2048];
                    let length = stream.read(&mut head).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let token = path.strip_prefix("/.well-known/acme-challenge/").unwrap_or_default();
                    let answer = known.lock().unwrap().get(token).cloned();
                    let octets = match answer {
                        Some(Answer::Text(text)) => {
                            let length = text.len() + 1;
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}\n")
                                .into_bytes()
                        }
                        Some(Answer::Raw(octets)) => octets,
                        Some(Answer::Silence) => return tokio::time::sleep(Duration::from_mins(1)).await,
                        None => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
                    };
                    let _ = stream.write_all(&octets).await;
                });
            }
        });
        Machine { address, answers, asked }
    }

    pub(crate) fn answer(&self, token: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(token.to_owned(), answer);
    }

    /// How often somebody connected.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
