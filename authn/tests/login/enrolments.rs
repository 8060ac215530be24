//! Links with which people get authenticators.

use std::time::Duration;

use platform::db::Db;
use serde_json::{Value, json};

use crate::keys::metadata;
use crate::rig::{ALL, Browser, Maker, OTHER, Rig, SoftKey, USER, desk, person, system};

/// What the pages of a link are answered with, and what the script of one of them sends.
async fn steps(browser: &mut Browser, link: &str, credential: &Value) -> Vec<u16> {
    let mut seen = Vec::new();
    for page in ["choose", "key", "app"] {
        seen.push(browser.get(&format!("{link}/{page}")).await.status);
    }
    for (path, body) in [
        ("key/options", json!({"kind": "device"})),
        ("key", json!({"name": "my key", "credential": credential})),
    ] {
        seen.push(browser.script(&format!("{link}/{path}"), &body).await.status);
    }
    seen
}

platform::both_engines! {
    /// A link works once, soon, for the first browser that opens it, and not after it was taken back; looking at it changes nothing.
    async fn links_work_once(db: Db) {
        let rig = Rig::new(db).await;
        let link = rig.link(USER, "issue").await;
        let mut browser = rig.browser();
        for _ in 0..2 {
            let page = browser.get(&link).await;
            assert!(page.status == 200 && page.body.contains("5550 2194 2107"), "{}", page.body);
        }
        assert_eq!(browser.get(&format!("{link}/choose")).await.status, 404, "not opened yet");
        assert_eq!(browser.form(&link, &[]).await.location(), format!("{link}/choose"));
        let mut other = rig.browser();
        for path in [link.clone(), format!("{link}/choose"), format!("{link}/app"), format!("{link}/key")] {
            assert_eq!(other.get(&path).await.status, 404, "{path}");
        }
        assert_eq!(other.form(&link, &[]).await.status, 404);
        assert_eq!(other.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await.status, 404);
        let mut key = SoftKey::new();
        assert_eq!(browser.enrol(&link, "security-key", &mut key).await.status, 200);
        assert_eq!(browser.get(&format!("{link}/choose")).await.status, 404, "used");
        let (mut late, link) = rig.opened(USER, "issue").await;
        rig.pass(Duration::from_mins(30));
        assert_eq!(late.get(&format!("{link}/choose")).await.status, 404, "too late");
        let path = format!("/authn/people/{USER}/enrolments");
        let made = rig.browser().call(&desk(), "POST", &path, Some(&json!({"purpose": "issue"}))).await.json();
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        assert_eq!(rig.browser().call(&desk(), "DELETE", &one, None).await.status, 204);
        assert_eq!(rig.browser().call(&desk(), "DELETE", &one, None).await.status, 404);
        let link = made["link"].as_str().unwrap().strip_prefix(crate::rig::ISSUER).unwrap().to_owned();
        assert_eq!(rig.browser().get(&link).await.status, 404, "taken back");
        let record = rig.events("enrolment-offered").await;
        assert!(record.len() == 3 && !record[0].to_string().contains(&link[7..]), "{record:?}");
    }

    /// A link is sent to its person where that is asked: to addresses that were shown to be theirs, before what can wait, and to
    /// no other; it is in the record that it was, and what is in it is not.
    async fn links_are_sent_to_whom_they_are_for(db: Db) {
        let rig = Rig::new(db).await;
        let path = format!("/authn/people/{USER}/enrolments");
        let send = async |send: &str| rig.browser().call(&desk(), "POST", &path, Some(&json!({"purpose": "issue", "send": send}))).await.json();
        let messages = async || -> Vec<(String, String, i64)> {
            sqlx::query_as("SELECT address, body, until FROM platform_message WHERE kind = 'enrolment-link'").fetch_all(rig.db.read()).await.unwrap()
        };
        assert_eq!(send("message").await["sent_to"], 0, "no address is known");
        let done: Result<(), platform::db::Error> = rig.db.write(|tx| Box::pin(async move {
            for (id, value, shown) in [("c1", "ann@trust.example", Some(1_i64)), ("c2", "other@trust.example", None)] {
                let text = "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) VALUES ($1, $2, 'email', $3, $4, 0, 0)";
                sqlx::query(text).bind(id).bind(USER).bind(value).bind(shown).execute(&mut *tx).await?;
            }
            Ok(())
        })).await;
        done.unwrap();
        assert!(send("no").await.get("sent_to").is_none() && messages().await.is_empty());
        let made = send("message").await;
        assert_eq!(made["sent_to"], 1);
        let sent = messages().await;
        assert!(sent.len() == 1 && sent[0].0 == "ann@trust.example" && sent[0].1.contains(made["link"].as_str().unwrap()), "{sent:?}");
        assert_eq!(made["expires_at"], sent[0].2);
        let record = rig.events("enrolment-sent").await;
        assert!(record.len() == 1 && !record[0].to_string().contains("/enrol/"), "{record:?}");
    }

    /// Who may make links is decided by the register: somebody without a rank may not, nor for themselves, nor a system without the
    /// act; for somebody who has left nobody does.
    async fn links_are_made_by_who_may(db: Db) {
        let rig = Rig::new(db).await;
        let path = format!("/authn/people/{USER}/enrolments");
        let body = json!({"purpose": "issue"});
        for (caller, code) in [
            (person(OTHER), "not-in-role"),
            (person(USER), "own-record"),
            (system("records", &[authn::api::SESSIONS]), "act-not-granted"),
        ] {
            let refused = rig.browser().call(&caller, "POST", &path, Some(&body)).await;
            assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some(code)), "{}", refused.body);
        }
        let link = rig.link(USER, "issue").await;
        rig.set_person(USER, "closed").await;
        assert_eq!(rig.browser().call(&desk(), "POST", &path, Some(&body)).await.status, 409);
        let mut browser = rig.browser();
        browser.form(&link, &[]).await;
        let refused = browser.enrol(&link, "security-key", &mut SoftKey::new()).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("person-closed")), "{}", refused.body);
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 0);
    }

    /// By recovery a new authenticator takes the place of all others, when it is there and not before; their sessions end.
    async fn recovery_replaces_everything(db: Db) {
        let rig = Rig::new(db).await;
        let (mut old, mut new) = (SoftKey::new(), SoftKey::new());
        rig.enrol_key(USER, "security-key", &mut old).await;
        rig.enrol_app(USER, "aisha@example.org", "correct horse battery").await;
        let mut signed_in = rig.signed_in(&mut old).await;
        let (mut browser, link) = rig.opened(USER, "recovery").await;
        assert_eq!(signed_in.get("/account").await.status, 200, "not before");
        assert_eq!(browser.enrol(&link, "security-key", &mut new).await.status, 200);
        assert_eq!(signed_in.get("/account").await.status, 401);
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(browser.show(&here, &mut old).await.status, 403);
        rig.signed_in(&mut new).await;
        let reasons: Vec<_> = rig.events("authenticator-removed").await.iter().map(|event| event["reason"].clone()).collect();
        assert_eq!(reasons, ["recovery", "recovery"]);
        let passwords: Vec<(Option<String>,)> = sqlx::query_as("SELECT password FROM authn_person").fetch_all(rig.db.read()).await.unwrap();
        assert_eq!(passwords, [(None,)]);
    }

    /// Somebody adds a way to sign in by themselves with one that is worth as much, soon after they signed in.
    async fn people_add_what_is_worth_no_more(db: Db) {
        let maker = Maker::new();
        let (_file, settings) = metadata(&maker, "FIDO_CERTIFIED", &json!({}));
        let rig = Rig::with(db, &settings).await;
        let mut passkey = SoftKey::synced();
        rig.enrol_key(USER, "device", &mut passkey).await;
        let mut browser = rig.signed_in(&mut passkey).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        let refused = browser.enrol(&link, "security-key", &mut SoftKey::of(&maker)).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("stronger-than-sign-in")), "{}", refused.body);
        assert_eq!(rig.events("enrolment-refused").await[0]["reason"], "stronger-than-sign-in");
        let mut second = SoftKey::synced();
        assert_eq!(browser.enrol(&link, "device", &mut second).await.status, 200);
        let mut browser = rig.signed_in(&mut second).await;
        rig.pass(Duration::from_mins(10));
        browser.get("/account").await;
        rig.pass(Duration::from_mins(10));
        browser.get("/account").await;
        rig.pass(Duration::from_mins(10));
        let late = browser.form("/account/enrolments", &[]).await;
        assert!(late.status == 409 && late.body.contains("Sign in again"), "{}", late.body);
        let path = format!("/authn/people/{USER}/authenticators");
        let listed = rig.browser().call(&desk(), "GET", &path, None).await.json();
        let id = listed["authenticators"][0]["id"].as_str().unwrap();
        let late = browser.form(&format!("/account/authenticators/{id}/removal"), &[]).await;
        assert!(late.status == 409 && late.body.contains("Sign in again"), "nor taken away: {}", late.body);
        assert_eq!(rig.events("authenticator-removed").await.len(), 0);
        let mut nobody = rig.browser();
        assert_eq!(nobody.form("/account/enrolments", &[]).await.status, 401);
    }

    /// What somebody adds or removes by themselves is told to them by message, by what it is and when and not by the name that whoever did
    /// it chose; what was refused is not, and neither is what the registration authority did.
    async fn what_is_done_by_oneself_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let done: Result<(), platform::db::Error> = rig.db.write(|tx| Box::pin(async move {
            let text = "INSERT INTO directory_contact (contact_id, user_id, channel, value, verified_at, tries, made_at) VALUES ('c1', $1, 'email', 'ann@trust.example', 1, 0, 0)";
            sqlx::query(text).bind(USER).execute(&mut *tx).await?;
            Ok(())
        })).await;
        done.unwrap();
        let messages = async || -> Vec<(String, String, String)> {
            sqlx::query_as("SELECT kind, address, body FROM platform_message WHERE kind LIKE 'authenticator-%' ORDER BY message_id").fetch_all(rig.db.read()).await.unwrap()
        };
        let (mut key, mut passkey) = (SoftKey::new(), SoftKey::synced());
        rig.enrol_key(USER, "security-key", &mut key).await;
        assert!(messages().await.is_empty(), "the registration authority did that");
        let mut browser = rig.signed_in(&mut key).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        assert!(messages().await.is_empty(), "a link is none yet");
        assert_eq!(browser.enrol(&link, "device", &mut passkey).await.status, 200);
        let told = messages().await;
        assert_eq!(told.len(), 1, "{told:?}");
        let (kind, address, body) = &told[0];
        assert_eq!((kind.as_str(), address.as_str()), ("authenticator-added", "ann@trust.example"));
        assert!(body.contains("24 November 2026") && body.contains("registration authority") && !body.contains("my key"), "{body}");
        rig.pass(Duration::from_millis(1));
        let path = format!("/authn/people/{USER}/authenticators");
        let listed = rig.browser().call(&desk(), "GET", &path, None).await.json();
        let id = |at: usize| listed["authenticators"][at]["id"].as_str().unwrap().to_owned();
        let mut weak = rig.signed_in(&mut passkey).await;
        assert_eq!(weak.form(&format!("/account/authenticators/{}/removal", id(0)), &[]).await.status, 409);
        assert_eq!(messages().await.len(), 1, "it was refused");
        assert_eq!(browser.form(&format!("/account/authenticators/{}/removal", id(1)), &[]).await.status, 303);
        let told = messages().await;
        assert_eq!((told.len(), told[1].0.as_str(), told[1].1.as_str()), (2, "authenticator-removed", "ann@trust.example"));
        assert_eq!(rig.browser().call(&desk(), "DELETE", &format!("{path}/{}", id(0)), None).await.status, 204);
        assert_eq!(messages().await.len(), 2, "the registration authority did that");
    }

    /// A link that somebody made for themselves ends with their session.
    async fn own_links_end_with_the_session(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        browser.form(&link, &[]).await;
        rig.browser().call(&desk(), "DELETE", &format!("/authn/people/{USER}/sessions"), None).await;
        let refused = browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("session-over")), "{}", refused.body);
        let page = browser.get(&format!("{link}/app")).await;
        assert!(page.status == 409 && page.body.contains("You were signed out") && !page.body.contains("lanyard-seed"), "{}", page.body);
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 1);
    }

    /// A link that somebody made for themselves gives nothing while their session is idle, and goes on when they have signed in again;
    /// whoever goes on with it is not idle.
    async fn own_links_rest_while_nobody_does_anything(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        browser.form(&link, &[]).await;
        rig.pass(Duration::from_mins(5));
        let options = browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await;
        let credential = SoftKey::synced().create(&options.json());
        rig.pass(Duration::from_mins(16));
        assert_eq!(steps(&mut browser, &link, &credential).await, [409; 5]);
        let refused = browser.script(&format!("{link}/key"), &json!({"name": "my key", "credential": credential})).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("session-idle")), "{}", refused.body);
        let page = browser.get(&format!("{link}/app")).await;
        assert!(page.body.contains("Nobody did anything") && !page.body.contains("lanyard-seed"), "{}", page.body);
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 1);
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(browser.show(&here, &mut key).await.status, 200);
        assert_eq!(rig.events("session-continued").await.len(), 1);
        assert_eq!(browser.enrol(&link, "device", &mut SoftKey::synced()).await.status, 200);

        let mut slow = rig.signed_in(&mut key).await;
        let link = slow.form("/account/enrolments", &[]).await.location();
        slow.form(&link, &[]).await;
        for step in ["choose", "key"] {
            rig.pass(Duration::from_mins(10));
            assert_eq!(slow.get(&format!("{link}/{step}")).await.status, 200, "{step}");
        }
        rig.pass(Duration::from_mins(9));
        assert_eq!(slow.enrol(&link, "device", &mut SoftKey::synced()).await.status, 200);
    }

    /// A link that somebody made for themselves works for as long as their sign-in is fresh, however late it was made.
    async fn own_links_end_half_an_hour_after_the_sign_in(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        for minutes in [14, 14, 1] {
            rig.pass(Duration::from_mins(minutes));
            assert_eq!(browser.get("/account").await.status, 200);
        }
        let link = browser.form("/account/enrolments", &[]).await.location();
        browser.form(&link, &[]).await;
        assert_eq!(browser.get(&format!("{link}/choose")).await.status, 200);
        rig.pass(Duration::from_mins(2));
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(steps(&mut browser, &link, &json!({})).await, [404; 5]);
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 1);
    }

    /// People name and remove what is theirs, for the version they saw; nobody else's is there.
    async fn authenticators_are_named_and_removed(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let path = format!("/authn/people/{USER}/authenticators");
        let mut api = rig.browser();
        let listed = api.call(&person(USER), "GET", &path, None).await.json();
        let one = format!("{path}/{}", listed["authenticators"][0]["id"].as_str().unwrap());
        let read = api.call(&person(USER), "GET", &one, None).await;
        assert_eq!((read.header("etag").as_str(), &read.json()["name"]), ("\"1\"", &json!("my key")));
        let name = json!({"name": "blue key"});
        assert_eq!(api.call(&person(USER), "PATCH", &one, Some(&name)).await.status, 428);
        assert_eq!(api.call_if(&person(USER), "PATCH", &one, Some(&name), Some("\"7\"")).await.status, 412);
        let changed = api.call_if(&person(USER), "PATCH", &one, Some(&name), Some("\"1\"")).await;
        assert_eq!((changed.status, changed.header("etag").as_str()), (200, "\"2\""), "{}", changed.body);
        let nameless = api.call_if(&person(USER), "PATCH", &one, Some(&json!({"name": " "})), Some("*")).await;
        assert_eq!(nameless.status, 400, "{}", nameless.body);
        for caller in [person(OTHER), system("records", &[authn::api::SESSIONS])] {
            for method in ["GET", "DELETE"] {
                assert_eq!(api.call(&caller, method, &one, None).await.status, 403, "{method}");
            }
        }
        let theirs = one.replace(USER, OTHER);
        assert_eq!(api.call(&person(OTHER), "DELETE", &theirs, None).await.status, 404);
        let mut browser = rig.signed_in(&mut key).await;
        let id = listed["authenticators"][0]["id"].as_str().unwrap();
        let renamed = browser.form(&format!("/account/authenticators/{id}/name"), &[("name", "red key")]).await;
        assert_eq!(renamed.status, 303, "{}", renamed.body);
        assert!(browser.get("/account").await.body.contains("red key"));
        assert_eq!(browser.form(&format!("/account/authenticators/{id}/removal"), &[]).await.status, 303);
        assert_eq!(browser.get("/account").await.status, 401, "it was what they signed in with");
        assert_eq!(rig.events("authenticator-removed").await[0]["reason"], "by-holder");
    }
}
