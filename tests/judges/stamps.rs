//! Time-stamps and what stands around signatures, from a running server, before OpenSSL, Bouncy Castle and pyHanko.

use std::ffi::OsString;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lanyard::signing::Credential;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::bench::{Bench, PathFiles, beside, run, setting, verdict};
use crate::evidence::{Content, Signed, Verdict};
use crate::ours::World;
use crate::{bouncy, openssl};

const PASSPHRASE: &str = "correct horse battery";
const DOCUMENT: &[u8] = b"21 capsules\r\n";

/// pyHanko on something with the lists and certificates of a path.
fn pyhanko(mode: &str, first: &[OsString], bench: &Bench, signed: &Signed) -> Verdict {
    let PathFiles { root, others, .. } = bench.path(&signed.path);
    let mut arguments = vec![beside("python/time_stamp.py").into_os_string(), mode.into()];
    arguments.extend_from_slice(first);
    arguments.push(root.into_os_string());
    arguments.extend(others.into_iter().map(OsString::from));
    verdict(&run(setting("LANYARD_PYTHON"), arguments)?)
}

/// A signature of a level over the document, attached. The server is asked again while its first time-stamping key is being made.
async fn sign(world: &World, credential: &Credential, level: &str) -> Vec<u8> {
    let system = world.system();
    let hash = STANDARD.encode(digest(&SHA256, DOCUMENT));
    let asked = json!({"credentialID": credential.id, "numSignatures": 1, "hashes": [hash],
        "authData": [{"id": "passphrase", "value": PASSPHRASE}]});
    let granted: Value =
        system.post("/csc/v2/credentials/authorize", &asked).await.expect("it is authorised");
    let body = json!({"credentialID": credential.id, "SAD": granted["SAD"], "documents": [{
        "document": STANDARD.encode(DOCUMENT), "signature_format": "C", "conformance_level": level,
        "signAlgo": credential.algorithm}]});
    let signing = async {
        loop {
            match system.post::<Value>("/csc/v2/signatures/signDoc", &body).await {
                Ok(signed) => return signed,
                Err(error) if error.to_string().contains("503") => tokio::task::yield_now().await,
                Err(error) => panic!("{level}: {error}"),
            }
        }
    };
    let signed =
        tokio::time::timeout(Duration::from_mins(1), signing).await.expect("a time-stamp can be had");
    let text = signed["DocumentWithSignature"][0].as_str().expect("it has the document inside");
    STANDARD.decode(text).expect("signatures travel as base64")
}

/// Every judge accepts each level: OpenSSL the signature, Bouncy Castle and pyHanko the time-stamps too, with path and revocation; none
/// accepts a changed time-stamp.
#[tokio::test(flavor = "multi_thread")]
async fn every_level_is_accepted() {
    let world = World::start().await;
    let mut refusals = Vec::new();
    for algorithm in [Algorithm::P256, Algorithm::Rsa2048] {
        let credential = world.credential(algorithm, PASSPHRASE).await;
        let [leaf, chain @ ..] = credential.certificates.as_slice() else { panic!("it has a chain") };
        let mut path = world.path("remote-signing", leaf, chain);
        path.crls.push(world.crls["systems"].clone());
        // Whoever gave the time-stamp is below another authority, which not every level has inside.
        path.intermediates.push(world.issuer("systems").await);
        for level in ["Ades-B-T", "Ades-B-LT", "Ades-B-LTA"] {
            let cms = sign(&world, &credential, level).await;
            let signed = Signed { cms, content: Content::Inside(DOCUMENT.to_vec()), path: path.clone() };
            let about = |judge: &str, said: Verdict| {
                said.err().map(|reason| format!("{judge} on {algorithm:?}, {level}: {reason}"))
            };
            let by_pyhanko = |signed: &Signed| {
                let bench = Bench::new();
                let files = [bench.file("a.p7m", &signed.cms), bench.file("content", DOCUMENT)];
                pyhanko("signature", &files.map(OsString::from), &bench, signed)
            };
            refusals.extend(about("openssl", openssl::accepts_cms(&signed)));
            refusals.extend(about("bouncy castle", bouncy::accepts_stamped(&signed)));
            refusals.extend(about("pyhanko", by_pyhanko(&signed)));
            let mut changed = signed.clone();
            // The digest in the first time-stamp, behind the name of its hash.
            let name = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 4, 0x20];
            let at = changed.cms.windows(name.len()).position(|part| part == name).expect("it has one");
            changed.cms[at + name.len()] ^= 1;
            assert!(bouncy::accepts_stamped(&changed).is_err(), "bouncy castle took a changed time-stamp");
            assert!(by_pyhanko(&changed).is_err(), "pyhanko took a changed time-stamp");
        }
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
}

