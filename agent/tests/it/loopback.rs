//! A page asks for signatures: the national loopback protocol, spoken by a plain client of HTTP and by a browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use agent::readers::Readers;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use card::piv::{Algorithm, Piv, Tries};
use serde_json::{Value, json};

use super::issued::{Issued, PASSCODE, issue};
use super::relaying::certified;
use super::rig::{Rig, file, must, run, text};

const PAGE: &str = "https://prescribing.example";

/// The agent, running, and a dialog that somebody answers.
pub(crate) struct Agent {
    process: Child,
    discovery: u16,
    said: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Agent {
    /// Starts the agent; whoever is asked for a passcode enters this one.
    pub(crate) fn start(rig: &Rig, entered: &str) -> Self {
        Self::configured(rig, entered, "")
    }

    /// The same with more in its configuration.
    fn configured(rig: &Rig, entered: &str, more: &str) -> Self {
        let said = rig.folder().join("dialog");
        let dialog = rig.folder().join("pinentry");
        let script = format!(
            "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  echo \"$line\" >>'{}'\n  \
             case \"$line\" in GETPIN*) echo 'D {entered}' ;; esac\n  echo OK\ndone\n",
            said.display()
        );
        std::fs::write(&dialog, script).unwrap();
        std::fs::set_permissions(&dialog, std::fs::Permissions::from_mode(0o700)).unwrap();
        let configuration = format!(
            "origins = [\"{PAGE}\"]\ndiscovery_ports = [0]\nport = 0\npinentry = \"{}\"\n{more}",
            text(&dialog)
        );
        let mut process = rig.agent(&configuration).arg("run").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let discovery = line.split_once("found at port ").and_then(|(_, rest)| rest.split_once(','));
        let discovery = discovery.unwrap_or_else(|| panic!("{line}")).0.parse().unwrap();
        Self { process, discovery, said }
    }

    /// What was said in dialogs.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }
}

/// A page of an origin, in a browser that knows the agent by a name.
struct Page<'a> {
    origin: Option<&'a str>,
    host: &'a str,
}

const OURS: Page<'static> = Page { origin: Some(PAGE), host: "localhost" };

impl Page<'_> {
    /// Asks, and gives status, head and body.
    fn ask(&self, port: u16, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let origin = self.origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}:{port}\r\n{origin}Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }

    fn json(&self, port: u16, method: &str, path: &str, body: &str) -> Value {
        let (status, _, body) = self.ask(port, method, path, body);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }
}

/// A page that is connected to the hub.
struct Hub {
    port: u16,
    query: String,
}

impl Hub {
    /// Finds the agent, as the national library does, and connects.
    fn connect(agent: &Agent) -> Self {
        let connected = OURS.json(agent.discovery, "GET", "/PRS/ConnectPRService", "");
        assert_eq!(connected["statusCode"], "200");
        let found = OURS.json(agent.discovery, "GET", "/PRS/GetPortNumber", "");
        let port = u16::try_from(found["portData"]["portNumber"].as_u64().unwrap()).unwrap();
        let data = "%5B%7B%22name%22%3A%22signinghub%22%7D%5D";
        let negotiated = OURS.json(
            port,
            "GET",
            &format!("/signalr/negotiate?clientProtocol=1.5&connectionData={data}"),
            "",
        );
        assert_eq!(negotiated["ProtocolVersion"], "1.5");
        let token = negotiated["ConnectionToken"].as_str().unwrap();
        let query =
            format!("transport=longPolling&clientProtocol=1.5&connectionToken={token}&connectionData={data}");
        let connected = OURS.json(port, "GET", &format!("/signalr/connect?{query}"), "");
        assert_eq!(connected["S"], 1);
        let started = OURS.json(port, "GET", &format!("/signalr/start?{query}"), "");
        assert_eq!(started["Response"], "started");
        Self { port, query }
    }

    fn form(request: &Value) -> String {
        let argument = STANDARD.encode(request.to_string());
        let call = json!({ "H": "signinghub", "M": "requestToSign", "A": [argument], "I": 0 });
        form_urlencoded::Serializer::new(String::new()).append_pair("data", &call.to_string()).finish()
    }

