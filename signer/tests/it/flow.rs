//! The whole way, from a new credential to signatures in the ledger and in the audit record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::db::Db;
use serde_json::{Value, json};
use signer::api::{Algorithm, CredentialState};

use crate::rig::{self, PASSPHRASE, Rig, USER, digest_of, verify_raw};

platform::both_engines! {
    /// A prescriber's credential is made, gets a passphrase, authorises and signs; everything can be read afterwards.
    async fn prescriber_signs_from_nothing(db: Db) {
        let rig = Rig::new(db).await;
        for algorithm in [Algorithm::P256, Algorithm::Rsa2048] {
            whole_way(&rig, algorithm).await;
        }
    }
}

async fn whole_way(rig: &Rig, algorithm: Algorithm) {
    let made = rig.create(algorithm).await;
    assert_eq!((made.state, made.passphrase_set), (CredentialState::Active, false));
    assert_eq!(made.certificates.len(), 1);
    let id = made.credential_id.as_str();

    // Without a passphrase nothing can be authorised, and nobody but the holder can set one.
    let hash = digest_of(b"a prescription");
    let refused = rig.authorize(&rig.system, id, &[&hash], PASSPHRASE).await;
    refused.is_csc(400, "invalid_request", "The credential identified by credentialID is disabled");
    let path = format!("/signer/credentials/{id}/passphrase");
    for caller in [&rig.admin, &rig.system] {
        let refused = rig.put(caller, &path, &json!({"new": PASSPHRASE})).await;
        assert_eq!(refused.status, 403, "{:?}", refused.body);
    }
    let stranger = rig.put(&rig.stranger, &path, &json!({"new": PASSPHRASE})).await;
    assert_eq!((stranger.status, stranger.body["code"].as_str()), (404, Some("credential-unknown")));
    assert_eq!(rig.put(&rig.holder, &path, &json!({"new": PASSPHRASE})).await.status, 204);

    let listed = rig.csc(&rig.system, "credentials/list", &json!({"userID": USER, "onlyValid": true})).await;
    assert!(listed.body["credentialIDs"].as_array().unwrap().contains(&json!(id)), "{:?}", listed.body);
    let info = rig
        .csc(
            &rig.system,
            "credentials/info",
            &json!({"credentialID": id, "certificates": "chain", "certInfo": true, "authInfo": true}),
        )
        .await;
    assert_eq!(info.status, 200, "{:?}", info.body);
    assert_eq!(info.body["cert"]["status"], "valid");
    assert_eq!(info.body["multisign"], 250);
    assert_eq!(info.body["SCAL"], "2");
    assert_eq!(info.body["auth"]["objects"][0]["id"], "passphrase");
    assert!(info.body["cert"]["certificates"].as_array().unwrap().len() >= 2);

    let other = digest_of(b"another prescription");
    let sad = rig.sad(id, &[&hash, &other]).await;
    let algo = info.body["key"]["algo"][0].as_str().unwrap();
    let signed = rig
        .csc(
            &rig.system,
            "signatures/signHash",
            &json!({"credentialID": id, "SAD": sad, "hashes": [hash, other], "signAlgo": algo}),
        )
        .await;
    assert_eq!(signed.status, 200, "{:?}", signed.body);
    let signatures = signed.body["signatures"].as_array().unwrap();
    let certificate = STANDARD.decode(&made.certificates[0].certificate).unwrap();
    for (signature, message) in signatures.iter().zip([&b"a prescription"[..], b"another prescription"]) {
        verify_raw(&certificate, message, &STANDARD.decode(signature.as_str().unwrap()).unwrap());
    }

    recorded(rig, id, &hash, &signatures[0], &sad).await;
}

/// The signature is in the ledger and in the audit record, in the right order, and no secret is.
async fn recorded(rig: &Rig, id: &str, hash: &str, signature: &Value, sad: &str) {
    let ledger = rig.ledger(id).await;
    assert_eq!(ledger.len(), 2);
    assert_eq!(ledger[0].digest, hash);
    assert_eq!(&json!(ledger[0].signature), signature);
    let events = rig.events_of(id).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "credential-requested",
            "credential-created",
            "passphrase-set",
            "authorisation-granted",
            "documents-signed"
        ]
    );
    let recorded = &events.last().unwrap().1["signatures"];
    assert_eq!(recorded.as_array().unwrap().len(), 2);
    assert_eq!(recorded[0]["id"], json!(ledger[0].id));
    assert_eq!(recorded[0]["digest"], json!(hash));
    // The secrets are in none of it.
    let everything =
        serde_json::to_string(&events.iter().map(|(_, event)| event).collect::<Vec<_>>()).unwrap();
    assert!(!everything.contains(sad) && !everything.contains(PASSPHRASE));
}

