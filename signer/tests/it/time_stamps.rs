//! The time-stamp authority, in the eyes of OpenSSL, and what it refuses.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use platform::clock::{Accuracy, Untrusted};
use platform::db::Db;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::{Rig, START, base64, raw};

const DOCUMENT: &[u8] = b"21 capsules";

/// What OpenSSL says of something, or why it does not.
fn openssl(dir: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("openssl").args(arguments).current_dir(dir).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// A question by OpenSSL about the document, with these options.
fn question(dir: &Path, options: &[&str]) -> Vec<u8> {
    std::fs::write(dir.join("document"), DOCUMENT).unwrap();
    let base = ["ts", "-query", "-data", "document", "-out", "q.tsq"];
    openssl(dir, &[&base[..], options].concat()).unwrap();
    std::fs::read(dir.join("q.tsq")).unwrap()
}

fn ask(body: Vec<u8>) -> Request<Body> {
    let request = Request::builder().method("POST").uri("/tsa");
    request.header("content-type", "application/timestamp-query").body(Body::from(body)).unwrap()
}

/// Asks, and keeps the answer as `r.tsr`.
async fn answer(rig: &Rig, dir: &Path, body: Vec<u8>) -> Vec<u8> {
    let (status, kind, answer) = rig.raw(ask(body)).await;
    assert_eq!((status, kind.as_str()), (200, "application/timestamp-reply"));
    std::fs::write(dir.join("r.tsr"), &answer).unwrap();
    answer
}

fn told(dir: &Path) -> String {
    openssl(dir, &["ts", "-reply", "-in", "r.tsr", "-text"]).unwrap()
}

/// The answer holds for the question, says OpenSSL: signature, path, purpose, digest, nonce.
fn verified(dir: &Path, further: &[&str]) -> Result<String, String> {
    let at = (START.0 / 1000 + 60).to_string();
    let base = ["ts", "-verify", "-in", "r.tsr", "-CAfile", "trust.pem", "-attime", &at, "-x509_strict"];
    openssl(dir, &[&base[..], further].concat())
}

/// What strangers may send does no harm, however it is damaged.
#[test]
fn damaged_questions_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let sample = question(dir.path(), &["-sha512", "-cert", "-tspolicy", "1.2.3.4"]);
    assert!(signer::time_stamp::reads(&sample));
    platform::hammer::hammer(&sample, 2_000, signer::time_stamp::read_anything).unwrap();
}

