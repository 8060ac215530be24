//! The agent relays a server's commands to a card in a reader, over TLS to the one server that it was told of.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use agent::readers::{Content, Readers};
use card::piv::{Algorithm, Error, Passcode, Piv, Puk, Slot, Tries};
use card::relay::{Line, PasscodeNotChosen, PasscodeNotEntered, Relayed};
use card::transport::{Transport, TransportError};
use card::wire::relay::{FromAgent, TICKET_HEADER, ToAgent, VERSION};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_hdr};

use super::diagnosis::answering;
use super::rig::{Rig, file, must, text, until};

const PAGE: &str = "https://desk.example";
const TICKET: &str = "a-ticket-of-this-test";

/// The server's end of a conversation over its socket.
struct Socket(WebSocket<StreamOwned<ServerConnection, TcpStream>>);

impl Line for Socket {
    fn ask(&mut self, said: ToAgent) -> Result<FromAgent, TransportError> {
        self.say(&said);
        self.hear().ok_or(TransportError::Removed)
    }
}

impl Socket {
    fn say(&mut self, said: &ToAgent) {
        self.0.send(Message::Text(serde_json::to_string(said).unwrap().into())).unwrap();
    }

    fn hear(&mut self) -> Option<FromAgent> {
        let Message::Text(text) = self.0.read().ok()? else { return None };
        serde_json::from_str(text.as_str()).ok()
    }
}

/// A server with a certificate that openssl made, which does something with one card and says how it went.
struct Server {
    port: u16,
    work: JoinHandle<String>,
}

impl Server {
    fn start(rig: &Rig, work: impl FnOnce(Relayed<Socket>) -> String + Send + 'static) -> Self {
        let config = certified(rig);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let work = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            let Ok(socket) = accept_hdr(tls, knows_ticket) else { return "refused".to_owned() };
            let mut socket = Socket(socket);
            assert_eq!(socket.hear(), Some(FromAgent::Ready { version: VERSION }));
            work(Relayed::new(socket))
        });
        Self { port, work }
    }
}

/// What a server of this name says of itself: a certificate that openssl made, which is the one that agents here are given.
pub(crate) fn certified(rig: &Rig) -> Arc<ServerConfig> {
    let (key, certificate) = (file(rig.folder(), "server.key"), file(rig.folder(), "server.pem"));
    let ask =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    let say = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ];
    must("openssl", &[&ask[..], &say[..]].concat());
    let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config =
        config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(&key).unwrap());
    Arc::new(config.unwrap())
}

#[expect(clippy::result_large_err, reason = "the library's own form")]
fn knows_ticket(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    let ticket = request.headers().get(TICKET_HEADER).and_then(|value| value.to_str().ok());
    if ticket == Some(TICKET) {
        return Ok(response);
    }
    let mut refused = ErrorResponse::new(None);
    *refused.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::UNAUTHORIZED;
    Err(refused)
}

/// The agent, with a dialog in which somebody agrees and enters this passcode, and what its page is told.
pub(crate) struct Agent {
    process: Child,
    pub(crate) port: u16,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Agent {
    pub(crate) fn start(rig: &Rig, server: u16, agreed: &str, entered: &str) -> Self {
        let dialog = rig.folder().join("pinentry");
        let script = format!(
            "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  case \"$line\" in\n    \
             GETPIN*) echo 'D {entered}'; echo OK ;;\n    CONFIRM*) echo '{agreed}' ;;\n    *) echo OK ;;\n  esac\ndone\n"
        );
        std::fs::write(&dialog, script).unwrap();
        std::fs::set_permissions(&dialog, std::fs::Permissions::from_mode(0o700)).unwrap();
        let configuration = format!(
            "origins = [\"{PAGE}\", \"https://localhost:{server}\"]\ndiscovery_ports = [0]\nport = 0\npinentry = \"{}\"\nserver = \"localhost:{server}\"\n\
             server_roots = \"{}\"\n",
            text(&dialog),
            file(rig.folder(), "server.pem")
        );
        let mut process = rig.agent(&configuration).arg("run").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
        Self { process, port }
    }

    /// A page of an origin has the agent go on with an errand: status and body.
    fn relay(&self, origin: &str, errand: &Value) -> (u16, String) {
        self.post(origin, "/relay", errand)
    }

    /// A page of an origin posts something.
    pub(crate) fn post(&self, origin: &str, path: &str, posted: &Value) -> (u16, String) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let body = posted.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }
}

