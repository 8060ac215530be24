//! Systems of the desktop, and files at the command line, are signed with the card.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use agent::readers::Readers;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use card::piv::{Algorithm, Piv, Tries};
use serde_json::{Value, json};

use super::issued::{Issued, PASSCODE, issue};
use super::loopback::Agent;
use super::rig::{Rig, file, run, text};

/// A system of the desktop asks: status, and what it gets.
fn ask(rig: &Rig, asked: &Value) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket(rig)).unwrap();
    let body = asked.to_string();
    let head = format!(
        "POST /signatures HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

fn socket(rig: &Rig) -> std::path::PathBuf {
    rig.folder().join("lanyard-agent").join("socket")
}

fn asked(form: &str, documents: &[(&str, &[u8])]) -> Value {
    let documents: Vec<_> =
        documents.iter().map(|(id, octets)| json!({ "id": id, "octets": STANDARD.encode(octets) })).collect();
    json!({ "version": 1, "application": "Prescribing", "form": form, "documents": documents })
}

/// Whether openssl finds a signature or a message good for a content.
fn verifies(issued: &Issued, form: &str, signed: &Path, content: &[u8]) -> bool {
    let path = |name: &str| file(&issued.folder, name);
    std::fs::write(path("content"), content).unwrap();
    let mut openssl = Command::new("openssl");
    if form == "cms" {
        openssl.args([
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-purpose",
            "any",
            "-cades",
            "-in",
            text(signed),
        ]);
        openssl.args(["-content", &path("content"), "-CAfile", &path("ca.crt"), "-out", &path("out")]);
    } else {
        openssl.args([
            "dgst",
            "-sha256",
            "-verify",
            &path("9c.pub"),
            "-signature",
            text(signed),
            &path("content"),
        ]);
    }
    run(&mut openssl).0
}

/// A system gets signatures and CMS messages, which openssl finds good; its user is asked once for each request, and told which
/// program asks. The socket is its person's alone, and a second agent of the same person does not begin.
#[test]
fn system_of_the_desktop_gets_its_signatures() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::P256);
    let agent = Agent::start(&rig, PASSCODE);
    let permissions = std::fs::metadata(socket(&rig)).unwrap().permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600);
    let documents: [(&str, &[u8]); 2] = [("one", b"<SignedInfo>1</SignedInfo>"), ("two", b"the second")];
    for form in ["signature", "cms"] {
        let (status, made) = ask(&rig, &asked(form, &documents));
        assert_eq!(status, 200, "{made}");
        assert_eq!((&made["algorithm"], &made["failed"]), (&json!("ES256"), &json!([])));
        let certificate = STANDARD.decode(made["certificate"].as_str().unwrap()).unwrap();
        assert_eq!(certificate, std::fs::read(issued.folder.join("9c.der")).unwrap());
        for (at, (id, octets)) in documents.into_iter().enumerate() {
            assert_eq!(made["signatures"][at]["id"], id);
            let signed = issued.folder.join("signed");
            let made = made["signatures"][at]["octets"].as_str().unwrap();
            std::fs::write(&signed, STANDARD.decode(made).unwrap()).unwrap();
            assert!(verifies(&issued, form, &signed, octets), "{form} {id}");
            assert!(!verifies(&issued, form, &signed, b"something else"), "the judge takes anything");
        }
    }
    let said = agent.said();
    assert_eq!(said.matches("GETPIN").count(), 2, "{said}");
    let this = std::env::current_exe().unwrap();
    assert!(said.contains(&format!("Prescribing ({}", this.display())), "{said}");
    for (bad, status) in [(asked("pdf", &documents), 400), (asked("cms", &[]), 400)] {
        assert_eq!(ask(&rig, &bad).0, status, "{bad}");
    }
    assert_eq!(agent.said().matches("GETPIN").count(), 2, "nobody was asked about what cannot be signed");
    let (good, said) = run(rig.agent("discovery_ports = [0]\nport = 0\n").arg("run"));
    assert!(!good && said.contains("another agent of yours is running"), "{said}");
}

/// Files are signed with their signatures beside them, nothing is written over, and a wrong passcode costs one try however many there are.
#[test]
fn files_are_signed() {
    let rig = Rig::start(1);
    let _card = rig.insert(0, None);
    let issued = issue(&rig, 0, Algorithm::P256);
    let configuration = |entered: &str| {
        let dialog = rig.folder().join("pinentry");
        let script = format!(
            "#!/bin/sh\necho OK\nwhile read -r line; do\n  case \"$line\" in GETPIN*) echo 'D {entered}' ;; esac\n  echo OK\ndone\n"
        );
        std::fs::write(&dialog, script).unwrap();
        std::fs::set_permissions(&dialog, std::fs::Permissions::from_mode(0o700)).unwrap();
        format!("pinentry = \"{}\"\n", text(&dialog))
    };
    let path = |name: &str| file(rig.folder(), name);
    let (one, two, certificate) = (path("one.xml"), path("two.xml"), path("certificate.pem"));
    std::fs::write(&one, b"the first").unwrap();
    std::fs::write(&two, b"the second").unwrap();

    let (good, said) = run(rig.agent(&configuration("000000")).args(["sign", &one, &two]));
    assert!(!good && said.contains("2 tries are left"), "{said}");
    assert!(!Path::new(&path("one.xml.sig")).exists() && !Path::new(&path("two.xml.sig")).exists());
    let tries = Readers::open().unwrap().with_card(&Rig::name(0), |card| Piv::select(card)?.tries()).unwrap();
    assert_eq!(tries.unwrap(), Tries::Left(2));

    let right = configuration(PASSCODE);
    let (good, said) = run(rig.agent(&right).args(["sign", "--certificate", &certificate, &one, &two]));
    assert!(good, "{said}");
    assert!(verifies(&issued, "signature", Path::new(&path("one.xml.sig")), b"the first"));
    assert!(verifies(&issued, "signature", Path::new(&path("two.xml.sig")), b"the second"));
    let written = std::fs::read_to_string(&certificate).unwrap();
    assert_eq!(written.trim(), std::fs::read_to_string(issued.folder.join("9c.crt")).unwrap().trim());
    let (good, said) = run(rig.agent(&right).args(["sign", "--cms", &one]));
    assert!(good && verifies(&issued, "cms", Path::new(&path("one.xml.p7s")), b"the first"), "{said}");
    let (good, said) = run(rig.agent(&right).args(["sign", "--cms", &one]));
    assert!(!good && said.contains("is there already"), "{said}");
}
