//! Cards that are taken out of their readers.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use ca::api::Reason;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use platform::db::Db;
use platform::web::around;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::rig::{
    ALL, Answered, Authority, Browser, ISSUER, Rig, STRONG, SoftKey, USER, code, desk, person, staff, system,
};

const EMAIL: &str = "aisha@example.org";
const PASSWORD: &str = "correct horse battery";

async fn with(db: Db, rule: &str) -> (Rig, Authority) {
    Rig::with_authority(db, &settings(rule)).await
}

fn settings(rule: &str) -> Value {
    json!({"card_agent": "http://127.0.0.1:44880", "sessions": {"card_removed": rule}})
}

/// What the agent of a workstation sends, which is no browser.
async fn told(rig: &Rig, watch: &Value) -> Answered {
    let mut agent = rig.browser();
    agent.origin = None;
    agent.script("/authn/card-removals", watch).await
}

/// What an application is answered that signs with a token: behind what makes callers of tokens stands a route of the API for signing.
async fn signs_with(rig: &Rig, token: &str) -> (u16, HeaderMap, String) {
    let routes: Router = Router::new().route("/csc/v2/info", get(|| async { "who calls is known" }));
    let door = around(routes, vec![Box::new(authn::TokenCallers::new(rig.provider.clone()))]);
    let request = Request::builder().uri("/csc/v2/info").header("authorization", format!("Bearer {token}"));
    let response = door.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Signs in by the app in a browser that may hold a session.
async fn signs_in_by_app(rig: &Rig, browser: &mut Browser, seed: &str) {
    // The code with which the app was added works once.
    rig.pass(Duration::from_mins(1));
    let here = rig.begin(browser, ALL).await;
    let fields = [("email", EMAIL), ("password", PASSWORD), ("code", &code(seed, rig.now()))];
    let done = browser.form(&format!("{here}/app"), &fields).await;
    assert_eq!(done.status, 303, "{}", done.body);
}

platform::both_engines! {
    /// A session ends with its card, on every machine, when the agent has its answer; told again there is nothing more.
    async fn a_removed_card_ends_its_session(db: Db) {
        let (rig, authority) = with(db, "end").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let (mut other, _) = rig.signed_in_by(&card).await;
        let twin = rig.twin(authority.client()).await;
        let mut elsewhere = twin.browser_like(&browser);
        assert_eq!(elsewhere.get("/account").await.status, 200);
        let done = told(&rig, &watch).await;
        assert_eq!((done.status, done.json()), (200, json!({"session": "ended"})));
        assert_eq!((browser.get("/account").await.status, elsewhere.get("/account").await.status), (401, 401));
        assert_eq!(other.get("/account").await.status, 200, "a watch is of one session");
        assert_eq!(rig.events("session-ended").await[0]["cause"], "card-removed");
        let event = &rig.events("card-removed").await[0];
        assert_eq!((&event["card"], &event["rule"]), (&json!(card.serial), &json!("end")));
        assert_eq!(told(&rig, &watch).await.status, 404);
        assert_eq!(told(&rig, &json!({"secret": crate::rig::secret()})).await.status, 404);
        assert_eq!(told(&rig, &json!({"secret": browser.session()})).await.status, 404, "the browser's secret is another");
        assert_eq!(rig.events("card-removed").await.len(), 1);
    }

    /// A locked session gives nobody anything, on every machine, until its holder signs in again, and goes on then.
    async fn a_removed_card_locks_its_session(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let twin = rig.twin(authority.client()).await;
        for _ in 0..2 {
            assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        }
        let mut elsewhere = twin.browser_like(&browser);
        assert_eq!((browser.get("/account").await.status, elsewhere.get("/account").await.status), (401, 401));
        assert_eq!(rig.events("session-ended").await.len(), 0);
        let here = rig.begin(&mut browser, STRONG).await;
        let challenge = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        let done = browser.script(&format!("{here}/card/answer"), &card.answer(&challenge)).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!((rig.events("session-opened").await.len(), rig.events("session-continued").await.len()), (1, 1));
        assert_eq!(told(&rig, &watch).await.status, 404, "the watch of before says nothing any more");
        let again = json!({"secret": done.json()["watch"]["secret"]});
        assert_eq!(told(&rig, &again).await.json(), json!({"session": "locked"}));
        rig.pass(Duration::from_hours(12));
        rig.provider.sweep().await.unwrap();
        assert_eq!(rig.events("session-ended").await[0]["cause"], "expired", "a locked session has its limit");
    }

    /// With a link that somebody made for themselves, and opened, nobody adds anything while their session is locked, by any way that was begun
    /// before; it is as good as before when the card is back.
    async fn a_locked_session_enrols_nothing(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        let (options, app) = (format!("{link}/key/options"), format!("{link}/app"));
        let asked = browser.script(&options, &json!({"kind": "device"})).await;
        let made = json!({"name": "my key", "credential": SoftKey::synced().create(&asked.json())});
        let seed = browser.get(&app).await.between("<code class=\"lanyard-seed\">", "</code>");
        let right = code(&seed, rig.now());
        let fields = [("email", EMAIL), ("password", PASSWORD), ("code", right.as_str()), ("name", "my phone")];
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        for (path, body) in [(options, json!({"kind": "device"})), (format!("{link}/key"), made)] {
            let refused = browser.script(&path, &body).await;
            assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("session-locked")), "{path}: {}", refused.body);
        }
        let pages = [browser.get(&format!("{link}/choose")).await, browser.get(&app).await, browser.form(&app, &fields).await];
        for page in pages {
            assert!(page.status == 409 && page.body.contains("sign-in is locked"), "{}: {}", page.status, page.body);
            assert!(!page.body.contains("lanyard-seed"), "{}", page.body);
        }
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 0);
        let here = rig.begin(&mut browser, STRONG).await;
        let challenge = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        assert_eq!(browser.script(&format!("{here}/card/answer"), &card.answer(&challenge)).await.status, 200);
        assert_eq!(browser.enrol(&link, "device", &mut SoftKey::synced()).await.status, 200);
        assert_eq!(rig.events("authenticator-enrolled").await.len(), 1);
    }

    /// Nor does anybody with the link of one whose card was revoked, though nothing has ended their session yet.
    async fn a_revoked_card_enrols_nothing(db: Db) {
        let (rig, authority) = with(db, "keep").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, _) = rig.signed_in_by(&card).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        let options = browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await.json();
        authority.revoke(&card.serial, Reason::KeyCompromise).await;
        let made = json!({"name": "my key", "credential": SoftKey::synced().create(&options)});
        let refused = browser.script(&format!("{link}/key"), &made).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("session-over")), "{}", refused.body);
        let page = browser.get(&format!("{link}/app")).await;
        assert!(page.status == 409 && !page.body.contains("lanyard-seed"), "{}: {}", page.status, page.body);
        assert_eq!((rig.events("authenticator-enrolled").await.len(), rig.events("session-ended").await.len()), (0, 0));
    }

    /// What a relying party has of a locked session is neither over nor used up: it is told to come again, and gets what it asked for when
    /// the card is back. Meanwhile its tokens are worth nothing.
    async fn a_locked_session_keeps_what_it_gave(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let made = rig.registering("rp", &json!({"grant_types": ["authorization_code", "refresh_token"]})).await;
        let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
        let client = [("client_id", "rp"), ("client_secret", secret.as_str())];
        let asked = async |path: &str, fields: &[(&str, &str)]| rig.browser().form(path, &[fields, &client].concat()).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let mut codes = Vec::new();
        for _ in 0..2 {
            let ask = "/authorize?response_type=code&client_id=rp&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope=openid";
            let back = url::Url::parse(&browser.get(ask).await.location()).unwrap();
            codes.push(back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned());
        }
        let by_code = |code| [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", "https://rp.example/callback")];
        let tokens = asked("/token", &by_code(codes[0].as_str())).await.json();
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let by_refresh = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        for fields in [by_refresh.as_slice(), by_code(codes[1].as_str()).as_slice()] {
            let refused = asked("/token", fields).await;
            assert_eq!((refused.status, refused.header("retry-after").as_str()), (503, "30"), "{}", refused.body);
            assert_eq!(refused.json()["error"], "temporarily_unavailable");
            assert!(refused.json()["error_description"].as_str().unwrap().contains("is locked"), "{}", refused.body);
        }
        assert_eq!(asked("/introspect", &[("token", access)]).await.json(), json!({"active": false}));
        let here = rig.begin(&mut browser, STRONG).await;
        let challenge = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        assert_eq!(browser.script(&format!("{here}/card/answer"), &card.answer(&challenge)).await.status, 200);
        for fields in [by_refresh.as_slice(), by_code(codes[1].as_str()).as_slice()] {
            let given = asked("/token", fields).await;
            assert_eq!(given.status, 200, "{}", given.body);
        }
        assert_eq!(asked("/introspect", &[("token", access)]).await.json()["active"], true);
        assert_eq!(rig.events("grant-ended").await.len(), 0);
    }

    /// An application that signs with a token of a locked session, and the signer that asks whose it is, are told to come again, not that the
    /// sign-in has ended; both get what they asked for when the card is back, and are told that it has ended only when it has.
    async fn a_locked_session_signs_when_its_card_is_back(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let made = rig.registering("rp", &json!({"scopes": ["openid", "service"]})).await;
        let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let ask = "/authorize?response_type=code&client_id=rp&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope=openid%20service";
        let back = url::Url::parse(&browser.get(ask).await.location()).unwrap();
        let given = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let fields = [
            ("grant_type", "authorization_code"), ("code", given.as_str()), ("redirect_uri", "https://rp.example/callback"),
            ("client_id", "rp"), ("client_secret", secret.as_str()),
        ];
        let tokens = rig.browser().form("/token", &fields).await.json();
        let access = tokens["access_token"].as_str().unwrap();
        let signer = system("signer", &[authn::api::SIGNING]);
        let shown = json!({"token": access, "dpop": false, "method": "POST", "path": "/signing-service/requests"});
        let whose = async || rig.browser().call(&signer, "POST", "/authn/signing/tokens", Some(&shown)).await;
        assert_eq!((signs_with(&rig, access).await.0, whose().await.status), (200, 200));

        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        let (status, headers, body) = signs_with(&rig, access).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, headers["retry-after"].to_str().unwrap(), &problem["code"]), (503, "30", &json!("session-locked")));
        let refused = whose().await;
        assert_eq!((refused.status, refused.header("retry-after").as_str()), (503, "30"), "{}", refused.body);
        assert_eq!(refused.json()["code"], "session-locked");
        for text in [&body, &refused.body] {
            assert!(text.contains("is locked") && !text.contains("has ended"), "{text}");
        }

        let here = rig.begin(&mut browser, STRONG).await;
        let challenge = browser.script(&format!("{here}/card/challenge"), &json!({})).await.json();
        assert_eq!(browser.script(&format!("{here}/card/answer"), &card.answer(&challenge)).await.status, 200);
        assert_eq!((signs_with(&rig, access).await.0, whose().await.status), (200, 200));
        let ended = rig.browser().call(&desk(), "DELETE", &format!("/authn/people/{USER}/sessions"), None).await;
        assert_eq!(ended.status, 200, "{}", ended.body);
        assert_eq!((signs_with(&rig, access).await.0, whose().await.status), (401, 404));
    }

    /// Where the first session keeps others out, one that is locked does not: its holder, who has put the card in at the next workstation, is
    /// signed in there, and it ends. One that is in use keeps them out still.
    async fn a_locked_session_keeps_nobody_out(db: Db) {
        let settings = json!({
            "card_agent": "http://127.0.0.1:44880", "sessions": {"card_removed": "lock", "concurrent": "first"}
        });
        let (rig, authority) = Rig::with_authority(db, &settings).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut here, watch) = rig.signed_in_by(&card).await;
        let mut next = rig.browser();
        let page = rig.begin(&mut next, STRONG).await;
        let challenge = next.script(&format!("{page}/card/challenge"), &json!({})).await.json();
        let refused = next.script(&format!("{page}/card/answer"), &card.answer(&challenge)).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert_eq!(here.get("/account").await.status, 200);
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        let (mut there, _) = rig.signed_in_by(&card).await;
        assert_eq!(there.get("/account").await.status, 200);
        let ended = rig.events("session-ended").await;
        assert_eq!((ended.len(), &ended[0]["cause"]), (1, &json!("replaced")), "{ended:?}");
        assert_eq!(here.get("/account").await.status, 401, "and the locked one comes back no more");
    }

    /// Whoever signs in by something else in the same browser, as for another relying party, has a session that still ends with the card:
    /// whether that is the app or a key, and the card is watched until the session is over.
    async fn another_sign_in_leaves_the_card_watched(db: Db) {
        let (rig, authority) = with(db, "end").await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        signs_in_by_app(&rig, &mut browser, &seed).await;
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(browser.show(&here, &mut key).await.status, 200);
        assert_eq!((rig.events("session-opened").await.len(), rig.events("session-continued").await.len()), (1, 2));
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "ended"}));
        assert_eq!(browser.get("/account").await.status, 401);
        assert_eq!(rig.events("card-removed").await[0]["card"], card.serial);
    }

    /// A lock is lifted by what is worth as much as the card, which stays watched. By less a new session is opened and the locked one ends:
    /// nothing that it gave comes back.
    async fn a_weaker_sign_in_lifts_no_lock(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}));
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(browser.show(&here, &mut key).await.status, 200);
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!((rig.events("session-continued").await.len(), rig.events("session-ended").await.len()), (1, 0));
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "locked"}), "the card is watched still");
        let locked = rig.events("session-opened").await[0]["sid"].clone();
        signs_in_by_app(&rig, &mut browser, &seed).await;
        assert_eq!(browser.get("/account").await.status, 200);
        let ended = rig.events("session-ended").await;
        assert_eq!((ended.len(), &ended[0]["sid"], &ended[0]["cause"]), (1, &locked, &json!("replaced")));
        let opened = rig.events("session-opened").await;
        assert_eq!((opened.len(), &opened[1]["level"]), (2, &json!("2")));
        assert_ne!(opened[1]["sid"], locked);
        assert_eq!(rig.events("session-continued").await.len(), 1);
        assert_eq!(told(&rig, &watch).await.status, 404);
    }

    /// What an agent tells late is of the sign-in before: whoever has signed in again since, with what is worth as much, goes on, and the watch
    /// is over. What is said to be older than the watch changes nothing.
    async fn a_late_report_is_of_the_sign_in_before(db: Db) {
        let (rig, authority) = with(db, "lock").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let late = |seconds: u64| json!({"secret": watch["secret"], "ago_ms": seconds * 1_000});
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.pass(Duration::from_mins(5));
        let here = rig.begin(&mut browser, ALL).await;
        assert_eq!(browser.show(&here, &mut key).await.status, 200);
        rig.pass(Duration::from_mins(1));
        assert_eq!(told(&rig, &late(120)).await.json(), json!({"session": "kept"}));
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(rig.events("card-removed").await.last().unwrap()["rule"], "late");
        assert_eq!(told(&rig, &watch).await.status, 404, "the watch is over");
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        rig.pass(Duration::from_mins(1));
        let earlier = json!({"secret": watch["secret"], "ago_ms": 86_400_000_u64});
        assert_eq!(told(&rig, &earlier).await.json(), json!({"session": "locked"}), "nobody signed in since");
        assert_eq!(browser.get("/account").await.status, 401);
    }

    /// A weaker sign-in since does not make up for the card.
    async fn a_late_report_counts_after_a_weaker_sign_in(db: Db) {
        let (rig, authority) = with(db, "end").await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        signs_in_by_app(&rig, &mut browser, &seed).await;
        rig.pass(Duration::from_secs(1));
        let late = json!({"secret": watch["secret"], "ago_ms": 30_000});
        assert_eq!(told(&rig, &late).await.json(), json!({"session": "ended"}));
        assert_eq!(browser.get("/account").await.status, 401);
    }

    /// Where it is kept the session goes on, and that the card was taken out is in the record.
    async fn a_removed_card_keeps_its_session(db: Db) {
        let (rig, authority) = with(db, "keep").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "kept"}));
        assert_eq!(browser.get("/account").await.status, 200);
        assert_eq!(rig.events("card-removed").await[0]["rule"], "keep");
        authority.revoke(&card.serial, Reason::KeyCompromise).await;
        assert_eq!(browser.get("/account").await.status, 401, "it still ends with what it was opened with");
        assert_eq!(told(&rig, &watch).await.status, 404);
    }

    /// Whoever has something of a session is asked, and the strictest counts: a relying party, the organisation it is for, and the one in
    /// whose role somebody acts; where the register does not say which that is the session ends. An organisation that has nothing of it is
    /// not asked.
    async fn whoever_is_concerned_is_asked(db: Db) {
        let (rig, authority) = with(db, "keep").await;
        staff(&rig, 1).await;
        rig.policy("Z00001", &json!({"card_removed": "end"})).await;
        rig.policy("Z00003", &json!({"card_removed": "lock"})).await;
        let scopes = json!(["openid", "selectedrole"]);
        for (client, beside) in [
            ("plain", json!({"scopes": scopes})),
            ("strict", json!({"scopes": scopes, "card_removed": "lock"})),
            ("placed", json!({"scopes": scopes, "organisation": "Z00003"})),
        ] {
            assert_eq!(rig.registering(client, &beside).await.status, 201, "{client}");
        }
        let card = authority.soft_card(USER, rig.now(), None).await;
        for (client, scope, became) in [
            ("plain", "openid", "kept"),
            ("strict", "openid", "locked"),
            ("placed", "openid", "locked"),
            ("plain", "openid+selectedrole", "ended"),
            ("strict", "openid+selectedrole", "ended"),
        ] {
            let (mut browser, watch) = rig.signed_in_by(&card).await;
            let ask = format!("/authorize?response_type=code&client_id={client}&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope={scope}");
            assert!(browser.get(&ask).await.location().contains("code="), "{client} {scope}");
            assert_eq!(told(&rig, &watch).await.json(), json!({"session": became}), "{client} {scope}");
        }
        let (mut browser, watch) = rig.signed_in_by(&card).await;
        let ask = "/authorize?response_type=code&client_id=plain&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope=openid+selectedrole";
        assert!(browser.get(ask).await.location().contains("code="));
        assert_eq!(told(&rig.without_register(&settings("keep")).await, &watch).await.json(), json!({"session": "ended"}));
    }

    /// A card that signed in by TLS, which no agent has seen, is watched all the same: the page tells the agent which one, by its
    /// certificate, and the session ends with it. Without script the page leads on at once; where there are no agents there is no such page.
    async fn a_card_that_signed_in_by_tls_is_watched(db: Db) {
        let (rig, authority) = with(db, "end").await;
        let card = authority.soft_card(USER, rig.now(), None).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, STRONG).await;
        let shown = browser.card(&here, Some(&person(USER)), Some(&card.leaf)).await.location();
        let page = browser.get(shown.strip_prefix(ISSUER).unwrap()).await;
        let onward = here.replace("/sign-in/", "/authorize/continue/");
        assert_eq!((page.status, page.header("cache-control").as_str()), (200, "no-store"), "{}", page.body);
        assert!(page.body.contains(&format!("<noscript><meta http-equiv=\"refresh\" content=\"0; url={onward}\"></noscript>")), "{}", page.body);
        assert!(page.header("content-security-policy").contains("connect-src 'self' http://127.0.0.1:44880;"));
        assert_eq!(page.between("data-address=\"", "\""), format!("{ISSUER}/authn/card-removals"));
        assert_eq!(page.between("data-certificate=\"", "\""), hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &card.leaf)));
        assert_eq!(browser.get("/account").await.status, 200);
        let watch = json!({"secret": page.between("data-secret=\"", "\"")});
        assert_eq!(told(&rig, &watch).await.json(), json!({"session": "ended"}));
        assert_eq!(browser.get("/account").await.status, 401);
        assert_eq!(rig.events("card-removed").await[0]["card"], card.serial);
        let without = rig.again(&json!({})).await;
        let mut browser = without.browser();
        let here = without.begin(&mut browser, STRONG).await;
        let shown = browser.card(&here, Some(&person(USER)), Some(&card.leaf)).await.location();
        assert_eq!(browser.get(shown.strip_prefix(ISSUER).unwrap()).await.status, 303);
    }
}