platform::both_engines! {
    /// Strangers who ask for more time-stamps than the token has places keep an application from none: its question is at the token at once, in front of
    /// theirs, and is answered while they still wait; then all are.
    async fn strangers_wait_apart(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let dir = tempfile::tempdir().unwrap();
        let body = question(dir.path(), &["-sha256"]);
        let mut busy = rig.signer.occupy().await;
        let reached = async |calls: usize| {
            let wait = async {
                while rig.signer.waiting() < calls {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_mins(1), wait).await.expect("it comes to that");
        };
        let places = rig.hsm.sessions() + 1;
        let mut strangers = JoinSet::new();
        for place in 1..=places {
            strangers.spawn(raw(rig.routes(), ask(body.clone())));
            reached(place).await;
        }
        let asked = json!({"hash": base64(digest::digest(&digest::SHA256, DOCUMENT).as_ref()), "hashAlgo": "2.16.840.1.101.3.4.2.1"});
        let released = async {
            reached(places + 1).await;
            // Behind the application, as another would be: it has the one place that is given free as soon as the application is served.
            let signer = rig.signer.clone();
            let next = tokio::spawn(async move { signer.occupy_one().await });
            reached(places + 2).await;
            drop(busy.pop());
            next.await.unwrap()
        };
        let (known, place) = tokio::join!(rig.csc(&rig.system, "signatures/timestamp", &asked), released);
        assert_eq!(known.status, 200, "{:?}", known.body);
        assert_eq!(rig.signer.waiting(), places, "the strangers wait");
        assert_eq!(rig.events("time-stamps-given").await.len(), 1, "and have nothing");
        drop((place, busy));
        while let Some(answered) = strangers.join_next().await {
            let (status, kind, _) = answered.unwrap();
            assert_eq!((status, kind.as_str()), (200, "application/timestamp-reply"));
        }
        assert_eq!(rig.events("time-stamps-given").await.len(), places + 1, "each in its own group");
    }
}

platform::both_engines! {
    /// OpenSSL verifies what is given, for P-256 and for RSA: against the question with nonce and policy, and against the document; and not
    /// for another one. Serial numbers grow, and what the record has of each is what was given.
    async fn openssl_verifies_time_stamps(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        rig.authority.write_trust(dir).await;
        for algorithm in ["p-256", "rsa-2048"] {
            let rig = rig.twin_stamping(json!({"algorithm": algorithm}));
            rig.renew_time_stamping().await;
            let with_policy = ["-sha256", "-cert", "-tspolicy", "1.3.6.1.4.1.32473.1.3.1"];
            answer(&rig, dir, question(dir, &with_policy)).await;
            verified(dir, &["-queryfile", "q.tsq"]).expect("it holds for the question");
            verified(dir, &["-data", "document"]).expect("it holds for the document");
            let text = told(dir);
            for expected in ["Status: Granted.", "Policy OID: 1.3.6.1.4.1.32473.1.3.1", "0x15 millis", "Ordering: no",
                "Time-stamping unit", "Time stamp: Nov 24"] {
                assert!(text.contains(expected), "{expected} in {text}");
            }
            std::fs::write(dir.join("other"), b"another document").unwrap();
            verified(dir, &["-data", "other"]).expect_err("it is not about this one");
            // Another question has another nonce.
            std::fs::copy(dir.join("r.tsr"), dir.join("first.tsr")).unwrap();
            question(dir, &with_policy);
            verified(dir, &["-queryfile", "q.tsq"]).expect_err("the nonce is another's");
            for hash in ["-sha384", "-sha512"] {
                answer(&rig, dir, question(dir, &[hash, "-cert"])).await;
                verified(dir, &["-queryfile", "q.tsq"]).expect("other hashes hold too");
            }
        }
        let events = rig.events("time-stamps-given").await;
        let serials: Vec<String> =
            events.iter().map(|event| event["time_stamps"][0]["serial"].as_str().unwrap().to_owned()).collect();
        assert_eq!(serials.len(), 6);
        assert!(serials.is_sorted_by(|before, after| before < after), "{serials:?}");
        assert_eq!(rig.events("time-stamp-series-begun").await.len(), 2, "one for each process");
        assert!(told(dir).to_lowercase().contains(&format!("serial number: 0x{}", serials[5])), "{}", told(dir));
    }
}

platform::both_engines! {
    /// Certificates are there when they are asked for and only then; the answer carries the nonce of the question.
    async fn certificates_come_when_asked_for(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        rig.authority.write_trust(dir).await;
        let without = answer(&rig, dir, question(dir, &["-sha256"])).await;
        verified(dir, &["-queryfile", "q.tsq"]).expect_err("there is no certificate");
        let with = answer(&rig, dir, question(dir, &["-sha256", "-cert", "-no_nonce"])).await;
        verified(dir, &["-queryfile", "q.tsq"]).expect("it has its certificate");
        assert!(told(dir).contains("Nonce: unspecified"));
        assert!(with.len() > without.len() + 500);
    }
}

platform::both_engines! {
    /// Each refusal is one of RFC 3161, with status 200; another media type, and a body that is too long, are no questions at all.
    async fn refusals_are_those_of_the_rfc(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let good = question(dir, &["-sha256", "-cert"]);
        answer(&rig, dir, good.clone()).await;
        assert!(told(dir).contains("TSA system failure") || told(dir).contains("system failure"), "{}", told(dir));
        rig.renew_time_stamping().await;
        let mut version = good.clone();
        version[4] = 9;
        for (body, expected) in [
            (b"nonsense".to_vec(), "data submitted has the wrong format"),
            (version, "transaction not permitted or supported"),
            (question(dir, &["-sha1", "-cert"]), "unrecognized or unsupported algorithm identifier"),
            (question(dir, &["-sha256", "-tspolicy", "1.2.3"]), "the requested TSA policy is not supported by the TSA"),
        ] {
            answer(&rig, dir, body).await;
            let text = told(dir);
            assert!(text.contains("Status: Rejected.") && text.contains(expected), "{expected} in {text}");
        }
        rig.discipline.tell(Err(Untrusted::NotSynchronised));
        answer(&rig, dir, good.clone()).await;
        assert!(told(dir).contains("the TSA's time source is not available"), "{}", told(dir));
        rig.discipline.tell(Ok(Accuracy { bound: None }));
        // On a clock that lies behind what was done already, nothing is said of the time either.
        rig.set_time(START.0 - 60_000);
        answer(&rig, dir, good.clone()).await;
        assert!(told(dir).contains("the TSA's time source is not available"), "{}", told(dir));
        rig.set_time(START.0 + 60_000);
        answer(&rig, dir, good.clone()).await;
        let text = told(dir);
        assert!(text.contains("Policy OID: 1.3.6.1.4.1.32473.1.3.2") && text.contains("Accuracy: unspecified"), "{text}");
        let plain = Request::builder().method("POST").uri("/tsa").header("content-type", "text/plain");
        assert_eq!(rig.raw(plain.body(Body::from(good)).unwrap()).await.0, 415);
        assert_eq!(rig.raw(ask(vec![0x30; 5_000])).await.0, 413);
        let given = rig.events("time-stamps-given").await;
        assert_eq!(given.len(), 1, "what was refused was not given: {given:?}");
    }
}

platform::both_engines! {
    /// Many at once, in two processes: every serial number is given once, all are in the record, and they share transactions.
    async fn many_at_once_share_no_number(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let twin = rig.twin();
        let dir = tempfile::tempdir().unwrap();
        let body = question(dir.path(), &["-sha256"]);
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..100 {
            let router = if at % 2 == 0 { rig.routes() } else { twin.routes() };
            let request = ask(body.clone());
            tasks.spawn(async move { crate::rig::raw(router, request).await.0 });
        }
        assert!(tasks.join_all().await.iter().all(|status| *status == 200));
        let events = rig.events("time-stamps-given").await;
        let given: Vec<String> = events
            .iter()
            .flat_map(|event| event["time_stamps"].as_array().unwrap())
            .map(|it| it["serial"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(given.len(), 100);
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 100);
        assert!(events.len() < 100, "{} rows for 100 time-stamps", events.len());
    }
}

platform::both_engines! {
    /// A revoked certificate signs no more, whichever process revoked it, and the next look makes another; one that is about to end is
    /// renewed once, by whichever process, and its key is destroyed when its time is over.
    async fn certificates_renew_themselves(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert!(rig.renew_time_stamping().await, "the first is made");
        assert!(!rig.renew_time_stamping().await, "and is good");
        assert!(!rig.twin().renew_time_stamping().await, "for others too");
        let body = question(dir, &["-sha256", "-cert"]);
        answer(&rig, dir, body.clone()).await;
        let first = rig.events("time-stamp-unit-renewed").await[0]["serial"].as_str().unwrap().to_owned();
        rig.revoke_at_authority(&first).await;
        answer(&rig, dir, body.clone()).await;
        assert!(told(dir).contains("Status: Rejected."), "{}", told(dir));
        assert!(rig.renew_time_stamping().await, "a revoked one is replaced");
        answer(&rig, dir, body.clone()).await;
        assert!(told(dir).contains("Status: Granted."), "{}", told(dir));
        // 730 days, of which its key may sign half: due after two thirds of that.
        let day = 24 * 3_600_000;
        rig.set_time(START.0 + 240 * day);
        assert!(!rig.renew_time_stamping().await, "not yet");
        rig.set_time(START.0 + 245 * day);
        assert!(rig.renew_time_stamping().await, "now it is");
        assert_eq!(rig.retire_time_stamping().await, 0, "the former may still sign");
        rig.set_time(START.0 + 366 * day);
        assert_eq!(rig.retire_time_stamping().await, 2, "both former keys are over");
        assert_eq!(rig.retire_time_stamping().await, 0);
        assert_eq!(rig.events("time-stamp-key-destroyed").await.len(), 2);
        assert!(matches!(rig.hsm.key("time-stamp-1").await, Err(hsm::Error::KeyNotFound { .. })));
    }
}

platform::both_engines! {
    /// The CSC method answers the token alone, for those who may sign; what it cannot read it refuses in its own words.
    async fn csc_gives_time_stamps(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        rig.authority.write_trust(dir).await;
        std::fs::write(dir.join("document"), DOCUMENT).unwrap();
        let digest = base64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, DOCUMENT).as_ref());
        let sha512 = "2.16.840.1.101.3.4.2.3";
        let body = json!({"hash": digest, "hashAlgo": sha512, "nonce": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"});
        let given = rig.csc(&rig.system, "signatures/timestamp", &body).await;
        assert_eq!(given.status, 200, "{:?}", given.body);
        std::fs::write(dir.join("r.tsr"), crate::rig::unbase64(&given.body["timestamp"])).unwrap();
        verified(dir, &["-token_in", "-data", "document"]).expect("it holds for the document");
        let text = openssl(dir, &["ts", "-reply", "-in", "r.tsr", "-token_in", "-token_out", "-text"]).unwrap();
        assert!(text.contains("0x0F1E2D3C4B5A69788796A5B4C3D2E1F0"), "{text}");
        for (wrong, description) in [
            (json!({"hashAlgo": sha512}), "Missing (or invalid type) string parameter hash"),
            (json!({"hash": "%", "hashAlgo": sha512}), "Invalid Base64 hash string parameter"),
            (json!({"hash": digest, "hashAlgo": "1.3.14.3.2.26"}), "Invalid parameter hashAlgo"),
            (json!({"hash": "AAAA", "hashAlgo": sha512}), "Invalid digest value length"),
            (json!({"hash": digest, "hashAlgo": sha512, "nonce": "xyz"}), "Invalid parameter nonce"),
        ] {
            let refused = rig.csc(&rig.system, "signatures/timestamp", &wrong).await;
            refused.is_csc(400, "invalid_request", description);
        }
        assert_eq!(rig.csc(&rig.verifier, "signatures/timestamp", &body).await.status, 403);
    }
}

platform::both_engines! {
    /// Many digests share one time-stamp, each with its record, which two that stand side by side in the tree have in common; a record can be renewed; what is none, or comes from one who may
    /// not sign, is refused.
    async fn digests_share_a_time_stamp(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        rig.pass(3_000);
        let path = "/signer/evidence-records";
        let hashes: Vec<String> = (0..250_u32).map(|at| crate::rig::digest_of(&at.to_be_bytes())).collect();
        let made = rig.post(&rig.system, path, &json!({"hashes": hashes})).await;
        assert_eq!(made.status, 200, "{:?}", made.body);
        let records = made.body["evidence_records"].as_array().unwrap();
        assert_eq!(records.iter().map(|it| it.as_str().unwrap()).collect::<BTreeSet<_>>().len(), 125, "two share a way");
        assert_eq!(rig.events("time-stamps-given").await[0]["time_stamps"].as_array().unwrap().len(), 1);
        let renewal = format!("{path}/renewals");
        let renewed = rig.post(&rig.system, &renewal, &json!({"evidence_record": records[7]})).await;
        assert_eq!(renewed.status, 200, "{:?}", renewed.body);
        assert!(renewed.body["evidence_record"].as_str().unwrap().len() > records[7].as_str().unwrap().len());
        for wrong in [
            json!({"hashes": []}),
            json!({"hashes": ["AAAA"]}),
            json!({"hashes": vec![&hashes[0]; 1_001]}),
            json!({"hashes": [hashes[0]], "hash_algo": "1.3.14.3.2.26"}),
        ] {
            assert_eq!(rig.post(&rig.system, path, &wrong).await.status, 400);
        }
        assert_eq!(rig.post(&rig.system, &renewal, &json!({"evidence_record": hashes[0]})).await.status, 400);
        assert_eq!(rig.post(&rig.verifier, path, &json!({"hashes": hashes})).await.status, 403);
        assert_eq!(rig.events("time-stamps-given").await.len(), 2, "what was refused was not given");
    }
}

platform::both_engines! {
    /// A record is renewed until it has as many time-stamps as one may have, and holds then; a further one is refused before it is asked for.
    async fn full_records_are_not_renewed(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let path = "/signer/evidence-records";
        let made = rig.post(&rig.system, path, &json!({"hashes": [crate::rig::digest_of(b"one")]})).await;
        let mut record = made.body["evidence_records"][0].clone();
        let renew = async |record: &Value| {
            rig.pass(1_000);
            rig.post(&rig.system, &format!("{path}/renewals"), &json!({"evidence_record": record})).await
        };
        for stamps in 2..=64 {
            let renewed = renew(&record).await;
            assert_eq!(renewed.status, 200, "{stamps}: {:?}", renewed.body);
            record = renewed.body["evidence_record"].clone();
        }
        let given = rig.events("time-stamps-given").await.len();
        let refused = renew(&record).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("evidence-record-full")), "{:?}", refused.body);
        assert_eq!(rig.events("time-stamps-given").await.len(), given, "no time-stamp was asked for");
        let body = json!({"evidence_record": record, "document": STANDARD.encode(b"one")});
        let report = rig.post(&rig.verifier, "/signer/verifications", &body).await.body;
        assert_eq!(report["verdict"], "valid", "{report}");
    }
}

