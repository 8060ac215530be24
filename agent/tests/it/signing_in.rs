//! A page signs its user in with the card, and its server hears when the card is taken out.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use card::piv::{Algorithm, Piv, Tries};
use card::wire::sign_in::{Answer, Challenge};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::issued::{Issued, PASSCODE, issue};
use super::relaying::{Agent, certified};
use super::rig::{Rig, file, run};

/// No one's promise, but a test ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that hears of cards that were taken out: of each, its secret and when. The first time it is too busy.
fn server(config: Arc<ServerConfig>) -> (u16, Receiver<(String, Instant)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tells, heard) = channel();
    std::thread::spawn(move || {
        let mut told = 0;
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(connection, stream.unwrap());
            // A browser connects to where its page says it is from, and finds that it does not know who that is.
            let Some(secret) = secret(&mut tls) else { continue };
            told += 1;
            let status = if told == 1 { "503 Service Unavailable" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            tls.write_all(answer.as_bytes()).unwrap();
            tls.flush().unwrap();
            if tells.send((secret, Instant::now())).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

/// What is in the body of a request that comes; nothing where none comes.
fn secret(stream: &mut impl Read) -> Option<String> {
    let (mut said, mut part) = (Vec::new(), [0; 1024]);
    loop {
        let text = String::from_utf8_lossy(&said).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(removed) = serde_json::from_str::<Value>(body)
        {
            assert!(head.starts_with("POST /authn/card-removals HTTP/1.1\r\nHost: localhost:"), "{head}");
            return Some(removed["secret"].as_str().unwrap().to_owned());
        }
        let count = stream.read(&mut part).ok().filter(|count| *count > 0)?;
        said.extend_from_slice(&part[..count]);
    }
}

fn challenge(server: &str) -> Challenge {
    Challenge {
        version: 1,
        server: server.to_owned(),
        client: "records".to_owned(),
        service: "Shared records".to_owned(),
        interaction: "1".to_owned(),
        nonce: "bm9uY2U".to_owned(),
        // A browser reads numbers up to 2^53.
        expires_at: 253_402_300_799_999,
    }
}

fn verifies(issued: &Issued, message: &[u8], answer: &Answer) -> bool {
    let path = |name: &str| file(&issued.folder, name);
    std::fs::write(path("challenge"), message).unwrap();
    std::fs::write(path("challenge.sig"), STANDARD.decode(&answer.signature).unwrap()).unwrap();
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        &path("9a.pub"),
        "-signature",
        &path("challenge.sig"),
        &path("challenge"),
    ];
    run(Command::new("openssl").args(verify)).0
}

/// The card signs the challenge of the page's own server with its key for signing in, and no other; when it is taken out, everybody who had
/// it watched hears so within a second, and a server that is too busy hears it again.
#[test]
fn page_signs_in_and_hears_of_the_card() {
    let rig = Rig::start(1);
    let card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::P256);
    let (port, heard) = server(certified(&rig));
    let page = format!("https://localhost:{port}");
    let agent = Agent::start(&rig, port, "OK", PASSCODE);

    let foreign = json!(challenge("https://evil.example"));
    assert_eq!(agent.post(&page, "/sign-in", &foreign).0, 403, "a challenge of another server");
    assert_eq!(agent.post("https://evil.example", "/sign-in", &foreign).0, 403, "a foreign page");
    let watch = |secret: &str, certificate: Option<&str>| json!({ "address": format!("{page}/authn/card-removals"), "secret": secret, "certificate": certificate });
    assert_eq!(agent.post(&page, "/watch", &watch("x", None)).0, 404, "nobody has signed in");

    let asked = challenge(&page);
    let (status, said) = agent.post(&page, "/sign-in", &json!(asked));
    assert_eq!(status, 200, "{said}");
    let answer: Answer = serde_json::from_str(&said).unwrap();
    let certificate = std::fs::read(issued.folder.join("9a.der")).unwrap();
    assert_eq!(STANDARD.decode(&answer.certificate).unwrap(), certificate);
    assert!(verifies(&issued, &asked.message().unwrap(), &answer));
    assert!(!verifies(&issued, b"something else", &answer), "the judge takes anything");

    assert_eq!(
        agent.post("https://desk.example", "/watch", &watch("x", None)).0,
        403,
        "another page's server"
    );
    assert_eq!(agent.post(&page, "/watch", &watch("one", None)).0, 200);
    assert_eq!(agent.post(&page, "/watch", &watch("x", None)).0, 404, "one signature is one watch");
    let digest = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate));
    assert_eq!(agent.post(&page, "/watch", &watch("x", Some(&"0".repeat(64)))).0, 404, "another card");
    assert_eq!(agent.post(&page, "/watch", &watch("two", Some(&digest))).0, 200);
    assert!(heard.try_recv().is_err(), "nothing was taken out");

    let begun = Instant::now();
    drop(card);
    let told: Vec<_> = (0..3).map(|_| heard.recv_timeout(PATIENCE).unwrap()).collect();
    for (secret, at) in &told[..2] {
        assert!(*at - begun < Duration::from_secs(1), "{secret} took {:?}", *at - begun);
    }
    let mut secrets: Vec<_> = told[..2].iter().map(|(secret, _)| secret.as_str()).collect();
    secrets.sort_unstable();
    assert_eq!(secrets, ["one", "two"]);
    assert_eq!(told[2].0, told[0].0, "who was too busy hears it again");
    assert_eq!(agent.post(&page, "/watch", &watch("x", Some(&digest))).0, 404, "the card is gone");
}

