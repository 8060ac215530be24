//! A certificate that is revoked through one process signs nothing more in another one on the same database.

use std::path::Path;
use std::process::Command;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateInfo, Reason, RevokeRequest, SubjectData};
use lanyard::signing::{self, Agreement, Credential, Envelope};
use pki::Certificate;
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::json;
use signer::api::{Algorithm, CreateCredential, SetPassphrase};
use zeroize::Zeroizing;

use crate::rig::{Serving, Site, said};

/// The prescriber that the demo has registered.
const USER_ID: &str = "555000000108";
const PASSPHRASE: &str = "correct horse battery";

/// The ways to end a signing certificate. EST has none (RFC 7030), and ACME ends what was ordered by ACME.
#[derive(Clone, Copy, Debug)]
enum Road {
    /// `POST /ca/certificates/…/revocation`, by the registration desk.
    Desk,
    /// A hold there.
    Hold,
    /// A revocation request of CMP (RFC 9810 5.3.9), made by `openssl cmp` for the registration desk.
    Cmp,
    /// `POST /signer/credentials/…/revoke`, by the registration desk.
    Credential,
    /// `lanyard ca revoke` on the command line.
    CommandLine,
}

const ROADS: [Road; 5] = [Road::Desk, Road::Hold, Road::Cmp, Road::Credential, Road::CommandLine];

/// Whichever road a revocation takes, the next signature is refused in the process that it went through and in a second
/// one that has the credential and the authorisation in memory; what was signed is answered again by both.
mod a_revocation_counts_in_every_process_at_once {
    use super::*;

    /// On SQLite.
    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() {
        let dir = tempfile::tempdir().unwrap();
        every_road(Site::of_demo(dir.path())).await;
    }

    /// On PostgreSQL.
    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() {
        let database = TestDb::new(Engine::Postgres).await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site::of_demo(dir.path());
        site.move_to(&database, dir.path());
        every_road(site).await;
    }
}

async fn every_road(first: Site) {
    let _serving = Serving::spawn(&first);
    first.private("/ready", 200).await;
    let (second, _second) = first.second();
    second.private("/ready", 200).await;
    for road in ROADS {
        let credential = prescriber(&first, &format!("{road:?}")).await;
        let mut agreed = Vec::new();
        for number in 0..2 {
            // Each process is asked to sign one before and one after.
            let documents = [0, 1].map(|when| vec![format!("{road:?} {number} {when}").into_bytes()]);
            let [before, after] = documents;
            let site = if number == 0 { &first } else { &second };
            let agreement = agree(site, &credential, &[&before[..], &after[..]].concat()).await;
            let made = sign(site, &credential, &agreement, &before, 0).await.unwrap();
            agreed.push((site, agreement, before, after, made));
        }
        revoke(&first, road, &credential).await;
        // First the process that nobody told.
        for (site, agreement, _, after, _) in agreed.iter().rev() {
            let refused = sign(site, &credential, agreement, after, 1).await.unwrap_err().to_string();
            let expected = if matches!(road, Road::Hold) { "suspended" } else { "revoked" };
            assert!(refused.contains(&format!("Signing certificate is {expected}")), "{road:?}: {refused}");
        }
        for (_, agreement, before, _, made) in &agreed {
            for site in [&first, &second] {
                let again = sign(site, &credential, agreement, before, 0).await.unwrap();
                assert_eq!(&again, made, "{road:?}: what was answered is answered again");
            }
        }
    }
}

/// A new credential with a passphrase.
async fn prescriber(site: &Site, name: &str) -> Credential {
    let request = CreateCredential {
        request_id: format!("revoked-{name}"),
        subject: SubjectData {
            common_name: format!("{USER_ID}_Ottoline_Marchbanks"),
            user_id: Some(USER_ID.to_owned()),
            given_name: Some("Ottoline".to_owned()),
            family_name: Some("Marchbanks".to_owned()),
            ..SubjectData::default()
        },
        algorithm: Algorithm::P256,
        key: signer::api::KeyLife::Kept,
    };
    let made: signer::api::Credential =
        site.systems(&site.desk()).post("/signer/credentials", &request).await.unwrap();
    let path = format!("/signer/credentials/{}/passphrase", made.credential_id);
    let body = SetPassphrase { new: PASSPHRASE.to_owned(), old: None };
    site.systems(&site.person()).tell(Method::PUT, &path, &body).await.unwrap();
    signing::credential(&site.systems(&site.system()), USER_ID, Some(&made.credential_id)).await.unwrap()
}

async fn agree(site: &Site, credential: &Credential, documents: &[Vec<u8>]) -> Agreement {
    let passphrase = Zeroizing::new(PASSPHRASE.to_owned());
    let system = site.systems(&site.system());
    signing::authorise(&system, credential, &passphrase, documents).await.unwrap()
}

/// Has one of the documents of an agreement signed, the one at this place in it.
async fn sign(
    site: &Site,
    credential: &Credential,
    agreement: &Agreement,
    document: &[Vec<u8>],
    place: usize,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let system = site.systems(&site.system());
    signing::signatures(&system, credential, agreement.only(place), document, Envelope::Detached).await
}

async fn revoke(site: &Site, road: Road, credential: &Credential) {
    let leaf = Certificate::from_der(&STANDARD.decode(&credential.certificates[0]).unwrap()).unwrap();
    let desk = site.systems(&site.desk());
    match road {
        Road::Desk | Road::Hold => {
            let reason =
                if matches!(road, Road::Hold) { Reason::CertificateHold } else { Reason::KeyCompromise };
            let request = RevokeRequest { reason, invalidity_date: None };
            let path = format!("/ca/certificates/{}/revocation", leaf.serial());
            let _: CertificateInfo = desk.post(&path, &request).await.unwrap();
        }
        Road::Credential => {
            let path = format!("/signer/credentials/{}/revoke", credential.id);
            let _: serde_json::Value = desk.post(&path, &json!({"reason": "superseded"})).await.unwrap();
        }
        Road::Cmp => revoke_by_cmp(site, &leaf),
        Road::CommandLine => revoke_by_command(site, &leaf),
    }
}

fn revoke_by_cmp(site: &Site, leaf: &Certificate) {
    let file = site.folder.join("revoked.pem");
    std::fs::write(&file, leaf.to_pem()).unwrap();
    let (desk, root, server) = (site.desk(), site.root(), format!("localhost:{}", site.base));
    let arguments: [(&str, &Path); 5] = [
        ("-oldcert", &file),
        ("-cert", &desk.certificate),
        ("-key", &desk.key),
        ("-tls_trusted", &root),
        ("-trusted", &root),
    ];
    let mut openssl = Command::new("openssl");
    openssl.args(["cmp", "-config", "", "-cmd", "rr", "-revreason", "1", "-server", &server]);
    openssl.args(["-path", ".well-known/cmp", "-tls_used", "-recipient", "/CN=any", "-total_timeout", "60"]);
    for (name, value) in arguments {
        openssl.arg(name).arg(value);
    }
    let output = openssl.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

fn revoke_by_command(site: &Site, leaf: &Certificate) {
    let (desk, root, server) = (site.desk(), site.root(), format!("https://localhost:{}", site.base + 1));
    let serial = leaf.serial().to_string();
    let caller = ["--certificate", desk.certificate.to_str().unwrap(), "--key", desk.key.to_str().unwrap()];
    let act = [
        "ca",
        "revoke",
        &serial,
        "--reason",
        "key_compromise",
        "--server",
        &server,
        "--root",
        root.to_str().unwrap(),
    ];
    site.run(&[&act[..], &caller[..]].concat());
}
