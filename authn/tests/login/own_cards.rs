//! Somebody's own smartcards at `/account/cards`, with the real authority, its card management and the real register.

use std::time::Duration;

use platform::clock::Millis;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, Authority, OTHER, Rig, SoftKey, USER, code, staff};

/// Where pages find the agent.
const AGENT: &str = "http://127.0.0.1:44880";
const DAY: Duration = Duration::from_hours(24);
const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery";

async fn with_cards(db: Db, settings: &Value) -> (Rig, Authority) {
    let (rig, authority) = Rig::with_authority(db, settings).await;
    let rig = rig.with_ca(settings, authority.with_cards(rig.register())).await;
    staff(&rig, 1).await;
    (rig, authority)
}

/// Somebody has a card in this state, whose certificate for signing in ends then; its id.
async fn planted(
    rig: &Rig,
    authority: &Authority,
    card: (&'static str, &'static str, &str),
    until: Millis,
) -> String {
    let (serial, state, user) = card;
    let (_, certificate) = authority.card(user, rig.now(), Some(until)).await;
    let (id, user) = (format!("01990000-0000-7000-8000-00000000{serial}"), user.to_owned());
    let kept = id.clone();
    rig.db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO ca_card (card_id, serial, location_id, organisation, state, user_id, management, puk, refused, \
                     authentication, version, made_at, changed_at) \
                     VALUES ($1, $2, 'desk', 'Z00001', $3, $4, 'aes-256 1.1', '1.1', '', $5, 1, 0, 0)",
                )
                .bind(kept)
                .bind(serial)
                .bind(state)
                .bind(user)
                .bind(certificate)
                .execute(&mut *tx)
                .await?;
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
    id
}

/// Changes the errands that there are.
async fn change(rig: &Rig, set: &'static str) {
    let statement = format!("UPDATE ca_card_errand SET {set}");
    let changed = rig.db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await?;
            Ok::<_, platform::db::Error>(())
        })
    });
    changed.await.unwrap();
}

/// Who began errands of cards, as the record has it.
async fn begun(rig: &Rig) -> Vec<String> {
    sqlx::query_scalar("SELECT actor FROM ca_card_errand ORDER BY errand_id")
        .fetch_all(rig.db.read())
        .await
        .unwrap()
}

