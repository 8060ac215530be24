//! What we make ourselves, put before every judge: a certificate of every profile, the revocation lists, and signatures
//! with both kinds of key, attached and detached. All of it comes from a running server, over its HTTPS API.

use std::collections::BTreeMap;

use axum::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use ca::api::{IssueRequest, Issued, IssuerInfo, KeySource, SubjectData};
use lanyard::{client::Server, signing, signing::Envelope};
use rcgen::PublicKeyData;
use signer::api::{Algorithm, CreateCredential, Credential, KeyLife, SetPassphrase};
use zeroize::Zeroizing;

use crate::{
    CMS, CRL, PATH,
    evidence::{Content, Path, Signed},
    pkilint,
    server::Running,
};

/// A running server, and what its authorities publish.
pub(crate) struct World {
    pub(crate) server: Running,
    desk: Server,
    /// By issuer: the newest list, fetched over plain HTTP as a verifier does.
    pub(crate) crls: BTreeMap<&'static str, Vec<u8>>,
}

/// Every issuer.
const ISSUERS: [&str; 5] = ["root", "card", "remote-signing", "sign-in", "systems"];

/// Every profile that can be asked for, and its issuer.
fn profiles() -> [(&'static str, &'static str, SubjectData); 12] {
    let with_upn = SubjectData { upn: Some("zoe@surgery.example".to_owned()), ..person() };
    let service = SubjectData { common_name: "A service".to_owned(), ..SubjectData::default() };
    let system = SubjectData { common_name: "200000000017".to_owned(), ..SubjectData::default() };
    let device = SubjectData { common_name: "Device 1234".to_owned(), ..SubjectData::default() };
    let automatic = SubjectData {
        common_name: "web.example".to_owned(),
        dns_names: vec!["web.example".to_owned()],
        ip_addresses: vec!["192.0.2.7".to_owned()],
        ..SubjectData::default()
    };
    let server = SubjectData {
        common_name: "A server".to_owned(),
        dns_names: vec!["signer.example".to_owned()],
        ..SubjectData::default()
    };
    let registered =
        |subject: &SubjectData, id: &str| SubjectData { system_id: Some(id.to_owned()), ..subject.clone() };
    let accredited = registered(&system, "200000000017");
    let handling = registered(&server, "S918999410559");
    [
        ("prescriber-remote-signing", "remote-signing", person()),
        ("card-authentication", "card", with_upn.clone()),
        ("card-signing", "card", person()),
        ("person-sign-in", "sign-in", with_upn),
        ("system-tls-client", "systems", system),
        ("system-tls-server", "systems", server),
        ("accredited-system", "systems", accredited),
        ("message-handling-system", "systems", handling),
        ("acme-tls-server", "systems", automatic),
        ("device-tls-client", "systems", device),
        ("ocsp-responder", "card", service.clone()),
        ("time-stamp", "systems", service),
    ]
}

fn person() -> SubjectData {
    SubjectData {
        common_name: "Zoë O’Neill".to_owned(),
        user_id: Some("555000000108".to_owned()),
        given_name: Some("Zoë".to_owned()),
        family_name: Some("O’Neill".to_owned()),
        ..SubjectData::default()
    }
}

impl World {
    /// Starts a server by the demo.
    pub(crate) async fn start() -> World {
        platform::tls::install_crypto_provider();
        let server = Running::start();
        let desk = server.as_client("clients", "registration-desk");
        let mut crls = BTreeMap::new();
        for issuer in ISSUERS {
            crls.insert(issuer, server.plain(&format!("/crl/{issuer}.crl")).await);
        }
        World { server, desk, crls }
    }

    /// The server as the prescribing system sees it.
    pub(crate) fn system(&self) -> Server {
        self.server.as_client("clients", "prescribing-system")
    }

    /// Has a certificate issued for a new key.
    async fn issue(&self, profile: &str, issuer: &str, subject: SubjectData) -> Path {
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let key = KeySource::public_key(&key.subject_public_key_info());
        let mut request = IssueRequest::new(format!("judged-{profile}"), profile, subject, key);
        request.issuer = (profile == "ocsp-responder").then(|| issuer.to_owned());
        let made: Issued = self.desk.post("/ca/certificates", &request).await.expect("it is issued");
        self.path(issuer, &made.certificate, &made.chain)
    }

    /// A certificate with its way up and the lists it needs.
    pub(crate) fn path(&self, issuer: &str, leaf: &str, chain: &[String]) -> Path {
        let decode = |text: &String| STANDARD.decode(text).expect("certificates travel as base64");
        let (root, intermediates) = chain.split_last().expect("a chain ends with the root");
        Path {
            root: decode(root),
            intermediates: intermediates.iter().map(decode).collect(),
            leaf: decode(&leaf.to_owned()),
            crls: vec![self.crls["root"].clone(), self.crls[issuer].clone()],
        }
    }

    /// The certificate of an issuer.
    pub(crate) async fn issuer(&self, id: &str) -> Vec<u8> {
        let info: IssuerInfo = self.desk.get(&format!("/ca/issuers/{id}")).await.expect("it is told");
        STANDARD.decode(info.certificate).expect("certificates travel as base64")
    }

