//! What the ledger has is proved beside it: with one time-stamp for many signatures, each once, for as long as it is kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::db::Db;
use serde_json::{Value, json};
use signer::ProofHash;
use signer::api::{Algorithm, ECDSA_SHA_256, ECDSA_SHA_384, EvidenceBundle, KeyLife};
use signer::verification::{Code, Report, Verdict, judge_evidence};

use super::World;
use super::evidence::{found, judged, published, signed, trusted};
use crate::rig::{PASSPHRASE, Rig, create_request, digest_of};

const UNPROVED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signing WHERE records_id IS NULL";
const ROWS: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_evidence_record";
const LISTS: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_kept_list";
const DAY_MS: u64 = 86_400_000;
/// The object identifier of SHA-512.
const SHA_512: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// A credential that has a key for each batch, with its passphrase.
pub(super) async fn one_time(rig: &Rig) -> String {
    let mut body = create_request(Algorithm::P256, "one-time");
    body["key"] = json!(KeyLife::OneTime);
    let made = rig.post(&rig.admin, "/signer/credentials", &body).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let id = made.body["credential_id"].as_str().unwrap().to_owned();
    let path = format!("/signer/credentials/{id}/passphrase");
    assert_eq!(rig.put(&rig.holder, &path, &json!({"new": PASSPHRASE})).await.status, 204);
    id
}

/// Signs a document at B-B.
async fn sign(rig: &Rig, id: &str, name: &str, document: &[u8]) {
    let sad = rig.sad(id, &[&digest_of(document)]).await;
    let body = json!({"credentialID": id, "SAD": sad, "documents": [{
        "document": STANDARD.encode(document), "signature_format": "C", "signAlgo": name,
    }]});
    let done = rig.csc(&rig.system, "signatures/signDoc", &body).await;
    assert_eq!(done.status, 200, "{:?}", done.body);
}

/// The lists of now.
pub(super) async fn lists(rig: &Rig) {
    rig.authority.make_lists().await;
    rig.pass(3_000);
}

/// The evidence of every signature.
async fn bundles(world: &World) -> Vec<Value> {
    world.settle().await;
    let mut all = Vec::new();
    for line in found(world, "user_id=555021942107").await {
        let path = format!("/signer/signatures/{}/evidence", line["id"].as_str().unwrap());
        let given = world.rig.get(&world.rig.holder, &path).await;
        assert_eq!(given.status, 200, "{:?}", given.body);
        all.push(given.body);
    }
    all
}

/// A bundle that is damaged anywhere never stops the reader, and holds for nothing else than it did.
async fn unharmed(world: &World, good: &Value) {
    let (root, crls) = published(world).await;
    let (trust, key) = (trusted(world, &root, &crls), world.log.verifier_key());
    let bundle: EvidenceBundle = serde_json::from_value(good.clone()).unwrap();
    let read = |octets: &[u8]| {
        if judge_evidence(octets, &trust, &key).verdict == Verdict::Valid {
            let read: EvidenceBundle = serde_json::from_slice(octets).unwrap();
            assert_eq!(
                (read.signature, read.certificate),
                (bundle.signature.clone(), bundle.certificate.clone())
            );
        }
    };
    platform::hammer::hammer(good.to_string().as_bytes(), 100, read).unwrap();
}

fn since(report: &Report) -> Option<&str> {
    report.signatures[0].trusted_time.as_deref().map(|at| &at[..10])
}

/// Whether SHA-512 is named in the proof of a bundle.
fn is_in_sha_512(bundle: &Value) -> bool {
    let record = STANDARD.decode(bundle["proof"]["evidence_record"].as_str().unwrap()).unwrap();
    record.windows(SHA_512.len()).any(|part| part == SHA_512)
}

/// The same bundle with something else in a place.
fn with(bundle: &Value, place: &str, value: Value) -> Value {
    let mut changed = bundle.clone();
    *changed.pointer_mut(place).unwrap() = value;
    changed
}

