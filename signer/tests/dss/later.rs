//! A CMS at B-B is verified when its certificate has ended or was revoked since: what proves its time is in the ledger, or in the evidence that
//! somebody brings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, ECDSA_SHA_256, ECDSA_SHA_384};

use super::World;
use super::account::verified;
use super::evidence::found;
use super::proofs::{lists, one_time};
use crate::rig::{Rig, digest_of};

const DAY_MS: u64 = 86_400_000;

/// A CMS over a document that lies beside it, at B-B, and what is asked about it.
async fn signed(rig: &Rig, id: &str, algorithm: &str, document: &[u8]) -> Value {
    let sad = rig.sad(id, &[&digest_of(document)]).await;
    let body = json!({"credentialID": id, "SAD": sad, "documents": [{
        "document": STANDARD.encode(document), "signature_format": "C", "signAlgo": algorithm,
        "signed_envelope_property": "Detached",
    }]});
    let done = rig.csc(&rig.system, "signatures/signDoc", &body).await;
    assert_eq!(done.status, 200, "{:?}", done.body);
    json!({"cms": done.body["SignatureObject"][0], "document": STANDARD.encode(document)})
}

/// The question with the evidence of the signature over a document.
async fn with_evidence(world: &World, question: &Value, document: &[u8]) -> Value {
    let lines = found(world, "user_id=555021942107").await;
    let line = lines.iter().find(|line| line["digest"] == digest_of(document)).unwrap();
    let path = format!("/signer/signatures/{}/evidence", line["id"].as_str().unwrap());
    let proof = world.rig.get(&world.rig.holder, &path).await.body["proof"].clone();
    let mut asked = question.clone();
    asked["evidence_record"] = proof["evidence_record"].clone();
    asked["crls"] = proof["crls"].clone();
    asked
}

async fn is(world: &World, question: &Value, verdict: &str, code: &str) -> Option<String> {
    let (said, codes, since) = verified(world, question).await;
    assert_eq!(said, verdict, "{codes:?}");
    let named = codes.iter().any(|found| found == code);
    assert!(named || (code.is_empty() && codes.is_empty()), "{code}: {codes:?}");
    since
}

platform::both_engines! {
    /// A CMS without a time-stamp of its own holds when its key of ten minutes is long over, also years later; one that nothing proves is open, and
    /// so is one whose proof came when its certificate had ended.
    async fn a_cms_outlives_its_certificate(db: Db) {
        let world = World::new(db).await;
        let rig = &world.rig;
        rig.renew_time_stamping().await;
        lists(rig).await;
        let batch = one_time(rig).await;
        let early = signed(rig, &batch, ECDSA_SHA_256, b"early").await;
        assert_eq!(is(&world, &early, "valid", "").await, None, "it needs no proof yet");
        assert_eq!(rig.signer.prove_signatures().await.unwrap(), 1);
        let late = signed(rig, &batch, ECDSA_SHA_256, b"late").await;
        rig.pass(20 * 60_000);
        lists(rig).await;
        assert!(is(&world, &early, "valid", "").await.is_some_and(|since| since.starts_with("2026-11-24")));
        assert_eq!(is(&world, &late, "indeterminate", "expired-unproven").await, None);
        assert_eq!(rig.signer.prove_signatures().await.unwrap(), 1);
        assert_eq!(is(&world, &late, "indeterminate", "expired-unproven").await, None, "it came too late");

        for _ in 0..2 {
            rig.pass(700 * DAY_MS);
            rig.renew_time_stamping().await;
            lists(rig).await;
            rig.renew_records().await;
        }
        assert!(is(&world, &early, "valid", "").await.is_some_and(|since| since.starts_with("2026-11-24")));
        assert_eq!(is(&world, &late, "indeterminate", "expired-unproven").await, None);
        let mut other = early.clone();
        other["document"] = json!(STANDARD.encode(b"another"));
        is(&world, &other, "invalid", "digest-mismatch").await;
    }

    /// A CMS that was proved before its certificate was revoked holds after it, with a longer hash too: by the ledger, and where that has it no more by
    /// the evidence that somebody brings. With another's evidence it is open, and so is one that was not proved; a compromised key ends all.
    async fn a_cms_outlives_its_credential(db: Db) {
        let world = World::new(db).await;
        let rig = &world.rig;
        rig.renew_time_stamping().await;
        lists(rig).await;
        let id = rig.ready(Algorithm::P384).await;
        let proved = signed(rig, &id, ECDSA_SHA_384, b"proved").await;
        assert_eq!(rig.signer.prove_signatures().await.unwrap(), 1);
        let unproved = signed(rig, &id, ECDSA_SHA_384, b"unproved").await;
        rig.pass(60_000);
        let serial = rig.serials(&id).await.remove(0);
        let request = ca::api::RevokeRequest { reason: ca::api::Reason::CessationOfOperation, invalidity_date: None };
        rig.authority.client().revoke(&serial, &request).await.unwrap();
        lists(rig).await;
        assert!(is(&world, &proved, "valid", "revoked-later").await.is_some());
        assert_eq!(is(&world, &unproved, "indeterminate", "revoked-later-unproven").await, None);

        world.settle().await;
        let brought = with_evidence(&world, &proved, b"proved").await;
        let others = with_evidence(&world, &unproved, b"proved").await;
        world.write("DELETE FROM signer_signature WHERE position >= $1", Vec::new(), 0).await;
        assert_eq!(is(&world, &proved, "indeterminate", "revoked-later-unproven").await, None);
        assert!(is(&world, &brought, "valid", "revoked-later").await.is_some());
        assert_eq!(is(&world, &others, "indeterminate", "time-stamp-wrong").await, None);
        let mut broken = brought.clone();
        broken["evidence_record"] = json!("AAAA");
        assert_eq!(is(&world, &broken, "indeterminate", "time-stamp-wrong").await, None);
        rig.revoke_at_authority(&serial).await;
        lists(rig).await;
        is(&world, &brought, "invalid", "revoked").await;
    }
}
