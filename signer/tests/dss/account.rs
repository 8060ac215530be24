//! The page on which a prescriber sees what is theirs, and ends a credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::CertificateState;
use platform::db::Db;
use serde_json::{Value, json};

use super::evidence::found;
use super::world::Browser;
use super::{ISSUER, World, author, unprepared};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
pub(super) const ACCOUNT: &str = "/signing-service/account";

/// A form of a page, from this origin.
pub(super) async fn sent(world: &World, browser: &Browser, path: &str, origin: &str) -> (u16, String) {
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = http::Request::builder().method("POST").uri(path).header("origin", origin);
    let request = request.header("cookie", cookies.join("; ")).body(axum::body::Body::empty()).unwrap();
    let answered = world.route(request).await;
    (answered.status, answered.header("location"))
}

/// The lists of now.
async fn lists(world: &World) {
    world.rig.authority.make_lists().await;
    world.rig.pass(3_000);
}

/// Has a prescription prepared and signed: the message with its signature, base64.
async fn prescribed(world: &mut World, id: &str) -> String {
    let path = "/signer/prescriptions/prepare";
    let answer = world.rig.post_raw(&world.rig.system, path, "application/fhir+json", FHIR).await;
    let info = answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned();
    let request = world.asked(&[(id, &info)]).await;
    world.agree(&request).await;
    let told = world.fetch(&request, &world.token).await.json();
    lists(world).await;
    let signature = &told["signatures"][0]["signature"];
    let body = json!({"digest": info, "signature": signature, "certificate": told["certificate"]});
    let put = world.rig.post(&world.rig.system, "/signer/prescriptions/signatures", &body).await;
    assert_eq!(put.status, 200, "{:?}", put.body);
    let mut message: Value = serde_json::from_str(FHIR).unwrap();
    let entry = json!({"fullUrl": "urn:uuid:9", "resource": put.body["provenance"]});
    message["entry"].as_array_mut().unwrap().push(entry);
    STANDARD.encode(message.to_string())
}

