//! `/signer/verifications`: signatures of our own credentials and of strangers.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform::db::Db;
use serde_json::{Value, json};
use signer::api::Algorithm;

use crate::rig::{Answer, Rig, base64, digest_of, request};

const DOCUMENT: &[u8] = b"21 capsules";
const PATH: &str = "/signer/verifications";
/// The authority's profiles.
const PROFILES: &str = include_str!("../../../ca/profiles.toml");

async fn rig(db: Db) -> Rig {
    let rig = Rig::new(db).await;
    rig.authority.make_lists().await;
    rig
}

/// A CAdES signature by somebody who certified themselves, and their certificate.
fn foreign() -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let done =
            Command::new("openssl").args(arguments.split(' ')).current_dir(dir.path()).output().unwrap();
        assert!(done.status.success(), "{arguments}");
    };
    std::fs::write(dir.path().join("document"), DOCUMENT).unwrap();
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out own.pem -subj /CN=Stranger \
             -addext keyUsage=critical,nonRepudiation",
    );
    openssl("x509 -in own.pem -outform DER -out own.der");
    openssl(
        "cms -sign -cades -binary -nodetach -outform DER -in document -signer own.pem -inkey key -out out.p7s",
    );
    let read = |name: &str| base64(&std::fs::read(dir.path().join(name)).unwrap());
    (read("out.p7s"), read("own.der"))
}

/// One document signed by three who certified themselves, each with another shard of an authority of ours as the place of its list.
fn naming_shards() -> String {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let done =
            Command::new("openssl").args(arguments.split(' ')).current_dir(dir.path()).output().unwrap();
        assert!(done.status.success(), "{arguments}");
    };
    std::fs::write(dir.path().join("document"), DOCUMENT).unwrap();
    let signers = [1, 2, 3].map(|shard| {
        openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {shard}.key -out {shard}.pem -subj /CN=Stranger-{shard} \
             -addext keyUsage=critical,nonRepudiation -addext crlDistributionPoints=URI:http://pki.example.org/crl/remote-signing/{shard}.crl"
        ));
        format!("-signer {shard}.pem -inkey {shard}.key")
    });
    openssl(&format!(
        "cms -sign -cades -binary -nodetach -outform DER -in document -out out.p7s {}",
        signers.join(" ")
    ));
    base64(&std::fs::read(dir.path().join("out.p7s")).unwrap())
}

/// A CAdES signature of a new credential, and its certificate's serial.
async fn signed(rig: &Rig, envelope: &str) -> (String, String) {
    let id = rig.ready(Algorithm::P256).await;
    let sad = rig.sad(&id, &[&digest_of(DOCUMENT)]).await;
    let body = json!({"credentialID": id, "SAD": sad, "documents": [{
        "document": base64(DOCUMENT), "signature_format": "C", "signAlgo": "1.2.840.10045.4.3.2",
        "signed_envelope_property": envelope}]});
    let made = rig.csc(&rig.system, "signatures/signDoc", &body).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let member = if envelope == "Attached" { "DocumentWithSignature" } else { "SignatureObject" };
    let serial = rig.serials(&id).await.remove(0);
    (made.body[member][0].as_str().unwrap().to_owned(), serial)
}

async fn verify(rig: &Rig, body: &Value) -> Answer {
    rig.authority.make_lists().await;
    rig.pass(3_000);
    rig.post(&rig.verifier, PATH, body).await
}

fn codes(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let own = answer.body["findings"].as_array().unwrap().iter();
    let of_signatures = answer.body["signatures"].as_array().unwrap().iter();
    let all = own.chain(of_signatures.flat_map(|it| it["findings"].as_array().unwrap()));
    all.map(|finding| finding["code"].as_str().unwrap()).collect()
}

