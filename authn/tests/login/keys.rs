//! Security keys, this device, passkeys.

use std::time::Duration;

use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, Maker, OTHER, Rig, STRONG, SoftKey, USER, desk, person};

/// Settings whose metadata name this maker's model, in a file that lives as long as what comes back.
pub(crate) fn metadata(maker: &Maker, status: &str, more: &Value) -> (tempfile::NamedTempFile, Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let list =
        json!({"no": 1, "nextUpdate": "2027-01-01", "legalHeader": "", "entries": [maker.entry(status)]});
    std::fs::write(file.path(), list.to_string()).unwrap();
    let mut keys = json!({"metadata": file.path()});
    for (name, value) in more.as_object().unwrap() {
        keys[name] = value.clone();
    }
    (file, json!({ "webauthn": keys }))
}

platform::both_engines! {
    /// A key is enrolled with a link and signs in without a name; the record says who, how and with what.
    async fn key_signs_in(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        let done = rig.enrol_key(USER, "security-key", &mut key).await;
        assert_eq!((done.status, done.json()["location"].as_str()), (200, Some("/enrol/done/security-key")), "{}", done.body);
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        let signed = browser.show(&here, &mut key).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        let onward = here.replace("/sign-in/", "/authorize/continue/");
        assert_eq!(signed.json()["location"], onward);
        let opened = rig.events("session-opened").await;
        assert_eq!((&opened[0]["user"], &opened[0]["method"], &opened[0]["level"]), (&json!(USER), &json!("security-key"), &json!("3")));
        assert_eq!(opened[0]["address"], "192.0.2.7");
        assert!(!opened[0].to_string().contains(browser.session().unwrap().as_str()), "the cookie is in no record");
        let account = browser.get("/account").await;
        assert!(account.status == 200 && account.body.contains("my key"), "{}", account.body);
    }

    /// What a key answers wrongly signs nobody in, is recorded with its reason, and uses the request up.
    async fn wrong_answers_are_refused(db: Db) {
        type Spoil = fn(&mut SoftKey);
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.signed_in(&mut key).await;
        let cases: [(Spoil, &str, &str); 5] = [
            (|key| key.origin = "https://id.example.org.evil.example", "wrong-origin", "did not sign you in"),
            (|key| key.rp_id = Some("evil.example"), "wrong-rp-id", "did not sign you in"),
            (|key| key.verifies = false, "not-verified", "did not sign you in"),
            (|key| key.copyable = true, "became-copyable", "did not sign you in"),
            (|key| key.handle[0] ^= 1, "unknown-key", "do not know this key"),
        ];
        for (spoil, reason, told) in cases {
            let mut browser = rig.browser();
            let here = rig.begin(&mut browser, ALL).await;
            let asked = browser.asked(&here).await;
            let (counter, handle) = (key.counter, key.handle.clone());
            spoil(&mut key);
            let refused = browser.answer(&here, &key.get(&asked)).await;
            assert_eq!(refused.status, 403, "{reason}: {}", refused.body);
            assert!(refused.json()["title"].as_str().unwrap().contains(told), "{reason}: {}", refused.body);
            assert_eq!(rig.events("sign-in-refused").await.last().unwrap()["reason"], reason);
            assert_eq!(browser.session(), None);
            (key.origin, key.rp_id, key.verifies, key.copyable) = (crate::rig::ISSUER, None, true, false);
            (key.counter, key.handle) = (counter.map(|counter| counter + 1), handle);
            let again = browser.answer(&here, &key.get(&asked)).await;
            assert_eq!(again.status, 409, "{reason}: a request is used once");
        }
        assert_eq!(rig.events("authenticator-suspected").await.len(), 0);
        rig.signed_in(&mut key).await;
    }

    /// A key that counted backwards signs nobody in any more: what it had opened ends, its holder is told, and the registration
    /// authority lets it sign in again, not its holder. Its counter is looked at from its next answer on.
    async fn cloned_keys_are_suspended(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let done: Result<(), platform::db::Error> = rig.db.write(|tx| Box::pin(async move {
            let text = "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) VALUES ('c1', $1, 'email', 'ann@trust.example', 1, 0, 0)";
            sqlx::query(text).bind(USER).execute(&mut *tx).await?;
            Ok(())
        })).await;
        done.unwrap();
        let mut open = rig.signed_in(&mut key).await;
        rig.signed_in(&mut key).await;
        let ahead = key.counter;
        let shown = async |key: &mut SoftKey| {
            let mut browser = rig.browser();
            let here = rig.begin(&mut browser, ALL).await;
            let answered = browser.show(&here, key).await;
            (answered.status, answered.body)
        };
        key.counter = Some(0);
        let (status, body) = shown(&mut key).await;
        assert!(status == 403 && body.contains("a copy of your key"), "{body}");
        assert_eq!(rig.events("sign-in-refused").await[0]["reason"], "counter-went-back");
        assert_eq!(rig.events("authenticator-suspected").await[0]["user"], USER);
        assert_eq!(rig.events("authenticator-suspended").await.len(), 1);
        assert_eq!(open.get("/account").await.status, 401, "what it opened has ended");
        let ended = rig.events("session-ended").await;
        assert!(ended.len() == 2 && ended.iter().all(|event| event["cause"] == "authenticator-suspended"), "{ended:?}");
        let told: Vec<(String,)> = sqlx::query_as("SELECT address FROM platform_message WHERE kind = 'key-suspended'").fetch_all(rig.db.read()).await.unwrap();
        assert_eq!(told, [("ann@trust.example".to_owned(),)]);
        key.counter = ahead;
        let (status, body) = shown(&mut key).await;
        assert!(status == 403 && body.contains("is suspended"), "{body}");
        assert_eq!(rig.events("sign-in-refused").await.last().unwrap()["reason"], "suspended");
        let path = format!("/authn/people/{USER}/authenticators");
        let mut api = rig.browser();
        let listed = api.call(&desk(), "GET", &path, None).await.json();
        let kept = &listed["authenticators"][0];
        assert!(kept["state"] == "suspended" && kept["suspended_at"].is_i64() && kept["version"] == 2, "{kept}");
        let one = format!("{path}/{}", kept["id"].as_str().unwrap());
        let lift = json!({"state": "active"});
        for (caller, body, tag, status) in [
            (person(USER), &lift, "\"2\"", 403),
            (desk(), &json!({"state": "suspended"}), "\"2\"", 400),
            (desk(), &json!({}), "\"2\"", 400),
            (desk(), &lift, "\"1\"", 412),
            (desk(), &lift, "\"2\"", 200),
            (desk(), &lift, "\"3\"", 409),
        ] {
            let answered = api.call_if(&caller, "PATCH", &one, Some(body), Some(tag)).await;
            assert_eq!(answered.status, status, "{body} {tag}: {}", answered.body);
        }
        assert_eq!(rig.events("authenticator-restored").await.len(), 1);
        assert_eq!(api.call(&desk(), "GET", &one, None).await.json()["state"], "active");
        key.counter = Some(0);
        rig.signed_in(&mut key).await;
        key.counter = Some(0);
        assert_eq!(shown(&mut key).await.0, 403, "it is held against its last answer again");
        assert_eq!(rig.events("authenticator-suspended").await.len(), 2);
    }

    /// Of two answers of one key the one that arrives late signs nobody in, and the key stays good; one that counted too little when it was
    /// asked for is a copy's, though the key moved on since.
    async fn late_answers_suspect_nobody(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.signed_in(&mut key).await;
        let (mut slow, mut quick) = (rig.browser(), rig.browser());
        let (here, there) = (rig.begin(&mut slow, ALL).await, rig.begin(&mut quick, ALL).await);
        let (first, second) = (slow.asked(&here).await, quick.asked(&there).await);
        let (early, late) = (key.get(&first), key.get(&second));
        rig.pass(Duration::from_secs(1));
        assert_eq!(quick.answer(&there, &late).await.status, 200);
        let overtaken = slow.answer(&here, &early).await;
        assert_eq!((overtaken.status, slow.session()), (409, None), "{}", overtaken.body);
        assert_eq!(rig.events("sign-in-refused").await.last().unwrap()["reason"], "overtaken");
        assert_eq!(rig.events("authenticator-suspected").await.len(), 0);
        assert_eq!(quick.get("/account").await.status, 200, "what the other opened goes on");
        rig.pass(Duration::from_mins(10));
        rig.signed_in(&mut key).await;
        // A copy of the key as it was at first asks before the key moves on, and answers after.
        let mut copy = rig.browser();
        let here = rig.begin(&mut copy, ALL).await;
        let asked = copy.asked(&here).await;
        let ahead = key.counter.replace(0);
        let behind = key.get(&asked);
        key.counter = ahead;
        rig.pass(Duration::from_secs(1));
        rig.signed_in(&mut key).await;
        assert_eq!(copy.answer(&here, &behind).await.status, 403);
        assert_eq!(rig.events("authenticator-suspended").await.len(), 1);
    }

    /// An answer that was used, an older one, and one to another request sign nobody in.
    async fn answers_are_used_once(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::synced();
        rig.enrol_key(USER, "device", &mut key).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let older = browser.asked(&here).await;
        let asked = browser.asked(&here).await;
        let (old, right) = (key.get(&older), key.get(&asked));
        let mut other = rig.browser();
        let there = rig.begin(&mut other, ALL).await;
        other.asked(&there).await;
        assert_eq!(other.answer(&there, &right).await.status, 403, "another request");
        assert_eq!(browser.answer(&here, &right).await.status, 200);
        assert_eq!(browser.answer(&here, &right).await.status, 409, "again");
        browser.asked(&here).await;
        assert_eq!(browser.answer(&here, &right).await.status, 403, "to a newer request");
        browser.asked(&here).await;
        assert_eq!(browser.answer(&here, &old).await.status, 403, "an older one");
        assert_eq!(rig.events("session-opened").await.len(), 1);
    }

    /// What a key is worth: hardware if it proves its model, a passkey if it may be copied or proves nothing, nothing if its
    /// model was withdrawn or is not among those allowed.
    async fn keys_are_worth_what_they_prove(db: Db) {
        let maker = Maker::new();
        let rig = Rig::new(db).await;
        let copyable = |mut key: SoftKey| { key.copyable = true; key };
        let by_tpm = || { let mut key = SoftKey::of(&maker); key.tpm = true; key };
        let allowed = json!({"models": [maker.aaguid.to_string()], "unproven": "hardware"});
        for (status, more, key, expected) in [
            ("FIDO_CERTIFIED_L1", json!({}), SoftKey::of(&maker), "/enrol/done/security-key"),
            ("FIDO_CERTIFIED_L1", json!({}), copyable(SoftKey::of(&maker)), "/enrol/done/passkey"),
            ("FIDO_CERTIFIED_L1", json!({}), SoftKey::new(), "/enrol/done/passkey"),
            ("FIDO_CERTIFIED_L1", json!({"unproven": "refuse"}), SoftKey::new(), "model-not-proven"),
            ("FIDO_CERTIFIED_L1", json!({}), SoftKey::of(&Maker::new()), "/enrol/done/passkey"),
            ("FIDO_CERTIFIED_L1", allowed.clone(), SoftKey::of(&maker), "/enrol/done/security-key"),
            ("FIDO_CERTIFIED_L1", allowed.clone(), SoftKey::new(), "model-not-allowed"),
            ("REVOKED", json!({}), SoftKey::of(&maker), "model-withdrawn"),
            // What Windows Hello states by its TPM with SHA-1 proves nothing, and keeps nobody from enrolling it.
            ("FIDO_CERTIFIED_L1", json!({}), by_tpm(), "/enrol/done/passkey"),
            ("FIDO_CERTIFIED_L1", json!({"unproven": "hardware"}), by_tpm(), "/enrol/done/security-key"),
            ("FIDO_CERTIFIED_L1", json!({"unproven": "refuse"}), by_tpm(), "model-not-proven"),
            ("FIDO_CERTIFIED_L1", allowed.clone(), by_tpm(), "model-not-allowed"),
            ("REVOKED", json!({}), by_tpm(), "model-withdrawn"),
        ] {
            let (_file, settings) = metadata(&maker, status, &more);
            let rig = rig.again(&settings).await;
            let mut key = key;
            let done = rig.enrol_key(USER, "security-key", &mut key).await.json();
            let said = done["location"].as_str().or(done["code"].as_str());
            assert_eq!(said, Some(expected), "{status} {more} {done}");
        }
        // A key that is carried is one, whatever its holder says: by how it was reached, before that by what its maker says of the model.
        let (_file, hardware) = metadata(&maker, "FIDO_CERTIFIED", &json!({"unproven": "hardware"}));
        let done = rig.again(&hardware).await.enrol_key(USER, "device", &mut SoftKey::new()).await.json();
        assert_eq!(done["location"], "/enrol/done/security-key");
        let mut inside = Maker::new();
        inside.hint = "internal";
        let (_file, hardware) = metadata(&inside, "FIDO_CERTIFIED", &json!({}));
        let done = rig.again(&hardware).await.enrol_key(USER, "security-key", &mut SoftKey::of(&inside)).await.json();
        assert_eq!(done["location"], "/enrol/done/platform-key", "{done}");
        // One that was good when it was enrolled, and was withdrawn since.
        let (_file, good) = metadata(&maker, "FIDO_CERTIFIED", &json!({}));
        let mut key = SoftKey::of(&maker);
        rig.again(&good).await.enrol_key(USER, "security-key", &mut key).await;
        let (_file, withdrawn) = metadata(&maker, "USER_KEY_REMOTE_COMPROMISE", &json!({}));
        let rig = rig.again(&withdrawn).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let refused = browser.show(&here, &mut key).await;
        assert!(refused.status == 403 && refused.body.contains("withdrawn"), "{}", refused.body);
    }

    /// A list of models that changes is read again while the server runs: what it withdraws signs in no more. One that cannot be read changes
    /// nothing.
    async fn models_are_read_again(db: Db) {
        let maker = Maker::new();
        let (file, settings) = metadata(&maker, "FIDO_CERTIFIED", &json!({}));
        let rig = Rig::with(db, &settings).await;
        let mut key = SoftKey::of(&maker);
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.signed_in(&mut key).await;
        assert!(!rig.provider.read_models().await.unwrap(), "it is as it was");
        std::fs::write(file.path(), "half a list").unwrap();
        assert!(rig.provider.read_models().await.is_err());
        rig.signed_in(&mut key).await;
        let withdrawn = json!({"nextUpdate": "2027-01-01", "entries": [maker.entry("REVOKED")]});
        std::fs::write(file.path(), withdrawn.to_string()).unwrap();
        assert!(rig.provider.read_models().await.unwrap());
        assert!(!rig.provider.read_models().await.unwrap());
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let refused = browser.show(&here, &mut key).await;
        assert!(refused.status == 403 && refused.body.contains("withdrawn"), "{}", refused.body);
    }

    /// A model that cannot prove itself here, as Windows Hello with SHA-1, is believed where its name or its kind is listed, and others are not by that;
    /// what can be copied or was withdrawn stays what it is.
    async fn models_are_believed_one_by_one(db: Db) {
        let rig = Rig::new(db).await;
        let mut maker = Maker::new();
        maker.hint = "internal";
        let model = maker.aaguid.to_string();
        let by_tpm = || { let mut key = SoftKey::of(&maker); key.tpm = true; key };
        let copyable = |mut key: SoftKey| { key.copyable = true; key };
        let (good, mine) = ("FIDO_CERTIFIED", json!({(model.as_str()): "hardware"}));
        for (status, of, models, key, expected) in [
            (good, json!({}), json!([]), by_tpm(), "/enrol/done/passkey"),
            (good, mine.clone(), json!([]), by_tpm(), "/enrol/done/platform-key"),
            (good, json!({"device": "hardware"}), json!([]), by_tpm(), "/enrol/done/platform-key"),
            (good, json!({"security-key": "hardware"}), json!([]), by_tpm(), "/enrol/done/passkey"),
            (good, json!({"device": "hardware", (model.as_str()): "refuse"}), json!([]), by_tpm(), "model-not-proven"),
            (good, mine.clone(), json!([model]), by_tpm(), "/enrol/done/platform-key"),
            (good, json!({"device": "hardware"}), json!([model]), by_tpm(), "model-not-allowed"),
            (good, mine.clone(), json!([]), SoftKey::new(), "/enrol/done/passkey"),
            (good, mine.clone(), json!([]), copyable(by_tpm()), "/enrol/done/passkey"),
            ("REVOKED", mine.clone(), json!([]), by_tpm(), "model-withdrawn"),
        ] {
            let (_file, settings) = metadata(&maker, status, &json!({"unproven_of": of, "models": models}));
            let rig = rig.again(&settings).await;
            let mut key = key;
            let done = rig.enrol_key(USER, "device", &mut key).await.json();
            let said = done["location"].as_str().or(done["code"].as_str());
            assert_eq!(said, Some(expected), "{status} {of} {models} {done}");
        }
    }

    /// Where a list says which models may be enrolled too, one that is believed without proof is enrolled with a link of the registration
    /// authority alone: nobody adds one by themselves that only says so, however strongly they signed in. One that proves itself they do.
    async fn believed_models_are_seen_by_somebody(db: Db) {
        let maker = Maker::new();
        let model = maker.aaguid.to_string();
        let (_file, settings) =
            metadata(&maker, "FIDO_CERTIFIED", &json!({"unproven_of": {(model.as_str()): "hardware"}, "models": [model]}));
        let rig = Rig::with(db, &settings).await;
        let by_tpm = || { let mut key = SoftKey::of(&maker); key.tpm = true; key };
        let mut key = by_tpm();
        let done = rig.enrol_key(USER, "security-key", &mut key).await.json();
        assert_eq!(done["location"], "/enrol/done/security-key", "{done}");
        let mut browser = rig.signed_in(&mut key).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        let refused = browser.enrol(&link, "security-key", &mut by_tpm()).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("model-not-seen")), "{}", refused.body);
        assert_eq!(rig.events("enrolment-refused").await[0]["reason"], "model-not-seen");
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 1);
        assert_eq!(browser.enrol(&link, "security-key", &mut SoftKey::of(&maker)).await.status, 200, "it proves what it is");
    }

    /// A passkey does not open what asks for level three, and the page says what does.
    async fn passkey_is_not_enough(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::synced();
        rig.enrol_key(USER, "device", &mut key).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        let refused = browser.show(&here, &mut key).await;
        assert!(refused.status == 403 && refused.body.contains("stronger way"), "{}", refused.body);
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// A key that is somebody's is enrolled for nobody else, and nonsense is refused.
    async fn keys_are_enrolled_once(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let again = rig.enrol_key(OTHER, "security-key", &mut key).await;
        assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("key-known")), "{}", again.body);
        let spoils: [fn(&mut SoftKey); 3] = [
            |key| key.rp_id = Some("evil.example"),
            |key| key.origin = "https://evil.example",
            |key| key.verifies = false,
        ];
        for spoil in spoils {
            let mut key = SoftKey::new();
            spoil(&mut key);
            assert_eq!(rig.enrol_key(OTHER, "security-key", &mut key).await.status, 409);
        }
        let (mut browser, link) = rig.opened(OTHER, "issue").await;
        browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await;
        let nonsense = browser.script(&format!("{link}/key"), &json!({"name": "x", "credential": {"id": 7}})).await;
        assert_eq!(nonsense.status, 409, "{}", nonsense.body);
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 1);
    }
}