platform::both_engines! {
    /// Signatures of every kind share one time-stamp, whichever process is first, and each is in it once. Their evidence holds by itself when the ten
    /// minutes of a one-time key are over, and when the certificates of signers and time-stamps have ended, renewed twice, in a longer hash and in
    /// that again; without the proof, or with another's, it does not.
    async fn evidence_holds_for_years(db: Db) {
        let mut world = World::new(db).await;
        world.rig.renew_time_stamping().await;
        lists(&world.rig).await;
        signed(&mut world).await;
        let rig = &world.rig;
        let (batch, long) = (one_time(rig).await, rig.ready(Algorithm::P384).await);
        sign(rig, &batch, ECDSA_SHA_256, b"one").await;
        sign(rig, &long, ECDSA_SHA_384, b"two").await;
        assert!(bundles(&world).await.iter().all(|bundle| bundle.get("proof").is_none()), "not yet");

        let twin = rig.twin();
        let (mine, theirs) = tokio::join!(rig.signer.prove_signatures(), twin.signer.prove_signatures());
        assert_eq!(mine.unwrap() + theirs.unwrap(), 4, "each by one of them");
        assert_eq!((rig.signer.prove_signatures().await.unwrap(), rig.count(UNPROVED).await), (0, 0));
        let events = rig.events("signatures-proved").await;
        assert_eq!((events.len(), rig.count(ROWS).await), (1, 1));
        assert_eq!((&events[0]["requests"], &events[0]["signatures"]), (&json!(3), &json!(4)), "DSS has one for two");
        let kept = usize::try_from(rig.count(LISTS).await).unwrap();
        assert_eq!(events[0]["lists"].as_array().unwrap().len(), kept);
        assert!(kept >= 2, "of the root and of who signs for people: {kept}");

        let early = bundles(&world).await;
        assert_eq!(early.len(), 4);
        for (place, bundle) in early.iter().enumerate() {
            let report = judged(&world, bundle).await;
            assert_eq!((report.verdict, since(&report)), (Verdict::Valid, Some("2026-11-24")), "{report:#?}");
            let others = early[(place + 2) % 4]["proof"]["evidence_record"].clone();
            for (changed, code) in [
                (with(bundle, "/proof/evidence_record", others), Code::DigestMismatch),
                (with(bundle, "/proof/evidence_record", json!("AAAA")), Code::Malformed),
                (with(bundle, "/proof/evidence_record", json!("%")), Code::TimeStampWrong),
                (with(bundle, "/proof/crls", json!([])), Code::DigestMismatch),
                (with(bundle, "/proof/crls/0", bundle["proof"]["crls"][1].clone()), Code::DigestMismatch),
                (with(bundle, "/proof/crls/0", json!("AAAA")), Code::TimeStampWrong),
            ] {
                let report = judged(&world, &changed).await;
                assert!(report.verdict == Verdict::Invalid && report.has(code), "{code:?}: {report:#?}");
            }
        }

        unharmed(&world, &early[0]).await;
        rig.pass(11 * 60_000);
        let one = early.iter().position(|bundle| bundle["signature"]["digest"] == digest_of(b"one")).unwrap();
        let mut unproved = early[one].clone();
        unproved.as_object_mut().unwrap().remove("proof");
        let report = judged(&world, &unproved).await;
        assert!(report.verdict == Verdict::Indeterminate && report.has(Code::ExpiredUnproven), "{report:#?}");
        assert_eq!(judged(&world, &early[one]).await.verdict, Verdict::Valid, "at B-B, with a key that is gone");

        for _ in 0..2 {
            rig.pass(700 * DAY_MS);
            rig.renew_time_stamping().await;
            lists(rig).await;
            assert_eq!((rig.renew_records().await, rig.renew_records().await), (1, 0));
        }
        // Before the hash ages too, each gets a chain in a longer one, and what follows is in that.
        let hashing = rig.twin_set(|config| config.proof_hash = ProofHash::Sha512);
        hashing.renew_time_stamping().await;
        assert_eq!((hashing.renew_records().await, hashing.renew_records().await), (1, 0));
        assert_eq!(rig.renew_records().await, 0, "nobody goes back to a shorter one");
        let rehashed = bundles(&world).await;
        rig.pass(700 * DAY_MS);
        rig.renew_time_stamping().await;
        lists(rig).await;
        assert_eq!((rig.renew_records().await, hashing.renew_records().await), (1, 0), "by whoever is first");
        let latest = bundles(&world).await;
        for (before, now) in rehashed.iter().zip(&latest) {
            assert!(is_in_sha_512(before) && is_in_sha_512(now) && !early.iter().any(is_in_sha_512));
        }
        let swapped = with(&latest[0], "/proof/evidence_record", latest[2]["proof"]["evidence_record"].clone());
        let report = judged(&world, &swapped).await;
        assert!(report.verdict == Verdict::Invalid && report.has(Code::DigestMismatch), "{report:#?}");

        for (now, then) in latest.iter().zip(&early) {
            let report = judged(&world, now).await;
            assert_eq!((report.verdict, since(&report)), (Verdict::Valid, Some("2026-11-24")), "{report:#?}");
            let report = judged(&world, then).await;
            assert!(report.verdict == Verdict::Indeterminate && report.has(Code::TimeStampNotTrusted), "{report:#?}");
            assert_eq!(since(&report), None);
        }
        assert_eq!(rig.count(LISTS).await, i64::try_from(kept).unwrap(), "what a time-stamp needs is in it");
    }
}

