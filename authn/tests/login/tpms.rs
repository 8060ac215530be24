//! Windows Hello: keys that lie in a TPM and prove it.

use platform::db::Db;
use serde_json::{Value, json};

use crate::keys::metadata;
use crate::rig::{Maker, Rig, STRONG, SoftTpm, Spoil, USER};

/// A maker of what is part of a machine.
fn windows() -> Maker {
    let mut maker = Maker::new();
    maker.hint = "internal";
    maker
}

/// Where a browser goes on when the key was enrolled, or why it was not.
fn said(done: &Value) -> &str {
    done["location"].as_str().or(done["code"].as_str()).unwrap_or_default()
}

platform::both_engines! {
    /// A key that proves that it lies in a TPM is of level three as it comes, with a link and by oneself, also where nothing is believed and
    /// models are listed; it signs in where level three is asked for.
    async fn keys_in_a_tpm_prove_it(db: Db) {
        let maker = windows();
        let more = json!({"unproven": "refuse", "models": [maker.aaguid.to_string()]});
        let (_file, settings) = metadata(&maker, "FIDO_CERTIFIED_L1", &more);
        let rig = Rig::with(db, &settings).await;
        let mut key = SoftTpm::of(&maker, None).key();
        let done = rig.enrol_key(USER, "device", &mut key).await.json();
        assert_eq!(said(&done), "/enrol/done/platform-key", "{done}");
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        let signed = browser.show(&here, &mut key).await;
        assert_eq!(signed.status, 200, "{}", signed.body);
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        let mut second = SoftTpm::of_rsa(&maker).key();
        let done = browser.enrol(&link, "device", &mut second).await.json();
        assert_eq!(said(&done), "/enrol/done/platform-key", "{done}");
        rig.signed_in(&mut second).await;
        assert_eq!(rig.events("enrolment-refused").await.len(), 0);
    }

    /// Each part of what a TPM states counts: whatever is wrong in it, the key is not enrolled at all.
    async fn wrong_statements_of_a_tpm_are_refused(db: Db) {
        let maker = windows();
        let (_file, settings) = metadata(&maker, "FIDO_CERTIFIED_L1", &json!({}));
        let rig = Rig::with(db, &settings).await;
        let wrong = [
            Spoil::Version, Spoil::Magic, Spoil::Type, Spoil::ExtraData, Spoil::Name, Spoil::Key, Spoil::Signature,
            Spoil::NoCertificate, Spoil::Subject, Spoil::Alternative, Spoil::Uncritical, Spoil::Purpose, Spoil::Authority,
            Spoil::Unconstrained, Spoil::Model,
        ];
        for spoil in wrong {
            let mut key = SoftTpm::of(&maker, Some(spoil)).key();
            let done = rig.enrol_key(USER, "device", &mut key).await;
            assert_eq!((done.status, said(&done.json())), (409, "not-verifiable"), "{spoil:?} {}", done.body);
        }
        let told = rig.events("enrolment-refused").await;
        assert_eq!(told.len(), wrong.len());
        assert!(told.iter().all(|event| event["model"] == maker.aaguid.to_string()), "{told:?}");
        // The site is looked at before what the TPM says.
        let mut elsewhere = SoftTpm::of(&maker, None).key();
        elsewhere.origin = "https://evil.example";
        assert_eq!(said(&rig.enrol_key(USER, "device", &mut elsewhere).await.json()), "wrong-origin");
        let mut absent = SoftTpm::of(&maker, None).key();
        absent.verifies = false;
        assert_eq!(said(&rig.enrol_key(USER, "device", &mut absent).await.json()), "not-verified");
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 0);
    }

    /// What leads to no root of its model, may leave its TPM or is signed by SHA-1 proves nothing, and is worth what such keys are; what may
    /// be copied is a passkey, and a model that was withdrawn is refused.
    async fn other_statements_of_a_tpm_prove_nothing(db: Db) {
        let maker = windows();
        let mut stranger = windows();
        stranger.aaguid = maker.aaguid;
        let rig = Rig::new(db).await;
        let spoilt = |spoil: Spoil| SoftTpm::of(&maker, Some(spoil)).key();
        let copyable = || {
            let mut key = SoftTpm::of(&maker, None).key();
            key.copyable = true;
            key
        };
        let (good, refused) = ("FIDO_CERTIFIED_L1", json!({"unproven": "refuse"}));
        for (status, more, key, expected) in [
            (good, json!({}), SoftTpm::of(&stranger, None).key(), "/enrol/done/passkey"),
            (good, json!({}), spoilt(Spoil::Movable), "/enrol/done/passkey"),
            (good, json!({}), spoilt(Spoil::Sha1), "/enrol/done/passkey"),
            (good, json!({}), copyable(), "/enrol/done/passkey"),
            (good, refused.clone(), SoftTpm::of(&stranger, None).key(), "model-not-proven"),
            (good, refused.clone(), spoilt(Spoil::Movable), "model-not-proven"),
            (good, refused.clone(), spoilt(Spoil::Sha1), "model-not-proven"),
            (good, refused.clone(), copyable(), "/enrol/done/passkey"),
            ("REVOKED", json!({}), SoftTpm::of(&maker, None).key(), "model-withdrawn"),
        ] {
            let (_file, settings) = metadata(&maker, status, &more);
            let rig = rig.again(&settings).await;
            let mut key = key;
            let done = rig.enrol_key(USER, "device", &mut key).await.json();
            assert_eq!(said(&done), expected, "{status} {more} {done}");
        }
    }

    /// What is believed without proof is of level three where the registration authority saw to it, also where no list says which models may
    /// be enrolled: nobody adds one by themselves that only says so.
    async fn nobody_believes_what_nobody_saw(db: Db) {
        let maker = windows();
        let rig = Rig::new(db).await;
        let by_sha1 = || SoftTpm::of(&maker, Some(Spoil::Sha1)).key();
        for believed in [
            json!({"unproven_of": {(maker.aaguid.to_string()): "hardware"}}),
            json!({"unproven_of": {"device": "hardware"}}),
            json!({"unproven": "hardware"}),
        ] {
            let (_file, settings) = metadata(&maker, "FIDO_CERTIFIED_L1", &believed);
            let rig = rig.again(&settings).await;
            let mut key = by_sha1();
            let done = rig.enrol_key(USER, "device", &mut key).await.json();
            assert_eq!(said(&done), "/enrol/done/platform-key", "{believed} {done}");
            let mut browser = rig.signed_in(&mut key).await;
            let link = browser.form("/account/enrolments", &[]).await.location();
            assert_eq!(browser.form(&link, &[]).await.status, 303);
            let refused = browser.enrol(&link, "device", &mut by_sha1()).await;
            assert_eq!((refused.status, said(&refused.json())), (409, "model-not-seen"), "{believed} {}", refused.body);
            let proven = browser.enrol(&link, "device", &mut SoftTpm::of(&maker, None).key()).await;
            assert_eq!(proven.status, 200, "it proves what it is: {}", proven.body);
        }
    }
}
