//! An authority with card management, its relay on a port, people, and an agent of the test's own with a virtual card.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use axum::Router;
use axum::body::Body;
use ca::api::{CardInfo, ErrandInfo, RelayTicket};
use ca::{CardsConfig, Config};
use card::piv::Passcode;
use card::relay::{Carrier, Over};
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use card::wire::relay::{Act, FromAgent, TICKET_HEADER};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::{Caller, CallerKind};
use platform::clock::{ManualClock, Millis};
use platform::db::Db;
use platform::peer::Peer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, client};
use tower::ServiceExt as _;

use crate::world::{World, config};

/// An RA manager of the trust, and of another one.
pub(crate) const MANAGER: &str = "555000000019";
pub(crate) const STRANGER: &str = "555000000027";
/// Another RA manager of the trust.
pub(crate) const SECOND: &str = "555000000035";
/// Whose cards they are.
pub(crate) const NURSE: &str = "555021942107";
/// The passcode that holders choose here.
pub(crate) const CHOSEN: &str = "24681012";

/// Card management, served.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) hand: ManualClock,
    pub(crate) routes: Router,
    address: SocketAddr,
    location: String,
}

/// How cards are issued here.
pub(crate) fn settings() -> Config {
    let cards = CardsConfig {
        address: Some("https://care.example".to_owned()),
        organisation: "Larkfield".to_owned(),
        patience_seconds: 20,
        // Cards are renewed whenever a test wants it; `replacing` has the window.
        renewal_days: 3_650,
        ..CardsConfig::default()
    };
    Config { cards, ..config() }
}

/// Somebody who has signed in with a card.
pub(crate) fn person(user: &str) -> Caller {
    let client = "registration-desk".parse().unwrap();
    let mut caller = Caller::new(CallerKind::Person, user, client, [directory::api::ACT.0]);
    caller.assurance = Some("aal3".to_owned());
    caller
}

pub(crate) fn system(acts: &[platform::caller::Act]) -> Caller {
    Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts.iter().map(|act| act.0))
}

impl Desk {
    pub(crate) async fn new(db: Db) -> Desk {
        Desk::under(db, settings()).await
    }

    /// One whose clock begins now.
    pub(crate) async fn now(db: Db) -> Desk {
        let now = platform::clock::Clock::system().now();
        Desk::at(db, settings(), now).await
    }

    pub(crate) async fn under(db: Db, config: Config) -> Desk {
        Desk::at(db, config, Millis(1_800_000_000_000)).await
    }

    async fn at(db: Db, config: Config, now: Millis) -> Desk {
        let (world, hand) = World::configured(db, config, now).await;
        world.hsm.create_diversifying_key(1).await.unwrap();
        plant_people(&world).await;
        let (routes, address) = serve(&world, &world.authority).await;
        let mut desk = Desk { world, hand, routes, address, location: String::new() };
        let body = json!({"organisation": "RXX", "name": "RA office"});
        let (status, place) = desk.post(MANAGER, "/ca/card-locations", None, "place", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{place}");
        place["id"].as_str().unwrap().clone_into(&mut desk.location);
        desk
    }

    /// The same, served by another authority on the same ground.
    pub(crate) async fn with_authority(self, authority: ca::Authority) -> Desk {
        let (routes, address) = serve(&self.world, &authority).await;
        Desk { routes, address, ..self }
    }

    pub(crate) fn address_of_relay(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// Asks something, and gives status, body and entity tag.
    pub(crate) async fn ask(
        &self,
        caller: Option<&Caller>,
        request: http::request::Builder,
        body: &str,
    ) -> (StatusCode, Value, Option<String>) {
        let mut request =
            request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller.clone());
        }
        let (parts, body) = self.routes.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let tag = parts.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        (parts.status, serde_json::from_slice(&body).unwrap_or(Value::Null), tag)
    }

    pub(crate) async fn post(
        &self,
        user: &str,
        path: &str,
        tag: Option<&str>,
        key: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let mut request = Request::post(path).header("idempotency-key", key);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let (status, body, _) = self.ask(Some(&person(user)), request, &body.to_string()).await;
        (status, body)
    }

    pub(crate) async fn get(&self, user: &str, path: &str) -> (StatusCode, Value) {
        let (status, body, _) = self.ask(Some(&person(user)), Request::get(path), "").await;
        (status, body)
    }