/// An errand with the card that is in the reader.
fn errand(port: u16, act: &str, serial: u32) -> Value {
    json!({
        "version": VERSION, "address": format!("wss://localhost:{port}/ca/cards/relay"), "act": act,
        "serial": serial.to_string(), "ticket": TICKET, "expires_at": i64::MAX,
    })
}

/// A chip with a serial number of its own, in the first reader.
fn chip(rig: &Rig, serial: u32) -> card::testing::CardProcess {
    rig.insert_chip(0, serial)
}

/// Unlocks a card as the server does, and says how it went.
fn unlock(mut far: Relayed<Socket>) -> String {
    let own = Passcode::parse(b"11223344").unwrap();
    let outcome = Piv::select(&mut far).and_then(|mut piv| piv.unlock(&Puk::factory(), &own));
    outcome.unwrap();
    let chosen = far.choose_passcode();
    let (done, said) = match &chosen {
        Ok(()) => (true, "chosen".to_owned()),
        Err(PasscodeNotChosen::Nobody) => (false, "nobody".to_owned()),
        Err(other) => (false, other.to_string()),
    };
    let last = far.end(done, "It was told.");
    far.into_line().say(&last);
    said
}

/// A card is unlocked by a server far away: the holder's passcode goes from the dialog to the card, and the page hears how it went.
#[test]
fn card_is_unlocked_through_the_agent() {
    let rig = Rig::start(1);
    let _card = chip(&rig, 815);
    let server = Server::start(&rig, unlock);
    let agent = Agent::start(&rig, server.port, "OK", "97531086");
    let (status, said) = agent.relay(PAGE, &errand(server.port, "unlock", 815));
    assert_eq!((status, said.as_str()), (200, r#"{"done":true,"words":"It was told."}"#));
    assert_eq!(server.work.join().unwrap(), "chosen");
    let readers = agent::readers::Readers::open().unwrap();
    let verified = readers.with_card(&Rig::name(0), |card| {
        Piv::select(card).unwrap().verify(&Passcode::parse(b"97531086").unwrap())
    });
    verified.unwrap().unwrap();
}

/// A server that goes beyond the act that was agreed to does not reach the card.
#[test]
fn server_does_not_go_beyond_the_act() {
    let rig = Rig::start(1);
    let _card = chip(&rig, 815);
    let server = Server::start(&rig, |mut far| {
        // VERIFY with a guess, and a reset.
        let guessed = far.transmit(&[0, 0x20, 0, 0x80, 8, 0x32, 0x34, 0x36, 0x38, 0x31, 0x30, 0x31, 0x32]);
        assert!(matches!(guessed, Err(TransportError::Failed(_))), "{guessed:?}");
        let reset = far.transmit(&[0, 0xFB, 0, 0]);
        assert!(matches!(reset, Err(TransportError::Failed(_))), "{reset:?}");
        let tries = Piv::select(&mut far).unwrap().tries();
        let last = far.end(false, "over");
        far.into_line().say(&last);
        format!("{tries:?}")
    });
    let agent = Agent::start(&rig, server.port, "OK", "97531086");
    let (_, said) = agent.relay(PAGE, &errand(server.port, "unlock", 815));
    assert_eq!(said, r#"{"done":false,"words":"over"}"#);
    assert_eq!(server.work.join().unwrap(), "Ok(Left(3))", "no try was spent");
}

/// What nobody agreed to, a foreign page, another server, a card that is not there and a wrong ticket come to nothing.
#[test]
fn agent_refuses_what_it_must() {
    let rig = Rig::start(1);
    let _card = chip(&rig, 815);
    let server = Server::start(&rig, unlock);
    let port = server.port;
    let no = Agent::start(&rig, port, "ERR 83886179 cancelled", "97531086");
    let (_, said) = no.relay(PAGE, &errand(port, "unlock", 815));
    assert!(said.contains("not agreed to"), "{said}");
    drop(no);
    let agent = Agent::start(&rig, port, "OK", "97531086");
    assert_eq!(agent.relay("https://evil.example", &errand(port, "unlock", 815)).0, 403);
    assert_eq!(agent.relay(PAGE, &json!({"act": "unlock"})).0, 400);
    let (_, said) = agent.relay(PAGE, &errand(port, "unlock", 816));
    assert!(said.contains("816 is in no reader"), "{said}");
    let (_, said) = agent.relay(PAGE, &errand(1, "unlock", 815));
    assert!(said.contains("another server"), "{said}");
    let mut wrong = errand(port, "unlock", 815);
    wrong["ticket"] = "x".into();
    let (_, said) = agent.relay(PAGE, &wrong);
    assert!(said.contains("refused the ticket"), "{said}");
    assert_eq!(server.work.join().unwrap(), "refused");
}

/// What a server answers in the place of a conversation is told as what it is: one that is busy has not refused the ticket.
#[test]
fn refusals_of_the_server_are_told_apart() {
    let rig = Rig::start(1);
    let _card = chip(&rig, 815);
    let cases = [
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "the server is busy"),
        ("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", "the server is busy"),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "answered 502 Bad Gateway"),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "refused the ticket"),
    ];
    for (answer, words) in cases {
        let port = answering(&rig, answer);
        let agent = Agent::start(&rig, port, "OK", "97531086");
        let (_, said) = agent.relay(PAGE, &errand(port, "unlock", 815));
        assert!(said.contains(words), "{said}");
        assert_eq!(said.contains("ticket"), words.contains("ticket"), "{said}");
    }
}

