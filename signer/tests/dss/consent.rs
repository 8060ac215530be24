//! Consent is the person's own, once, and for what they were shown.

use platform::db::Db;
use serde_json::json;

use super::{ISSUER, SoftKey, World, unprepared};

const SIGNED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature";

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
        assert!(both[0] == 200 && both[1] > 400, "{both:?}");
        assert_eq!(world.answer(&one, &credential).await.refusal(), (410, "request-over".to_owned()), "again");
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
        world.agree(&request).await;
        for sql in ["DELETE FROM signer_signature WHERE position >= $1", "DELETE FROM signer_signing WHERE signed_at >= $1"] {
            world.write(sql, Vec::new(), 0).await;
        }
        world.write(change, vec![other], 0).await;
        assert_eq!(world.fetch(&request, &world.token).await.status, 500);
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
        let asked = http::Request::builder().method("POST").uri(&path).header("origin", ISSUER);
        let back = world.route(asked.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(back.status, 303, "{}", back.body);
        let expected = format!("https://rp.example/signed?from=lanyard&token={request}&state=s&error=access_denied");
        assert_eq!(back.header("location"), expected);
        assert_eq!(world.fetch(&request, &world.token).await.refusal(), (410, "request-cancelled".to_owned()));
        assert_eq!(world.ask(&jwt, &world.token, "s").await.refusal(), (409, "request-repeated".to_owned()));
        assert_eq!(world.options(&request).await.refusal(), (410, "request-over".to_owned()));
        // A JWT says its time in whole seconds.
        world.rig.pass(1_000);
        let anew = world.asked(&[("one", &unprepared(1))]).await;
        world.agree(&anew).await;
        assert_eq!(world.count(SIGNED).await, 1, "a new request for the same is asked anew");
    }

    /// Who has left, and a credential that was revoked since, agree to nothing.
    async fn who_may_not_sign_any_more_does_not(db: Db) {
        let mut world = World::new(db).await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        let options = world.options(&request).await.json();
        let credential = world.key.get(&options);
        world.write("UPDATE directory_person SET state = 'closed' WHERE version = $1", Vec::new(), 1).await;
        assert_eq!(world.answer(&request, &credential).await.refusal().1, "presence-refused");
        world.write("UPDATE directory_person SET state = 'open' WHERE version = $1", Vec::new(), 1).await;
        let listed = world.rig.get(&world.rig.admin, "/signer/credentials?user_id=555021942107").await;
        let serial = listed.body["credentials"][0]["certificates"][0]["serial"].as_str().unwrap().to_owned();
        world.rig.revoke_at_authority(&serial).await;
        let options = world.options(&request).await.json();
        let credential = world.key.get(&options);
        let refused = world.answer(&request, &credential).await;
        assert_eq!(refused.status, 409, "{}", refused.body);
        assert_eq!(world.count(SIGNED).await, 0);
    }
}
