//! A prescriber with a remote credential, and requests that only need to be sent.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::SubjectData;
use hsm::Alg;
use lanyard::client::{Identity, Server};
use lanyard::keypair::Pair;
use lanyard::signing::{Credential, credential};
use serde::Deserialize;
use signer::api::{
    Algorithm, AuthObject, Authorization, AuthorizeRequest, CreateCredential, Credential as Created,
    DocumentDigests, SetPassphrase, SignDocRequest,
};
use tokio::task::JoinSet;

use crate::rig::load::{Load, Measured};
use crate::rig::number;
use crate::rig::site::{Loader, Site};
use crate::steady::steady;

/// The prescriber that the demo has registered.
const USER_ID: &str = "555000000108";
const PASSPHRASE: &str = "correct horse battery staple";
/// As long as a small prescription.
const DOCUMENT_OCTETS: usize = 1024;
/// Authorisations asked for at the same time: as many as there are threads that hash.
const AUTHORISING_AT_ONCE: usize = 2;

/// A credential that can sign, and the system that asks it to.
pub(crate) struct Prescriber {
    system: Server,
    loader: Loader,
    url: String,
    credential: Arc<Credential>,
}

/// Requests for signatures, authorised.
pub(crate) struct Requests {
    load: Load,
    documents: Vec<Vec<u8>>,
    /// How fast the authorisations were made.
    pub(crate) authorisations_per_second: f64,
}

/// One request and what its answer is to sign.
pub(crate) struct Sample {
    load: Load,
    documents: Vec<Vec<u8>>,
}

/// The answer, as far as it is looked at; it is read without copying.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "SignatureObject", borrow)]
    signatures: Vec<&'a str>,
}

impl Prescriber {
    /// Makes a credential with a key of this kind, under a name that no other has, for a system to sign with.
    pub(crate) async fn register(site: &Site, alg: Alg, system: &str, name: &str) -> anyhow::Result<Self> {
        let algorithm = if alg == Alg::P256 { Algorithm::P256 } else { Algorithm::Rsa2048 };
        let request = CreateCredential {
            request_id: format!("bench-{name}-{alg}"),
            subject: SubjectData {
                common_name: format!("{USER_ID}_Ottoline_Marchbanks"),
                user_id: Some(USER_ID.to_owned()),
                given_name: Some("Ottoline".to_owned()),
                family_name: Some("Marchbanks".to_owned()),
                ..SubjectData::default()
            },
            algorithm,
            key: signer::api::KeyLife::Kept,
        };
        let made: Created = client(site, &site.desk())?.post("/signer/credentials", &request).await?;
        let person = Pair::in_folder(&site.folder().join("prescriber"), "sign-in");
        let path = format!("/signer/credentials/{}/passphrase", made.credential_id);
        let body = SetPassphrase { new: PASSPHRASE.to_owned(), old: None };
        client(site, &person)?.tell(Method::PUT, &path, &body).await?;
        let pair = Pair::in_folder(&site.folder().join("clients"), system);
        let system = client(site, &pair)?;
        let credential = Arc::new(credential(&system, USER_ID, Some(&made.credential_id)).await?);
        let url = format!("{}/csc/v2/signatures/signDoc", site.base());
        Ok(Self { system, loader: site.loader(&pair)?, url, credential })
    }

    /// Has so many documents authorised, and makes the requests to sign them in batches.
    pub(crate) async fn requests(
        &self,
        signatures: usize,
        batch: usize,
        per_authorisation: usize,
    ) -> anyhow::Result<Requests> {
        let hashes: Vec<String> =
            (0..signatures).map(|index| STANDARD.encode(digest(&SHA256, &document(index)))).collect();
        let begun = Instant::now();
        let (mut waiting, mut done) = (JoinSet::new(), Vec::new());
        for (index, chunk) in hashes.chunks(per_authorisation).map(<[String]>::to_vec).enumerate() {
            if waiting.len() == AUTHORISING_AT_ONCE {
                done.push(waiting.join_next().await.context("one is under way")???);
            }
            let (system, credential) = (self.system.clone(), self.credential.clone());
            waiting.spawn(async move {
                let sad = authorise(&system, &credential, &chunk).await?;
                anyhow::Ok((index, sad, chunk))
            });
        }
        while let Some(last) = waiting.join_next().await {
            done.push(last??);
        }
        let authorisations_per_second = number(done.len()) / begun.elapsed().as_secs_f64();
        done.sort_unstable_by_key(|(index, _, _)| *index);
        let bodies = done
            .iter()
            .flat_map(|(_, sad, hashes)| hashes.chunks(batch).map(move |hashes| (sad, hashes)))
            .map(|(sad, hashes)| body(&self.credential, sad, hashes))
            .collect::<Result<_, _>>()?;
        let load = Load {
            client: self.loader.clone(),
            url: self.url.clone(),
            kind: "application/json",
            bodies,
            check: count,
            things: batch,
        };
        Ok(Requests { load, documents: (0..batch).map(document).collect(), authorisations_per_second })
    }
}

