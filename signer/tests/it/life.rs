//! Credentials that are held, revoked, renewed, re-keyed, destroyed or past their time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateState, IssueRequest, KeySource, REMOTE_SIGNING, Reason, SubjectData};
use platform::db::Db;
use serde_json::json;
use signer::api::Algorithm;

use crate::rig::{PASSPHRASE, Rig, USER, digest_of, key_of, signing_end};

platform::both_engines! {
    /// A suspended credential neither authorises nor signs, here and at once; resumed, the open SAD is good again.
    async fn suspended_credential_does_not_sign(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (hash, other) = (digest_of(b"one"), digest_of(b"two"));
        let sad = rig.sad(&id, &[&hash, &other]).await;
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await.status, 200);
        let twin = rig.twin();
        assert_eq!(twin.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await.status, 200);
        rig.act(&rig.holder, &id, "suspend", 200).await;
        rig.act(&rig.holder, &id, "resume", 403).await;
        for rig in [&rig, &twin] {
            for refused in [
                rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await,
                rig.sign_hash(&rig.system, &id, &sad, &[&other]).await,
            ] {
                refused.is_csc(400, "invalid_request", "Signing certificate is suspended");
            }
        }
        let info = rig.csc(&rig.system, "credentials/info", &json!({"credentialID": id})).await;
        assert_eq!((&info.body["cert"]["status"], &info.body["key"]["status"]), (&json!("suspended"), &json!("disabled")));
        assert_eq!(rig.ledger(&id).await.len(), 1);
        rig.act(&rig.admin, &id, "resume", 200).await;
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &[&other]).await.status, 200);
    }
}

platform::both_engines! {
    /// Resuming lifts the holds that suspending placed: one that somebody else placed, before or after, stays.
    async fn others_holds_stay(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        for _ in 0..2 {
            rig.pass(1_000);
            rig.act(&rig.admin, &id, "renew", 200).await;
        }
        let serials = rig.serials(&id).await;
        let [signing, before, first] = serials.as_slice() else { panic!("three certificates: {serials:?}") };
        let state = async |serial: &str| rig.authority.client().certificate(serial).await.unwrap().state;
        rig.hold_at_authority(first).await;
        rig.pass(1_000);
        rig.act(&rig.holder, &id, "suspend", 200).await;
        for serial in &serials {
            assert_eq!(state(serial).await, CertificateState::Held, "{serial}");
        }
        // Ours is lifted by somebody who then places one of their own.
        rig.authority.client().resume(before).await.unwrap();
        rig.pass(1_000);
        rig.hold_at_authority(before).await;
        rig.act(&rig.admin, &id, "resume", 200).await;
        assert_eq!(state(signing).await, CertificateState::Issued);
        assert_eq!(state(before).await, CertificateState::Held, "placed by somebody else after ours");
        assert_eq!(state(first).await, CertificateState::Held, "placed by somebody else before ours");
        let hash = digest_of(b"one");
        let sad = rig.sad(&id, &[&hash]).await;
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await.status, 200);
        // Under a hold of somebody else's nothing is signed, and resuming does not change that.
        rig.hold_at_authority(signing).await;
        rig.act(&rig.admin, &id, "suspend", 200).await;
        rig.act(&rig.admin, &id, "resume", 200).await;
        let refused = rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await;
        refused.is_csc(400, "invalid_request", "Signing certificate is suspended");
    }
}

platform::both_engines! {
    /// A revoked credential never signs again, whether it was revoked here or at the authority.
    async fn revoked_credential_does_not_sign(db: Db) {
        let rig = Rig::new(db).await;
        for at_the_authority in [false, true] {
            let id = rig.ready(Algorithm::P256).await;
            let hash = digest_of(b"one");
            let sad = rig.sad(&id, &[&hash]).await;
            if at_the_authority {
                let shown = rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await;
                rig.revoke_at_authority(shown.body["certificates"][0]["serial"].as_str().unwrap()).await;
            } else {
                let path = format!("/signer/credentials/{id}/revoke");
                let hold = rig.post(&rig.admin, &path, &json!({"reason": "certificate_hold"})).await;
                assert_eq!(hold.status, 400);
                let revoked = rig.post(&rig.admin, &path, &json!({"reason": "key_compromise"})).await;
                assert_eq!((revoked.status, &revoked.body["state"]), (200, &json!("revoked")));
                rig.act(&rig.admin, &id, "resume", 409).await;
                rig.act(&rig.admin, &id, "renew", 409).await;
            }
            for refused in [
                rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await,
                rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await,
            ] {
                refused.is_csc(400, "invalid_request", "Signing certificate is revoked");
            }
            assert!(rig.ledger(&id).await.is_empty());
        }
    }
}

