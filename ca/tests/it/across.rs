//! Two roots that no server holds certify each other across, each in a ceremony on its own machine.

use ca::ceremony;
use ca::{Held, verify_transcript};
use pki::Certificate;
use platform::clock::{Clock, Millis};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};

use crate::elsewhere::{Machine, files, present};
use crate::world::{config_of, listed};

/// SHA-256 in hexadecimal, as a transcript tells it.
fn sha256_hex(octets: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets))
}

fn root_of(name: &str) -> String {
    format!(
        "[root]\ncommon_name = \"{name}\"\norganisation = \"Lanyard\"\nkey = {{ label = \"ca-root\", algorithm = \"p-384\" }}\n"
    )
}

async fn machine(db: Db, clock: &Clock, instance: u8, name: &str) -> Machine {
    let machine = Machine::new(db, clock.clone(), config_of(instance)).await;
    machine.ceremony(&root_of(name)).await;
    machine
}

async fn certified_by(machine: &Machine, other: &Certificate) -> Held {
    let root = machine.root().await;
    let asked = [root.read_root(&other.to_pem()).unwrap()];
    let shown = root.describe(&asked[0]).join("\n");
    assert!(shown.contains("another root") && shown.contains("path length 1"), "{shown}");
    root.hold(&asked, &[], &present()).await.unwrap()
}

/// Each root certifies the other's key under the other's name, with path length 1 and no longer than either lasts; what is below
/// the one leads to the other, OpenSSL says so too, the transcript tells of both, and asking again gives the same certificate.
#[tokio::test(flavor = "multi_thread")]
async fn two_offline_roots_certify_each_other() {
    let (clock, _hand) = Clock::manual(Millis(1_800_000_000_000));
    let (first, second) = (TestDb::new(Engine::Sqlite).await, TestDb::new(Engine::Sqlite).await);
    let old = machine(first.db.clone(), &clock, 126, "Lanyard Root CA").await;
    let new = machine(second.db.clone(), &clock, 127, "Lanyard Root CA G2").await;
    let (old_root, new_root) =
        (old.root().await.certificate().clone(), new.root().await.certificate().clone());
    for (signer, own, other) in [(&old, &old_root, &new_root), (&new, &new_root, &old_root)] {
        let held = certified_by(signer, other).await;
        let across = Certificate::from_der(&held.certificates[0]).unwrap();
        across.verify_signed_by(own).unwrap();
        assert!(across.verify_signed_by(other).is_err());
        assert_eq!((across.spki_der(), across.subject().der()), (other.spki_der(), other.subject().der()));
        assert_eq!(across.issuer().der(), own.subject().der());
        assert_eq!(across.basic_constraints().unwrap().path_length, Some(1));
        assert!(across.not_after_ms() <= own.not_after_ms().min(other.not_after_ms()));
        assert!(across.not_before_ms() <= clock.now().0);

        let lines = verify_transcript(&held.transcript, &held.signature, own).unwrap().join("\n");
        for told in [other.der(), across.der()] {
            assert!(lines.contains(&sha256_hex(told)), "{lines}");
        }
        let again = certified_by(signer, other).await;
        assert_eq!(again.certificates, held.certificates, "the same again");

        let root = signer.root().await;
        let serial = across.serial().to_string();
        let withdrawn = [root.find(&serial, ca::api::Reason::Superseded).await.unwrap()];
        let ended = root.hold(&[], &withdrawn, &present()).await.unwrap();
        assert!(listed(&pki::Crl::from_der(&ended.list).unwrap(), &serial).is_some(), "it can be revoked");
        let asked = [root.read_root(&other.to_pem()).unwrap()];
        let refused = root.hold(&asked, &[], &present()).await.unwrap_err().to_string();
        assert!(refused.contains("was revoked"), "{refused}");
        assert!(files(&held).contains("BEGIN CERTIFICATE"));
    }
    first.db.close().await;
    second.db.close().await;
}

/// What is no other root is not certified across: a request, an authority, one of this root's own key or name, one that signed
/// itself with another key, one that has ended.
#[tokio::test(flavor = "multi_thread")]
async fn only_another_root_is_certified_across() {
    let (clock, hand) = Clock::manual(Millis(1_800_000_000_000));
    let (database, other) = (TestDb::new(Engine::Sqlite).await, TestDb::new(Engine::Sqlite).await);
    let machine = machine(database.db.clone(), &clock, 126, "Lanyard Root CA").await;
    let same_name = Machine::new(other.db.clone(), clock.clone(), config_of(127)).await;
    same_name.ceremony(&root_of("Lanyard Root CA")).await;
    let root = machine.root().await;
    let refused = |pem: &str| root.read_root(pem).err().map(|error| error.to_string()).unwrap_or_default();

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let made = |is_ca: bool, until: i32| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Another Root");
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        if is_ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap()
    };
    let good = made(true, 2040);
    assert_eq!(refused(&good.to_pem()), "");
    let mut forged = good.der().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for (pem, said) in [
        ("no certificate".to_owned(), "cannot be read"),
        (pki::to_pem("CERTIFICATE", &forged), "not a root's"),
        (made(false, 2040).to_pem(), "not a root's"),
        (root.certificate().to_pem(), "the key or the name of this root"),
        (same_name.root().await.certificate().to_pem(), "the key or the name of this root"),
        (made(true, 2020).to_pem(), "has ended"),
    ] {
        let told = refused(&pem);
        assert!(told.contains(said), "{said}: {told}");
    }
    let waiting = ceremony::requests(&machine.db).await.unwrap();
    assert!(waiting.is_empty());
    hand.advance(std::time::Duration::from_hours(24 * 365 * 16));
    assert!(refused(&good.to_pem()).contains("has ended"));
    database.db.close().await;
    other.db.close().await;
}
