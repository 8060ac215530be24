//! A client that asks for signatures without end, and another one that wants a few.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{IssueRequest, Issued, KeySource, SubjectData};
use lanyard::client::{Refused, Server};
use lanyard::keypair::Pair;
use lanyard::signing::{Credential, credential};
use signer::api::{AuthObject, Authorization, AuthorizeRequest, SignHashRequest, Signatures};
use tokio::task::JoinSet;

use crate::rig::{Serving, Site, until};

/// The prescriber that the demo has registered.
const USER_ID: &str = "555000000108";
/// How many requests the flood has under way all the time: more than the token's queue has places.
const AT_ONCE: usize = 48;
/// How many signatures the other client wants, one after the other.
const WANTED: usize = 40;

/// Digests that were authorised, each to be signed alone.
struct Authorised {
    server: Server,
    credential: Credential,
    sad: String,
    hashes: Vec<String>,
}

/// What the flood was answered.
#[derive(Default)]
struct Flood {
    signed: AtomicUsize,
    told_to_wait: AtomicUsize,
    stop: AtomicBool,
}

/// While one client has more single signatures under way than the token has places, each of which is signed or answered
/// with 429 and a time to wait, another client gets every one of its signatures; and so does the first, once it asks for
/// one at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_keeps_nobody_else_from_signing() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    let text = std::fs::read_to_string(site.folder.join("lanyard.toml")).unwrap();
    let text = text.replace("\n[[hsm.tokens]]\n", "\n[hsm]\nqueue = 16\n\n[[hsm.tokens]]\n");
    let text = text.replace("\n[signer]\n", "\n[signer]\ncalls_per_client = 8\n");
    let text = text + "\n[clients.pharmacy-system]\nacts = [\"signer:sign\"]\n";
    assert!(text.contains("queue = 16") && text.contains("calls_per_client = 8"));
    std::fs::write(site.folder.join("lanyard.toml"), text).unwrap();
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let flooding = Arc::new(Authorised::new(&site, site.systems(&site.system()), "flood", 250).await);
    let wanting = Authorised::new(&site, other_client(&site).await, "wanted", WANTED).await;

    let flood = Arc::new(Flood::default());
    let mut tasks = JoinSet::new();
    for first in 0..AT_ONCE {
        tasks.spawn(pour(Arc::clone(&flooding), Arc::clone(&flood), first));
    }
    until("the flood is told to wait", || flood.told_to_wait.load(Ordering::Relaxed) >= AT_ONCE).await;
    for hash in &wanting.hashes {
        let before = flood.told_to_wait.load(Ordering::Relaxed);
        let signed = wanting.sign(hash).await;
        assert!(signed.is_ok(), "the flood kept another client from its signature: {}", signed.unwrap_err());
        // The flood goes on from one signature to the next.
        until("the flood goes on", || flood.told_to_wait.load(Ordering::Relaxed) > before).await;
    }
    assert!(flood.signed.load(Ordering::Relaxed) > 0, "the flood has its share");
    flood.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("every answer to the flood is a signature, or 429 with Retry-After");
    }
    flooding.sign(&flooding.hashes[0]).await.expect("whoever floods no more is served");
}

/// Asks for signatures until it is told to stop; whatever is not signed has to be "wait".
async fn pour(authorised: Arc<Authorised>, flood: Arc<Flood>, first: usize) {
    for index in (first..).step_by(AT_ONCE) {
        if flood.stop.load(Ordering::Relaxed) {
            break;
        }
        match authorised.sign(&authorised.hashes[index % authorised.hashes.len()]).await {
            Ok(()) => {
                flood.signed.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let refused = error.downcast_ref::<Refused>();
                assert!(
                    refused.is_some_and(|it| it.status == 429 && it.retry_after >= Some(1)),
                    "neither signed nor told to wait: {error:#}"
                );
                flood.told_to_wait.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Another system, as the registration desk lets one in.
async fn other_client(site: &Site) -> Server {
    let name = "pharmacy-system";
    let pair = Pair::in_folder(&site.folder.join("clients"), name);
    let request = IssueRequest {
        request_id: "another-client".to_owned(),
        profile: "system-tls-client".to_owned(),
        subject: SubjectData { common_name: name.to_owned(), ..SubjectData::default() },
        key: KeySource::Csr(pair.request(name).unwrap()),
        issuer: None,
        validity: None,
    };
    let issued: Issued = site.systems(&site.desk()).post("/ca/certificates", &request).await.unwrap();
    pair.store(&issued).unwrap();
    site.systems(&pair)
}

impl Authorised {
    async fn new(site: &Site, server: Server, name: &str, number: usize) -> Self {
        let credential = credential(&server, USER_ID, None).await.unwrap();
        let passphrase = std::fs::read_to_string(site.folder.join("prescriber/passphrase")).unwrap();
        let hashes: Vec<String> = (0..number)
            .map(|number| {
                let document = format!("{name} {number}");
                STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, document.as_bytes()))
            })
            .collect();
        let request = AuthorizeRequest {
            credential_id: credential.id.clone(),
            num_signatures: hashes.len(),
            hashes: hashes.clone(),
            hash_algorithm_oid: None,
            description: None,
            auth_data: vec![AuthObject {
                id: "passphrase".to_owned(),
                value: Some(passphrase.trim().to_owned()),
            }],
        };
        let granted: Authorization = server.post("/csc/v2/credentials/authorize", &request).await.unwrap();
        Self { server, credential, sad: granted.sad, hashes }
    }

    /// Has one of the digests signed.
    async fn sign(&self, hash: &str) -> anyhow::Result<()> {
        let request = SignHashRequest {
            credential_id: self.credential.id.clone(),
            sad: Some(self.sad.clone()),
            operation_mode: None,
            validity_period: None,
            hashes: vec![hash.to_owned()],
            hash_algorithm_oid: None,
            sign_algo: self.credential.algorithm.clone(),
            sign_algo_params: None,
        };
        let answer: Signatures = self.server.post("/csc/v2/signatures/signHash", &request).await?;
        anyhow::ensure!(answer.signatures.len() == 1, "one signature was asked for");
        Ok(())
    }
}