/// The verdict, the codes of all reasons, and the proven time.
pub(super) async fn verified(world: &World, body: &Value) -> (String, Vec<String>, Option<String>) {
    let answer = world.rig.post(&world.rig.verifier, "/signer/verifications", body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = &answer.body["signatures"][0];
    let codes = one["findings"].as_array().unwrap().iter().map(|finding| text(&finding["code"])).collect();
    (text(&answer.body["verdict"]), codes, one["trusted_time"].as_str().map(str::to_owned))
}

platform::both_engines! {
    /// What a prescriber signed stays valid when they have ended the credential, if its time was proved before: by the ledger, and where that has it
    /// no more by the evidence that somebody brings. With another's evidence, or a proof that came later, it is not known, and nothing is called
    /// invalid.
    async fn prescriptions_outlive_their_credential(db: Db) {
        let mut world = World::new(db).await;
        author::has(&world, "555021942107").await;
        world.rig.renew_time_stamping().await;
        lists(&world).await;
        let proved = prescribed(&mut world, "script-1").await;
        assert_eq!(world.rig.signer.prove_signatures().await.unwrap(), 1);
        world.rig.pass(10_000);
        let late = prescribed(&mut world, "script-2").await;
        world.rig.pass(10_000);
        let listed = world.rig.get(&world.rig.admin, "/signer/credentials?user_id=555021942107").await;
        let here = format!("{ACCOUNT}/credentials/{}", listed.body["credentials"][0]["credential_id"].as_str().unwrap());
        let mut mine = world.browsers["555021942107"].clone();
        assert!(mine.get(&world, &here).await.body.contains("as soon as its time is proved"));
        assert_eq!(sent(&world, &mine, &format!("{here}/end"), ISSUER).await, (303, ACCOUNT.to_owned()));
        lists(&world).await;
        let codes = |all: &[&str]| all.iter().map(|&code| code.to_owned()).collect::<Vec<String>>();
        let (verdict, said, since) = verified(&world, &json!({"prescription": proved})).await;
        assert_eq!((verdict.as_str(), said), ("valid", codes(&["revoked-later"])));
        assert!(since.is_some_and(|since| since.starts_with("2026-11-24")));
        for proved_now in [0, 1] {
            let (verdict, said, _) = verified(&world, &json!({"prescription": late})).await;
            assert_eq!((verdict.as_str(), said), ("indeterminate", codes(&["revoked-later-unproven"])), "{proved_now}");
            assert_eq!(world.rig.signer.prove_signatures().await.unwrap(), 1 - proved_now, "too late");
        }

        world.settle().await;
        let lines = found(&world, "user_id=555021942107").await;
        let line = lines.iter().find(|line| line["document"] == "script-1").unwrap();
        let path = format!("/signer/signatures/{}/evidence", line["id"].as_str().unwrap());
        let proof = world.rig.get(&world.rig.holder, &path).await.body["proof"].clone();
        world.write("DELETE FROM signer_signature WHERE position >= $1", Vec::new(), 0).await;
        let (verdict, said, since) = verified(&world, &json!({"prescription": proved})).await;
        assert_eq!((verdict.as_str(), said, since), ("indeterminate", codes(&["revoked-later-unproven"]), None));
        let (record, crls) = (&proof["evidence_record"], &proof["crls"]);
        let brought = |prescription: &str| json!({"prescription": prescription, "evidence_record": record, "crls": crls});
        let (verdict, said, since) = verified(&world, &brought(&proved)).await;
        assert_eq!((verdict.as_str(), said, since.is_some()), ("valid", codes(&["revoked-later"]), true));
        let (verdict, said, since) = verified(&world, &brought(&late)).await;
        assert_eq!((verdict.as_str(), since), ("indeterminate", None));
        assert!(said.contains(&"time-stamp-wrong".to_owned()), "{said:?}");
    }

    /// A prescription is good where the register says that whoever signed it is its author, also when the role has ended since; it is not where the
    /// role is somebody else's, open where the signer has other roles alone, and where the register knows neither that is noted. Where nobody knows whose
    /// the certificate is, as after a restore, it is nobody's rather than somebody else's.
    async fn what_another_is_the_author_of_is_not_good(db: Db) {
        const SIGNER: &str = "555021942107";
        const STRANGER: &str = "555021942115";
        let mut world = World::new(db).await;
        lists(&world).await;
        let signed = json!({"prescription": prescribed(&mut world, "script-1").await});
        let says = async |world: &World| {
            let (verdict, codes, _) = verified(world, &signed).await;
            (verdict, codes.join(" "))
        };
        let is = |verdict: &str, codes: &str| (verdict.to_owned(), codes.to_owned());
        assert_eq!(says(&world).await, is("valid", "author-unknown"));
        author::has(&world, SIGNER).await;
        assert_eq!(says(&world).await, is("valid", ""));
        author::loses(&world).await;
        assert_eq!(says(&world).await, is("valid", ""));
        author::nobody(&world).await;
        author::had(&world, SIGNER, "555000000211").await;
        assert_eq!(says(&world).await, is("indeterminate", "author-unknown"));
        author::has(&world, STRANGER).await;
        assert_eq!(says(&world).await, is("invalid", "author-other"));
        let answer = world.rig.post(&world.rig.verifier, "/signer/verifications", &signed).await;
        assert_eq!(answer.body["eps"], json!([]), "the service of today does not look at it");
        assert_eq!(answer.body["signatures"][0]["author"]["role_profile"], author::ROLE);
        // As a certificate is taken in of which nobody knows whose it is.
        let taken_in = "UPDATE ca_certificate SET user_id = NULL, profile = 'taken-in' WHERE user_id = $1 AND not_after > $2";
        world.write(taken_in, vec![SIGNER.to_owned()], 0).await;
        author::has(&world, SIGNER).await;
        assert_eq!(says(&world).await, is("indeterminate", "author-unknown"));
        author::nobody(&world).await;
        assert_eq!(says(&world).await, is("valid", "author-unknown"));
    }

    /// A prescriber sees own signatures and credentials alone, and ends one, by our own page and after a question, also when the authority was away
    /// at first; nobody without a
    /// session, or with one that is worth less than signing wants, sees anything.
    async fn a_prescriber_sees_and_ends_what_is_theirs(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("script-77", &unprepared(1))]).await;
        world.agree(&request).await;
        let nobody = world.send("GET", ACCOUNT, None, None).await;
        assert!(nobody.status == 401 && nobody.body.contains("You are not signed in"), "{}", nobody.body);
        let mut mine = world.browsers["555021942107"].clone();
        let method = |name: &str| (name.to_owned(), 0);
        for (name, expires_at) in [method("totp"), method("security-key")] {
            let weak = name == "totp";
            world.write("UPDATE authn_session SET method = $1 WHERE expires_at > $2", vec![name], expires_at).await;
            let shown = mine.get(&world, ACCOUNT).await;
            assert_eq!((shown.status == 403, shown.body.contains("script-77")), (weak, !weak), "{}", shown.body);
        }
        let mut theirs = world.browsers["555021942115"].clone();
        let shown = mine.get(&world, ACCOUNT).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        for text in ["script-77", "practice-system", "security-key", "RSA-2048: Can sign"] {
            assert!(shown.body.contains(text), "{text}: {}", shown.body);
        }
        let others = theirs.get(&world, ACCOUNT).await;
        assert!(others.status == 200 && !others.body.contains("script-77") && others.body.contains("no credential"), "{}", others.body);
        let listed = world.rig.get(&world.rig.admin, "/signer/credentials?user_id=555021942107").await;
        let id = listed.body["credentials"][0]["credential_id"].as_str().unwrap().to_owned();
        let here = format!("{ACCOUNT}/credentials/{id}");
        assert_eq!(theirs.get(&world, &here).await.status, 404);
        assert!(mine.get(&world, &here).await.body.contains("Do you want to end this credential?"));
        let end = format!("{here}/end");
        assert_eq!(sent(&world, &mine, &end, "https://evil.example").await.0, 403);
        assert_eq!(sent(&world, &theirs, &end, ISSUER).await.0, 404);
        assert!(mine.get(&world, ACCOUNT).await.body.contains("Can sign"), "nothing was ended by others");
        let refuses = Arc::new(AtomicBool::new(true));
        let authority = world.rig.authority.client();
        let twin = world.rig.twin_with(world.rig.authority.client_refusing(Arc::clone(&refuses)));
        let _before = std::mem::replace(&mut world.rig, twin);
        assert_eq!(sent(&world, &mine, &end, ISSUER).await.0, 503);
        // At first the authority could not be reached: nothing can be signed, and the page says that it is not done and offers it again.
        let serial = listed.body["credentials"][0]["certificates"][0]["serial"].as_str().unwrap();
        let state = async || authority.certificate(serial).await.unwrap().state;
        let unfinished = mine.get(&world, ACCOUNT).await.body;
        assert!(unfinished.contains("RSA-2048: Ended here, and its certificate is not revoked yet"), "{unfinished}");
        assert!(unfinished.contains(&here) && mine.get(&world, &here).await.body.contains("Do you want to end"));
        world.rig.sweep().await;
        assert_eq!(state().await, CertificateState::Issued, "the sweep cannot reach it either");
        refuses.store(false, Ordering::Relaxed);
        world.rig.sweep().await;
        assert_eq!(state().await, CertificateState::Revoked);
        let finished = mine.get(&world, ACCOUNT).await.body;
        assert!(!finished.contains("not revoked yet") && !finished.contains(&here), "{finished}");
        assert_eq!(sent(&world, &mine, &end, ISSUER).await, (303, ACCOUNT.to_owned()), "again, and nothing more");
        let ended = mine.get(&world, ACCOUNT).await.body;
        assert!(ended.contains("RSA-2048: Ended") && ended.contains("script-77"), "{ended}");
        let jwt = world.jwt(&world.claims(&[("two", &unprepared(2))], &serde_json::json!({})));
        assert_eq!(world.ask(&jwt, &world.token, "s").await.refusal(), (409, "credential-none".to_owned()));
    }
}
