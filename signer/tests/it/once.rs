//! Each authorised digest is signed once, whatever clients and crashes do.

use std::collections::HashSet;

use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::rig::{PASSPHRASE, Rig, digest_of};

platform::both_engines! {
    /// Sixteen times the same request at once, and once more later: one signature, the same octets for all.
    async fn concurrent_duplicates_share_one_signature(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (first, second) = (digest_of(b"one"), digest_of(b"two"));
        let sad = rig.sad(&id, &[&first, &second]).await;
        let body = json!({
            "credentialID": id, "SAD": sad,
            "documentDigests": [{"hashes": [first, second], "signature_format": "C",
                "signAlgo": "1.2.840.10045.4.3.2", "signed_envelope_property": "Detached"}],
        });
        let answers = rig.at_once(16, &rig.system, "signatures/signDoc", &body).await;
        let later = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        let distinct: HashSet<String> =
            answers.iter().chain([&later]).map(|answer| {
                assert_eq!(answer.status, 200, "{:?}", answer.body);
                answer.body.to_string()
            }).collect();
        assert_eq!(distinct.len(), 1);
        assert_eq!(rig.ledger(&id).await.len(), 2);
        let signed = rig.events_of(&id).await.iter().filter(|(name, _)| name == "documents-signed").count();
        assert_eq!(signed, 1);
    }
}

platform::both_engines! {
    /// Two processes that do not know of each other, each with eight duplicates: still one signature for each digest.
    async fn duplicates_on_two_machines_share_one_signature(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hashes: Vec<String> = (0..5_u8).map(|n| digest_of(&[n])).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = rig.sad(&id, &hashes).await;
        let twin = rig.twin();
        let body = json!({"credentialID": id, "SAD": sad, "hashes": hashes, "signAlgo": "1.2.840.10045.4.3.2"});
        let (here, there) = tokio::join!(
            rig.at_once(8, &rig.system, "signatures/signHash", &body),
            twin.at_once(8, &rig.system, "signatures/signHash", &body),
        );
        let distinct: HashSet<String> = here.iter().chain(&there).map(|answer| answer.body.to_string()).collect();
        assert_eq!(distinct.len(), 1, "{distinct:?}");
        assert_eq!(here[0].status, 200);
        assert_eq!(rig.ledger(&id).await.len(), 5);
    }
}

platform::both_engines! {
    /// After a restart, and after the SAD has run out, an answered request is answered with the same octets.
    async fn answer_survives_a_restart(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::Rsa2048).await;
        let document = b"<prescription/>";
        let sad = rig.sad(&id, &[&digest_of(document)]).await;
        let body = json!({
            "credentialID": id, "SAD": sad,
            "documents": [{"document": crate::rig::base64(document), "signature_format": "C",
                "conformance_level": "AdES-B-B", "signAlgo": "1.2.840.113549.1.1.11"}],
        });
        let before = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        assert_eq!(before.status, 200, "{:?}", before.body);
        rig.pass(3_600_000);
        let restarted = rig.twin();
        let after = restarted.csc(&rig.system, "signatures/signDoc", &body).await;
        assert_eq!(after.body, before.body);
        // Renewed: another certificate signs now, and what was answered stays what it was.
        assert_eq!(rig.post(&rig.admin, &format!("/signer/credentials/{id}/renew"), &json!(null)).await.status, 200);
        let renewed = restarted.csc(&rig.system, "signatures/signDoc", &body).await;
        assert_eq!(renewed.body, before.body);
        assert_eq!(rig.ledger(&id).await.len(), 1);
    }
}

platform::both_engines! {
    /// A SAD can be used in parts, and each hash of it once: again it is the same signature, in another form none.
    async fn sad_is_used_up_digest_by_digest(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (one, two) = (digest_of(b"one"), digest_of(b"two"));
        let sad = rig.sad(&id, &[&one, &two]).await;
        let first = rig.sign_hash(&rig.system, &id, &sad, &[&one]).await;
        let both = rig.sign_hash(&rig.system, &id, &sad, &[&two, &one]).await;
        assert_eq!(both.status, 200, "{:?}", both.body);
        assert_eq!(both.body["signatures"][1], first.body["signatures"][0]);
        assert_eq!(rig.ledger(&id).await.len(), 2);
        // Spent for one form, it does not serve for another.
        let other_form = rig.csc(&rig.system, "signatures/signDoc", &detached(&id, &sad, &[&two])).await;
        other_form.is_csc(400, "invalid_request", "Hash was already signed with this SAD in another form");
        assert_eq!(rig.ledger(&id).await.len(), 2);
    }
}

platform::both_engines! {
    /// A hash that is listed twice is refused with both its places, whether to authorise or to sign, and uses nothing up.
    async fn repeated_hashes_are_refused(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (one, two, three) = (digest_of(b"one"), digest_of(b"two"), digest_of(b"three"));
        let refused = rig.authorize(&rig.system, &id, &[&one, &two, &three, &two], PASSPHRASE).await;
        refused.is_csc(400, "invalid_request", "Hash at position 3 repeats the one at position 1");
        let sad = rig.sad(&id, &[&one, &two]).await;
        let refused = rig.sign_hash(&rig.system, &id, &sad, &[&one, &one]).await;
        refused.is_csc(400, "invalid_request", "Hash at position 1 repeats the one at position 0");
        let refused = rig.csc(&rig.system, "signatures/signDoc", &detached(&id, &sad, &[&one, &two, &one])).await;
        refused.is_csc(400, "invalid_request", "Document at position 2 repeats the one at position 0");
        let document = |envelope: &str| json!({"document": crate::rig::base64(b"one"), "signature_format": "C",
            "signAlgo": "1.2.840.10045.4.3.2", "signed_envelope_property": envelope});
        let body = json!({"credentialID": id, "SAD": sad, "documents": [document("Attached"), document("Detached")]});
        let refused = rig.csc(&rig.system, "signatures/signDoc", &body).await;
        refused.is_csc(400, "invalid_request", "Document at position 1 repeats the one at position 0");
        assert!(rig.ledger(&id).await.is_empty());
        let granted = rig.events_of(&id).await.iter().filter(|(name, _)| name == "authorisation-granted").count();
        assert_eq!(granted, 1, "nothing was authorised by the refused request");
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &[&one, &two]).await.status, 200);
    }
}

fn detached(id: &str, sad: &str, hashes: &[&str]) -> Value {
    json!({
        "credentialID": id, "SAD": sad,
        "documentDigests": [{"hashes": hashes, "signature_format": "C", "signAlgo": "1.2.840.10045.4.3.2"}],
    })
}