/// Another card that is put in while its user is asked is not touched: what was agreed to is said of one card. The server hears nothing.
#[test]
fn card_is_swapped_while_its_user_is_asked() {
    let rig = Rig::start(1);
    let card = chip(&rig, 815);
    certified(&rig);
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let (asked, swapped) = (rig.folder().join("asked"), rig.folder().join("swapped"));
    // Whoever is asked agrees once the other card is in.
    let slowly = format!(
        "'\"$(touch '{}'; while [ ! -e '{}' ]; do sleep 0.01; done; echo OK)\"'",
        text(&asked),
        text(&swapped)
    );
    let agent = Agent::start(&rig, port, &slowly, "97531086");
    let said = std::thread::scope(|scope| {
        let page = scope.spawn(|| agent.relay(PAGE, &errand(port, "unlock", 815)));
        until("somebody is asked", || asked.exists());
        drop(card);
        until("the card is gone", || Rig::content(0) == Content::Nothing);
        let _other = chip(&rig, 816);
        std::fs::write(&swapped, "").unwrap();
        let said = page.join().unwrap().1;
        let tries = Readers::open().unwrap().with_card(&Rig::name(0), |card| Piv::select(card)?.tries());
        assert_eq!(tries.unwrap().unwrap(), Tries::Left(3), "it is as it was");
        said
    });
    assert!(said.contains("815 was taken out while you were asked"), "{said}");
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// A card is renewed with the passcode that it has, which its holder enters once in the agent's dialog and no server sees. Before that, and
/// with a wrong one, nothing of the renewal reaches the card.
#[test]
fn holder_enters_their_passcode_for_a_renewal() {
    let rig = Rig::start(1);
    let _card = chip(&rig, 815);
    for (entered, expected) in [("97531086", "Refused: Left(2)"), ("123456", "entered: Verified")] {
        let server = Server::start(&rig, |mut far| {
            let mut piv = Piv::select(&mut far).unwrap();
            let early = piv.generate(Slot::Authentication, Algorithm::P256, None);
            assert!(matches!(early, Err(Error::Exchange(_))), "{early:?}");
            drop(piv);
            let outcome = match far.enter_passcode() {
                Ok(()) => far.enter_passcode().map_or("not again", |()| "entered"),
                Err(PasscodeNotEntered::Refused) => "Refused",
                Err(other) => panic!("{other}"),
            };
            let tries = far.transmit(&[0, 0x20, 0, 0x80]).unwrap();
            let tries = if tries == [0x90, 0x00] { Tries::Verified } else { Tries::Left(tries[1] & 0x0F) };
            let last = far.end(false, "over");
            far.into_line().say(&last);
            format!("{outcome}: {tries:?}")
        });
        let agent = Agent::start(&rig, server.port, "OK", entered);
        let (_, said) = agent.relay(PAGE, &errand(server.port, "renew", 815));
        assert_eq!(said, r#"{"done":false,"words":"over"}"#);
        assert_eq!(server.work.join().unwrap(), expected);
    }
}

/// What is written into the configuration while the agent runs counts: another page may ask, and the one of before may not.
#[test]
fn changed_configuration_counts() {
    let rig = Rig::start(1);
    let agent = Agent::start(&rig, 1, "OK", "97531086");
    let (path, other) = (rig.folder().join("agent.toml"), "https://other.example");
    let status = |origin: &str| agent.post(origin, "/relay", &json!({})).0;
    assert_eq!((status(PAGE), status(other)), (400, 403));
    let changed = std::fs::read_to_string(&path).unwrap().replace(PAGE, other);
    std::fs::write(&path, changed).unwrap();
    until("the other page may ask", || status(other) == 400);
    assert_eq!(status(PAGE), 403);
}

/// A server that nobody vouches for gets no ticket.
#[test]
fn stranger_is_not_trusted() {
    let rig = Rig::start(1);
    let _card = chip(&rig, 815);
    let first = Server::start(&rig, unlock);
    std::fs::copy(rig.folder().join("server.pem"), rig.folder().join("kept.pem")).unwrap();
    let second = Server::start(&rig, unlock);
    std::fs::copy(rig.folder().join("kept.pem"), rig.folder().join("server.pem")).unwrap();
    let agent = Agent::start(&rig, second.port, "OK", "97531086");
    let (_, said) = agent.relay(PAGE, &errand(second.port, "unlock", 815));
    assert!(said.contains("not vouched for"), "{said}");
    assert_eq!(second.work.join().unwrap(), "refused");
    drop(first);
}

/// A passcode that was entered in two ways is none; a card that is pulled meanwhile is told as such.
#[test]
fn pulled_card_is_told() {
    let rig = Rig::start(1);
    let card = chip(&rig, 815);
    let pulled = std::sync::Mutex::new(Some(card));
    let server = Server::start(&rig, move |mut far| {
        let mut piv = Piv::select(&mut far).unwrap();
        drop(pulled.lock().unwrap().take());
        let outcome = loop {
            // The service needs a moment to see that it is gone.
            match piv.tries() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(&outcome, Error::Exchange(_)), "{outcome:?}");
        drop(piv);
        let last = far.end(false, "pulled");
        far.into_line().say(&last);
        outcome.to_string()
    });
    let agent = Agent::start(&rig, server.port, "OK", "97531086");
    let (_, said) = agent.relay(PAGE, &errand(server.port, "unlock", 815));
    assert_eq!(said, r#"{"done":false,"words":"pulled"}"#);
    let told = server.work.join().unwrap();
    let words = ["taken out", "reset", "could not be reached"];
    assert!(words.iter().any(|word| told.contains(word)), "{told}");
}