/// The page of sign-in in Chromium, with its own script, has the card sign through the agent, and the agent watches the card.
#[test]
fn browser_signs_in() {
    let rig = Rig::start(1);
    let card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::P256);
    let (port, heard) = server(certified(&rig));
    let page = format!("https://localhost:{port}");
    let agent = Agent::start(&rig, port, "OK", PASSCODE);
    let packages = std::env::var("LANYARD_NPM").expect("tools/env is sourced");
    let folder = rig.folder().join("page");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(packages, folder.join("node_modules")).unwrap();
    std::fs::write(folder.join("sign_in.mjs"), include_str!("sign_in.mjs")).unwrap();
    std::fs::write(folder.join("card.js"), include_str!("../../../authn/assets/card.js")).unwrap();
    std::fs::write(folder.join("page.js"), include_str!("../../../authn/assets/page.js")).unwrap();
    let asked = challenge(&page);
    let watch = json!({ "address": format!("{page}/authn/card-removals"), "secret": "browser" });
    let mut node = Command::new("node");
    node.arg(folder.join("sign_in.mjs")).args([
        agent.port.to_string(),
        page,
        json!(asked).to_string(),
        watch.to_string(),
    ]);
    let (good, said) = run(node.env("HOME", rig.folder()).current_dir(&folder));
    assert!(good, "{said}");
    let said: Value = serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(said["watched"], 200, "{said}");
    let answer: Answer = serde_json::from_value(said["answer"].clone()).unwrap();
    assert!(verifies(&issued, &asked.message().unwrap(), &answer));
    drop(card);
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap().0, "browser");
}

/// A wrong passcode costs one try, and the page is told in words; without a card it is told so, and nobody is asked.
#[test]
fn page_hears_why_nobody_signs_in() {
    let rig = Rig::start(1);
    let (port, _heard) = server(certified(&rig));
    let page = format!("https://localhost:{port}");
    let agent = Agent::start(&rig, port, "OK", "000000");
    let sign_in = || {
        let (status, said) = agent.post(&page, "/sign-in", &json!(challenge(&page)));
        let said: Value = serde_json::from_str(&said).unwrap();
        (status, said["detail"].as_str().unwrap().to_owned())
    };
    let (status, said) = sign_in();
    assert!(status == 422 && said.contains("No smartcard"), "{said}");
    let _card = rig.insert(0, None);
    issue(&rig, 0, Algorithm::P256);
    let (status, said) = sign_in();
    assert!(status == 422 && said.contains("2 tries are left"), "{said}");
    let readers = agent::readers::Readers::open().unwrap();
    let tries = readers.with_card(&Rig::name(0), |card| Piv::select(card)?.tries()).unwrap();
    assert_eq!(tries.unwrap(), Tries::Left(2));
    let mut over = challenge(&page);
    over.expires_at = 1;
    assert_eq!(agent.post(&page, "/sign-in", &json!(over)).0, 400, "a challenge that is over");
}