    /// Fetches what is no JSON: status, media type and the file.
    pub(crate) async fn file(&self, user: &str, path: &str) -> (StatusCode, String, Vec<u8>) {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(person(user));
        let (parts, body) = self.routes.clone().oneshot(request).await.unwrap().into_parts();
        let media = parts.headers["content-type"].to_str().unwrap().to_owned();
        (parts.status, media, body.collect().await.unwrap().to_bytes().to_vec())
    }

    /// A card in stock.
    pub(crate) async fn stocked(&self, serial: u32) -> CardInfo {
        let body = json!({"serials": [serial.to_string()], "location": self.location});
        let (status, page) = self.post(MANAGER, "/ca/cards", None, &format!("stock-{serial}"), &body).await;
        assert_eq!(status, StatusCode::CREATED, "{page}");
        serde_json::from_value(page["cards"][0].clone()).unwrap()
    }

    /// A card that is kept for the nurse.
    pub(crate) async fn reserved(&self, serial: u32) -> String {
        let card = self.stocked(serial).await;
        self.moved(&card.id, &json!({"move": "reserve", "user_id": NURSE})).await;
        card.id
    }

    /// Moves a card as it is now, which must succeed.
    pub(crate) async fn moved(&self, card: &str, body: &Value) -> CardInfo {
        let version = self.card(card).await.version;
        let key = format!("move-{card}-{version}");
        let (status, said) = self
            .post(MANAGER, &format!("/ca/cards/{card}/acts"), Some(&format!("\"{version}\"")), &key, body)
            .await;
        assert_eq!(status, StatusCode::OK, "{said}");
        serde_json::from_value(said).unwrap()
    }

    pub(crate) async fn card(&self, card: &str) -> CardInfo {
        let (status, said) = self.get(MANAGER, &format!("/ca/cards/{card}")).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        serde_json::from_value(said).unwrap()
    }

    /// Begins an errand, which must succeed.
    pub(crate) async fn begun(&self, card: &str, body: &Value) -> String {
        let version = self.card(card).await.version;
        let key = format!("errand-{card}-{version}-{body}");
        let key = key.replace(|letter: char| "\"\\ ".contains(letter), "");
        let (status, said) = self.post(MANAGER, &format!("/ca/cards/{card}/errands"), None, &key, body).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        said["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn errand(&self, card: &str, errand: &str) -> ErrandInfo {
        let (status, said) = self.get(MANAGER, &format!("/ca/cards/{card}/errands/{errand}")).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        serde_json::from_value(said).unwrap()
    }

    pub(crate) async fn ticket(&self, card: &str, errand: &str) -> RelayTicket {
        let path = format!("/ca/cards/{card}/errands/{errand}/tickets");
        let (status, said) = self.post(MANAGER, &path, None, "unused", &Value::Null).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        serde_json::from_value(said).unwrap()
    }

    /// An agent goes on with an errand with what is in its reader, and gives both back.
    pub(crate) async fn relay<T: Transport + Send + 'static>(
        &self,
        card: &str,
        errand: &str,
        reader: T,
        passcode: Option<&'static str>,
    ) -> (Option<Over>, T) {
        let ticket = self.ticket(card, errand).await;
        let address = self.address;
        tokio::task::spawn_blocking(move || {
            let mut reader = reader;
            let over = relay(address, &ticket, &mut reader, passcode);
            (over, reader)
        })
        .await
        .unwrap()
    }

