//! A hierarchy of ML-DSA from root to person (RFC 9881), made by the ceremony with keys in a token, before the judges that
//! know the algorithm; and what those say that do not.

use base64::{Engine, engine::general_purpose::STANDARD};
use ca::api::{
    Client, ISSUE, IssueRequest, Issued, KeySource, READ, REVOKE, Reason, RevokeRequest, SubjectData,
};
use ca::ceremony::{self, Specification};
use ca::{Authority, Config};
use hsm::testing::TestToken;
use hsm::{Alg, Hsm};
use pki::ocsp::{CertId, Hash, Request, Response};
use pki::path::{self, Known, OcspAnswer, Policy};
use pki::{Certificate, Crl};
use platform::caller::Caller;
use platform::clock::{Clock, HighWater};
use platform::db::Engine as Database;
use platform::db::testing::TestDb;
use platform::peer::Peer;

use crate::bench::{Bench, beside, run, setting, verdict};
use crate::evidence::{Path, Verdict};
use crate::{bouncy, openssl, pkilint, tampered};

/// An authority of ML-DSA alone.
struct World {
    hsm: Hsm,
    clock: Clock,
    authority: Authority,
    client: Client,
    database: TestDb,
    _token: TestToken,
}

fn config() -> Config {
    let public_url = "http://pki.example".to_owned().try_into().expect("an address");
    let practice_statement = "https://pki.example/cps".to_owned().try_into().expect("an address");
    Config::new(public_url, practice_statement)
}

impl World {
    /// The standard ceremony with other algorithms.
    async fn hold(root: Alg, issuing: Alg) -> World {
        let token = TestToken::kryoptic();
        let hsm = token.hsm().await;
        hsm.create_wrapping_key(1).await.expect("Kryoptic wraps keys, though not those of ML-DSA");
        let database = TestDb::new(Database::Sqlite).await;
        let clock = Clock::system();
        let high_water = HighWater::open(&database.db).await.expect("the database answers");
        let text = Specification::STANDARD
            .replace("algorithm = \"p-384\"", &format!("algorithm = \"{root}\""))
            .replace("algorithm = \"p-256\"", &format!("algorithm = \"{issuing}\""));
        let specification = Specification::parse(&text).expect("it makes sense");
        let db = database.db.clone();
        ceremony::hold(&specification, config(), &hsm, db.clone(), clock.clone(), high_water.clone(), |_| {})
            .await
            .expect("the ceremony comes to its end");
        let authority =
            Authority::open(config(), &hsm, db, clock.clone(), high_water).await.expect("it opens");
        assert_eq!(authority.renew_responders().await, 4);
        let caller = Caller::module("judges", &[ISSUE, READ, REVOKE]);
        let client = Client::new(Peer::local(ca::router(authority.clone()), caller));
        World { hsm, clock, authority, client, database, _token: token }
    }

    async fn issue(&self, name: &str, alg: Alg) -> Issued {
        let key = self.hsm.generate_one_time(alg).await.expect("a key is made");
        let subject = SubjectData {
            common_name: "Zoë O’Neill".to_owned(),
            user_id: Some("555000000108".to_owned()),
            ..SubjectData::default()
        };
        let key = KeySource::public_key(key.public_key());
        let request = IssueRequest::new(name, "prescriber-remote-signing", subject, key);
        self.client.issue(&request).await.expect("it is issued")
    }

    async fn path(&self, issued: &Issued) -> Path {
        let der = |text: &str| STANDARD.decode(text).expect("base64");
        let mut crls = Vec::new();
        for issuer in ["root", "remote-signing"] {
            crls.push(der(&self.client.crl(issuer).await.expect("a list").crl));
        }
        Path {
            root: der(&issued.chain[1]),
            intermediates: vec![der(&issued.chain[0])],
            leaf: der(&issued.certificate),
            crls,
        }
    }

    /// What the responder says of a certificate.
    async fn answer(&self, path: &Path) -> Vec<u8> {
        let (issuer, leaf) = (parsed(&path.intermediates[0]), parsed(&path.leaf));
        let id = CertId::new(Hash::Sha256, &issuer, leaf.serial()).expect("an id");
        let question = STANDARD.encode(Request::new(vec![id], None).expect("a question").to_der());
        let public = Peer::local(ca::public_router(self.authority.clone()), Caller::module("judges", &[]));
        let place = format!("/ocsp/{}", ca::api::percent_encoded(&question));
        public.fetch(&place).await.expect("an answer").to_vec()
    }

    fn check(&self, path: &Path, answer: Option<&[u8]>, crls: &[Vec<u8>]) -> Result<(), path::Error> {
        let crls: Vec<Crl> = crls.iter().map(|der| Crl::from_der(der).expect("a list")).collect();
        let answers: Vec<OcspAnswer> = answer.into_iter().map(read).collect();
        let known = Known { crls: &crls, answers: &answers };
        let (extra, anchors) = ([parsed(&path.intermediates[0])], [parsed(&path.root)]);
        let now = self.clock.now().0;
        path::check(&parsed(&path.leaf), &extra, &anchors, known, now, &Policy::default()).map(drop)
    }
}

fn parsed(der: &[u8]) -> Certificate {
    Certificate::from_der(der).expect("a certificate")
}

fn read(der: &[u8]) -> OcspAnswer {
    match Response::from_der(der) {
        Ok(Response::Answered(answer)) => OcspAnswer { answer: *answer, nonce: None },
        other => panic!("{other:?}"),
    }
}