platform::both_engines! {
    /// Whoever is signed in with a security key sees their cards and what there is to do with each, and gets a ticket for their agent
    /// where a card is in its window; the same page goes on with what was begun. Cards of others are not there.
    async fn holder_sees_their_cards_and_renews_one(db: Db) {
        let (rig, authority) = with_cards(db, &json!({"card_agent": AGENT})).await;
        let near = planted(&rig, &authority, ("4711", "active", USER), rig.now().plus(DAY * 60)).await;
        let far = planted(&rig, &authority, ("4712", "active", USER), rig.now().plus(DAY * 300)).await;
        let locked = planted(&rig, &authority, ("4713", "pin-locked", USER), rig.now().plus(DAY * 60)).await;
        let others = planted(&rig, &authority, ("4714", "active", OTHER), rig.now().plus(DAY * 60)).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        assert!(browser.get("/account").await.body.contains("href=\"/account/cards\""));
        let page = browser.get("/account/cards").await;
        assert_eq!(page.status, 200, "{}", page.body);
        for said in ["Renew card 4711", "Card 4712", "It can be renewed from", "Unlock card 4713"] {
            assert!(page.body.contains(said), "{said}: {}", page.body);
        }
        for unsaid in ["4714", "Renew card 4712", "Renew card 4713"] {
            assert!(!page.body.contains(unsaid), "{unsaid}: {}", page.body);
        }

        let page = browser.get(&format!("/account/cards/{near}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for said in ["It can be renewed now.", "id=\"renew\"", "Its passcode stays as it is.", "<noscript>", AGENT] {
            assert!(page.body.contains(said), "{said}: {}", page.body);
        }
        let policy = page.header("content-security-policy");
        assert!(policy.contains(&format!("connect-src 'self' {AGENT};")) && !policy.contains("unsafe"), "{policy}");
        for (id, code) in [(&far, "card-renewal-too-early"), (&locked, "card-state")] {
            let page = browser.get(&format!("/account/cards/{id}")).await;
            assert!(page.status == 200 && !page.body.contains("id=\"renew\""), "{}", page.body);
            assert!(!page.header("content-security-policy").contains(AGENT));
            let refused = browser.script(&format!("/account/cards/{id}/ticket"), &json!({})).await;
            assert_eq!((refused.status, &refused.json()["code"]), (409, &json!(code)), "{}", refused.body);
        }
        for id in [others.as_str(), "none", "..%2F..%2Fcards"] {
            assert_eq!(browser.get(&format!("/account/cards/{id}")).await.status, 404, "{id}");
            assert_eq!(browser.get(&format!("/account/cards/{id}/progress")).await.status, 404, "{id}");
            assert_eq!(browser.script(&format!("/account/cards/{id}/ticket"), &json!({})).await.status, 404, "{id}");
        }
        assert!(begun(&rig).await.is_empty());

        let given = browser.script(&format!("/account/cards/{near}/ticket"), &json!({})).await;
        assert_eq!((given.status, given.header("cache-control").as_str()), (201, "no-store"), "{}", given.body);
        let ticket = given.json();
        assert_eq!((&ticket["act"], &ticket["serial"]), (&json!("renew"), &json!("4711")));
        assert_eq!(ticket["address"], "wss://care.example/ca/cards/relay");
        let again = browser.script(&format!("/account/cards/{near}/ticket"), &json!({})).await.json();
        assert_ne!(again["ticket"], ticket["ticket"]);
        let errands = begun(&rig).await;
        assert_eq!(errands.len(), 1, "it is the same renewal");
        let actor: Value = serde_json::from_str(&errands[0]).unwrap();
        assert_eq!((&actor["kind"], &actor["subject"]), (&json!("person"), &json!(USER)));
        let progress = browser.get(&format!("/account/cards/{near}/progress")).await;
        assert!(progress.status == 200 && progress.body.contains("Step 1 of 5"), "{}", progress.body);
        let page = browser.get(&format!("/account/cards/{near}")).await;
        assert!(page.body.contains("was begun and is not done") && page.body.contains("id=\"renew\""), "{}", page.body);
        assert!(!page.body.contains(again["ticket"].as_str().unwrap()), "a ticket is shown to the script alone");
    }

    /// Whoever is signed in with an app sees the page, is told what to sign in with, and gets no ticket; nor does anybody after the
    /// end of the card's certificates, whom the page sends to the registration authority.
    async fn weak_sign_in_and_the_end_give_no_ticket(db: Db) {
        let (rig, authority) = with_cards(db, &json!({"card_agent": AGENT})).await;
        let id = planted(&rig, &authority, ("4711", "active", USER), rig.now().plus(DAY * 60)).await;
        let (page, ticket) = (format!("/account/cards/{id}"), format!("/account/cards/{id}/ticket"));
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        let fields = [("email", EMAIL), ("password", PASSWORD), ("code", &code(&seed, rig.now()))];
        let done = browser.form(&format!("{here}/app"), &fields).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let shown = browser.get(&page).await;
        assert!(shown.body.contains("sign in with a smartcard or a security key"), "{}", shown.body);
        assert!(!shown.body.contains("id=\"renew\""), "{}", shown.body);
        assert_eq!(browser.script(&ticket, &json!({})).await.status, 403);

        rig.pass(DAY * 61);
        assert_eq!(browser.get(&page).await.status, 401, "the session is over");
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        let shown = browser.get(&page).await;
        assert!(shown.body.contains("Go with it to your registration authority"), "{}", shown.body);
        assert!(!shown.body.contains("id=\"renew\""), "{}", shown.body);
        let refused = browser.script(&ticket, &json!({})).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("own-record")), "{}", refused.body);
        assert!(begun(&rig).await.is_empty());
    }

    /// A renewal that stopped before anything was done says why on the page, leads to the unlock and is given up there; what has gone further
    /// says why, and is not given up.
    async fn stopped_renewal_is_given_up_on_the_page(db: Db) {
        let (rig, authority) = with_cards(db, &json!({"card_agent": AGENT})).await;
        let id = planted(&rig, &authority, ("4711", "active", USER), rig.now().plus(DAY * 60)).await;
        let (page, end) = (format!("/account/cards/{id}"), format!("/account/cards/{id}/renewal/end"));
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        assert!(!browser.get(&page).await.body.contains("Give up"));
        assert_eq!(browser.form(&end, &[]).await.status, 404, "it is not being renewed");
        assert_eq!(browser.script(&format!("{page}/ticket"), &json!({})).await.status, 201);
        let unlock = "href=\"/sign-in/unlock-card\"";
        let shown = browser.get(&page).await.body;
        assert!(shown.contains("Give up the renewal") && !shown.contains(unlock), "{shown}");

        change(&rig, "fault = '<b>the card</b> did not take the passcode', step = 'keyed'").await;
        let shown = browser.get(&page).await.body;
        assert!(shown.contains("did not take the passcode.") && !shown.contains("<b>the card"), "{shown}");
        assert!(!shown.contains("Give up") && !shown.contains(unlock), "{shown}");
        let refused = browser.form(&end, &[]).await;
        assert!(refused.status == 409 && refused.body.contains("has begun to change the card"), "{}", refused.body);

        change(&rig, "step = 'begun'").await;
        for path in ["/account/cards", page.as_str()] {
            let shown = browser.get(path).await.body;
            for said in ["did not take the passcode.", "Give up the renewal", unlock] {
                assert!(shown.contains(said), "{path}, {said}: {shown}");
            }
        }
        let done = browser.form(&end, &[]).await;
        assert_eq!((done.status, done.header("location")), (303, page.clone()), "{}", done.body);
        let shown = browser.get(&page).await.body;
        assert!(shown.contains("It can be renewed now.") && !shown.contains("Give up"), "{shown}");
        let states: Vec<String> =
            sqlx::query_scalar("SELECT state FROM ca_card_errand").fetch_all(rig.db.read()).await.unwrap();
        assert_eq!(states, ["ended"]);
    }

    /// Where workstations have no agent the page says who renews cards, and has nothing to press.
    async fn without_agents_nothing_is_offered(db: Db) {
        let (rig, authority) = with_cards(db, &json!({})).await;
        let id = planted(&rig, &authority, ("4711", "active", USER), rig.now().plus(DAY * 60)).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        for path in ["/account/cards".to_owned(), format!("/account/cards/{id}")] {
            let page = browser.get(&path).await;
            assert!(page.body.contains("Your registration authority does that"), "{}", page.body);
            assert!(!page.body.contains("Renew card") && !page.body.contains("id=\"renew\""), "{}", page.body);
        }
    }
}