platform::both_engines! {
    /// A revocation at the authority that nobody told this process of makes its very next signature refused, and the one in
    /// another process; a hold that is lifted again lets both sign. What was answered stays answered.
    async fn revocation_elsewhere_counts_at_once(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let twin = rig.twin();
        let hashes: Vec<String> = (0..8_u8).map(|number| digest_of(&[number])).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = rig.sad(&id, &hashes).await;
        let serial = rig.serials(&id).await.remove(0);
        // Both have the credential and the authorisation in memory.
        let first = rig.sign_hash(&rig.system, &id, &sad, &hashes[..1]).await;
        assert_eq!((first.status, twin.sign_hash(&rig.system, &id, &sad, &hashes[1..2]).await.status), (200, 200));
        rig.hold_at_authority(&serial).await;
        for (process, hash) in [(&rig, &hashes[2..3]), (&twin, &hashes[3..4])] {
            let refused = process.sign_hash(&rig.system, &id, &sad, hash).await;
            refused.is_csc(400, "invalid_request", "Signing certificate is suspended");
        }
        rig.authority.client().resume(&serial).await.unwrap();
        for (process, hash) in [(&rig, &hashes[2..3]), (&twin, &hashes[3..4])] {
            assert_eq!(process.sign_hash(&rig.system, &id, &sad, hash).await.status, 200);
        }
        rig.revoke_at_authority(&serial).await;
        for (process, hash) in [(&rig, &hashes[4..5]), (&twin, &hashes[5..6])] {
            for _ in 0..2 {
                let refused = process.sign_hash(&rig.system, &id, &sad, hash).await;
                refused.is_csc(400, "invalid_request", "Signing certificate is revoked");
            }
            let refused = process.authorize(&rig.system, &id, &hashes, PASSPHRASE).await;
            refused.is_csc(400, "invalid_request", "Signing certificate is revoked");
        }
        assert_eq!(rig.ledger(&id).await.len(), 4, "nothing was stored after the revocation");
        let again = twin.sign_hash(&rig.system, &id, &sad, &hashes[..1]).await;
        assert_eq!((again.status, again.body), (200, first.body), "what was answered is answered again");
    }
}

platform::both_engines! {
    /// Past its time a certificate neither authorises nor signs, and a SAD lasts its minutes and no longer.
    async fn time_runs_out(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hash = digest_of(b"one");
        let sad = rig.sad(&id, &[&hash]).await;
        rig.pass(300_000);
        let late = rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await;
        late.is_csc(400, "invalid_request", "SAD expired");
        let shown = rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await;
        let until = signing_end(shown.body["certificates"][0]["certificate"].as_str().unwrap());
        rig.set_time(until - 1_000);
        let sad = rig.sad(&id, &[&hash]).await;
        rig.pass(2_000);
        for refused in [
            rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await,
            rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await,
        ] {
            refused.is_csc(400, "invalid_request", "Signing certificate is expired");
        }
        assert!(rig.ledger(&id).await.is_empty());
    }
}

platform::both_engines! {
    /// Renewing keeps the key and the old certificate; re-keying changes the key; an open SAD serves through both.
    async fn renewed_and_rekeyed(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hashes: Vec<String> = (0..3_u8).map(|n| digest_of(&[n])).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = rig.sad(&id, &hashes).await;
        let mut serials = Vec::new();
        for (hash, act) in hashes.iter().zip([None, Some("renew"), Some("rekey")]) {
            if let Some(act) = act {
                rig.pass(1_000);
                rig.act(&rig.admin, &id, act, 200).await;
            }
            let signed = rig.sign_hash(&rig.system, &id, &sad, &[hash]).await;
            assert_eq!(signed.status, 200, "{act:?} {:?}", signed.body);
            serials.push(rig.ledger(&id).await.last().unwrap().serial.clone());
        }
        let shown = rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await;
        let certificates = shown.body["certificates"].as_array().unwrap();
        let keys: Vec<Vec<u8>> =
            certificates.iter().map(|shown| key_of(shown["certificate"].as_str().unwrap())).collect();
        let shown_serials: Vec<&str> = certificates.iter().map(|shown| shown["serial"].as_str().unwrap()).collect();
        serials.reverse();
        assert_eq!(shown_serials, serials);
        assert_ne!(keys[0], keys[1], "re-keyed");
        assert_eq!(keys[1], keys[2], "renewed");
        assert_eq!(rig.wrapped_keys(&id).await, 1, "the key before is gone");
        for caller in [&rig.holder, &rig.system] {
            rig.act(caller, &id, "renew", 403).await;
        }
    }
}