    /// Asks for signatures.
    fn sign(&self, algorithm: &str, documents: &[(&str, &[u8])]) -> Value {
        let payloads: Vec<_> = documents
            .iter()
            .map(|(id, octets)| json!({ "id": id, "payload": STANDARD.encode(octets) }))
            .collect();
        let request = json!({ "algorithm": algorithm, "requestType": 1, "version": 1, "flags": 0, "payloads": payloads });
        let mut answer =
            OURS.json(self.port, "POST", &format!("/signalr/send?{}", self.query), &Self::form(&request));
        assert_eq!(answer["I"], "0");
        answer["R"].take()
    }
}

fn verifies(issued: &Issued, octets: &[u8], signature: &Value) -> bool {
    let path = |name: &str| file(&issued.folder, name);
    std::fs::write(path("page.data"), octets).unwrap();
    std::fs::write(path("page.sig"), STANDARD.decode(signature.as_str().unwrap()).unwrap()).unwrap();
    let verify =
        ["dgst", "-sha256", "-verify", &path("9c.pub"), "-signature", &path("page.sig"), &path("page.data")];
    run(Command::new("openssl").args(verify)).0
}

/// A page finds the agent, its user is asked once, by whom and for what, and gets both signatures, which openssl verifies with the
/// certificate that came along.
#[test]
fn page_gets_its_signatures() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::Rsa2048);
    let agent = Agent::start(&rig, PASSCODE);
    let hub = Hub::connect(&agent);
    let documents: [(&str, &[u8]); 2] = [("one", b"the first"), ("two", b"the second")];
    let response = hub.sign("RS256", &documents);
    assert_eq!(response["status_code"], 0, "{response}");
    let certificate = STANDARD.decode(response["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(certificate, std::fs::read(issued.folder.join("9c.der")).unwrap());
    for (at, (id, octets)) in documents.into_iter().enumerate() {
        let signature = &response["signatures"][at];
        assert_eq!(signature["id"], id);
        assert!(verifies(&issued, octets, &signature["signature"]), "{id}");
        assert!(!verifies(&issued, b"something else", &signature["signature"]), "the judge takes anything");
    }
    let said = agent.said();
    assert_eq!(said.matches("GETPIN").count(), 1, "{said}");
    assert!(said.contains(&format!("{PAGE} asks for your signature on 2 documents")), "{said}");
    assert!(said.contains("A. Prescriber 9c") && !said.contains(PASSCODE), "{said}");
    // The page ends the connection, after which it is good for nothing.
    let (status, ..) = OURS.ask(hub.port, "POST", &format!("/signalr/abort?{}", hub.query), "");
    assert_eq!(status, 200);
    assert_eq!(OURS.ask(hub.port, "GET", &format!("/signalr/poll?{}", hub.query), "").0, 400);
}

/// A poll stays open until the page ends the connection.
#[test]
fn poll_ends_with_the_connection() {
    let rig = Rig::start(1);
    let agent = Agent::start(&rig, PASSCODE);
    let hub = Hub::connect(&agent);
    let (port, query) = (hub.port, hub.query.clone());
    let poll =
        std::thread::spawn(move || OURS.json(port, "POST", &format!("/signalr/poll?{query}"), "messageId=0"));
    OURS.ask(hub.port, "POST", &format!("/signalr/abort?{}", hub.query), "");
    // Whichever came first: the poll ended, or was refused as that of a connection that is over.
    assert!(
        poll.join().is_err()
            || OURS.ask(hub.port, "GET", &format!("/signalr/poll?{}", hub.query), "").0 == 400
    );
    assert_eq!(OURS.json(hub.port, "GET", "/signalr/ping", "")["Response"], "pong");
}

/// Foreign pages, programs without an origin, foreign names of this machine and stolen tokens get nothing, and nobody is asked.
#[test]
fn foreign_pages_get_nothing() {
    let rig = Rig::start(1);
    let agent = Agent::start(&rig, PASSCODE);
    let hub = Hub::connect(&agent);
    let strangers = [
        Page { origin: Some("https://evil.example"), host: "localhost" },
        Page { origin: Some("https://prescribing.example.evil.example"), host: "localhost" },
        Page { origin: Some("null"), host: "localhost" },
        Page { origin: None, host: "localhost" },
        Page { origin: Some(PAGE), host: "evil.example" },
    ];
    let form = Hub::form(&json!({}));
    for stranger in &strangers {
        for (method, path) in [
            ("GET", "/PRS/GetPortNumber".to_owned()),
            ("GET", "/signalr/negotiate".to_owned()),
            ("POST", format!("/signalr/send?{}", hub.query)),
            ("OPTIONS", "/signalr/negotiate".to_owned()),
        ] {
            let (status, head, body) = stranger.ask(hub.port, method, &path, &form);
            assert_eq!(status, 403, "{:?} {path}: {body}", stranger.origin);
            assert!(!head.contains("access-control-allow-origin"), "{head}");
        }
    }
    assert_eq!(agent.said(), "");
    let (status, head, _) = OURS.ask(hub.port, "OPTIONS", "/signalr/negotiate", "");
    assert_eq!(status, 204);
    assert!(head.contains(&format!("access-control-allow-origin: {PAGE}")), "{head}");
    assert!(head.contains("access-control-allow-credentials: true"), "{head}");
}

/// With a certificate for this machine's name the agent is found by `https` too, at the same ports, by whoever trusts that certificate, and
/// by no foreign page; one without its key, or with another's, is named, and the agent does not begin.
#[test]
fn pages_find_the_agent_by_tls() {
    let rig = Rig::start(1);
    certified(&rig);
    let (certificate, key) = (file(rig.folder(), "server.pem"), file(rig.folder(), "server.key"));
    let named = |key: &str| format!("localhost_certificate = \"{certificate}\"\nlocalhost_key = \"{key}\"\n");
    let agent = Agent::configured(&rig, PASSCODE, &named(&key));
    let by_tls = |port: u64, origin: &str, path: &str, trusted: &[&str]| {
        let (origin, address) = (format!("Origin: {origin}"), format!("https://localhost:{port}{path}"));
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "20", "-w", " %{http_code}", "-H", &origin]);
        run(curl.args(trusted).arg(&address))
    };
    let trusted = ["--cacert", &certificate];
    let discovery = u64::from(agent.discovery);
    let (good, said) = by_tls(discovery, PAGE, "/PRS/GetPortNumber", &trusted);
    assert!(good && said.ends_with(" 200"), "{said}");
    let found: Value = serde_json::from_str(said.trim_end_matches(" 200")).unwrap();
    let hub = found["portData"]["portNumber"].as_u64().unwrap();
    let (good, said) = by_tls(hub, PAGE, "/signalr/negotiate?clientProtocol=1.5", &trusted);
    assert!(good && said.contains("ConnectionToken") && said.ends_with(" 200"), "{said}");
    assert!(by_tls(hub, "https://evil.example", "/PRS/GetPortNumber", &trusted).1.ends_with(" 403"));
    let (good, said) = by_tls(discovery, PAGE, "/PRS/GetPortNumber", &[]);
    assert!(!good && said.contains("certificate"), "nobody else vouches for it: {said}");
    // Whoever says nothing keeps nobody waiting, and plain pages are answered as ever.
    let _silent = TcpStream::connect((Ipv4Addr::LOCALHOST, agent.discovery)).unwrap();
    let connected = OURS.json(agent.discovery, "GET", "/PRS/ConnectPRService", "");
    assert_eq!(connected["statusCode"], "200");
    Hub::connect(&agent);
    drop(agent);

    let other = file(rig.folder(), "other.key");
    must("openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &other]);
    for (bad, words) in [
        (named(&other), "not that of the key"),
        (named("/nowhere/localhost.key"), "/nowhere/localhost.key: no private key"),
        (format!("localhost_certificate = \"{certificate}\"\n"), "and not the other"),
    ] {
        let (good, said) = run(rig.agent(&format!("discovery_ports = [0]\nport = 0\n{bad}")).arg("run"));
        assert!(!good && said.contains(words), "{said}");
    }
}

