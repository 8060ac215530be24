//! The sandbox, beside the real authority with a hierarchy of a demonstration, and its absence beside any other.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, Authority, Browser, ISSUER, OTHER, Rig, STRONG, SoftKey, USER, staff};

/// A sandbox that offers one person.
fn settings() -> Value {
    json!({"sandbox": {"personas": [{"user": USER, "about": "A doctor with two roles."}]}})
}

async fn sandbox(db: Db) -> Rig {
    let rig = Rig::with_demonstration(db, &settings()).await;
    staff(&rig, 2).await;
    rig
}

/// What the relying party of these tests asks.
const ASK: &str = "/authorize?response_type=code&client_id=records&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope=openid&state=a-state";

/// A session that the sandbox opened, and what a relying party has of it.
struct Opened {
    browser: Browser,
    access: String,
    refresh: String,
}

async fn opened(rig: &Rig, secret: &str) -> Opened {
    let mut browser = rig.browser();
    let there = browser.get(ASK).await.location().replace("/sign-in/", "/sandbox/sign-in/");
    let onward = browser.form(&there, &[("person", USER), ("method", "smartcard")]).await.location();
    let back = browser.get(&onward).await.location();
    let code = back.split_once("code=").unwrap().1.split('&').next().unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://rp.example/callback"),
        ("client_id", "records"),
        ("client_secret", secret),
    ];
    let tokens = rig.browser().form("/token", &fields).await.json();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    Opened { browser, access: text("access_token"), refresh: text("refresh_token") }
}

impl Opened {
    /// Whether its browser is signed in at once.
    async fn signs_on(&self, rig: &Rig) -> bool {
        rig.browser_like(&self.browser).get(ASK).await.location().contains("code=")
    }

    async fn userinfo(&self, rig: &Rig) -> u16 {
        rig.browser().form("/userinfo", &[("access_token", &self.access)]).await.status
    }

    async fn refreshes(&self, rig: &Rig, secret: &str) -> u16 {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh.as_str()),
            ("client_id", "records"),
            ("client_secret", secret),
        ];
        rig.browser().form("/token", &fields).await.status
    }
}

const ROUTES: [(&str, &str); 6] = [
    ("GET", "/sandbox"),
    ("POST", "/sandbox/card-removal"),
    ("POST", "/sandbox/logout-token"),
    ("GET", "/sandbox/sign-in/SECRET"),
    ("POST", "/sandbox/sign-in/SECRET"),
    ("POST", "/sandbox/sign-in/SECRET/error"),
];

