//! OCSP: OpenSSL, GnuTLS, Bouncy Castle and pkilint read our answers, and say of every serial what our list says.

use std::{ffi::OsString, path::PathBuf};

use axum::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use ca::api::{
    CertificateInfo, IssueRequest, Issued, KeySource, Reason, RevokeRequest, SubjectData, Validity,
};
use lanyard::client::Server;
use pki::ocsp::{CertId, Hash, Refusal, Request};
use platform::clock::Millis;
use rcgen::PublicKeyData;

use crate::{
    bench::{Bench, pem, run},
    bouncy, entries, pkilint,
    server::Running,
    tampered,
};

/// A serial of our form that was never issued.
const NEVER: &str = "7f0102030405060708090a0b0c0d0e0f1011";

/// Since when keys are thought to have been unsafe: 9 September 2001 and 15 March 1985.
const LONG_AGO: Millis = Millis(1_000_000_000_000);
const LAST_CENTURY: Millis = Millis(479_723_400_000);

/// A reason that OpenSSL reads and has no name for.
const UNNAMED: u8 = u8::MAX;

/// What is said of a serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Good,
    /// With the reason's code, if one is said.
    Revoked(Option<u8>),
}

/// An answer, and all that a judge needs.
pub(crate) struct Judged<'a> {
    pub(crate) root: &'a Vec<u8>,
    pub(crate) issuer: &'a Vec<u8>,
    pub(crate) serial: &'a str,
    pub(crate) hash: Hash,
    pub(crate) answer: Vec<u8>,
}