/// Without a card the national code says so and nobody is asked; a wrong passcode costs one try, however much was to be signed; SHA-1
/// and a key of another kind are refused before anybody is asked.
#[test]
fn refusals_sign_nothing() {
    let rig = Rig::start(1);
    let agent = Agent::start(&rig, "000000");
    let hub = Hub::connect(&agent);
    let documents: [(&str, &[u8]); 3] = [("1", b"a"), ("2", b"b"), ("3", b"c")];
    assert_eq!(hub.sign("ES256", &documents)["status_code"], 0x5349_4705);
    let _card = rig.insert(0, None);
    assert_eq!(hub.sign("ES256", &documents)["status_code"], 0x5349_4705, "an empty card");
    issue(&rig, 0, Algorithm::P256);
    for algorithm in ["RS1", "RS256"] {
        assert_eq!(hub.sign(algorithm, &documents)["status_code"], 0x5349_4703);
    }
    assert_eq!(agent.said(), "");
    let refused = hub.sign("ES256", &documents);
    assert_eq!(refused["status_code"], 0x5349_4703, "{refused}");
    assert_eq!(refused["signatures"], json!([]));
    assert_eq!(refused["failed_signatures"].as_array().unwrap().len(), 3);
    assert!(refused["message"].as_str().unwrap().contains("2 tries are left"), "{refused}");
    let tries = Readers::open().unwrap().with_card(&Rig::name(0), |card| Piv::select(card)?.tries()).unwrap();
    assert_eq!(tries.unwrap(), Tries::Left(2));
}

