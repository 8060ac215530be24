//! The profiles of `docs/examples/clinicians.toml` before every judge: names by template, qualified statements, several
//! policies, and the name constraints of their authorities.

use base64::{Engine, engine::general_purpose::STANDARD};
use ca::{
    Authority, Config,
    api::{Client, ISSUE, IssueRequest, Issued, KeySource, READ, SubjectData},
    ceremony::{self, Specification},
};
use hsm::testing::TestToken;
use platform::{
    caller::{Caller, CallerKind},
    clock::{Clock, HighWater},
    db::{self, Db},
    peer::Peer,
};
use rcgen::PublicKeyData;

use crate::{PATH, evidence::Path, pkilint};

const PROFILES: &str = include_str!("../../docs/examples/clinicians.toml");

/// A judge that takes the common name of a certificate without extended key usage for a host name, which then lies
/// outside of the permitted ones. RFC 5280 4.2.1.10 constrains host names in alternative names alone.
const MISTAKEN: (&str, &str) = ("gnutls", "clinician-signing");

/// Authorities with the names that ETSI EN 319 412-2 4.2.3.1 asks of them.
const CEREMONY: &str = r#"
[root]
common_name = "Clinicians Root CA"
organisation = "NHS"
organisation_identifier = "NTRGB-12345678"
country = "GB"
key = { label = "ca-root", algorithm = "p-384" }

[[issuing]]
id = "card"
common_name = "Clinicians Card CA"
organisation = "NHS"
organisation_identifier = "NTRGB-12345678"
country = "GB"
key = { label = "ca-card", algorithm = "p-256" }

[[issuing]]
id = "systems"
common_name = "Clinicians Systems CA"
organisation = "NHS"
organisation_identifier = "NTRGB-12345678"
country = "GB"
key = { label = "ca-systems", algorithm = "p-256" }
"#;

fn clinician() -> SubjectData {
    SubjectData {
        user_id: Some("555000000108".to_owned()),
        given_name: Some("Zoë".to_owned()),
        family_name: Some("O’Neill".to_owned()),
        organisation_id: Some("A81001".to_owned()),
        email: Some("zoe.oneill@surgery.nhs.example.org".to_owned()),
        role_profile_id: Some("100334993514".to_owned()),
        role_name: Some("General medical practitioner".to_owned()),
        ..SubjectData::default()
    }
}

/// Every profile of the file that a client asks for, its issuer, and what it is asked.
fn profiles() -> [(&'static str, &'static str, SubjectData); 4] {
    let sign_in = SubjectData {
        upn: Some("zoe@surgery.nhs.example.org".to_owned()),
        role_profile_id: None,
        role_name: None,
        ..clinician()
    };
    let system = SubjectData {
        organisation_id: Some("A81001".to_owned()),
        system_id: Some("200000000017".to_owned()),
        dns_names: vec!["signer.nhs.example.org".to_owned()],
        ip_addresses: vec!["10.1.2.3".to_owned()],
        uris: vec!["https://signer.nhs.example.org/a".to_owned()],
        ..SubjectData::default()
    };
    let device = SubjectData {
        organisation_id: Some("A81001".to_owned()),
        device_serial: Some("sn-1234".to_owned()),
        device_model: Some("Card terminal".to_owned()),
        ..SubjectData::default()
    };
    [
        ("clinician-signing", "card", clinician()),
        ("clinician-sign-in", "card", sign_in),
        ("system", "systems", system),
        ("device", "systems", device),
    ]
}

/// An authority under the example's profiles.
struct World {
    client: Client,
    /// Its keys go with it.
    _token: TestToken,
}

impl World {
    async fn new(db: Db) -> World {
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), PROFILES).expect("it can be written");
        let public_url = "http://pki.example.org".to_owned().try_into().expect("an address");
        let statement = "https://pki.example.org/cps".to_owned().try_into().expect("an address");
        let config = Config { profiles: Some(file.path().to_owned()), ..Config::new(public_url, statement) };
        let (token, clock) = (TestToken::new(), Clock::system());
        let (hsm, marks) = (token.hsm().await, HighWater::open(&db).await.expect("a database"));
        let specification = Specification::parse(CEREMONY).expect("a ceremony");
        let (of, parts) = (config.clone(), (db.clone(), clock.clone(), marks.clone()));
        ceremony::hold(&specification, of, &hsm, parts.0, parts.1, parts.2, |_| {})
            .await
            .expect("it is held");
        let authority = Authority::open(config, &hsm, db, clock, marks).await.expect("it opens");
        authority.make_due_crls().await;
        let acts = [ISSUE, READ].map(|act| act.0);
        let caller = Caller::new(CallerKind::Module, "tests", "tests".parse().expect("an id"), acts);
        let client = Client::new(Peer::local(ca::router(authority), caller));
        World { client, _token: token }
    }

    async fn issue(&self, profile: &str, issuer: &str, subject: SubjectData) -> Path {
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let key = KeySource::public_key(&key.subject_public_key_info());
        let request = IssueRequest::new(profile, profile, subject, key);
        let Issued { certificate, chain, .. } = self.client.issue(&request).await.expect("it is issued");
        let decode = |text: &String| STANDARD.decode(text).expect("certificates travel as base64");
        let mut crls = Vec::new();
        for id in ["root", issuer] {
            crls.push(decode(&self.client.crl(id).await.expect("a list").crl));
        }
        Path {
            root: decode(&chain[1]),
            intermediates: vec![decode(&chain[0])],
            leaf: decode(&certificate),
            crls,
        }
    }
}

/// Every judge of paths, and pkilint, accept a certificate of every profile of the example below its name constraints, and
/// pkilint's ETSI rules the qualified one; they refuse one that is not qualified.
#[test]
fn every_templated_profile_is_accepted() {
    db::testing::run(db::Engine::Sqlite, judge);
}

async fn judge(db: Db) {
    let world = World::new(db).await;
    let mut refusals = Vec::new();
    for (profile, issuer, subject) in profiles() {
        let path = world.issue(profile, issuer, subject).await;
        for (judge, accepts) in PATH {
            let refused = accepts(&path).err();
            if (judge, profile) == MISTAKEN {
                assert!(refused.is_some_and(|reason| reason.contains("constraints")), "{judge} has learnt");
                continue;
            }
            refusals.extend(refused.map(|reason| format!("{judge} on {profile}: {reason}")));
        }
        let lints = pkilint::accepts_path(&path).err();
        refusals.extend(lints.map(|reason| format!("pkilint on {profile}: {reason}")));
        let qualified = pkilint::accepts_qualified(&path.leaf);
        match profile {
            "clinician-signing" => refusals.extend(qualified.err().map(|reason| format!("ETSI: {reason}"))),
            _ => assert!(qualified.is_err(), "pkilint took {profile} for qualified"),
        }
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}