platform::both_engines! {
    /// Destroying deletes the wrapped key; what was signed stays in the ledger and nothing more is.
    async fn destroyed_credential_has_no_key(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let (hash, other) = (digest_of(b"one"), digest_of(b"two"));
        let sad = rig.sad(&id, &[&hash, &other]).await;
        assert_eq!(rig.sign_hash(&rig.system, &id, &sad, &[&hash]).await.status, 200);
        let twin = rig.twin();
        assert_eq!(twin.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await.status, 200);
        let gone = rig.delete(&rig.admin, &format!("/signer/credentials/{id}")).await;
        assert_eq!((gone.status, &gone.body["state"]), (200, &json!("destroyed")));
        assert_eq!(rig.wrapped_keys(&id).await, 0);
        for rig in [&rig, &twin] {
            let refused = rig.sign_hash(&rig.system, &id, &sad, &[&other]).await;
            refused.is_csc(400, "invalid_request", "The credential identified by credentialID is disabled");
        }
        assert_eq!(rig.ledger(&id).await.len(), 1);
    }
}

platform::both_engines! {
    /// A certificate over the credential's key that was issued and never stored here, as a crash leaves it, ends with the
    /// credential; a key that turns out to be compromised later is said to be so. Where the authority is away, the credential is over all the
    /// same, and its certificates are revoked as soon as it is back, by whichever process and for the worst reason that was given.
    async fn no_certificate_outlives_its_revoked_credential(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let shown = rig.get(&rig.admin, &format!("/signer/credentials/{id}")).await;
        let serial = shown.body["certificates"][0]["serial"].as_str().unwrap().to_owned();
        let authority = rig.authority.client();
        let stored = authority.certificate(&serial).await.unwrap();
        let der = STANDARD.decode(stored.certificate.unwrap()).unwrap();
        let key = KeySource::public_key(pki::Certificate::from_der(&der).unwrap().spki_der());
        let subject = SubjectData {
            common_name: "Somebody".to_owned(),
            user_id: Some(USER.to_owned()),
            ..SubjectData::default()
        };
        let orphan = IssueRequest::new("not-stored", REMOTE_SIGNING, subject, key);
        let orphan = authority.issue(&orphan).await.unwrap().serial;
        let path = format!("/signer/credentials/{id}/revoke");
        for (word, reason) in [("superseded", Reason::Superseded), ("key_compromise", Reason::KeyCompromise)] {
            assert_eq!(rig.post(&rig.admin, &path, &json!({"reason": word})).await.status, 200);
            for serial in [&serial, &orphan] {
                let info = authority.certificate(serial).await.unwrap();
                assert_eq!(info.state, CertificateState::Revoked, "{serial}");
                assert_eq!(info.revocation.unwrap().reason, reason);
            }
        }
        let id = rig.ready(Algorithm::P256).await;
        let serial = rig.serials(&id).await.remove(0);
        let state = async || authority.certificate(&serial).await.unwrap();
        let refuses = Arc::new(AtomicBool::new(true));
        let twin = rig.twin_with(rig.authority.client_refusing(Arc::clone(&refuses)));
        let credential = format!("/signer/credentials/{id}");
        for reason in ["superseded", "key_compromise", "superseded"] {
            let away = twin.post(&twin.admin, &format!("{credential}/revoke"), &json!({"reason": reason})).await;
            assert_eq!(away.status, 503, "{:?}", away.body);
            let shown = rig.get(&rig.admin, &credential).await.body;
            assert_eq!((&shown["state"], &shown["ending"]), (&json!("revoked"), &json!(true)));
        }
        twin.sweep().await;
        assert_eq!(state().await.state, CertificateState::Issued);
        refuses.store(false, Ordering::Relaxed);
        rig.sweep().await;
        let info = state().await;
        assert_eq!((info.state, info.revocation.unwrap().reason), (CertificateState::Revoked, Reason::KeyCompromise));
        assert_eq!(rig.get(&rig.admin, &credential).await.body["ending"], false);
    }
}
