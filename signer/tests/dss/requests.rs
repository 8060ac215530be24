//! Requests that are refused, repeated, and read by others.

use platform::db::Db;
use serde_json::{Value, json};

use super::{APPLICATION, Pair, World, info_of, unprepared};
use crate::rig::USER;

const STRANGER: &str = "555021942115";

platform::both_engines! {
    /// A request counts only with the key that its application registered, for the person and the application of the access token.
    async fn requests_are_of_one_person_and_one_application(db: Db) {
        let world = World::new(db).await;
        world.register("pharmacy-system", "told").await;
        let info = unprepared(1);
        let good = world.claims(&[("one", &info)], &json!({}));
        let header = |kid: &str| json!({"typ": "JWT", "alg": "RS512", "kid": kid});
        let refused = async |jwt: &str, token: &str| world.ask(jwt, token, "s").await.refusal();
        let is = |status: u16, code: &str| (status, code.to_owned());
        let own = world.jwt(&good);
        assert_eq!(refused(&Pair::new().sign(&header("key-1"), &good), &world.token).await, is(401, "jwt-signature"));
        assert_eq!(refused(&world.pair.sign(&header("key-2"), &good), &world.token).await, is(401, "jwt-kid"));
        assert_eq!(refused(&own, "nonsense").await, is(401, "token-not-good"));
        let strangers = world.access(APPLICATION, STRANGER).await;
        assert_eq!(refused(&own, &strangers).await, is(403, "jwt-subject"));
        let others = world.access("pharmacy-system", USER).await;
        assert_eq!(refused(&own, &others).await, is(403, "jwt-issuer"));
        let subject = world.jwt(&world.claims(&[("one", &info)], &json!({"sub": STRANGER})));
        assert_eq!(refused(&subject, &world.token).await, is(403, "jwt-subject"));
        let audience = world.jwt(&world.claims(&[("one", &info)], &json!({"aud": "https://other.example/signing-service"})));
        assert_eq!(refused(&audience, &world.token).await, is(400, "jwt-audience"));
        let large = "a".repeat(1024 * 1024 + 1);
        assert_eq!(refused(&large, &world.token).await, is(413, "body-too-large"));
        let wordless = world.ask(&own, &world.token, "").await;
        assert_eq!(wordless.refusal(), is(400, "state-invalid"));
        let without = world.send("POST", "/signing-service/signaturerequest?state=s", None, None).await;
        assert_eq!(without.refusal(), is(401, "token-missing"));
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request").await, 0, "nothing is kept of them");

        // The sign-in ends, and what was given in it with it.
        let sql = "UPDATE authn_session SET ended_at = $1";
        world.write(sql, Vec::new(), world.rig.clock.now().0).await;
        assert_eq!(refused(&own, &world.token).await, is(401, "token-not-good"));
    }

    /// A JWT of another form, algorithm or age, and one whose list of documents is not what it has to be, is refused with its code, and nothing is kept.
    async fn jwts_have_their_form(db: Db) {
        let world = World::new(db).await;
        let now = world.rig.clock.now().seconds();
        let (one, two) = (unprepared(1), unprepared(2));
        let good = world.claims(&[("one", &one)], &json!({}));
        let by = |header: Value| world.pair.sign(&header, &good);
        let with = |change: Value| world.jwt(&world.claims(&[("one", &one)], &change));
        let of = |payloads: &[(&str, &str)]| world.jwt(&world.claims(payloads, &json!({})));
        let infos: Vec<(String, String)> = (0..251).map(|number| (number.to_string(), unprepared(number + 1))).collect();
        let many: Vec<(&str, &str)> = infos.iter().map(|(id, info)| (id.as_str(), info.as_str())).collect();
        let (long, sha_1) = ("a".repeat(129), info_of(1, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1", 20));
        for (jwt, code) in [
            (by(json!({"typ": "JWE", "alg": "RS512", "kid": "key-1"})), "jwt-typ"),
            (by(json!({"alg": "RS512", "kid": "key-1"})), "jwt-typ"),
            (by(json!({"typ": "JWT", "alg": "RS256", "kid": "key-1"})), "jwt-alg"),
            (by(json!({"typ": "JWT", "alg": "none", "kid": "key-1"})), "jwt-alg"),
            (by(json!({"typ": "JWT", "alg": "RS512"})), "jwt-kid"),
            (by(json!({"typ": "JWT", "alg": "RS512", "kid": "key-1", "crit": ["exp"]})), "jwt-malformed"),
            ("nonsense".to_owned(), "jwt-malformed"),
            (with(json!({"iat": now - 605, "exp": now + 60})), "jwt-age"),
            (with(json!({"exp": now + 700})), "jwt-age"),
            (with(json!({"iat": now + 120})), "jwt-age"),
            (with(json!({"iat": now - 100, "exp": now - 1})), "jwt-expired"),
            (with(json!({"aud": ["https://id.example.org/signing-service", "https://other.example"]})), "jwt-audience"),
            (with(json!({"algorithm": "ES256"})), "algorithm-unknown"),
            (with(json!({"payloads": 1})), "jwt-malformed"),
            (of(&[]), "payloads-number"),
            (of(&many), "payloads-number"),
            (of(&[("one", &one), ("one", &two)]), "payload-id"),
            (of(&[("", &one)]), "payload-id"),
            (of(&[(&long, &one)]), "payload-id"),
            (of(&[("one", &one), ("two", &one)]), "payload-repeated"),
            (of(&[("one", "bm9uc2Vuc2U=")]), "payload-not-signed-info"),
            (of(&[("one", "%")]), "payload-not-signed-info"),
            (of(&[("one", &sha_1)]), "payload-not-signed-info"),
        ] {
            let refused = world.ask(&jwt, &world.token, "s").await;
            assert_eq!(refused.refusal(), (400, code.to_owned()), "{}", refused.body);
        }
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request").await, 0);
        assert_eq!(world.ask(&of(&many[..250]), &world.token, "s").await.status, 200, "250 are taken");
    }

    /// The same request again is the same request: before and after consent it leads to the same signatures and asks nobody twice. With
    /// another state, after a refusal and after its end it is refused.
    async fn a_repeated_request_is_the_same(db: Db) {
        let mut world = World::new(db).await;
        let jwt = world.jwt(&world.claims(&[("one", &unprepared(1))], &json!({})));
        let token = async |world: &World| {
            let asked = world.ask(&jwt, &world.token, "s").await;
            assert_eq!(asked.status, 200, "{}", asked.body);
            asked.json()["token"].as_str().unwrap().to_owned()
        };
        let (first, second) = tokio::join!(token(&world), token(&world));
        assert_ne!(first, second);
        let other = world.ask(&jwt, &world.token, "t").await;
        assert_eq!(other.refusal(), (409, "request-repeated".to_owned()));
        world.agree(&second).await;
        let third = token(&world).await;
        let fetched = world.fetch(&first, &world.token).await;
        assert_eq!(fetched.status, 200, "{}", fetched.body);
        assert_eq!(world.fetch(&third, &world.token).await.body, fetched.body);
        let asked = world.options(&third).await.json();
        let onward = format!("https://rp.example/signed?from=lanyard&token={third}&state=s");
        assert_eq!(asked, json!({"location": onward}), "nobody is asked again");
        let rows = world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request").await;
        let signed = world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_signature").await;
        assert_eq!((rows, signed), (1, 1));

        let jwt = world.jwt(&world.claims(&[("two", &unprepared(2))], &json!({})));
        let asked = world.ask(&jwt, &world.token, "s").await.json();
        world.rig.pass(599_000);
        let late = world.ask(&jwt, &world.token, "s").await;
        assert_eq!(late.status, 200, "until it is over: {}", late.body);
        world.rig.pass(2_000);
        assert_eq!(world.ask(&jwt, &world.token, "s").await.refusal(), (400, "jwt-expired".to_owned()));
        let gone = world.fetch(asked["token"].as_str().unwrap(), &world.token).await;
        assert_eq!(gone.refusal(), (410, "request-expired".to_owned()));
    }

    /// Nobody else reads the signatures: not another application, not another person, not with a word that was guessed, and not when
    /// they are kept no more; the sweep takes what nobody agreed to, and leaves what somebody did.
    async fn signatures_are_read_by_those_whose_they_are(db: Db) {
        let mut world = World::new(db).await;
        world.register("pharmacy-system", "told").await;
        let request = world.asked(&[("one", &unprepared(1))]).await;
        world.agree(&request).await;
        let unknown = (404, "request-unknown".to_owned());
        let others = world.access("pharmacy-system", USER).await;
        assert_eq!(world.fetch(&request, &others).await.refusal(), unknown);
        let strangers = world.access(APPLICATION, STRANGER).await;
        assert_eq!(world.fetch(&request, &strangers).await.refusal(), unknown);
        for guess in ["none", &"A".repeat(43)] {
            assert_eq!(world.fetch(guess, &world.token).await.refusal(), unknown);
        }
        let open = world.asked(&[("two", &unprepared(2))]).await;
        let renewed = world.access(APPLICATION, USER).await;
        assert_eq!(world.fetch(&request, &renewed).await.status, 200, "a later token of the same");
        world.rig.pass(23 * 3_600_000);
        world.rig.sweep().await;
        world.rig.pass(3_600_000);
        let table = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request";
        assert_eq!(world.count(table).await, 2);
        world.rig.pass(700_000);
        world.rig.sweep().await;
        assert_eq!(world.count(table).await, 1, "what was agreed to stays");
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request_token").await, 0);
        assert_eq!(world.page(&open).await.status, 401, "that sign-in is over too");
    }

    /// The sweep erases all that is over, however much it is, and leaves no token without its request; what was agreed to stays.
    async fn the_sweep_keeps_up(db: Db) {
        let world = World::new(db).await;
        let over = world.rig.clock.now().0 - 48 * 3_600_000;
        world.rig.db.write(move |tx| Box::pin(async move {
            for number in 0..1_000_i64 {
                let agreed = (number < 400).then(|| format!("authorisation-{number}"));
                let decision = if agreed.is_some() { "consented" } else { "cancelled" };
                let id = format!("request-{number}");
                sqlx::query(
                    "INSERT INTO signer_request (request_id, client, client_name, request_hash, user_id, session, state, callback, \
                     statement, statement_key, shown, binding, created_at, expires_at, decision, decided_at, authorisation_id) \
                     VALUES ($1, 'practice', 'Practice', $1, '555021942107', 's', 's', 'c', 'a', '{}', '[]', '00', 0, $2, $3, 0, $4)",
                )
                .bind(&id).bind(over).bind(decision).bind(agreed).execute(&mut *tx).await?;
                for token in 0..2 {
                    let sql = "INSERT INTO signer_request_token (token, request_id, expires_at) VALUES ($1, $2, $3)";
                    // The second as an earlier release made it.
                    let until = if token == 0 { over } else { 0 };
                    sqlx::query(sql).bind(format!("{id}.{token}")).bind(&id).bind(until).execute(&mut *tx).await?;
                }
            }
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        let live = world.asked(&[("one", &unprepared(1))]).await;
        world.rig.sweep().await;
        let decided = "SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request WHERE decision = 'consented'";
        assert_eq!(world.count(decided).await, 400);
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request").await, 401);
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request_token").await, 1);
        assert_eq!(world.page(&live).await.status, 200);
    }

    /// A request is repeated ten times at most: each gives a token that is kept.
    async fn a_request_is_not_repeated_for_ever(db: Db) {
        let world = World::new(db).await;
        let jwt = world.jwt(&world.claims(&[("one", &unprepared(1))], &json!({})));
        for number in 1..=11 {
            let asked = world.ask(&jwt, &world.token, "s").await;
            assert_eq!(asked.status, if number <= 10 { 200 } else { 429 }, "{number}: {}", asked.body);
        }
        assert_eq!(world.count("SELECT CAST(COUNT(*) AS BIGINT) FROM signer_request_token").await, 10);
    }

    /// An application whose people must see everything is refused what it had not prepared; one without a registration for signing is
    /// refused, and so is a person without a credential. As many requests wait as may.
    async fn what_is_not_allowed_is_refused(db: Db) {
        let world = World::new(db).await;
        world.register("careful-system", "refused").await;
        let token = world.access("careful-system", USER).await;
        let claims = world.claims(&[("one", &unprepared(1))], &json!({"iss": "careful-system"}));
        let refused = world.ask(&world.jwt(&claims), &token, "s").await;
        assert_eq!(refused.refusal(), (400, "content-unseen".to_owned()));
        let strangers = world.access(APPLICATION, STRANGER).await;
        let claims = world.claims(&[("one", &unprepared(1))], &json!({"sub": STRANGER}));
        let none = world.ask(&world.jwt(&claims), &strangers, "s").await;
        assert_eq!(none.refusal(), (409, "credential-none".to_owned()));
        let mut last = (200, String::new());
        for number in 1..=21 {
            let jwt = world.jwt(&world.claims(&[("one", &unprepared(number))], &json!({})));
            let asked = world.ask(&jwt, &world.token, "s").await;
            last = if asked.status == 200 { (200, String::new()) } else { asked.refusal() };
            assert_eq!(last.0 == 200, number <= 20, "{number}: {last:?}");
        }
        assert_eq!(last, (429, "too-many-waiting".to_owned()));
    }

    /// Whoever asks how the service is, is told without a token.
    async fn the_service_says_how_it_is(db: Db) {
        let world = World::new(db).await;
        let ping = world.send("GET", "/signing-service/_ping", None, None).await;
        assert_eq!((ping.status, ping.json()["revision"].as_str()), (200, Some("v1")));
        let status = world.send("GET", "/signing-service/_status", None, None).await;
        assert_eq!((status.status, &status.json()["status"]), (200, &Value::from("pass")));
    }
}