platform::both_engines! {
    /// Sign-in does not start as a sandbox beside a hierarchy that is not a demonstration's, and says which authority it is; nor beside
    /// none, nor while the authority does not answer.
    async fn production_hierarchies_are_refused(db: Db) {
        let (rig, authority) = Rig::with_authority(db, &json!({})).await;
        let said = rig.refused(&settings(), authority.client()).await;
        let named = authority.client().issuers().await.unwrap()[0].subject.clone();
        assert!(said.contains(&format!("the authority {named} does not say")), "{said}");
        assert!(said.contains("authn.sandbox") && said.contains("demonstration"), "{said}");
        let silent = rig.refused(&settings(), Authority::silent()).await;
        assert!(!silent.is_empty());
        assert_eq!(rig.again(&json!({})).await.browser().get("/account").await.status, 401, "without it, it starts");
    }

    /// An authority that is brought in while the sandbox runs, and is not a demonstration's, ends it: nobody signs in any more, and is told
    /// why; nor does anybody while the authority does not say.
    async fn production_hierarchies_end_a_sandbox(db: Db) {
        let rig = Rig::with_demonstration(db, &settings()).await;
        staff(&rig, 2).await;
        let issuers = Arc::new(Mutex::new(rig.issuers().await));
        let running = rig.with_ca(&settings(), Authority::listing(Arc::clone(&issuers))).await;
        let mut browser = running.browser();
        let here = running.begin(&mut browser, ALL).await.replace("/sign-in/", "/sandbox/sign-in/");
        let fields = [("person", USER), ("method", "totp")];
        let production = rcgen::generate_simple_self_signed(vec!["production".to_owned()]).unwrap();
        let mut brought_in = issuers.lock().unwrap()[0].clone();
        brought_in.certificate = STANDARD.encode(production.cert.der());
        issuers.lock().unwrap().push(brought_in);
        let refused = browser.form(&here, &fields).await;
        assert!(refused.status == 403 && refused.body.contains("[authn.sandbox] is refused"), "{}: {}", refused.status, refused.body);
        issuers.lock().unwrap().clear();
        assert_eq!(browser.form(&here, &fields).await.status, 403);
        assert_eq!(running.events("session-opened").await.len(), 0);
        *issuers.lock().unwrap() = rig.issuers().await;
        assert_eq!(browser.form(&here, &fields).await.status, 303, "as before");
    }

    /// What a sandbox opened ends with it, for browsers and for relying parties: when an authority comes that is no demonstration's, and at a
    /// start without the section.
    async fn what_a_sandbox_opened_ends_with_it(db: Db) {
        let rig = Rig::with_demonstration(db, &settings()).await;
        staff(&rig, 2).await;
        let issuers = Arc::new(Mutex::new(rig.issuers().await));
        let running = rig.with_ca(&settings(), Authority::listing(Arc::clone(&issuers))).await;
        let made = running.registering("records", &json!({"grant_types": ["authorization_code", "refresh_token"]})).await;
        let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
        let production = rcgen::generate_simple_self_signed(vec!["production".to_owned()]).unwrap();
        let mut brought_in = issuers.lock().unwrap()[0].clone();
        brought_in.certificate = STANDARD.encode(production.cert.der());
        let without = rig.again(&json!({})).await;
        for round in ["brought in", "without the section"] {
            let opened = [opened(&running, &secret).await, opened(&running, &secret).await, opened(&running, &secret).await];
            assert!(opened[0].signs_on(&running).await, "{round}");
            assert_eq!(opened[1].userinfo(&running).await, 200, "{round}");
            let after = if round == "brought in" {
                issuers.lock().unwrap().push(brought_in.clone());
                &running
            } else {
                &without
            };
            assert!(!opened[0].signs_on(after).await, "{round}");
            assert_eq!(opened[1].userinfo(after).await, 401, "{round}");
            assert_eq!(opened[2].refreshes(after, &secret).await, 400, "{round}");
            *issuers.lock().unwrap() = rig.issuers().await;
            // They have ended: the sandbox that is back does not have them.
            assert!(!opened[0].signs_on(&running).await, "{round}");
            assert_eq!((opened[1].userinfo(&running).await, opened[2].refreshes(&running, &secret).await), (401, 400), "{round}");
        }
        let ended = rig.events("session-ended").await;
        assert!(ended.len() == 6 && ended.iter().all(|event| event["cause"] == "sandbox-refused"), "{ended:?}");
    }

    /// Whom the sandbox signed in adds nothing that would sign in when the sandbox is gone: no link is made for them, and one that they made
    /// before, when they had proved who they are, gives nothing in the session that the sandbox went on with.
    async fn sandbox_sessions_enrol_nothing(db: Db) {
        let rig = sandbox(db).await;
        let mut browser = rig.browser();
        let there = rig.begin(&mut browser, ALL).await.replace("/sign-in/", "/sandbox/sign-in/");
        assert_eq!(browser.form(&there, &[("person", USER), ("method", "smartcard")]).await.status, 303);
        assert_eq!(browser.get("/account").await.status, 200);
        let refused = browser.form("/account/enrolments", &[]).await;
        assert!(refused.status == 409 && refused.body.contains("The sandbox signed you in"), "{}: {}", refused.status, refused.body);
        assert_eq!(rig.events("enrolment-offered").await.len(), 0);
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        let link = browser.form("/account/enrolments", &[]).await.location();
        assert_eq!(browser.form(&link, &[]).await.status, 303);
        let options = browser.script(&format!("{link}/key/options"), &json!({"kind": "device"})).await.json();
        let there = rig.begin(&mut browser, ALL).await.replace("/sign-in/", "/sandbox/sign-in/");
        assert_eq!(browser.form(&there, &[("person", USER), ("method", "smartcard")]).await.status, 303);
        assert_eq!(rig.events("session-continued").await.len(), 1);
        let made = json!({"name": "my key", "credential": SoftKey::synced().create(&options)});
        let refused = browser.script(&format!("{link}/key"), &made).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("sandbox-session")), "{}", refused.body);
        let page = browser.get(&format!("{link}/app")).await;
        assert!(page.status == 409 && !page.body.contains("lanyard-seed"), "{}: {}", page.status, page.body);
        let enrolled = rig.events("authenticator-enrolled").await;
        assert_eq!(enrolled.iter().filter(|event| event["enrolment"] != "sandbox").count(), 1, "{enrolled:?}");
    }

    /// A ceremony of a demonstration puts it into the name of every authority, and no other does.
    async fn authorities_say_what_they_are_for(db: Db) {
        let rig = Rig::with_demonstration(db, &json!({})).await;
        let issuers = rig.issuers().await;
        assert_eq!(issuers.len(), 5);
        for issuer in &issuers {
            assert!(ca::api::is_demonstration(issuer) && issuer.subject.contains("OU=Demonstration,"), "{}", issuer.subject);
        }
        let mut other = issuers[0].clone();
        other.certificate = String::new();
        assert!(!ca::api::is_demonstration(&other), "the certificate says it, and no text beside it");
        for wrong in ["purpose = \"play\"\n", "unit = \"Demonstration\"\n"] {
            let text = format!("{wrong}{}", ca::ceremony::Specification::STANDARD);
            assert!(ca::ceremony::Specification::parse(&text).is_err(), "{wrong}");
        }
    }

    /// Nothing of the sandbox is there unless the section is, for whoever has a request that waits either.
    async fn sandbox_is_off_unless_configured(db: Db) {
        let rig = Rig::with_demonstration(db, &json!({})).await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let secret = here.strip_prefix("/sign-in/").unwrap().to_owned();
        for (method, path) in ROUTES {
            let path = path.replace("SECRET", &secret);
            let answered = if method == "GET" { browser.get(&path).await } else { browser.form(&path, &[("person", USER), ("method", "totp")]).await };
            assert_eq!(answered.status, 404, "{method} {path}");
        }
        let page = browser.get(&format!("{here}?choose")).await;
        assert!(!page.body.contains("sandbox"), "{}", page.body);
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// One signs in as somebody of the list, or of the register, with the method that was chosen and the level that is worth; every page
    /// says that it is a sandbox, and the record has it all.
    async fn personas_sign_in(db: Db) {
        let rig = sandbox(db).await;
        assert_eq!(rig.events("sandbox-opened").await[0]["personas"], 1);
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let choice = browser.get(&format!("{here}?choose")).await;
        let there = here.replace("/sign-in/", "/sandbox/sign-in/");
        assert!(choice.body.contains(&format!("href=\"{there}\"")) && choice.body.contains("(sandbox)"), "{}", choice.body);
        let page = browser.get(&there).await;
        for text in ["Ada Okafor", "2 roles. A doctor with two roles.", "Smartcard (level 3)", "Authenticator app (level 2)", "access_denied"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        let done = browser.form(&there, &[("person", USER), ("other", ""), ("method", "totp")]).await;
        assert_eq!((done.status, done.location()), (303, here.replace("/sign-in/", "/authorize/continue/")), "{}", done.body);
        let mut other = rig.browser();
        let there = rig.begin(&mut other, STRONG).await.replace("/sign-in/", "/sandbox/sign-in/");
        let done = other.form(&there, &[("person", USER), ("other", OTHER), ("method", "security-key")]).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let opened = rig.events("session-opened").await;
        assert_eq!((&opened[0]["user"], &opened[0]["method"], &opened[0]["level"]), (&json!(USER), &json!("totp"), &json!("2")));
        assert_eq!((&opened[1]["user"], &opened[1]["level"]), (&json!(OTHER), &json!("3")));
        let enrolled = rig.events("authenticator-enrolled").await;
        assert_eq!((enrolled.len(), &enrolled[0]["enrolment"]), (2, &json!("sandbox")));
    }

    /// What a relying party does not take, somebody whom nobody knows, a leaver, another browser's request and another site's form sign
    /// nobody in.
    async fn personas_keep_to_the_request(db: Db) {
        let rig = sandbox(db).await;
        let mut browser = rig.browser();
        let there = rig.begin(&mut browser, STRONG).await.replace("/sign-in/", "/sandbox/sign-in/");
        for (person, method, status) in [(USER, "totp", 403), (USER, "none", 400), ("", "smartcard", 400), ("555999999990", "smartcard", 400)] {
            assert_eq!(browser.form(&there, &[("person", person), ("method", method)]).await.status, status, "{person} {method}");
        }
        assert_eq!(rig.browser().get(&there).await.status, 404, "another browser");
        let mut stranger = browser.clone();
        stranger.origin = Some("https://evil.example".to_owned());
        for path in [there.as_str(), format!("{there}/error").as_str(), "/sandbox/card-removal", "/sandbox/logout-token"] {
            assert_eq!(stranger.form(path, &[("person", USER), ("method", "smartcard"), ("error", "access_denied")]).await.status, 403, "{path}");
        }
        rig.set_person(USER, "closed").await;
        assert_eq!(browser.form(&there, &[("person", USER), ("method", "smartcard")]).await.status, 400, "whoever has left is nobody");
        assert_eq!(rig.events("session-opened").await.len(), 0);
    }

    /// The card that is not there is taken out: every session it opened ends for that cause, and no other; whoever came without a card
    /// has none to take out.
    async fn cards_are_taken_out(db: Db) {
        let rig = sandbox(db).await;
        let (mut one, mut two, mut keyed) = (rig.browser(), rig.browser(), rig.browser());
        for (browser, method) in [(&mut one, "smartcard"), (&mut two, "smartcard"), (&mut keyed, "security-key")] {
            let there = rig.begin(browser, ALL).await.replace("/sign-in/", "/sandbox/sign-in/");
            assert_eq!(browser.form(&there, &[("person", USER), ("method", method)]).await.status, 303);
        }
        let desk = one.get("/sandbox").await;
        assert!(desk.body.contains("Take the card out") && desk.body.contains("Ada Okafor"), "{}", desk.body);
        let desk = keyed.get("/sandbox").await;
        assert!(!desk.body.contains("Take the card out"), "{}", desk.body);
        assert_eq!(keyed.form("/sandbox/card-removal", &[]).await.status, 409);
        assert_eq!(rig.browser().form("/sandbox/card-removal", &[]).await.status, 401);
        let done = one.form("/sandbox/card-removal", &[]).await;
        assert_eq!((done.status, done.location().as_str()), (303, "/sandbox"));
        assert_eq!((two.get("/account").await.status, keyed.get("/account").await.status), (401, 200));
        let ended = rig.events("session-ended").await;
        assert_eq!(ended.len(), 2);
        assert!(ended.iter().all(|event| event["cause"] == "card-removed" && event["user"] == USER), "{ended:?}");
        let page = one.get("/sandbox").await;
        assert!(page.body.contains("Nobody is signed in here"), "{}", page.body);
    }

    /// A relying party gets the error that was chosen, with its state, once; or a code that the token endpoint refuses. What the session
    /// gave is listed, and its logout token is signed as the real one, shown, and ends nothing.
    async fn errors_and_logout_tokens_are_made(db: Db) {
        let rig = sandbox(db).await;
        let client = rig.client("records").await;
        let ask = "/authorize?response_type=code&client_id=records&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope=openid&state=a-state";
        let mut browser = rig.browser();
        for (error, sent) in [("access_denied", "error=access_denied"), ("temporarily_unavailable", "error=temporarily_unavailable"), ("invalid_grant", "code=")] {
            let there = browser.get(ask).await.location().replace("/sign-in/", "/sandbox/sign-in/");
            assert_eq!(browser.form(&format!("{there}/error"), &[("error", "nonsense")]).await.status, 400);
            let answered = browser.form(&format!("{there}/error"), &[("error", error)]).await;
            let location = answered.location();
            assert!(location.starts_with("https://rp.example/callback?") && location.contains(sent) && location.contains("state=a-state"), "{location}");
            assert_eq!(browser.form(&format!("{there}/error"), &[("error", error)]).await.status, 404, "once");
            if let Some((_, code)) = location.split_once("code=") {
                let code = code.split('&').next().unwrap();
                let refused = client.exchange(&rig, code).await;
                assert!(refused.status == 400 && refused.body.contains("invalid_grant"), "{}", refused.body);
            }
        }
        assert_eq!(rig.events("error-forced").await.len(), 3);
        let there = browser.get(ask).await.location().replace("/sign-in/", "/sandbox/sign-in/");
        let onward = browser.form(&there, &[("person", USER), ("method", "smartcard")]).await.location();
        let back = browser.get(&onward).await.location();
        assert!(back.contains("code="), "{back}");
        let desk = browser.get("/sandbox").await;
        assert!(desk.body.contains("Shared records") && desk.body.contains("https://rp.example/logout"), "{}", desk.body);
        assert_eq!(browser.form("/sandbox/logout-token", &[("client", "others")]).await.status, 404);
        let page = browser.form("/sandbox/logout-token", &[("client", "records")]).await;
        let token = page.between("aria-label=\"Logout token\">", "</pre>");
        let claims = rig.verified(&token).await;
        assert_eq!((&claims["aud"], &claims["sub"], &claims["iss"]), (&json!("records"), &json!(USER), &json!(ISSUER)));
        assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object() && claims.get("nonce").is_none(), "{claims}");
        assert_eq!(claims["sid"], rig.events("session-opened").await[0]["sid"]);
        assert_eq!(rig.events("logout-token-shown").await[0]["client"], "records");
        assert_eq!(browser.get("/account").await.status, 200, "the session goes on");
    }
}
