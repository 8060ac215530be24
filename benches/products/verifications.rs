//! Signatures to be verified.

use anyhow::ensure;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::SubjectData;
use lanyard::client::{Identity, Server};
use lanyard::keypair::Pair;
use lanyard::signing::{self, Envelope};
use serde_json::{Value, json};
use signer::api::{Algorithm, CreateCredential, Credential, SetPassphrase};
use zeroize::Zeroizing;

use crate::rig::load::Load;
use crate::rig::site::Site;

/// The prescriber that the demo has registered.
const USER_ID: &str = "555000000108";
const PASSPHRASE: &str = "correct horse battery staple";
/// How many signatures there are, and how often each is verified.
const SIGNATURES: usize = 100;
const ROUNDS: usize = 100;
/// As long as a small prescription.
const DOCUMENT_OCTETS: usize = 1024;

/// Signatures of a P-256 credential with their documents inside, to be verified one by one.
pub(crate) async fn load(site: &Site) -> anyhow::Result<Load> {
    let request = CreateCredential {
        request_id: "bench-verified".to_owned(),
        subject: SubjectData {
            common_name: format!("{USER_ID}_Ottoline_Marchbanks"),
            user_id: Some(USER_ID.to_owned()),
            ..SubjectData::default()
        },
        algorithm: Algorithm::P256,
        key: signer::api::KeyLife::Kept,
    };
    let made: Credential = client(site, &site.desk())?.post("/signer/credentials", &request).await?;
    let person = Pair::in_folder(&site.folder().join("prescriber"), "sign-in");
    let path = format!("/signer/credentials/{}/passphrase", made.credential_id);
    let body = SetPassphrase { new: PASSPHRASE.to_owned(), old: None };
    client(site, &person)?.tell(Method::PUT, &path, &body).await?;
    let pair = Pair::in_folder(&site.folder().join("clients"), "prescribing-system");
    let system = client(site, &pair)?;
    let credential = signing::credential(&system, USER_ID, Some(&made.credential_id)).await?;
    let documents: Vec<Vec<u8>> = (0..SIGNATURES).map(document).collect();
    let passphrase = Zeroizing::new(PASSPHRASE.to_owned());
    let signed = signing::sign(&system, &credential, &passphrase, &documents, Envelope::Enveloping).await?;
    let bodies: Vec<Vec<u8>> =
        signed.iter().map(|cms| json!({"cms": STANDARD.encode(cms)}).to_string().into_bytes()).collect();
    let bodies = (0..ROUNDS).flat_map(|_| bodies.clone()).collect();
    let url = format!("{}/signer/verifications", site.base());
    Ok(Load { client: site.loader(&pair)?, url, kind: "application/json", bodies, check: valid, things: 1 })
}

fn client(site: &Site, pair: &Pair) -> anyhow::Result<Server> {
    let identity = Identity { certificate: &pair.certificate, key: &pair.key };
    Server::new(&site.base(), &site.root(), Some(&identity))
}

fn document(index: usize) -> Vec<u8> {
    let mut document = format!("prescription {index} ").into_bytes();
    document.resize(DOCUMENT_OCTETS, b'.');
    document
}

/// One, for a signature that holds; anything else ends the measurement with the report.
fn valid(answer: &[u8]) -> anyhow::Result<usize> {
    let report: Value = serde_json::from_slice(answer)?;
    ensure!(report["verdict"] == "valid", "{report}");
    Ok(1)
}