/// A judge that says what an answer says; `None` in place of a reason that it does not show.
pub(crate) type Judge = fn(&Judged<'_>) -> Result<Said, String>;

/// Each judge, and whether it shows reasons.
pub(crate) const JUDGES: [(&str, Judge, bool); 3] =
    [("openssl", openssl, true), ("gnutls", gnutls, false), ("bouncy castle", bouncy_castle, true)];

/// A running server with certificates in every state.
pub(crate) struct World {
    pub(crate) server: Running,
    pub(crate) desk: Server,
    pub(crate) root: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    serials: Vec<String>,
}

impl World {
    /// A running server that has issued nothing.
    pub(crate) fn empty() -> World {
        platform::tls::install_crypto_provider();
        let server = Running::start();
        let desk = server.as_client("clients", "registration-desk");
        World { server, desk, root: Vec::new(), issuer: Vec::new(), serials: vec![NEVER.to_owned()] }
    }

    async fn start() -> World {
        let mut world = World::empty();
        let _good = world.issue("good").await;
        for reason in Reason::ALL {
            let serial = world.issue(&format!("reason-{}", reason.code())).await;
            // Every other one with a date, of this century and of the one before.
            let since = [None, Some(LONG_AGO), None, Some(LAST_CENTURY)][usize::from(reason.code()) % 4];
            world.revoke_since(&serial, reason, since).await;
        }
        let lifted = world.issue("lifted").await;
        world.revoke(&lifted, Reason::CertificateHold).await;
        let path = format!("/ca/certificates/{lifted}/revocation");
        world.desk.tell(Method::DELETE, &path, &()).await.expect("a hold is lifted");
        world.answering().await;
        world
    }

    /// Waits until the schedule has made the issuer's responder.
    pub(crate) async fn answering(&self) {
        let later = Refusal::TryLater.to_der();
        for _ in 0..900 {
            if self.answer(NEVER, Hash::Sha1).await != later {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the responder did not come to answer");
    }

    async fn issue(&mut self, name: &str) -> String {
        self.issue_for(name, None).await
    }

    /// For this validity, or the profile's.
    pub(crate) async fn issue_for(&mut self, name: &str, validity: Option<Validity>) -> String {
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let key = KeySource::public_key(&key.subject_public_key_info());
        let subject = SubjectData { common_name: name.to_owned(), ..SubjectData::default() };
        let request = IssueRequest::new(format!("ocsp-{name}"), "system-tls-client", subject, key);
        let request = IssueRequest { validity, ..request };
        let made: Issued = self.desk.post("/ca/certificates", &request).await.expect("it is issued");
        let decode = |text: &String| STANDARD.decode(text).expect("certificates travel as base64");
        (self.issuer, self.root) = (decode(&made.chain[0]), decode(&made.chain[1]));
        self.serials.push(made.serial.clone());
        made.serial
    }

    pub(crate) async fn revoke(&self, serial: &str, reason: Reason) {
        self.revoke_since(serial, reason, None).await;
    }

    async fn revoke_since(&self, serial: &str, reason: Reason, invalidity_date: Option<Millis>) {
        let request = RevokeRequest { reason, invalidity_date };
        let path = format!("/ca/certificates/{serial}/revocation");
        let _: CertificateInfo = self.desk.post(&path, &request).await.expect("it is revoked");
    }

    /// What the newest list says, once it has every change.
    async fn list(&self) -> pki::Crl {
        for _ in 0..200 {
            let list = pki::Crl::from_der(&self.server.plain("/crl/systems.crl").await).expect("a list");
            // Every reason, of which one was lifted again by another certificate.
            if list.len() == Reason::ALL.len() {
                return list;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the list did not come to hold every revocation");
    }

    /// The answer about a serial, asked for as caches do it.
    pub(crate) async fn answer(&self, serial: &str, hash: Hash) -> Vec<u8> {
        let issuer = pki::Certificate::from_der(&self.issuer).expect("an issuer's certificate");
        let id = CertId::new(hash, &issuer, serial.parse().expect("a serial")).expect("its name");
        let question = Request::new(vec![id], None).expect("a question").to_der();
        let text = STANDARD.encode(question).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        self.server.plain(&format!("/ocsp/{text}")).await
    }
}

/// Every judge reads the same entries in the list, accepts every answer, by both hashes, and says of every serial what the
/// list says.
#[tokio::test(flavor = "multi_thread")]
async fn every_judge_reads_what_the_list_says() {
    let world = World::start().await;
    let list = world.list().await;
    assert_eq!(list.len(), Reason::ALL.len(), "the list was read as {:?}", entries::read_by_us(&list));
    let mut wrong = entries::read_alike(&list, &world.issuer);
    let dated = |at: Millis| list.entries().filter(|entry| entry.invalidity_date_ms == Some(at.0)).count();
    assert!(dated(LONG_AGO) > 0 && dated(LAST_CENTURY) > 0, "no entry has a date of long ago");
    wrong.extend(
        pkilint::accepts_crl(list.der()).err().map(|reason| format!("pkilint on the list: {reason}")),
    );
    let told = entries::dates_by_openssl(list.der());
    let expected = [("Sep  9 01:46:40 2001 GMT", LONG_AGO), ("Mar 15 08:30:00 1985 GMT", LAST_CENTURY)];
    for (text, at) in expected {
        let found = told.iter().filter(|line| *line == text).count();
        if found != dated(at) {
            wrong.push(format!("openssl reads {text} {found} times, and we {} times", dated(at)));
        }
    }
    for serial in &world.serials {
        let number: pki::Serial = serial.parse().expect("a serial");
        let mut expected = list
            .entry(&number)
            .map_or(Said::Good, |entry| Said::Revoked(entry.reason.map(pki::Reason::code)));
        if serial == NEVER {
            // The list is silent; the responder says by RFC 6960 4.4.8 that it was never issued.
            expected = Said::Revoked(Some(Reason::CertificateHold.code()));
        }
        for hash in Hash::ALL {
            let answer = world.answer(serial, hash).await;
            wrong.extend(
                pkilint::accepts_ocsp(&answer).err().map(|reason| format!("pkilint on {serial}: {reason}")),
            );
            let judged = Judged { root: &world.root, issuer: &world.issuer, serial, hash, answer };
            for (name, judge, shows_reasons) in JUDGES {
                let expected = match expected {
                    Said::Revoked(_) if !shows_reasons => Said::Revoked(None),
                    // OpenSSL 3.0 has no names for privilegeWithdrawn and aACompromise.
                    Said::Revoked(Some(9 | 10)) if name == "openssl" => Said::Revoked(Some(UNNAMED)),
                    said => said,
                };
                let said = judge(&judged);
                if said != Ok(expected) {
                    wrong.push(format!("{name} on {serial} by {hash:?}: {said:?}, not {expected:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// OpenSSL and GnuTLS as they ask themselves: by POST, with a nonce, and with several certificates in one question.
#[tokio::test(flavor = "multi_thread")]
async fn their_own_questions_are_answered() {
    let world = World::start().await;
    let (bench, url) = (Bench::new(), world.server.plain_url("/ocsp"));
    let trusted = bench.file("trusted.pem", pem("CERTIFICATE", [&world.root, &world.issuer]));
    let issuer = bench.certificates("issuer.pem", [&world.issuer]);
    let mut arguments: Vec<OsString> =
        ["ocsp", "-no_proxy", "localhost", "-nonce", "-url", &url, "-issuer"].map(Into::into).to_vec();
    arguments.push(issuer.into_os_string());
    for serial in &world.serials[..4] {
        arguments.extend(["-serial".into(), format!("0x{serial}").into()]);
    }
    arguments.extend(["-CAfile".into(), trusted.into_os_string()]);
    let said = run("openssl", arguments).expect("openssl gets an answer");
    assert!(said.err.contains("Response verify OK") && !said.err.contains("WARNING"), "{}", said.err);
    let said_of = |serial: &str| {
        let line = said.out.lines().find(|line| line.contains(serial)).unwrap_or_default().to_owned();
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(said_of(&world.serials[0]), "revoked", "never issued");
    assert_eq!(said_of(&world.serials[1]), "good");
    assert_eq!(said_of(&world.serials[2]), "revoked");
    let strange = ["ocsp", "-no_proxy", "localhost", "-url", &url, "-issuer"].map(OsString::from).to_vec();
    let root = bench.certificates("root.pem", [&world.root]).into_os_string();
    let strange = run("openssl", strange.into_iter().chain([root, "-serial".into(), "0x05".into()]));
    let strange = strange.map_or_else(|said| said, |said| said.out + &said.err);
    assert!(strange.contains("unauthorized"), "the root has no responder: {strange}");
}

/// Each judge refuses an answer that was changed, and one of another issuer.
#[tokio::test(flavor = "multi_thread")]
async fn judges_of_answers_can_refuse() {
    let world = World::start().await;
    let serial = &world.serials[1];
    let answer = world.answer(serial, Hash::Sha1).await;
    let other = crate::fixture::make().path;
    for (name, judge, _) in JUDGES {
        let good = Judged {
            root: &world.root,
            issuer: &world.issuer,
            serial,
            hash: Hash::Sha1,
            answer: answer.clone(),
        };
        assert_eq!(judge(&good), Ok(Said::Good), "{name}");
        let changed = Judged { answer: in_signature(&answer), ..good };
        assert!(judge(&changed).is_err(), "{name} accepted a changed answer");
        let foreign = Judged {
            root: &other.root,
            issuer: &other.intermediates[0],
            serial,
            hash: Hash::Sha1,
            answer: answer.clone(),
        };
        assert!(judge(&foreign).is_err(), "{name} accepted an answer of another issuer");
    }
    assert!(pkilint::accepts_ocsp(&tampered(&world.issuer)).is_err(), "pkilint took a certificate");
}

/// The answer with one bit of its own signature turned, which stands before the responder's certificate.
fn in_signature(answer: &[u8]) -> Vec<u8> {
    let algorithm = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let at = answer.windows(algorithm.len()).position(|window| window == algorithm).expect("its algorithm");
    let mut changed = answer.to_vec();
    changed[at + algorithm.len() + 20] ^= 1;
    changed
}

fn openssl(judged: &Judged<'_>) -> Result<Said, String> {
    let bench = Bench::new();
    let (trusted, issuer, answer) = files(&bench, judged);
    let hash = if judged.hash == Hash::Sha1 { "-sha1" } else { "-sha256" };
    let arguments = ["ocsp", "-no_nonce", hash, "-issuer"].map(OsString::from).into_iter().chain([
        issuer.into_os_string(),
        "-serial".into(),
        format!("0x{}", judged.serial).into(),
        "-CAfile".into(),
        trusted.into_os_string(),
        "-respin".into(),
        answer.into_os_string(),
    ]);
    let said = run("openssl", arguments)?;
    if !said.err.contains("Response verify OK") {
        return Err(said.err);
    }
    let status = said.out.lines().find(|line| line.contains(judged.serial)).unwrap_or_default();
    match status.rsplit(' ').next() {
        Some("good") => Ok(Said::Good),
        Some("revoked") => {
            let reason = said.out.lines().find_map(|line| line.trim().strip_prefix("Reason: "));
            reason.map(code).transpose().map(Said::Revoked)
        }
        _ => Err(said.out),
    }
}

/// The code of a reason as OpenSSL writes it.
fn code(name: &str) -> Result<u8, String> {
    let names = [
        ("keyCompromise", 1),
        ("cACompromise", 2),
        ("affiliationChanged", 3),
        ("superseded", 4),
        ("cessationOfOperation", 5),
        ("certificateHold", 6),
        ("(UNKNOWN)", UNNAMED),
    ];
    names.iter().find(|known| known.0 == name).map(|known| known.1).ok_or(format!("the reason {name}"))
}

fn gnutls(judged: &Judged<'_>) -> Result<Said, String> {
    let bench = Bench::new();
    let (trusted, _, answer) = files(&bench, judged);
    let verify = ["-e", "--load-trust"].map(OsString::from).into_iter();
    let infile = OsString::from("--infile");
    let verified = run(
        "ocsptool",
        verify.chain([trusted.into_os_string(), infile.clone(), answer.clone().into_os_string()]),
    )?;
    let verified = verified.out + &verified.err;
    if !verified.contains("Verifying OCSP Response: Success") {
        return Err(verified);
    }
    let read = run("ocsptool", [OsString::from("-j"), infile, answer.into_os_string()])?.out;
    let serial = format!("Serial Number: {}", judged.serial);
    if !read.contains(&serial) {
        return Err(read);
    }
    match read.lines().find_map(|line| line.trim().strip_prefix("Certificate Status: ")) {
        Some("good") => Ok(Said::Good),
        Some("revoked") => Ok(Said::Revoked(None)),
        _ => Err(read),
    }
}

fn bouncy_castle(judged: &Judged<'_>) -> Result<Said, String> {
    let bench = Bench::new();
    let issuer = bench.file("issuer.cer", judged.issuer);
    let answer = bench.file("answer.der", &judged.answer);
    let said = bouncy::reads_ocsp(issuer, judged.serial, answer)?;
    match said.split_once(' ') {
        None if said == "good" => Ok(Said::Good),
        Some(("revoked", "none")) => Ok(Said::Revoked(None)),
        Some(("revoked", reason)) => {
            reason.parse().map(|reason| Said::Revoked(Some(reason))).map_err(|_| said.clone())
        }
        _ => Err(said),
    }
}

fn files(bench: &Bench, judged: &Judged<'_>) -> (PathBuf, PathBuf, PathBuf) {
    (
        bench.file("trusted.pem", pem("CERTIFICATE", [judged.root, judged.issuer])),
        bench.certificates("issuer.pem", [judged.issuer]),
        bench.file("answer.der", &judged.answer),
    )
}
