//! One-time keys: made for a batch, certified for ten minutes, destroyed after it.

use pki::{Certificate, Crl};
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, KeyLife};
use signer::verification::{Authorship, Code, Document, Evidence, Trust, Verdict, Weak, Work};

use crate::rig::{Answer, PASSPHRASE, Rig, create_request, digest_of, unbase64};

const P_256: &str = "1.2.840.10045.4.3.2";
const LEFT: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_key WHERE mechanism = '\"one-time\"' AND destroyed_at IS NULL";

/// A credential that has a key for each batch, with its passphrase.
async fn ready(rig: &Rig, request: &str) -> String {
    let mut body = create_request(Algorithm::P256, request);
    body["key"] = json!(KeyLife::OneTime);
    let made = rig.post(&rig.admin, "/signer/credentials", &body).await;
    assert_eq!(
        (made.status, &made.body["state"], &made.body["key"]),
        (200, &json!("active"), &json!("one_time")),
        "{:?}",
        made.body
    );
    assert_eq!(
        rig.post(&rig.admin, "/signer/credentials", &body).await.body,
        made.body,
        "the same request finds it"
    );
    let id = made.body["credential_id"].as_str().unwrap().to_owned();
    let path = format!("/signer/credentials/{id}/passphrase");
    assert_eq!(rig.put(&rig.holder, &path, &json!({"new": PASSPHRASE})).await.status, 204);
    id
}

async fn sign(rig: &Rig, id: &str, sad: &str, hashes: &[&str]) -> Answer {
    let body = json!({"credentialID": id, "SAD": sad, "documentDigests":
        [{"hashes": hashes, "signature_format": "C", "signAlgo": P_256, "signed_envelope_property": "Detached"}]});
    rig.csc(&rig.system, "signatures/signDoc", &body).await
}