platform::both_engines! {
    /// The ledger is read in pages that end, by the holder and an administrator, and by nobody else.
    async fn ledger_is_read_in_pages(db: Db) {
        let rig = Rig::new(db).await;
        let id = rig.ready(Algorithm::P256).await;
        let hashes: Vec<String> = (0..7_u8).map(|n| digest_of(&[n])).collect();
        let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
        let sad = rig.sad(&id, &hashes).await;
        for part in hashes.chunks(3) {
            assert_eq!(rig.sign_hash(&rig.system, &id, &sad, part).await.status, 200);
        }
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = rig
                .get(&rig.holder, &format!("/signer/signatures?credential={id}&limit=2&after={after}"))
                .await;
            assert_eq!(page.status, 200, "{:?}", page.body);
            let entries = page.body["signatures"].as_array().unwrap().clone();
            assert!(entries.len() <= 2);
            seen.extend(entries);
            match page.body["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => break,
            }
        }
        let digests: Vec<&str> = seen.iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
        assert_eq!(digests, hashes);
        let path = format!("/signer/signatures?credential={id}");
        assert_eq!(rig.get(&rig.admin, &path).await.body["signatures"].as_array().unwrap().len(), 7);
        assert_eq!(rig.get(&rig.stranger, &path).await.status, 404);
        assert_eq!(rig.get(&rig.system, &path).await.status, 403);
        assert_eq!(rig.get(&rig.holder, &format!("{path}&limit=501")).await.status, 400);
    }
}

platform::both_engines! {
    /// `info` answers anybody; a method that is not spoken is 501, in the words of the API.
    async fn info_tells_what_is_spoken(db: Db) {
        let rig = Rig::new(db).await;
        let info = rig.send(rig::request("POST", "/csc/v2/info", Some(&json!({})))).await;
        assert_eq!(info.status, 200);
        assert_eq!(info.body["specs"], "2.0.0.0");
        assert_eq!(info.body.get("logo"), None::<&Value>, "no address of ours is known where nobody signs in");
        for method in info.body["methods"].as_array().unwrap() {
            let path = format!("/csc/v2/{}", method.as_str().unwrap());
            let answer = rig.send(rig::request("POST", &path, Some(&json!({})))).await;
            assert_ne!(answer.status, 501, "{path}");
        }
        let other = rig.csc(&rig.system, "credentials/sendOTP", &json!({})).await;
        other.is_csc(501, "invalid_request", "This method is not implemented");
        assert_eq!(other.body.get("title"), None::<&Value>);
    }
}

platform::both_engines! {
    /// A repeated request for a credential finds it; the same id for somebody else is refused.
    async fn creating_twice_makes_one(db: Db) {
        let rig = Rig::new(db).await;
        let request = rig::create_request(Algorithm::P256, "enrol-1");
        let first = rig.post(&rig.admin, "/signer/credentials", &request).await;
        let second = rig.post(&rig.admin, "/signer/credentials", &request).await;
        assert_eq!(first.status, 200, "{:?}", first.body);
        assert_eq!(first.body, second.body);
        let mut other = request.clone();
        other["algorithm"] = json!("rsa-2048");
        assert_eq!(rig.post(&rig.admin, "/signer/credentials", &other).await.status, 409);
        let fresh = rig::create_request(Algorithm::P256, "enrol-2");
        let (one, other) = tokio::join!(
            rig.post(&rig.admin, "/signer/credentials", &fresh),
            rig.post(&rig.admin, "/signer/credentials", &fresh),
        );
        assert_eq!((one.status, &one.body), (200, &other.body), "at the same time");
        let listed = rig.get(&rig.admin, &format!("/signer/credentials?user_id={USER}")).await;
        assert_eq!(listed.body["credentials"].as_array().unwrap().len(), 2);
        for caller in [&rig.system, &rig.holder] {
            assert_eq!(rig.post(caller, "/signer/credentials", &request).await.status, 403);
        }
    }
}

platform::both_engines! {
    /// The pool of spare RSA keys is filled to its size, and a credential takes one from it.
    async fn spare_keys_are_used(db: Db) {
        let rig = Rig::new(db).await;
        rig.fill_spare_keys().await;
        assert_eq!(rig.spare_keys().await, 1);
        let made = rig.create(Algorithm::Rsa2048).await;
        assert_eq!(rig.spare_keys().await, 0);
        let more = rig.create(Algorithm::Rsa2048).await;
        assert_ne!(made.certificates[0].certificate, more.certificates[0].certificate);
        rig.fill_spare_keys().await;
        assert_eq!(rig.spare_keys().await, 1);
    }
}