    /// The certificate of a credential: the desk cannot have one over a key of its own.
    async fn remote_signing(&self) -> Path {
        let subject = person();
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let key = KeySource::public_key(&key.subject_public_key_info());
        let request = IssueRequest::new("judged-own-key", "prescriber-remote-signing", subject, key);
        let refused = self.desk.post::<Issued>("/ca/certificates", &request).await;
        assert!(
            refused.is_err_and(|error| error.to_string().contains("403")),
            "the desk got a signer's certificate"
        );
        let credential = self.credential(Algorithm::P256, "correct horse battery").await;
        let [leaf, chain @ ..] = credential.certificates.as_slice() else {
            panic!("the credential has a chain")
        };
        self.path("remote-signing", leaf, chain)
    }

    /// Makes a credential whose holder has set a passphrase.
    pub(crate) async fn credential(&self, algorithm: Algorithm, passphrase: &str) -> signing::Credential {
        let request_id = format!("judged-{algorithm:?}");
        let request = CreateCredential { request_id, subject: person(), algorithm, key: KeyLife::Kept };
        let made: Credential = self.desk.post("/signer/credentials", &request).await.expect("it is made");
        let holder = self.server.as_client("prescriber", "sign-in");
        let path = format!("/signer/credentials/{}/passphrase", made.credential_id);
        let body = SetPassphrase { new: passphrase.to_owned(), old: None };
        holder.tell(Method::PUT, &path, &body).await.expect("the holder sets a passphrase");
        let system = self.system();
        signing::credential(&system, &made.user_id, Some(&made.credential_id)).await.expect("it can sign")
    }
}

/// Every judge of paths, and pkilint, accept a certificate of every profile, and every list.
#[tokio::test(flavor = "multi_thread")]
async fn every_profile_and_list_is_accepted() {
    let world = World::start().await;
    let mut refusals = Vec::new();
    let mut issuers = BTreeMap::new();
    for (profile, issuer, subject) in profiles() {
        let path = match profile {
            "prescriber-remote-signing" => world.remote_signing().await,
            _ => world.issue(profile, issuer, subject).await,
        };
        for (judge, accepts) in PATH {
            refusals.extend(accepts(&path).err().map(|reason| format!("{judge} on {profile}: {reason}")));
        }
        refusals.extend(
            pkilint::accepts_path(&path).err().map(|reason| format!("pkilint on {profile}: {reason}")),
        );
        issuers.insert("root", path.root);
        issuers.insert(issuer, path.intermediates[0].clone());
    }
    assert_eq!(issuers.len(), ISSUERS.len(), "some issuer has no profile here");
    for (issuer, certificate) in &issuers {
        let crl = &world.crls[issuer];
        for (judge, accepts) in CRL {
            refusals.extend(
                accepts(crl, certificate).err().map(|reason| format!("{judge} on {issuer}.crl: {reason}")),
            );
        }
        refusals.extend(
            pkilint::accepts_crl(crl).err().map(|reason| format!("pkilint on {issuer}.crl: {reason}")),
        );
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}

/// Every judge of signatures accepts ours, RSA and P-256, attached and detached; none accepts one over other content.
#[tokio::test(flavor = "multi_thread")]
async fn every_signature_is_accepted() {
    let world = World::start().await;
    let system = world.system();
    let passphrase = Zeroizing::new("correct horse battery".to_owned());
    let mut refusals = Vec::new();
    for algorithm in [Algorithm::Rsa2048, Algorithm::P256] {
        let credential = world.credential(algorithm, &passphrase).await;
        let [leaf, chain @ ..] = credential.certificates.as_slice() else {
            panic!("the credential has a chain")
        };
        let path = world.path("remote-signing", leaf, chain);
        let about = format!("pkilint on {algorithm:?}");
        refusals.extend(pkilint::accepts_path(&path).err().map(|reason| format!("{about}: {reason}")));
        let document = format!("a prescription signed with {algorithm:?}\r\n").into_bytes();
        for envelope in [Envelope::Detached, Envelope::Enveloping] {
            // The form is part of what is authorised, so each form gets a document of its own.
            let document = [document.as_slice(), format!("{envelope:?}").as_bytes()].concat();
            let documents = [document.clone()];
            let mut made = signing::sign(&system, &credential, &passphrase, &documents, envelope)
                .await
                .expect("it signs");
            let content = match envelope {
                Envelope::Detached => Content::Beside(document),
                Envelope::Enveloping => Content::Inside(document),
            };
            let signed = Signed { cms: made.remove(0), content, path: path.clone() };
            for (judge, accepts, _) in CMS {
                let about = format!("{judge} on {algorithm:?}, {envelope:?}");
                refusals.extend(accepts(&signed).err().map(|reason| format!("{about}: {reason}")));
                if envelope == Envelope::Detached {
                    let content = Content::Beside(b"ten times as much".to_vec());
                    assert!(
                        accepts(&Signed { content, ..signed.clone() }).is_err(),
                        "{about}: took other content"
                    );
                }
            }
        }
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}