platform::both_engines! {
    /// A record is verified with its document, also with a further time-stamp and with a new chain in another hash after it; with another document,
    /// changed, or with its chains in another order it does not hold, and what does not hold is not renewed.
    async fn evidence_records_are_verified(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let path = "/signer/evidence-records";
        let renewal = format!("{path}/renewals");
        // Two stand side by side at the bottom of the tree, and a record there is of both.
        let documents: Vec<Vec<u8>> = (0..6_u8).map(|at| vec![at; 40]).collect();
        let hashes: Vec<String> = documents.iter().map(|document| crate::rig::digest_of(document)).collect();
        let made = rig.post(&rig.system, path, &json!({"hashes": hashes})).await;
        let first = made.body["evidence_records"][1].as_str().unwrap().to_owned();
        let renewed = async |request: Value| {
            rig.pass(60_000);
            let answered = rig.post(&rig.system, &renewal, &request).await;
            assert_eq!(answered.status, 200, "{:?}", answered.body);
            answered.body["evidence_record"].as_str().unwrap().to_owned()
        };
        let second = renewed(json!({"evidence_record": first})).await;
        let sha_512 = STANDARD.encode(digest::digest(&digest::SHA512, &documents[1]));
        let rehash = json!({"evidence_record": second, "hash_algo": "2.16.840.1.101.3.4.2.3", "hash": sha_512});
        let third = renewed(rehash.clone()).await;
        let last = renewed(json!({"evidence_record": third})).await;
        let judged = async |record: &str, document: &[u8]| {
            let body = json!({"evidence_record": record, "document": STANDARD.encode(document)});
            let answered = rig.post(&rig.verifier, "/signer/verifications", &body).await;
            assert_eq!(answered.status, 200, "{:?}", answered.body);
            answered.body
        };
        let begun = judged(&first, &documents[1]).await["signatures"][0]["trusted_time"].clone();
        for record in [&first, &second, &third, &last] {
            let report = judged(record, &documents[1]).await;
            assert_eq!((&report["verdict"], &report["form"]), (&json!("valid"), &json!("evidence-record")), "{report}");
            assert_eq!(report["signatures"][0]["trusted_time"], begun, "the first of them says since when it was there");
            let other = judged(record, &documents[2]).await;
            assert_eq!(other["verdict"], "invalid", "{other}");
            assert_eq!(other["signatures"][0]["findings"][0]["code"], "digest-mismatch", "{other}");
        }
        assert_eq!(judged(&second, &documents[0]).await["verdict"], "valid", "the one beside it has the same record");
        assert_eq!(judged(&third, &documents[0]).await["verdict"], "invalid", "until the new chain, which is of one");
        // The new chain of another document's hash, and a token that was changed.
        let of_another = STANDARD.encode(digest::digest(&digest::SHA512, &documents[0]));
        let wrong = renewed(json!({"evidence_record": second, "hash_algo": "2.16.840.1.101.3.4.2.3", "hash": of_another})).await;
        assert_eq!(judged(&wrong, &documents[1]).await["verdict"], "invalid");
        let mut changed = STANDARD.decode(&second).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        let changed = STANDARD.encode(changed);
        assert_eq!(judged(&changed, &documents[1]).await["verdict"], "invalid");
        let given = rig.events("time-stamps-given").await.len();
        let refused = rig.post(&rig.system, &renewal, &json!({"evidence_record": changed})).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (400, Some("evidence-record-wrong")));
        for half in ["hash", "hash_algo"] {
            let mut request = rehash.clone();
            request.as_object_mut().unwrap().remove(half);
            assert_eq!(rig.post(&rig.system, &renewal, &request).await.status, 400, "without {half}");
        }
        assert_eq!(rig.events("time-stamps-given").await.len(), given, "what was refused was not given");
        let alone = rig.post(&rig.verifier, "/signer/verifications", &json!({"evidence_record": first})).await;
        assert_eq!(alone.status, 400, "a record without its document proves nothing");
    }
}