/// Where the scripts of the server's pages lie.
const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../authn/assets");

/// A page in a real browser: the script that opens it, and what that is told after the port.
fn in_browser(rig: &Rig, agent: &Agent, script: &str, told: &[&str]) -> Value {
    let packages = std::env::var("LANYARD_NPM").expect("tools/env is sourced");
    let folder = rig.folder().join("page");
    if !folder.exists() {
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(packages, folder.join("node_modules")).unwrap();
        std::fs::write(folder.join("page.mjs"), include_str!("page.mjs")).unwrap();
        std::fs::write(folder.join("own_page.mjs"), include_str!("own_page.mjs")).unwrap();
    }
    let port = agent.discovery.to_string();
    let mut node = Command::new("node");
    node.arg(folder.join(script)).arg(&port).args(told).env("HOME", rig.folder());
    let (good, said) = run(&mut node);
    assert!(good, "{said}");
    serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// A page in Chromium, with Microsoft's client of `SignalR`, gets a prescription signed as the national library asks for it: by a token, whose
/// algorithm counts. A page of another origin is kept from asking by its browser. The server's own page for signing with a card gets one too, under
/// its policy, and tells its reader why there is none.
#[test]
fn browser_gets_its_signature() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::Rsa2048);
    let agent = Agent::start(&rig, PASSCODE);
    let claims = json!({ "algorithm": "RS256", "payloads": [{ "id": "prescription", "payload": STANDARD.encode(b"what is signed") }] });
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let foreign = in_browser(&rig, &agent, "page.mjs", &["https://evil.example", &token]);
    assert!(foreign["refused"].as_str().unwrap().contains("Failed to fetch"), "{foreign}");
    assert_eq!(agent.said(), "");
    let answer = in_browser(&rig, &agent, "page.mjs", &[PAGE, &token]);
    assert_eq!(answer["status_code"], 0, "{answer}");
    let signature = &answer["signatures"][0];
    assert_eq!(signature["id"], "prescription");
    assert!(verifies(&issued, b"what is signed", &signature["signature"]), "{answer}");
    let ours = |algorithm: &str| {
        let payloads = json!([{ "id": "one", "payload": STANDARD.encode(b"another thing") }]);
        let request = json!({ "algorithm": algorithm, "requestType": 1, "version": 1, "flags": 0, "payloads": payloads });
        in_browser(&rig, &agent, "own_page.mjs", &[PAGE, &request.to_string(), ASSETS])
    };
    let brought = ours("RS256");
    assert_eq!(
        (&brought["status_code"], &brought["signatures"][0]["id"]),
        (&json!(0), &json!("one")),
        "{brought}"
    );
    assert!(verifies(&issued, b"another thing", &brought["signatures"][0]["signature"]), "{brought}");
    let refused = ours("ES256");
    assert!(refused["refused"].is_string() && refused.get("signatures").is_none(), "{refused}");
}