impl Requests {
    /// Sends them all.
    pub(crate) async fn send(self, connections: usize, server: u32) -> anyhow::Result<Measured> {
        self.load.closed(connections, server).await
    }

    /// Sends so many per second; says also how many were refused at first.
    pub(crate) async fn send_at(self, per_second: f64, server: u32) -> anyhow::Result<(Measured, usize)> {
        steady(self.load, per_second, server).await
    }

    /// The first request, to be looked at closely.
    pub(crate) fn sample(&self) -> Sample {
        let mut load = self.load.clone();
        load.bodies.truncate(1);
        Sample { load, documents: self.documents.clone() }
    }
}

impl Sample {
    /// Asks again, which answers what was answered before, and has OpenSSL verify the first and the last signature.
    pub(crate) async fn verify(&self, site: &Site) -> anyhow::Result<()> {
        let body = self.load.bodies.first().context("a request")?.clone();
        let answer = self.load.send(body).await?;
        let answer: Answer<'_> = serde_json::from_slice(&answer)?;
        for index in [0, self.documents.len() - 1] {
            let (document, signature) = (site.folder().join("sample"), site.folder().join("sample.p7s"));
            std::fs::write(&document, &self.documents[index])?;
            std::fs::write(&signature, STANDARD.decode(answer.signatures[index])?)?;
            let said = Command::new("openssl")
                .args(["cms", "-verify", "-binary", "-cades", "-inform", "DER", "-purpose", "any"])
                .args(["-out", "/dev/null", "-in"])
                .arg(&signature)
                .arg("-content")
                .arg(&document)
                .arg("-CAfile")
                .arg(site.root())
                .output()?;
            ensure!(said.status.success(), "OpenSSL: {}", String::from_utf8_lossy(&said.stderr));
        }
        Ok(())
    }
}

/// A client that reads answers.
fn client(site: &Site, pair: &Pair) -> anyhow::Result<Server> {
    let identity = Identity { certificate: &pair.certificate, key: &pair.key };
    Server::new(&site.base(), &site.root(), Some(&identity))
}

async fn authorise(system: &Server, credential: &Credential, hashes: &[String]) -> anyhow::Result<String> {
    let request = AuthorizeRequest {
        credential_id: credential.id.clone(),
        num_signatures: hashes.len(),
        hashes: hashes.to_vec(),
        hash_algorithm_oid: None,
        description: None,
        auth_data: vec![AuthObject { id: "passphrase".to_owned(), value: Some(PASSPHRASE.to_owned()) }],
    };
    let answer: Authorization = system.post("/csc/v2/credentials/authorize", &request).await?;
    Ok(answer.sad)
}

fn body(credential: &Credential, sad: &str, hashes: &[String]) -> serde_json::Result<Vec<u8>> {
    let digests = DocumentDigests {
        hashes: hashes.to_vec(),
        hash_algorithm_oid: None,
        signature_format: "C".to_owned(),
        conformance_level: None,
        sign_algo: credential.algorithm.clone(),
        signed_envelope_property: Some("Detached".to_owned()),
    };
    serde_json::to_vec(&SignDocRequest {
        credential_id: credential.id.clone(),
        sad: Some(sad.to_owned()),
        operation_mode: None,
        validity_period: None,
        document_digests: Some(vec![digests]),
        documents: None,
        return_validation_info: None,
    })
}

fn document(index: usize) -> Vec<u8> {
    let mut document = format!("prescription {index} ").into_bytes();
    document.resize(DOCUMENT_OCTETS, b'.');
    document
}

fn count(answer: &[u8]) -> anyhow::Result<usize> {
    let answer: Answer<'_> = serde_json::from_slice(answer)?;
    Ok(answer.signatures.len())
}