/// What the service's own verification says of it.
async fn verdict(rig: &Rig, cms: &Value, document: &[u8]) -> Value {
    let body = json!({"cms": cms, "document": crate::rig::base64(document)});
    let answer = rig.post(&rig.verifier, "/signer/verifications", &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body["verdict"].clone()
}

/// The root, and the newest list of every authority.
async fn published(rig: &Rig) -> (Vec<Certificate>, Vec<Crl>) {
    let ca = rig.authority.client();
    let decoded = |text: &String| unbase64(&json!(text));
    let (mut anchors, mut crls) = (Vec::new(), Vec::new());
    for issuer in ca.issuers().await.unwrap() {
        if issuer.chain.is_empty() {
            anchors.push(Certificate::from_der(&decoded(&issuer.certificate)).unwrap());
        }
        crls.push(Crl::from_der(&decoded(&ca.crl(&issuer.id).await.unwrap().crl)).unwrap());
    }
    (anchors, crls)
}

platform::both_engines! {
    /// A batch is signed under one certificate of ten minutes, the next one under another, and no key is left; the same request again gets the same
    /// octets when the certificate is long over.
    async fn each_batch_has_its_key(db: Db) {
        let rig = Rig::new(db).await;
        rig.authority.make_lists().await;
        let id = ready(&rig, "one-time-1").await;
        let shown = rig.csc(&rig.system, "credentials/info", &json!({"credentialID": id, "authInfo": true})).await;
        assert_eq!((&shown.body["key"]["status"], &shown.body["key"]["algo"]), (&json!("enabled"), &json!([P_256])), "{:?}", shown.body);
        let (one, two, three) = (digest_of(b"one"), digest_of(b"two"), digest_of(b"three"));
        let sad = rig.sad(&id, &[&one, &two, &three]).await;
        let signed = sign(&rig, &id, &sad, &[&one, &two]).await;
        assert_eq!(signed.status, 200, "{:?}", signed.body);
        for (place, document) in [&b"one"[..], b"two"].iter().enumerate() {
            assert_eq!(verdict(&rig, &signed.body["SignatureObject"][place], document).await, "valid");
        }
        let serials = rig.serials(&id).await;
        assert_eq!(serials.len(), 1);
        assert_eq!(sign(&rig, &id, &sad, &[&three]).await.status, 200);
        assert_eq!(rig.serials(&id).await.len(), 2);
        assert_eq!(rig.count(LEFT).await, 0);
        let certificate = rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await.body["certificates"][1].clone();
        let life = certificate["not_after"].as_i64().unwrap() - certificate["not_before"].as_i64().unwrap();
        assert_eq!(life, 600_000);
        rig.pass(3_600_000);
        let again = sign(&rig.twin(), &id, &sad, &[&one, &two]).await;
        assert_eq!(again.body, signed.body);
        let names: Vec<String> = rig.events_of(&id).await.into_iter().map(|(name, _)| name).collect();
        let batch = ["one-time-key-certified", "documents-signed", "one-time-key-destroyed"];
        assert_eq!(names[names.len() - 6..], [batch, batch].concat());
    }

    /// A process that ends between certificate and signature leaves a key that the sweep writes off when its certificate is over, not before; the
    /// request is then signed with another one.
    async fn a_key_that_was_left_is_written_off(db: Db) {
        let rig = Rig::new(db).await;
        let id = ready(&rig, "one-time-2").await;
        let one = digest_of(b"one");
        let sad = rig.sad(&id, &[&one]).await;
        assert_eq!(sign(&rig, &id, &sad, &[&one]).await.status, 200);
        for sql in ["UPDATE signer_key SET destroyed_at = NULL", "DELETE FROM signer_signature", "DELETE FROM signer_signing"] {
            rig.change(sql).await;
        }
        let twin = rig.twin();
        twin.sweep().await;
        assert_eq!(twin.count(LEFT).await, 1, "another process may be using it");
        assert_eq!(sign(&twin, &id, &sad, &[&one]).await.status, 200);
        assert_eq!((twin.serials(&id).await.len(), twin.count(LEFT).await), (2, 1));
        twin.pass(600_000);
        twin.sweep().await;
        assert_eq!(twin.count(LEFT).await, 0);
        assert_eq!(rig.events("one-time-keys-written-off").await, [json!({"event": "one_time_keys_written_off", "keys": 1})]);
    }

    /// What was signed with a key that came into other hands is invalid for good: also when its certificate has ended, so that lists need not
    /// name it, and one of before came with the signature. Without our authority's word that one is too old to show that another was good.
    async fn a_key_in_other_hands_stays_so(db: Db) {
        let rig = Rig::new(db).await;
        rig.renew_time_stamping().await;
        rig.authority.make_lists().await;
        let (anchors, before) = published(&rig).await;
        let id = ready(&rig, "one-time-5").await;
        let mut made = Vec::new();
        for document in [&b"one"[..], b"two"] {
            let sad = rig.sad(&id, &[&digest_of(document)]).await;
            let body = json!({"credentialID": id, "SAD": sad, "documents": [{"document": crate::rig::base64(document),
                "signature_format": "C", "conformance_level": "Ades-B-LT", "signAlgo": P_256}]});
            let signed = rig.csc(&rig.system, "signatures/signDoc", &body).await;
            assert_eq!(signed.status, 200, "{:?}", signed.body);
            made.push(signed.body["DocumentWithSignature"][0].clone());
            rig.pass(2_000);
        }
        rig.revoke_at_authority(&rig.serials(&id).await[1]).await;
        rig.authority.make_lists().await;
        let (_, between) = published(&rig).await;
        for millis in [3_000, 11 * 60_000, 40 * 86_400_000] {
            rig.pass(millis);
            rig.authority.make_lists().await;
            rig.pass(3_000);
            for (cms, expected) in made.iter().zip(["invalid", "valid"]) {
                let report = rig.post(&rig.verifier, "/signer/verifications", &json!({"cms": cms})).await.body;
                assert_eq!(report["verdict"], expected, "{millis}: {report:#}");
                let revoked = report["signatures"][0]["findings"].to_string().contains("\"revoked\"");
                assert_eq!(revoked, expected == "invalid", "{report:#}");
            }
        }
        let (_, now) = published(&rig).await;
        let alone = |cms: &Value, lists: &[Crl]| {
            let crls: Vec<Crl> = lists.iter().chain(&now).cloned().collect();
            Evidence::cms(&unbase64(cms), Document::Inside).judge(&Trust {
                anchors: &anchors,
                extra: &[],
                known: (&crls).into(),
                now_ms: rig.clock.now().0,
                policies: &[],
                signers: 1,
                weak: Weak::Refused,
                told: &[],
                authorship: Authorship::Unasked,
                work: Work::default(),
            })
        };
        let report = alone(&made[1], &before);
        assert!(report.verdict == Verdict::Indeterminate && report.has(Code::RevocationUnknown), "{report:#?}");
        // The one of between has run out, and was made after the time-stamp, while the certificate had not ended.
        let report = alone(&made[1], &between);
        assert_eq!(report.verdict, Verdict::Valid, "{report:#?}");
        let report = alone(&made[0], &between);
        assert!(report.verdict == Verdict::Invalid && report.has(Code::Revoked), "{report:#?}");
    }

    /// One that is on hold, revoked or asked for as RSA signs nothing, and cannot be renewed.
    async fn what_may_not_sign_has_no_key(db: Db) {
        let rig = Rig::new(db).await;
        let mut body = create_request(Algorithm::Rsa2048, "one-time-3");
        body["key"] = json!(KeyLife::OneTime);
        assert_eq!(rig.post(&rig.admin, "/signer/credentials", &body).await.status, 400);
        let id = ready(&rig, "one-time-4").await;
        let (one, two) = (digest_of(b"one"), digest_of(b"two"));
        let sad = rig.sad(&id, &[&one, &two]).await;
        let certificate = sign(&rig, &id, &sad, &[&one]).await.body["SignatureObject"][0].clone();
        assert!(!unbase64(&certificate).is_empty());
        // What such a key does not do is refused before there is one.
        let made = async |rig: &Rig| {
            let keys = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_key WHERE mechanism = '\"one-time\"'";
            let issued = "SELECT CAST(COUNT(*) AS BIGINT) FROM ca_certificate";
            (rig.count(keys).await, rig.serials(&id).await.len(), rig.count(issued).await)
        };
        let before = made(&rig).await;
        assert_eq!((before.0, before.1), (1, 1));
        for algorithm in ["1.2.840.113549.1.1.11", "1.2.840.10045.4.3.3"] {
            let by_digest = json!({"credentialID": id, "SAD": sad, "documentDigests": [{"hashes": [two], "signature_format": "C",
                "signAlgo": algorithm, "signed_envelope_property": "Detached"}]});
            let bare = json!({"credentialID": id, "SAD": sad, "hashes": [two], "signAlgo": algorithm});
            for (method, body) in [("signatures/signDoc", by_digest), ("signatures/signHash", bare)] {
                assert_eq!(rig.csc(&rig.system, method, &body).await.status, 400, "{method} {algorithm}");
            }
        }
        assert_eq!(made(&rig).await, before, "no key, no certificate");
        rig.act(&rig.admin, &id, "renew", 409).await;
        rig.act(&rig.admin, &id, "suspend", 200).await;
        sign(&rig, &id, &sad, &[&two]).await.is_csc(400, "invalid_request", "Signing certificate is suspended");
        rig.act(&rig.admin, &id, "resume", 200).await;
        assert_eq!(sign(&rig, &id, &sad, &[&two]).await.status, 200);
        let revoke = json!({"reason": "key_compromise"});
        assert_eq!(rig.post(&rig.admin, &format!("/signer/credentials/{id}/revoke"), &revoke).await.status, 200);
        let refused = rig.authorize(&rig.system, &id, &[&one], PASSPHRASE).await;
        refused.is_csc(400, "invalid_request", "Signing certificate is revoked");
        let serials = rig.serials(&id).await;
        let state = rig.authority.client().certificate(&serials[0]).await.unwrap().state;
        assert_eq!(serde_json::to_value(state).unwrap(), "revoked", "one that is not over yet is revoked at the authority");
    }
}