/// Without a believed clock nothing is proved and nothing is lost; while a revocation list is missing a proof waits two minutes for it and no
/// longer; a proof that came when the certificate had ended makes nothing better or worse.
#[test]
fn proofs_come_when_they_can() {
    platform::db::testing::run(platform::db::Engine::Sqlite, async |db: Db| {
        let world = World::new(db).await;
        let rig = &world.rig;
        rig.renew_time_stamping().await;
        // Whatever lists there were have run out.
        rig.pass(8 * DAY_MS);
        let batch = one_time(rig).await;
        sign(rig, &batch, ECDSA_SHA_256, b"one").await;
        assert_eq!(rig.signer.prove_signatures().await.unwrap(), 0, "there is no list of now");
        rig.pass(120_000);
        let said = rig.discipline.said();
        rig.discipline.tell(Err(platform::clock::Untrusted::NotSynchronised));
        assert!(rig.signer.prove_signatures().await.is_err(), "nor a time that can be believed");
        rig.discipline.tell(said);
        assert_eq!((rig.count(UNPROVED).await, rig.count(ROWS).await), (1, 0));
        let hashing = rig.twin_set(|config| config.proof_hash = ProofHash::Sha512);
        hashing.renew_time_stamping().await;
        assert_eq!((hashing.signer.prove_signatures().await.unwrap(), rig.count(UNPROVED).await), (1, 0));
        let bundle = bundles(&world).await.remove(0);
        assert!(is_in_sha_512(&bundle), "from the first, where that is set");
        let report = judged(&world, &bundle).await;
        assert_eq!((report.verdict, since(&report)), (Verdict::Valid, Some("2026-12-02")), "{report:#?}");

        lists(rig).await;
        sign(rig, &batch, ECDSA_SHA_256, b"two").await;
        rig.pass(11 * 60_000);
        assert_eq!(rig.signer.prove_signatures().await.unwrap(), 1);
        let late = bundles(&world).await.remove(1);
        let report = judged(&world, &late).await;
        assert!(report.verdict == Verdict::Indeterminate && report.has(Code::ExpiredUnproven), "{report:#?}");
        assert_eq!(since(&report), None, "it was there when it counted no more");
    });
}