platform::both_engines! {
    /// A signature of ours holds attached and detached, over its document and no other, where its policy is asked for and not where another is, and
    /// not after its certificate was revoked.
    async fn our_own_signatures_hold_until_they_do_not(db: Db) {
        let rig = rig(db).await;
        let (attached, _) = signed(&rig, "Attached").await;
        let whole = verify(&rig, &json!({"cms": attached})).await;
        assert_eq!((&whole.body["verdict"], codes(&whole).len()), (&json!("valid"), 0), "{:#}", whole.body);
        let chain = whole.body["signatures"][0]["chain"].as_array().unwrap();
        assert_eq!(chain.len(), 3, "prescriber, authority, root");
        let (detached, serial) = signed(&rig, "Detached").await;
        let beside = json!({"cms": detached, "document": base64(DOCUMENT)});
        assert_eq!(verify(&rig, &beside).await.body["verdict"], "valid");
        for (policy, verdict) in [("1.3.6.1.4.1.32473.1.2.1", "valid"), ("1.3.6.1.4.1.32473.1.9.9", "invalid")] {
            let asking = rig.twin_set(|config| config.required_policies = vec![policy.to_owned()]);
            let judged = verify(&asking, &beside).await;
            assert_eq!(judged.body["verdict"], verdict, "{policy}: {:#}", judged.body);
            assert_eq!(codes(&judged).contains(&"certificate-policy"), verdict == "invalid");
        }
        // Where nothing is set, the profiles by which is signed say it.
        let of_cards = rig.twin_set(|config| {
            "card-signing".clone_into(&mut config.profile);
            config.dss.card_profile = vec!["card-signing".to_owned()];
        });
        let judged = verify(&of_cards, &beside).await;
        assert_eq!((&judged.body["verdict"], codes(&judged)), (&json!("invalid"), vec!["certificate-policy"]), "{:#}", judged.body);
        let of_none = rig.twin_set(|config| {
            "unknown".clone_into(&mut config.profile);
            config.dss.card_profile = vec!["unknown".to_owned()];
        });
        let judged = verify(&of_none, &beside).await;
        assert_eq!((&judged.body["verdict"], codes(&judged)), (&json!("valid"), vec!["policy-not-asked"]), "{:#}", judged.body);
        let other = verify(&rig, &json!({"cms": detached, "document": base64(b"210 capsules")})).await;
        assert_eq!((&other.body["verdict"], codes(&other)), (&json!("invalid"), vec!["digest-mismatch"]));
        let missing = verify(&rig, &json!({"cms": detached})).await;
        assert_eq!((&missing.body["verdict"], codes(&missing)), (&json!("invalid"), vec!["document-missing"]));
        rig.revoke_at_authority(&serial).await;
        let revoked = verify(&rig, &beside).await;
        assert_eq!((&revoked.body["verdict"], codes(&revoked)), (&json!("invalid"), vec!["revoked"]));
    }

    /// A profile that gets another policy spoils nothing that was signed before; what is signed by the new one is valid beside it.
    async fn a_new_policy_spoils_no_signature_of_before(db: Db) {
        let rig = rig(db).await;
        let (before, _) = signed(&rig, "Attached").await;
        let file = tempfile::NamedTempFile::new().unwrap();
        let (old, new) = ("policy = \"1.3.6.1.4.1.32473.1.2.1\"", "policy = \"1.3.6.1.4.1.32473.1.2.77\"");
        let changed = PROFILES.replacen(old, new, 1);
        assert_ne!(changed, PROFILES);
        std::fs::write(file.path(), changed).unwrap();
        let authority = rig.authority.with_profiles((&rig.db, &rig.hsm, &rig.clock), file.path()).await;
        let mut later = rig.twin_with(authority.client());
        later.authority = authority;
        let (after, serial) = signed(&later, "Attached").await;
        for cms in [&before, &after] {
            let judged = verify(&later, &json!({"cms": cms})).await;
            assert_eq!((&judged.body["verdict"], codes(&judged).len()), (&json!("valid"), 0), "{:#}", judged.body);
        }
        let made = later.authority.client().certificate(&serial).await.unwrap();
        assert_eq!(made.profile_version, Some(2), "by the new one");
        // Those that are named count alone.
        let named = later.twin_set(|config| config.required_policies = vec!["1.3.6.1.4.1.32473.1.2.77".to_owned()]);
        for (cms, verdict) in [(&before, "invalid"), (&after, "valid")] {
            let judged = verify(&named, &json!({"cms": cms})).await;
            assert_eq!(judged.body["verdict"], verdict, "{:#}", judged.body);
        }
    }

    /// Whoever asks for a page gets one that people read, with the same verdict; what cannot be judged is a problem all the same.
    async fn a_report_is_a_page_for_people(db: Db) {
        let rig = rig(db).await;
        let (detached, _) = signed(&rig, "Detached").await;
        rig.pass(3_000);
        let page = async |body: Value| {
            let mut asked = request("POST", PATH, Some(&body));
            asked.headers_mut().insert("accept", "text/html".parse().unwrap());
            asked.extensions_mut().insert(rig.verifier.clone());
            let (status, kind, body) = rig.raw(asked).await;
            (status, kind, String::from_utf8(body).unwrap())
        };
        let (status, kind, text) = page(json!({"cms": detached, "document": base64(DOCUMENT)})).await;
        assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
        assert!(text.contains("<h1>The signature is good</h1>") && text.contains("as the signer says"), "{text}");
        let (_, _, text) = page(json!({"cms": detached, "document": base64(b"210 capsules")})).await;
        assert!(text.contains("<h1>The signature is not good</h1>") && text.contains("(digest-mismatch)"), "{text}");
        let (status, kind, _) = page(json!({})).await;
        assert_eq!((status, kind.as_str()), (400, "application/problem+json"));
    }

    /// A certificate that was put on hold after the claimed time leaves the matter open, and nothing is called valid.
    async fn a_later_hold_leaves_it_open(db: Db) {
        let rig = rig(db).await;
        let (attached, serial) = signed(&rig, "Attached").await;
        rig.pass(60_000);
        rig.hold_at_authority(&serial).await;
        let held = verify(&rig, &json!({"cms": attached})).await;
        assert_eq!(held.body["verdict"], "indeterminate", "{:#}", held.body);
        assert_eq!(codes(&held), ["revoked-later-unproven"]);
    }

    /// Whoever certifies themselves has the authority asked for nothing, whatever places of ours their certificates name.
    async fn strangers_have_no_shards_looked_up(db: Db) {
        let rig = rig(db).await;
        let asked = Arc::new(AtomicUsize::new(0));
        let twin = rig.twin_with(rig.authority.client_counting_shards(Arc::clone(&asked)));
        let refused = verify(&twin, &json!({"cms": naming_shards(), "signers": 3})).await;
        assert_eq!((&refused.body["verdict"], refused.body["signatures"].as_array().unwrap().len()), (&json!("invalid"), 3));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        let counted = rig.authority.client_counting_shards(Arc::clone(&asked)).shard_crl("remote-signing", 1).await;
        assert_eq!((counted.is_err(), asked.load(Ordering::Relaxed)), (true, 1), "there are none here, and who asks is counted");
    }

    /// A stranger's signature is not to be trusted, whatever certificates and lists come with it; what cannot be decoded is an error
    /// and no verdict, and so is a request that says nothing or too much.
    async fn strangers_and_nonsense(db: Db) {
        let rig = rig(db).await;
        let (foreign, own) = foreign();
        let list = rig.authority.client().crl("root").await.unwrap();
        let refused = verify(&rig, &json!({"cms": foreign, "certificates": [own], "crls": [list.crl]})).await;
        assert_eq!(refused.body["verdict"], "invalid");
        assert!(codes(&refused).contains(&"not-trusted"), "{:#}", refused.body);
        let nonsense = verify(&rig, &json!({"cms": base64(b"nonsense")})).await;
        assert_eq!((&nonsense.body["verdict"], codes(&nonsense)), (&json!("invalid"), vec!["malformed"]));
        for body in [
            json!({}),
            json!({"cms": "!"}),
            json!({"document": base64(DOCUMENT)}),
            json!({"cms": foreign, "prescription": base64(b"{}")}),
            json!({"cms": foreign, "signers": 0}),
            json!({"cms": foreign, "certificates": vec![own.clone(); 17]}),
            json!({"cms": foreign, "certificates": [base64(b"nonsense")]}),
            json!({"cms": foreign, "crls": [own]}),
            json!({"cms": foreign, "ocsp": [base64(b"nonsense")]}),
            json!({"cms": foreign, "unknown": 1}),
        ] {
            let refused = rig.post(&rig.verifier, PATH, &body).await;
            assert_eq!(refused.status, 400, "{body} {:?}", refused.body);
        }
        let other = rig.post(&rig.other_system, PATH, &json!({"cms": foreign})).await;
        assert_eq!((other.status, other.body["code"].as_str()), (403, Some("act-not-granted")));
    }
}