    /// The same with a ticket that was given before.
    pub(crate) async fn relay_with<T: Transport + Send + 'static>(
        &self,
        ticket: &RelayTicket,
        mut reader: T,
    ) -> Option<Over> {
        let (address, ticket) = (self.address, ticket.clone());
        tokio::task::spawn_blocking(move || relay(address, &ticket, &mut reader, Some(CHOSEN))).await.unwrap()
    }

    /// Begins another errand of the kind that ended, or was done, before.
    pub(crate) async fn begun_again(&self, card: &str) -> String {
        let act =
            if self.card(card).await.state == ca::api::CardState::Reserved { "issue" } else { "unlock" };
        let key = format!("again-{card}-{}", self.world.clock.now().0);
        let body = json!({"act": act});
        let (status, said) =
            self.post(MANAGER, &format!("/ca/cards/{card}/errands"), None, &key, &body).await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        said["id"].as_str().unwrap().to_owned()
    }

    /// The same with a chip put in for it, which must be done at the end.
    pub(crate) async fn done(&self, card: &str, errand: &str, chip: &Chip, passcode: Option<&'static str>) {
        let (over, _) = self.relay(card, errand, chip.insert(), passcode).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!(self.errand(card, errand).await.state, "done");
    }

    /// A card that the nurse uses.
    pub(crate) async fn issued(&self, chip: &Chip) -> String {
        let card = self.reserved(chip.serial).await;
        let errand = self.begun(&card, &json!({"act": "issue"})).await;
        self.done(&card, &errand, chip, Some(CHOSEN)).await;
        card
    }

    /// An address of the nurse's, shown to be theirs at this time.
    pub(crate) async fn address(&self, channel: &'static str, value: &'static str, at: Millis) {
        let planted = self.world.db.write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) \
                     VALUES ($1, $2, $3, $1, $4, 0, 0)",
                )
                .bind(value)
                .bind(NURSE)
                .bind(channel)
                .bind(at.0)
                .execute(&mut *tx)
                .await?;
                Ok::<_, platform::db::Error>(())
            })
        });
        planted.await.unwrap();
    }

    /// What waits to be told: kind, address and words.
    pub(crate) async fn letters(&self) -> Vec<(String, String, String)> {
        sqlx::query_as(
            "SELECT kind, address, body FROM platform_message WHERE state = 'due' ORDER BY made_at, kind, address",
        )
        .fetch_all(self.world.db.read())
        .await
        .unwrap()
    }

    /// The serials of the nurse's certificates that are good now.
    pub(crate) async fn good(&self) -> Vec<String> {
        let query = ca::api::CertificateQuery {
            user_id: Some(NURSE.to_owned()),
            state: Some(ca::api::CertificateState::Issued),
            ..Default::default()
        };
        let page = self.world.client.certificates(&query).await.unwrap();
        page.certificates.into_iter().map(|one| one.serial).collect()
    }
}

/// A chip that keeps what it knows when it is pulled.
pub(crate) struct Chip {
    folder: TempDir,
    pub(crate) serial: u32,
}

impl Chip {
    /// One as from the factory.
    pub(crate) fn new(serial: u32) -> Chip {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("serial"), serial.to_string()).unwrap();
        Chip { folder, serial }
    }

    pub(crate) fn insert(&self) -> VirtualCard {
        VirtualCard::insert(Some(self.folder.path()))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Card management of an authority, and the port of its relay.
async fn serve(world: &World, authority: &ca::Authority) -> (Router, SocketAddr) {
    let register = directory::Register::new(directory::Parts {
        config: directory::Config::default(),
        db: world.db.clone(),
        clock: world.clock.clone(),
        document_key: directory::DocumentKey::new(&[7; 32]),
    });
    let asking = Caller::module("ca", &[directory::api::ASK, directory::api::CLAIMS]);
    let peer = Peer::local(directory::router(register.unwrap()), asking);
    let cards = ca::Cards::new(authority.clone(), directory::api::Client::new(peer));
    let routes = ca::cards_router(cards);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, routes.clone()).into_future());
    (routes, address)
}

/// The agent of a workstation, with one card in its reader. What it does is what the real one does: [`Carrier`].
pub(crate) fn relay(
    address: SocketAddr,
    ticket: &RelayTicket,
    reader: &mut impl Transport,
    passcode: Option<&'static str>,
) -> Option<Over> {
    converse(address, ticket, reader, passcode, &mut |_| true)
}

/// The conversation of an agent, which is gone once it is asked whether an answer goes out and it does not.
fn converse(
    address: SocketAddr,
    ticket: &RelayTicket,
    reader: &mut impl Transport,
    passcode: Option<&'static str>,
    goes_out: &mut dyn FnMut(&FromAgent) -> bool,
) -> Option<Over> {
    assert_eq!(ticket.address, "wss://care.example/ca/cards/relay");
    let act = Act::ALL.into_iter().find(|act| act.word() == ticket.act).unwrap();
    let mut request = format!("ws://{address}/ca/cards/relay").into_client_request().unwrap();
    request.headers_mut().insert(TICKET_HEADER, ticket.ticket.parse().unwrap());
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut socket, _) = client(request, stream).ok()?;
    let mut carrier = Carrier::new(act);
    let text = |message: &_| Message::Text(serde_json::to_string(message).unwrap().into());
    socket.send(text(&carrier.greeting())).ok()?;
    loop {
        let Message::Text(said) = socket.read().ok()? else { return None };
        let said = serde_json::from_str(said.as_str()).unwrap();
        let mut ask = || passcode.map(|digits| Passcode::parse(digits.as_bytes()).unwrap());
        match carrier.answer(said, reader, &mut ask) {
            Ok(answer) if goes_out(&answer) => socket.send(text(&answer)).ok()?,
            Ok(_) => return None,
            Err(over) => return Some(over),
        }
    }
}