/// What `cryptography` of Python's index says of a signature, and the algorithm it read.
fn by_cryptography(issuer: &[u8], kind: &str, der: &[u8]) -> Result<String, String> {
    let bench = Bench::new();
    let (issuer, file) = (bench.file("issuer.cer", issuer), bench.file("a.der", der));
    let script = beside("python/ml_dsa.py");
    let arguments = [script.as_os_str(), issuer.as_os_str(), kind.as_ref(), file.as_os_str()];
    let said = run(setting("LANYARD_PYTHON"), arguments)?;
    verdict(&said)?;
    Ok(said.out.lines().next().unwrap_or_default().to_owned())
}

/// id-ml-dsa-44, -65 and -87 (RFC 9881 2).
fn oid(alg: Alg) -> &'static str {
    match alg {
        Alg::MlDsa44 => "2.16.840.1.101.3.4.3.17",
        Alg::MlDsa65 => "2.16.840.1.101.3.4.3.18",
        _ => "2.16.840.1.101.3.4.3.19",
    }
}

/// The verdicts of whoever knows ML-DSA on a path, its lists and an OCSP answer.
async fn judged(world: &World, path: &Path, root: Alg, issuing: Alg) {
    let issuer = &path.intermediates[0];
    pkilint::accepts_path(path).expect("pkilint on the path");
    pkilint::accepts_crl(&path.crls[1]).expect("pkilint on the list");
    let answer = world.answer(path).await;
    pkilint::accepts_ocsp(&answer).expect("pkilint on the answer");
    for (signer, kind, der, alg) in [
        (&path.root, "cert", &path.root, root),
        (&path.root, "cert", issuer, root),
        (issuer, "cert", &path.leaf, issuing),
        (&path.root, "crl", &path.crls[0], root),
        (issuer, "crl", &path.crls[1], issuing),
    ] {
        assert_eq!(by_cryptography(signer, kind, der).as_deref(), Ok(oid(alg)), "{kind}");
        assert!(by_cryptography(signer, kind, &tampered(der)).is_err(), "a changed {kind} was accepted");
    }
    assert_eq!(by_cryptography(issuer, "ocsp", &answer), Ok(format!("{} GOOD", oid(issuing))));
    assert!(by_cryptography(&path.root, "ocsp", &answer).is_err(), "a foreign responder was accepted");
    world.check(path, None, &path.crls).expect("the path by lists");
    world.check(path, Some(&answer), &path.crls[..1]).expect("the path by an answer");
    assert!(world.check(path, None, &path.crls[..1]).is_err(), "nothing is known of the leaf");
}

/// Who does not know the algorithm says so, and takes nothing for good.
fn unknown_to_others(path: &Path) {
    let unknown = |verdict: Verdict| verdict.expect_err("this judge knows ML-DSA now: let it judge");
    let said = unknown(openssl::accepts_path(path));
    assert!(said.contains("unable to") || said.contains("unsupported"), "{said}");
    unknown(openssl::accepts_crl(&path.crls[1], &path.intermediates[0]));
    unknown(bouncy::accepts_path(path));
}

/// Certificates, lists and answers of one hierarchy before all judges; then a revoked certificate, which none accepts.
async fn accepted(root: Alg, issuing: Alg, person: Alg) {
    platform::tls::install_crypto_provider();
    let world = World::hold(root, issuing).await;
    let (good, bad) = (world.issue("good", person).await, world.issue("bad", person).await);
    let path = world.path(&good).await;
    judged(&world, &path, root, issuing).await;
    unknown_to_others(&path);
    let request = RevokeRequest { reason: Reason::KeyCompromise, invalidity_date: None };
    world.client.revoke(&bad.serial, &request).await.expect("it is revoked");
    world.authority.make_due_crls().await;
    let revoked = world.path(&bad).await;
    let answer = world.answer(&revoked).await;
    let said = by_cryptography(&revoked.intermediates[0], "ocsp", &answer);
    assert_eq!(said, Ok(format!("{} REVOKED", oid(issuing))));
    for (answer, crls) in [(None, &revoked.crls[..]), (Some(&answer[..]), &revoked.crls[..1])] {
        let verdict = world.check(&revoked, answer, crls);
        assert!(matches!(verdict, Err(path::Error::Revoked { .. })), "{verdict:?}");
    }
    world.database.db.close().await;
}

/// ML-DSA-87, -65 and -44 from root to person: accepted by pkilint, by `cryptography` and by our own path validation, a
/// revoked certificate by none; OpenSSL 3.0 and Bouncy Castle 1.72 do not know it.
#[tokio::test(flavor = "multi_thread")]
async fn a_descending_hierarchy_is_accepted() {
    accepted(Alg::MlDsa87, Alg::MlDsa65, Alg::MlDsa44).await;
}

/// The same with the strongest key at the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_hierarchy_with_a_strong_leaf_is_accepted() {
    accepted(Alg::MlDsa65, Alg::MlDsa44, Alg::MlDsa87).await;
}

/// The same with one parameter set for both authorities.
#[tokio::test(flavor = "multi_thread")]
async fn a_hierarchy_of_one_parameter_set_is_accepted() {
    accepted(Alg::MlDsa87, Alg::MlDsa87, Alg::MlDsa65).await;
}
