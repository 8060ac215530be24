//! Wrong passphrases, and who they stop.

use platform::db::Db;
use serde_json::json;
use signer::api::Algorithm;

use crate::rig::{PASSPHRASE, Rig, digest_of};

platform::both_engines! {
    /// A client that guesses waits longer and longer, also across a restart; another client is not held up at all.
    async fn guessing_delays_only_the_one_who_guesses(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hash = digest_of(b"one");
        for _ in 0..4 {
            let wrong = rig.authorize(&rig.system, &id, &[&hash], "not the passphrase").await;
            wrong.is_csc(400, "invalid_authentication_data", "The authentication data is invalid");
        }
        for rig in [&rig, &rig.twin()] {
            // Even the right one is not looked at now.
            let delayed = rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await;
            delayed.is_csc(400, "invalid_request", "Credential locked");
            assert_eq!(delayed.header("retry-after"), Some("2".to_owned()));
        }
        assert_eq!(rig.authorize(&rig.other_system, &id, &[&hash], PASSPHRASE).await.status, 200);
        rig.pass(2_000);
        let wrong = rig.authorize(&rig.system, &id, &[&hash], "not the passphrase").await;
        wrong.is_csc(400, "invalid_authentication_data", "The authentication data is invalid");
        let delayed = rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await;
        assert_eq!(delayed.header("retry-after"), Some("4".to_owned()));
        rig.pass(4_000);
        assert_eq!(rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await.status, 200);
        // The right one wipes the slate.
        let wrong = rig.authorize(&rig.system, &id, &[&hash], "not the passphrase").await;
        wrong.is_csc(400, "invalid_authentication_data", "The authentication data is invalid");
        assert_eq!(rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await.status, 200);
        let refusals = rig.events_of(&id).await.iter().filter(|(name, _)| name == "passphrase-refused").count();
        assert_eq!(refusals, 6);
    }
}

platform::both_engines! {
    /// Guesses at once are worth no more than guesses one by one.
    async fn parallel_guesses_are_looked_at_one_by_one(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let body = json!({"credentialID": id, "numSignatures": 1, "hashes": [digest_of(b"one")],
            "authData": [{"id": "passphrase", "value": "not the passphrase"}]});
        let answers = rig.at_once(12, &rig.system, "credentials/authorize", &body).await;
        let looked_at = answers.iter().filter(|answer| answer.body["error"] == "invalid_authentication_data").count();
        assert_eq!(looked_at, 4);
        assert!(answers.iter().all(|answer| answer.status == 400));
    }
}

platform::both_engines! {
    /// Changing a passphrase needs the present one, and the old one is worth nothing afterwards.
    async fn passphrase_is_changed_with_the_present_one(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let path = format!("/signer/credentials/{id}/passphrase");
        let new = "quite another one";
        let agreed = digest_of(b"agreed with the old one");
        let sad = rig.sad(&id, &[&agreed]).await;
        for (body, status) in [
            (json!({"new": new}), 400),
            (json!({"new": new, "old": "not the passphrase"}), 403),
            (json!({"new": "too short", "old": PASSPHRASE}), 400),
            (json!({"new": new, "old": PASSPHRASE}), 204),
        ] {
            let answer = rig.put(&rig.holder, &path, &body).await;
            assert_eq!(answer.status, status, "{body} {:?}", answer.body);
        }
        let ended = rig.sign_hash(&rig.system, &id, &sad, &[&agreed]).await;
        ended.is_csc(400, "invalid_request", "SAD expired");
        let hash = digest_of(b"one");
        let old = rig.authorize(&rig.system, &id, &[&hash], PASSPHRASE).await;
        old.is_csc(400, "invalid_authentication_data", "The authentication data is invalid");
        assert_eq!(rig.authorize(&rig.system, &id, &[&hash], new).await.status, 200);
    }
}