/// The same of an agent that is killed after it has answered so often.
pub(crate) fn cut_off(address: SocketAddr, ticket: &RelayTicket, reader: &mut impl Transport, after: usize) {
    let mut left = after;
    let mut between = |said: &FromAgent| {
        let goes_on = left > 0 || !matches!(said, FromAgent::Answer { .. });
        left = left.saturating_sub(1);
        goes_on
    };
    let over = converse(address, ticket, reader, Some(CHOSEN), &mut between);
    assert_eq!(over, None, "it was over before it was cut");
}

/// The same of one whose holder takes two seconds and a half over their passcode.
pub(crate) fn slow(address: SocketAddr, ticket: &RelayTicket, card: &mut impl Transport) -> Option<Over> {
    converse(address, ticket, card, Some(CHOSEN), &mut |said| {
        if matches!(said, FromAgent::PasscodeChosen { .. }) {
            std::thread::sleep(std::time::Duration::from_millis(2_500));
        }
        true
    })
}

/// A reader that counts what goes to the card, and from which it is pulled at a command: before the card hears it, or before its
/// answer is heard.
pub(crate) struct Pulled {
    card: Option<VirtualCard>,
    pub(crate) left: usize,
    heard: bool,
    /// Every command that reached the card.
    pub(crate) commands: Vec<Vec<u8>>,
}

impl Pulled {
    pub(crate) fn after(chip: &Chip, left: usize, heard: bool) -> Pulled {
        Pulled { card: Some(chip.insert()), left, heard, commands: Vec::new() }
    }

    /// One that is never pulled.
    pub(crate) fn never(chip: &Chip) -> Pulled {
        Pulled::after(chip, usize::MAX, true)
    }
}

impl Transport for Pulled {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let card = self.card.as_mut().ok_or(TransportError::Removed)?;
        if self.left == 0 {
            if self.heard {
                let _ = card.transmit(command);
            }
            self.card = None;
            return Err(TransportError::Removed);
        }
        self.left -= 1;
        self.commands.push(command.to_vec());
        card.transmit(command)
    }
}

/// A trust and another, each with an RA manager, and a nurse of the first.
async fn plant_people(world: &World) {
    let mut statements = Vec::new();
    for ods in ["RXX", "RYY"] {
        statements.push(format!(
            "INSERT INTO directory_organisation (ods, name, status, version) VALUES ('{ods}', '{ods}', 'active', 1)"
        ));
    }
    let people = [
        (MANAGER, 1, "RXX", "S0080:G0450:R5080"),
        (STRANGER, 2, "RYY", "S0080:G0450:R5080"),
        (NURSE, 3, "RXX", "S0010:G0020:R8000"),
        (SECOND, 4, "RXX", "S0080:G0450:R5080"),
    ];
    for (user, number, organisation, role) in people {
        let id = format!("01990000-0000-7000-8000-{number:012}");
        statements.push(format!(
            "INSERT INTO directory_person (user_id, kind, state, version, given, family) VALUES ('{user}', 'person', 'open', 1, 'Zoë', 'O’Neill')"
        ));
        statements.push(format!(
            "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
             VALUES ('{id}', '{organisation}', '{number}', '{number}', 'open', 1)"
        ));
        statements.push(format!(
            "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, activities) \
             VALUES ('{id}', '{id}', 1, '{organisation}', '{role}', '', '')"
        ));
        statements.push(format!(
            "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, \
             made_at, version) VALUES ('{id}', '{user}', '{id}', '{organisation}', '2026-01-01', 'live', 'cim', 'x', 0, 1)"
        ));
    }
    world
        .db
        .write(|tx| {
            Box::pin(async move {
                for statement in statements {
                    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await?;
                }
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}