/// pyHanko's own client asks for a time-stamp over HTTPS, compares the nonce, and accepts what it gets; not with the list of another
/// authority alone.
#[tokio::test(flavor = "multi_thread")]
async fn pyhanko_asks_for_time_stamps() {
    let world = World::start().await;
    let credential = world.credential(Algorithm::P256, PASSPHRASE).await;
    let [leaf, chain @ ..] = credential.certificates.as_slice() else { panic!("it has a chain") };
    // So that the key is there.
    let cms = sign(&world, &credential, "Ades-B-T").await;
    let mut path = world.path("remote-signing", leaf, chain);
    let without = Signed { cms, content: Content::Inside(DOCUMENT.to_vec()), path: path.clone() };
    path.crls.push(world.crls["systems"].clone());
    let with = Signed { path, ..without.clone() };
    let bundle = world.server.folder().join("clients/root.pem");
    let ask = |signed: &Signed| {
        let bench = Bench::new();
        let url = format!("https://{}/tsa", world.server.https_address());
        let document = bench.file("document", DOCUMENT).into_os_string();
        let first = [OsString::from(url), bundle.clone().into_os_string(), document];
        pyhanko("client", &first, &bench, signed)
    };
    ask(&with).expect("pyHanko accepts it");
    assert!(ask(&without).is_err(), "whether it is revoked was not known");
}

/// Bouncy Castle accepts the evidence record of each document of a batch, renewed too and with a new hash, and neither for another document
/// nor changed.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_records_are_accepted() {
    let world = World::start().await;
    // So that the key is there.
    let credential = world.credential(Algorithm::P256, PASSPHRASE).await;
    sign(&world, &credential, "Ades-B-T").await;
    let system = world.system();
    for count in [1_usize, 3] {
        let documents: Vec<Vec<u8>> =
            (0..count).map(|at| format!("document {at} of {count}").into_bytes()).collect();
        let hashes: Vec<String> = documents.iter().map(|it| STANDARD.encode(digest(&SHA256, it))).collect();
        let made: Value =
            system.post("/signer/evidence-records", &json!({"hashes": hashes})).await.expect("they are made");
        for (place, document) in documents.iter().enumerate() {
            let text = made["evidence_records"][place].as_str().expect("one for each");
            let renewed: Value = system
                .post("/signer/evidence-records/renewals", &json!({"evidence_record": text}))
                .await
                .expect("it is renewed");
            let renewed = renewed["evidence_record"].as_str().expect("it has one");
            let sha_512 = STANDARD.encode(digest(&SHA512, document));
            let rehash =
                json!({"evidence_record": renewed, "hash_algo": "2.16.840.1.101.3.4.2.3", "hash": sha_512});
            let rehashed: Value =
                system.post("/signer/evidence-records/renewals", &rehash).await.expect("its hash is renewed");
            for text in [text, renewed, rehashed["evidence_record"].as_str().expect("it has one")] {
                let record = STANDARD.decode(text).expect("records travel as base64");
                bouncy::accepts_record(&record, document)
                    .unwrap_or_else(|said| panic!("{place} of {count}: {said}"));
                assert!(bouncy::accepts_record(&record, b"another document").is_err(), "not of another one");
                let mut changed = record.clone();
                *changed.last_mut().expect("it is not empty") ^= 1;
                assert!(bouncy::accepts_record(&changed, document).is_err(), "a changed one");
            }
        }
    }
}

/// A record that Bouncy Castle makes of one document with a time-stamp of ours, and in which no hash is named, holds for us, and not of another document.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_bouncy_castle_are_accepted() {
    let world = World::start().await;
    // So that the key is there.
    let credential = world.credential(Algorithm::P256, PASSPHRASE).await;
    sign(&world, &credential, "Ades-B-T").await;
    let asked =
        json!({"hash": STANDARD.encode(digest(&SHA256, DOCUMENT)), "hashAlgo": "2.16.840.1.101.3.4.2.1"});
    let given: Value =
        world.system().post("/csc/v2/signatures/timestamp", &asked).await.expect("a time-stamp is given");
    let token = STANDARD.decode(given["timestamp"].as_str().expect("it has one")).expect("it is base64");
    let record = bouncy::makes_record(&token, DOCUMENT).expect("Bouncy Castle makes a record");
    bouncy::accepts_record(&record, DOCUMENT).expect("and accepts it");
    let bench = Bench::new();
    let (root, issuer) = (world.issuer("root").await, world.issuer("systems").await);
    let ours = |document: &[u8]| {
        let crls = ["root", "systems"].map(|issuer| {
            let list = bench.file(&format!("{issuer}.crl"), &world.crls[issuer]);
            [OsString::from("--crl"), list.into_os_string()]
        });
        let named = [
            ("--signature", bench.file("a.ers", &record)),
            ("--root", bench.certificates("root.pem", [&root])),
            ("--chain", bench.certificates("chain.pem", [&issuer])),
        ];
        let named = named.map(|(name, file)| [OsString::from(name), file.into_os_string()]);
        let first = [OsString::from("verify"), bench.file("document", document).into_os_string()];
        let arguments =
            first.into_iter().chain(named.into_iter().flatten()).chain(crls.into_iter().flatten());
        run(env!("CARGO_BIN_EXE_lanyard"), arguments)
    };
    let Err(refused) = ours(b"another document") else { panic!("it is not of another one") };
    assert!(refused.contains("NOT VALID"), "{refused}");
    let held = ours(DOCUMENT).unwrap_or_else(|said| panic!("{said}"));
    assert!(held.out.starts_with("VALID"), "{}", held.out);
}
