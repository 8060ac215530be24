//! `lanyard-agent doctor`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use agent::readers::{Content, Readers};
use card::piv::{Algorithm, Passcode, Piv};
use rustls::{ServerConnection, StreamOwned};

use super::issued::issue;
use super::relaying::certified;
use super::rig::{Rig, file, must, run, until};

const CONFIGURATION: &str =
    "origins = [\"https://prescribing.example\"]\ndiscovery_ports = [0]\npinentry = \"/bin/sh\"\n";

fn doctor(rig: &Rig, configuration: &str) -> (bool, String) {
    run(rig.agent(configuration).arg("doctor"))
}

/// From an empty reader to an issued card, each state is named; looking spends no try of the passcode.
#[test]
fn doctor_names_the_state_of_the_card() {
    let rig = Rig::start(1);
    let (good, said) = doctor(&rig, CONFIGURATION);
    assert!(!good && said.contains("No card is in a reader"), "{said}");
    let _card = rig.insert(0, None);
    for _ in 0..4 {
        let (good, said) = doctor(&rig, CONFIGURATION);
        assert!(!good && said.contains("holds no certificates"), "{said}");
        assert!(said.contains("3 wrong passcodes would lock it"), "{said}");
    }
    issue(&rig, 0, Algorithm::P256);
    let (good, said) = doctor(&rig, CONFIGURATION);
    assert!(
        good && said.contains("A. Prescriber 9c is good for") && said.contains("Nothing is wrong"),
        "{said}"
    );
    let readers = Readers::open().unwrap();
    let wrong = || {
        readers
            .with_card(&Rig::name(0), |card| Piv::select(card)?.verify(&Passcode::factory()))
            .unwrap()
            .unwrap_err()
    };
    wrong();
    wrong();
    let (good, said) = doctor(&rig, CONFIGURATION);
    assert!(good && said.contains("next wrong passcode locks"), "{said}");
    wrong();
    let (good, said) = doctor(&rig, CONFIGURATION);
    assert!(!good && said.contains("is locked") && said.contains("What to do: Unlock it"), "{said}");
}

/// A card of another kind is named as such, and a server that nobody answers for too.
#[test]
fn doctor_names_foreign_card_and_lost_server() {
    let rig = Rig::start(1);
    let card = TcpStream::connect((Ipv4Addr::LOCALHOST, rig.port(0))).unwrap();
    let bank_card = std::thread::spawn(move || foreign_card(card));
    until("the card is seen", || Rig::content(0) == Content::Card);
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (good, said) = doctor(&rig, &format!("{CONFIGURATION}server = \"{nobody}\"\n"));
    assert!(!good && said.contains("is of another kind"), "{said}");
    assert!(said.contains(&format!("{nobody} cannot be reached")), "{said}");
    drop(rig);
    bank_card.join().unwrap();
}

/// A server that always answers the same.
pub(crate) fn answering(rig: &Rig, answer: &'static str) -> u16 {
    let config = certified(rig);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(connection, stream.unwrap());
            // One that does not trust us says nothing.
            let mut question = [0; 1024];
            if tls.read(&mut question).is_ok_and(|count| count > 0) {
                tls.write_all(answer.as_bytes()).unwrap();
                tls.flush().unwrap();
            }
        }
    });
    port
}

/// By the server's clock that of the machine is judged, and a stranger in the server's place is named as one.
#[test]
fn doctor_names_wrong_clock_and_stranger() {
    let rig = Rig::start(1);
    let first = answering(&rig, "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    let roots = file(rig.folder(), "server.pem");
    let settings =
        |port: u16| format!("{CONFIGURATION}server = \"localhost:{port}\"\nserver_roots = \"{roots}\"\n");
    let (good, said) = doctor(&rig, &settings(first));
    assert!(!good && said.contains("seconds fast") && said.contains("timedatectl"), "{said}");
    std::fs::copy(&roots, rig.folder().join("kept.pem")).unwrap();
    let second = answering(&rig, "HTTP/1.1 200 OK\r\n\r\n");
    let (_, said) = doctor(&rig, &settings(second));
    assert!(said.contains(&format!("localhost:{second} takes connections")), "{said}");
    std::fs::copy(rig.folder().join("kept.pem"), &roots).unwrap();
    let (good, said) = doctor(&rig, &settings(second));
    assert!(!good && said.contains("not vouched for"), "{said}");
}

/// Without the system's service that is what is said, and how to get it.
#[test]
fn doctor_names_missing_service() {
    let rig = Rig::start(1);
    let mut command = rig.agent(CONFIGURATION);
    command.env("PCSCLITE_CSOCK_NAME", rig.folder().join("nowhere"));
    let (good, said) = run(command.arg("doctor"));
    assert!(!good && said.contains("does not run") && said.contains("pcscd"), "{said}");
}

/// A configuration that is not as it should be is named, with the place.
#[test]
fn bad_configuration_is_named() {
    let rig = Rig::start(1);
    for (bad, words) in [("origin = []\n", "unknown field"), ("origins = [\"*\"]\n", "is no origin")] {
        let (good, said) = doctor(&rig, bad);
        assert!(!good && said.contains(words), "{said}");
    }
}

/// Where a machine trusts a key, a configuration is followed that is signed by it, and no other.
#[test]
fn configuration_is_signed() {
    let rig = Rig::start(1);
    let path = |name: &str| file(rig.folder(), name);
    let (key, public, signature) = (path("key.pem"), path("public.pem"), path("agent.toml.sig"));
    must("openssl", &["genpkey", "-algorithm", "ed25519", "-out", &key]);
    must("openssl", &["pkey", "-in", &key, "-pubout", "-out", &public]);
    let doctor = |configuration: &str, key: &str| {
        run(rig.agent(configuration).args(["--trusted-key", key]).arg("doctor")).1
    };
    assert!(doctor(CONFIGURATION, &public).contains("not signed by the key"), "there is no signature");
    let configuration = path("agent.toml");
    must(
        "openssl",
        &["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &configuration, "-out", &signature],
    );
    assert!(doctor(CONFIGURATION, &public).contains("No card is in a reader"));
    let other = CONFIGURATION.replace("prescribing", "evil");
    assert!(doctor(&other, &public).contains("not signed by the key"), "it was changed");
    assert!(doctor(CONFIGURATION, &key).contains("holds no public key"), "a private key is none");
}

/// A card that knows no application, until its reader is gone.
fn foreign_card(mut reader: TcpStream) {
    loop {
        let mut length = [0; 2];
        if reader.read_exact(&mut length).is_err() {
            return;
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        if reader.read_exact(&mut message).is_err() {
            return;
        }
        let answer: &[u8] = match message[..] {
            [4] => &[0x3B, 0x95, 0x13, 0x81, 0x01, 0x80, 0x73, 0xFF, 0x01, 0x00, 0x0B],
            [_] => continue,
            _ => &[0x6A, 0x82],
        };
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        if reader.write_all(&[&length[..], answer].concat()).is_err() {
            return;
        }
    }
}
