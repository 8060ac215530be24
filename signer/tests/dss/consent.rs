//! Consent is the person's own, once, and for what they were shown.

use platform::db::Db;
use serde_json::json;

use super::world::Browser;
use super::{APPLICATION, ISSUER, SoftKey, World, author, unprepared};
use crate::rig::{USER, digest_of, unbase64};

const FHIR: &str = include_str!("../../../fixtures/prescription.json");
const V3: &str = include_str!("../../../fixtures/prescription.hl7v3.xml");
const SIGNED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature";

/// Binds the newest request, of one document, as an earlier release did.
async fn bound_as_before(world: &World, id: &str, payload: &str) {
    let newest = "SELECT expires_at FROM signer_request ORDER BY created_at DESC LIMIT 1";
    let end: i64 = sqlx::query_scalar(newest).fetch_one(world.rig.db.read()).await.unwrap();
    let digest = digest_of(&unbase64(&json!(payload)));
    let text = json!(["lanyard-signing-1", APPLICATION, USER, "RS256", [[id, digest]], end]).to_string();
    let binding = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()));
    world.write("UPDATE signer_request SET binding = $1 WHERE expires_at = $2", vec![binding], end).await;
}

/// Something that a good key never does.
type Spoil = fn(&mut SoftKey);

platform::both_engines! {
    /// Somebody else's key, one that does not make sure who uses it, one on another site, and nonsense agree to nothing; each question is
    /// used up by its answer, and the page can ask again.
    async fn only_the_person_agrees(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let refused = (409, "presence-refused".to_owned());
        let options = world.options(&request).await.json();
        let credential = world.strangers_key.get(&options);
        assert_eq!(world.answer(&request, &credential).await.refusal(), refused, "another person");
        let right = world.key.get(&options);
        assert_eq!(world.answer(&request, &right).await.refusal(), refused, "the question was used up");
        let spoils: [Spoil; 4] = [
            |key| key.verifies = false,
            |key| key.origin = "https://id.example.org.evil.example",
            |key| key.rp_id = Some("evil.example"),
            |key| key.copyable = true,
        ];
        for spoil in spoils {
            let options = world.options(&request).await.json();
            spoil(&mut world.key);
            let credential = world.key.get(&options);
            assert_eq!(world.answer(&request, &credential).await.refusal(), refused);
            (world.key.verifies, world.key.origin, world.key.rp_id, world.key.copyable) = (true, ISSUER, None, false);
        }
        world.options(&request).await;
        assert_eq!(world.answer(&request, &json!({"id": 7})).await.refusal(), refused);
        assert_eq!(world.count(SIGNED).await, 0);
        world.agree(&request).await;
        assert_eq!(world.count(SIGNED).await, 1);
        let reasons = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'presence-refused'";
        assert_eq!(world.count(reasons).await, 6);
    }

    /// An answer agrees to its own request, once, and to no other.
    async fn an_answer_is_for_one_request(db: Db) {
        let mut world = World::new(db).await;
        let (one, two) = (world.asked(&[("one", &unprepared(1))]).await, world.asked(&[("two", &unprepared(2))]).await);
        let options = world.options(&one).await.json();
        world.options(&two).await;
        let credential = world.key.get(&options);
        assert_eq!(world.answer(&two, &credential).await.refusal().1, "presence-refused", "another request");
        let (first, second) = tokio::join!(world.answer(&one, &credential), world.answer(&one, &credential));
        let mut both = [first.status, second.status];
        both.sort_unstable();
        // Whichever was first: the other is told the same, or that the question was used up.
        assert!(both[0] == 200 && [200, 409].contains(&both[1]), "{both:?}");
        let again = world.answer(&one, &credential).await;
        assert_eq!(again.json()["location"].as_str().unwrap(), format!("https://rp.example/signed?from=lanyard&token={one}&state=s%3D1"));
        assert_eq!(world.count(SIGNED).await, 1);
    }

    /// What is changed in the database after it was shown is not signed: neither before consent nor after it.
    async fn a_changed_batch_is_not_signed(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let other = world.jwt(&world.claims(&[("one", &unprepared(2))], &json!({})));
        let options = world.options(&request).await.json();
        let kept: String = sqlx::query_scalar("SELECT statement FROM signer_request").fetch_one(world.rig.db.read()).await.unwrap();
        let change = "UPDATE signer_request SET statement = $1 WHERE created_at > $2";
        world.write(change, vec![other.clone()], 0).await;
        let credential = world.key.get(&options);
        assert_eq!(world.answer(&request, &credential).await.status, 500);
        assert_eq!(world.count(SIGNED).await, 0);
        world.write(change, vec![kept], 0).await;
        // Nor is what the page shows of it.
        let shown: String = sqlx::query_scalar("SELECT shown FROM signer_request").fetch_one(world.rig.db.read()).await.unwrap();
        let show = "UPDATE signer_request SET shown = $1 WHERE created_at > $2";
        let options = world.options(&request).await.json();
        world.write(show, vec![shown.replace("\"one\"", "\"two\"")], 0).await;
        let credential = world.key.get(&options);
        assert_eq!(world.answer(&request, &credential).await.status, 500);
        assert_eq!(world.count(SIGNED).await, 0);
        world.write(show, vec![shown], 0).await;
        world.agree(&request).await;
        for sql in ["DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1"] {
            world.write(sql, Vec::new(), 0).await;
        }
        world.write(change, vec![other], 0).await;
        assert_eq!(world.fetch(&request, &world.token).await.status, 500);
        assert_eq!(world.count(SIGNED).await, 0);
    }

    /// A request that waits through the upgrade to a release that binds more is over for everybody, with what to do; one that was signed before is
    /// fetched as it was.
    async fn what_waits_through_an_upgrade_is_asked_for_again(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let options = world.options(&request).await.json();
        bound_as_before(&world, "one", &unprepared(1)).await;
        let outdated = (410, "request-outdated".to_owned());
        let credential = world.key.get(&options);
        let refused = world.answer(&request, &credential).await;
        assert_eq!(refused.refusal(), outdated);
        assert!(refused.body.contains("ask again there"), "{}", refused.body);
        assert_eq!(world.options(&request).await.refusal(), outdated);
        assert_eq!(world.fetch(&request, &world.token).await.refusal(), outdated, "the application need not wait");
        let page = world.page(&request).await;
        assert!(page.status == 410 && page.body.contains("before the service was upgraded"), "{}", page.body);
        assert_eq!(world.count(SIGNED).await, 0);
        assert_eq!(world.cancel(&request).await.status, 303, "who does not want to goes back");

        let request = world.asked(&[("two", &unprepared(2))]).await;
        world.agree(&request).await;
        let first = world.fetch(&request, &world.token).await;
        bound_as_before(&world, "two", &unprepared(2)).await;
        let again = world.fetch(&request, &world.token).await;
        assert_eq!((again.status, again.body), (200, first.body));
        for sql in ["DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1"] {
            world.write(sql, Vec::new(), 0).await;
        }
        assert_eq!(world.fetch(&request, &world.token).await.refusal(), outdated, "nor is it signed now");
        assert_eq!(world.count(SIGNED).await, 0);
    }

    /// Whoever cancels goes back with token, state and a word, and nothing is signed; another site cancels and agrees to nothing.
    async fn cancelling_signs_nothing(db: Db) {
        let mut world = World::new(db).await;
        let jwt = world.jwt(&world.claims(&[("one", &unprepared(1))], &json!({})));
        let request = world.ask(&jwt, &world.token, "s").await.json()["token"].as_str().unwrap().to_owned();
        let path = format!("/signing-service/sign/{request}/cancel");
        let foreign = world.send("POST", &path, None, None).await;
        assert_eq!(foreign.status, 403, "without the origin of our pages");
        let nobodys = http::Request::builder().method("POST").uri(&path).header("origin", ISSUER);
        let nobodys = world.route(nobodys.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(nobodys.status, 401, "whoever has the address is not the person");
        let back = world.cancel(&request).await;
        assert_eq!(back.status, 303, "{}", back.body);
        let expected = format!("https://rp.example/signed?from=lanyard&token={request}&state=s&error=access_denied");
        assert_eq!(back.header("location"), expected);
        // Whoever comes back to the page is sent on too; nothing is cancelled twice.
        for again in [world.cancel(&request).await, world.page(&request).await] {
            assert_eq!((again.status, again.header("location")), (303, expected.clone()));
        }
        let cancelled = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'signing-cancelled'";
        assert_eq!(world.count(cancelled).await, 1);
        assert_eq!(world.fetch(&request, &world.token).await.refusal(), (410, "request-cancelled".to_owned()));
        assert_eq!(world.ask(&jwt, &world.token, "s").await.refusal(), (409, "request-repeated".to_owned()));
        let asked = world.options(&request).await;
        assert_eq!((asked.status, asked.json()), (200, json!({"location": expected})), "a page that is still open goes on");
        // A JWT says its time in whole seconds.
        world.rig.pass(1_000);
        let anew = world.asked(&[("one", &unprepared(1))]).await;
        world.agree(&anew).await;
        assert_eq!(world.count(SIGNED).await, 1, "a new request for the same is asked anew");
    }

    /// Whoever comes too late, to the page or to cancel it, goes back with token and state as after a cancel; the result says that nobody decided in
    /// time, and nothing is recorded as cancelled. Whose it is not, and who wants to sign, is not sent there.
    async fn whoever_is_too_late_goes_back(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let options = world.options(&request).await.json();
        let credential = world.key.get(&options);
        world.rig.pass(601_000);
        let expected = format!("https://rp.example/signed?from=lanyard&token={request}&state=s%3D1&error=access_denied");
        for late in [world.cancel(&request).await, world.page(&request).await, world.cancel(&request).await] {
            assert_eq!((late.status, late.header("location")), (303, expected.clone()), "{}", late.body);
        }
        let asked = world.options(&request).await;
        assert_eq!((asked.status, asked.json()), (200, json!({"location": expected})));
        let stranger = world.page_of("555021942115", &request).await;
        assert_eq!((stranger.status, stranger.body.contains("rp.example")), (403, false), "{}", stranger.body);
        assert_eq!(world.answer(&request, &credential).await.refusal(), (410, "request-over".to_owned()));
        assert_eq!(world.fetch(&request, &world.token).await.refusal(), (410, "request-expired".to_owned()));
        assert_eq!(world.rig.events("signing-cancelled").await.len(), 0);
        let decided = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request WHERE decision IS NOT NULL";
        assert_eq!((world.count(decided).await, world.count(SIGNED).await), (0, 0));
    }

    /// The page is for the person alone: whoever has its address, in no browser of theirs or in somebody else's, sees no patient, asks no
    /// key and cancels nothing; so does a session that is worth less than signing wants.
    async fn the_page_needs_the_person(db: Db) {
        let mut world = World::new(db).await;
        let path = "/signer/prescriptions/prepare";
        let answer = world.rig.post_raw(&world.rig.system, path, "application/fhir+json", FHIR).await;
        let info = answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned();
        let request = world.asked(&[("one", &info)]).await;
        let here = format!("/signing-service/sign/{request}");
        let nobody = Browser::default();
        let theirs = world.browsers["555021942115"].clone();
        for (browser, status) in [(nobody, 401), (theirs, 403)] {
            for (method, path, body) in [
                ("GET", here.clone(), None),
                ("POST", format!("{here}/options"), Some(json!({}))),
                ("POST", here.clone(), Some(json!({"credential": {}}))),
                ("POST", format!("{here}/cancel"), None),
            ] {
                let answered = browser.clone().send(&world, method, &path, body.as_ref()).await;
                assert_eq!(answered.status, status, "{path}: {}", answered.body);
                assert!(!answered.body.contains("9990548609") && !answered.body.contains("FLORIMEL"), "{}", answered.body);
            }
        }
        assert!(world.page(&request).await.body.contains("9990548609"));
        world.write("UPDATE authn_session SET method = 'totp' WHERE expires_at > $1", Vec::new(), 0).await;
        let weak = world.page(&request).await;
        assert!(weak.status == 403 && !weak.body.contains("9990548609"), "{}", weak.body);
        world.write("UPDATE authn_session SET method = 'security-key' WHERE expires_at > $1", Vec::new(), 0).await;
        world.agree(&request).await;
    }

    /// An answer that was lost on its way, or a server that died after consent: whoever comes back to the page is sent on to the
    /// application, which finds the same signatures, and nobody signs twice.
    async fn a_lost_answer_leads_on(db: Db) {
        let mut world = World::new(db).await;
        let jwt = world.jwt(&world.claims(&[("one", &unprepared(1))], &json!({})));
        let asked = world.ask(&jwt, &world.token, "s").await.json();
        let request = asked["token"].as_str().unwrap().to_owned();
        let onward = world.agree(&request).await;
        world.rig = world.rig.twin();
        let again = world.page(&request).await;
        assert_eq!((again.status, again.header("location")), (303, onward.clone()));
        assert_eq!(world.cancel(&request).await.header("location"), onward, "what was agreed to is not cancelled");
        let asked = world.options(&request).await;
        assert_eq!((asked.status, asked.json()), (200, json!({"location": onward})), "whoever presses again is asked nothing");
        let fetched = world.fetch(&request, &world.token).await;
        assert_eq!(fetched.status, 200, "{}", fetched.body);
        // The application repeats its request, and sends the browser to the new address.
        let repeated = world.ask(&jwt, &world.token, "s").await.json()["token"].as_str().unwrap().to_owned();
        let led = world.page(&repeated).await;
        let expected = format!("https://rp.example/signed?from=lanyard&token={repeated}&state=s");
        assert_eq!((led.status, led.header("location")), (303, expected));
        assert_eq!(world.fetch(&repeated, &world.token).await.body, fetched.body);
        assert_eq!(world.count(SIGNED).await, 1);
        let consents = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'signing-consented'";
        assert_eq!(world.count(consents).await, 1);
    }

    /// What was decided about is kept for an hour more and no longer; and nobody signs in the name of somebody else, where the register
    /// knows whose the role is or gives the signer roles, nor in a role that ended before they agreed or were signed for.
    async fn prescriptions_are_their_authors_own(db: Db) {
        let mut world = World::new(db).await;
        let path = "/signer/prescriptions/prepare";
        let answer = world.rig.post_raw(&world.rig.system, path, "application/fhir+json", FHIR).await;
        let info = answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned();
        let jwt = |world: &World| world.jwt(&world.claims(&[("one", &info)], &json!({})));
        for (holder, role) in [("555021942115", author::ROLE), ("555021942107", "555000000211")] {
            author::nobody(&world).await;
            author::had(&world, holder, role).await;
            let refused = world.ask(&jwt(&world), &world.token, "s").await;
            assert_eq!(refused.refusal(), (403, "author-other".to_owned()), "{holder}");
        }
        let unnamed = V3.replace("20261129170000", "20261124172500");
        let unnamed = unnamed.replace(r#"<id root="1.2.826.0.1285.0.2.0.67" extension="555000000203"/>"#, "");
        let answer = world.rig.post_raw(&world.rig.system, path, "application/xml", &unnamed).await;
        let nobodys = answer.body["parameter"][0]["valueString"].as_str().unwrap().to_owned();
        let nobodys = world.jwt(&world.claims(&[("one", &nobodys)], &json!({})));
        let refused = world.ask(&nobodys, &world.token, "s").await;
        assert_eq!(refused.refusal(), (403, "author-other".to_owned()), "an author in no role");
        author::has(&world, "555021942107").await;
        let request = world.ask(&jwt(&world), &world.token, "s").await.json()["token"].as_str().unwrap().to_owned();
        author::loses(&world).await;
        let options = world.options(&request).await.json();
        let credential = world.key.get(&options);
        let refused = world.answer(&request, &credential).await;
        assert_eq!(refused.refusal(), (403, "author-role-ended".to_owned()));
        assert_eq!(world.count(SIGNED).await, 0);
        author::regains(&world).await;
        // The other one, which nobody has decided about, is kept longer.
        let until = "SELECT CAST(MIN(expires_at) AS BIGINT) FROM signer_prepared";
        let before = world.count(until).await;
        world.agree(&request).await;
        let now = world.rig.clock.now().0;
        let after = world.count(until).await;
        assert!(after < before && after <= now + 3_600_000 && after > now + 3_500_000, "{before} {after} {now}");
        // As after a crash between consent and signature.
        for sql in ["DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1"] {
            world.write(sql, Vec::new(), 0).await;
        }
        author::loses(&world).await;
        assert_eq!(world.fetch(&request, &world.token).await.refusal(), (403, "author-role-ended".to_owned()));
        assert_eq!(world.count(SIGNED).await, 0);
        author::regains(&world).await;
        assert_eq!(world.fetch(&request, &world.token).await.status, 200);
    }

    /// Who has left, and a credential that was revoked since, agree to nothing.
    async fn who_may_not_sign_any_more_does_not(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let listed = world.rig.get(&world.rig.admin, "/signer/credentials?user_id=555021942107").await;
        let serial = listed.body["credentials"][0]["certificates"][0]["serial"].as_str().unwrap().to_owned();
        world.rig.revoke_at_authority(&serial).await;
        let options = world.options(&request).await.json();
        let credential = world.key.get(&options);
        let refused = world.answer(&request, &credential).await;
        assert_eq!(refused.status, 409, "{}", refused.body);
        world.write("UPDATE directory_person SET state = 'closed' WHERE version = $1", Vec::new(), 1).await;
        assert_eq!(world.answer(&request, &credential).await.refusal().1, "not-signed-in");
        assert_eq!(world.count(SIGNED).await, 0);
    }

    /// Who is suspended while they confirm agrees to nothing: between page and answer their credential is suspended, or the key that they confirm with, or
    /// they leave. Nothing is signed or recorded as agreed to, and what is lifted in time can be confirmed with a new question.
    async fn who_is_suspended_meanwhile_agrees_to_nothing(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let listed = world.rig.get(&world.rig.admin, "/signer/credentials?user_id=555021942107").await;
        let id = listed.body["credentials"][0]["credential_id"].as_str().unwrap().to_owned();
        let options = world.options(&request).await.json();
        world.rig.act(&world.rig.admin, &id, "suspend", 200).await;
        let credential = world.key.get(&options);
        assert_eq!(world.answer(&request, &credential).await.refusal(), (409, "credential-none".to_owned()));
        world.rig.act(&world.rig.admin, &id, "resume", 200).await;
        assert_eq!(world.answer(&request, &credential).await.refusal().1, "presence-refused", "that question was used up");

        let suspend = "UPDATE authn_authenticator SET suspended_at = 1 WHERE created_at >= $1";
        let lift = "UPDATE authn_authenticator SET suspended_at = NULL WHERE created_at >= $1";
        let leave = "UPDATE directory_person SET state = 'closed' WHERE version >= $1";
        let stay = "UPDATE directory_person SET state = 'open' WHERE version >= $1";
        for (away, back) in [(suspend, lift), (leave, stay)] {
            let options = world.options(&request).await.json();
            let credential = world.key.get(&options);
            world.write(away, Vec::new(), 0).await;
            assert_eq!(world.answer(&request, &credential).await.refusal(), (401, "not-signed-in".to_owned()));
            world.write(back, Vec::new(), 0).await;
            assert_eq!(world.answer(&request, &credential).await.refusal().1, "not-signed-in", "that sign-in is over");
            // As if they had signed in again.
            world.write("UPDATE authn_session SET ended_at = NULL, end_cause = NULL WHERE expires_at > $1", Vec::new(), 0).await;
        }
        assert_eq!(world.count(SIGNED).await, 0);
        assert_eq!(world.rig.events("signing-consented").await.len(), 0);
        world.agree(&request).await;
        assert_eq!(world.count(SIGNED).await, 1);
    }
}
