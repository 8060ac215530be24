//! Sessions: how long they live, and who ends them.

use std::net::IpAddr;
use std::time::Duration;

use platform::db::Db;
use serde_json::json;

use crate::rig::{ALL, OTHER, Rig, SoftKey, USER, desk, person, system};

async fn with_key(db: Db, settings: serde_json::Value) -> (Rig, SoftKey) {
    let rig = Rig::with(db, &settings).await;
    let mut key = SoftKey::new();
    assert_eq!(rig.enrol_key(USER, "security-key", &mut key).await.status, 200);
    (rig, key)
}

/// What the relying party of these tests asks.
const ASK: &str = "/authorize?response_type=code&client_id=records&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&scope=openid&state=a-state";

platform::both_engines! {
    /// Fifteen minutes without use end single sign-on, use keeps it alive, and twelve hours end it whatever happens.
    async fn limits_are_kept(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let mut idle = rig.signed_in(&mut key).await;
        rig.pass(Duration::from_mins(15));
        assert_eq!(idle.get("/account").await.status, 401);
        let mut used = rig.signed_in(&mut key).await;
        for _ in 0..71 {
            rig.pass(Duration::from_mins(10));
            assert_eq!(used.get("/account").await.status, 200);
        }
        rig.pass(Duration::from_mins(10));
        assert_eq!(used.get("/account").await.status, 401);
    }

    /// Sessions whose time is up are ended by whoever sweeps, so that relying parties are told; idle ones only where it is set.
    async fn sweeping_ends_what_is_over(db: Db) {
        let (rig, mut key) = with_key(db, json!({"sessions": {"idle_ends": "session"}})).await;
        rig.signed_in(&mut key).await;
        rig.pass(Duration::from_mins(16));
        sweep_until(&rig, 1).await;
        assert_eq!(rig.events("session-ended").await[0]["cause"], "idle");
        let rig = rig.again(&json!({})).await;
        rig.signed_in(&mut key).await;
        rig.pass(Duration::from_hours(12));
        sweep_until(&rig, 2).await;
        assert_eq!(rig.events("session-ended").await[1]["cause"], "expired");
    }

    /// Whoever has left is refused at the next use, whoever is at the moment, and their sessions end by the change feed.
    async fn leavers_are_signed_out(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let mut browser = rig.signed_in(&mut key).await;
        rig.signed_in(&mut key).await;
        rig.set_person(USER, "closed").await;
        assert_eq!(browser.get("/account").await.status, 401);
        assert_eq!(rig.events("session-ended").await[0]["cause"], "left");
        let here = rig.begin(&mut browser, ALL).await;
        let refused = browser.show(&here, &mut key).await;
        assert!(refused.status == 403 && refused.body.contains("profile is closed"), "{}", refused.body);
        assert_eq!(rig.events("sign-in-refused").await[0]["reason"], "left");
        told_of_leaving(&rig).await;
        let following = rig.provider.follow_register();
        let ended = async {
            while rig.events("session-ended").await.len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = following => {}, () = ended => {} }
        assert_eq!(rig.events("session-ended").await[1]["cause"], "left");
    }

    /// What a leaver signed in with is taken away by the change feed, links for new ones with it: whoever comes back is not let in
    /// by what they had. A colleague keeps theirs.
    async fn leavers_have_nothing_to_sign_in_with(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let mut theirs = SoftKey::new();
        assert_eq!(rig.enrol_key(OTHER, "security-key", &mut theirs).await.status, 200);
        rig.enrol_app(USER, "ann@example.org", "correct horse battery").await;
        let link = rig.link(USER, "issue").await;
        rig.set_person(USER, "closed").await;
        told_of_leaving(&rig).await;
        let following = rig.provider.follow_register();
        let cancelled = async {
            while rig.events("enrolment-cancelled").await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = following => {}, () = cancelled => {} }
        let removed = rig.events("authenticator-removed").await;
        assert_eq!(removed.len(), 2, "{removed:?}");
        assert!(removed.iter().all(|event| event["reason"] == "left" && event["user"] == USER), "{removed:?}");
        rig.set_person(USER, "open").await;
        let mut browser = rig.browser();
        let here = rig.begin(&mut browser, ALL).await;
        assert!(browser.show(&here, &mut key).await.body.contains("do not know this key"));
        assert_ne!(rig.browser().form(&link, &[]).await.status, 303, "the link works no more");
        rig.signed_in(&mut theirs).await;
    }

    /// Who left and is back before sign-in hears of it stays signed in where they signed in since, and nowhere else.
    async fn who_is_back_stays_signed_in(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let mut before = rig.signed_in(&mut key).await;
        rig.pass(Duration::from_secs(1));
        told_of_leaving(&rig).await;
        rig.pass(Duration::from_secs(1));
        let mut since = rig.signed_in(&mut key).await;
        let following = rig.provider.follow_register();
        let ended = async {
            while rig.events("session-ended").await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = following => {}, () = ended => {} }
        assert_eq!(before.get("/account").await.status, 401);
        assert_eq!(since.get("/account").await.status, 200);
        assert_eq!(rig.events("session-ended").await.len(), 1);
    }

    /// People list and end their own sessions; an administrator ends anybody's; nobody else does either.
    async fn sessions_are_ended_by_who_may(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let (mut one, mut two) = (rig.signed_in(&mut key).await, rig.signed_in(&mut key).await);
        let path = format!("/authn/people/{USER}/sessions");
        let mut api = rig.browser();
        let listed = api.call(&person(USER), "GET", &path, None).await.json();
        let sessions = listed["sessions"].as_array().unwrap();
        assert_eq!((sessions.len(), &sessions[0]["method"]), (2, &json!("security-key")), "{listed}");
        let first = api.call(&person(USER), "GET", &format!("{path}?limit=1"), None).await.json();
        let next = first["next"].as_str().unwrap();
        let second = api.call(&person(USER), "GET", &format!("{path}?limit=1&after={next}"), None).await.json();
        assert_eq!((&first["sessions"][0], &second["sessions"][0]), (&sessions[0], &sessions[1]));
        let of_one = format!("{path}/{}", sessions[1]["id"].as_str().unwrap());
        for (caller, status) in [(person(OTHER), 403), (system("records", &[authn::api::AUTHENTICATORS]), 403)] {
            for (method, path) in [("GET", &path), ("DELETE", &path), ("DELETE", &of_one)] {
                assert_eq!(api.call(&caller, method, path, None).await.status, status, "{method} {path}");
            }
        }
        // Under one's own name somebody else's is not there.
        let theirs = of_one.replace(USER, OTHER);
        assert_eq!(api.call(&person(OTHER), "DELETE", &theirs, None).await.status, 404);
        assert_eq!(one.get("/account").await.status, 200);
        assert_eq!(api.call(&person(USER), "DELETE", &of_one, None).await.status, 204);
        assert_eq!(api.call(&person(USER), "DELETE", &of_one, None).await.status, 404);
        assert_eq!((one.get("/account").await.status, two.get("/account").await.status), (401, 200));
        let ended = api.call(&desk(), "DELETE", &path, None).await;
        assert_eq!(ended.json(), json!({"ended": 1}));
        assert_eq!(two.get("/account").await.status, 401);
        let causes: Vec<_> = rig.events("session-ended").await.iter().map(|event| event["cause"].clone()).collect();
        assert_eq!(causes, ["by-holder", "by-administrator"]);
    }

    /// On their own page people see where they are signed in, sign out there, and sign out here.
    async fn people_sign_out(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let (mut one, mut two) = (rig.signed_in(&mut key).await, rig.signed_in(&mut key).await);
        let page = one.get("/account").await;
        assert_eq!(page.body.matches("/end\"").count(), 2, "{}", page.body);
        let api = rig.browser().call(&person(USER), "GET", &format!("/authn/people/{USER}/sessions"), None).await.json();
        let id = |at: usize| api["sessions"][at]["id"].as_str().unwrap().to_owned();
        assert_eq!(one.form(&format!("/account/sessions/{}/end", id(0)), &[]).await.status, 303);
        assert_eq!((one.get("/account").await.status, two.get("/account").await.status), (200, 401));
        assert_eq!(one.form(&format!("/account/sessions/{}/end", id(1)), &[]).await.status, 303);
        assert_eq!(one.session(), None);
        assert_eq!(rig.events("session-ended").await[1]["cause"], "signed-out");
    }

    /// A session that comes with another browser, or from another network, is noticed once for each place, on whichever machine: it is in
    /// the record, and its holder sees it. Nothing ends by it, and the same place again is nothing new.
    async fn sessions_that_move_are_noticed(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let mut here = rig.signed_in(&mut key).await;
        assert_eq!(here.get("/account").await.status, 200);
        assert!(!here.get("/account").await.body.contains("Also used"));
        let twin = rig.again(&json!({})).await;
        let mut thief = twin.browser_like(&here);
        thief.agent = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0";
        for _ in 0..2 {
            assert_eq!(thief.get("/account").await.status, 200);
            assert_eq!(here.get("/account").await.status, 200);
        }
        thief.address = IpAddr::from([198, 51, 100, 1]);
        let begun = thief.get("/authorize?response_type=code&client_id=nobody").await;
        assert_eq!(begun.status, 400, "{}", begun.body);
        assert_eq!(thief.get("/account").await.status, 200);
        let moved = rig.events("session-moved").await;
        assert_eq!(moved.len(), 2, "{moved:?}");
        assert_eq!((&moved[0]["user"], &moved[0]["address"]), (&json!(USER), &json!("192.0.2.7")));
        assert_eq!((&moved[1]["address"], &moved[1]["agent"]), (&json!("198.51.100.1"), &json!(thief.agent)));
        let page = here.get("/account").await;
        assert!(page.body.contains("Also used from elsewhere") && page.body.contains("<li>Firefox on Windows, 198.51.100.1</li>"), "{}", page.body);
        assert_eq!(rig.events("session-ended").await.len(), 0);
    }

    /// One session at a time: the newest ends the others, or the first keeps new ones out until it is idle, as it is set.
    async fn one_session_at_a_time(db: Db) {
        let (rig, mut key) = with_key(db, json!({"sessions": {"concurrent": "newest"}})).await;
        let (mut one, mut two) = (rig.signed_in(&mut key).await, rig.signed_in(&mut key).await);
        assert_eq!((one.get("/account").await.status, two.get("/account").await.status), (401, 200));
        let rig = rig.again(&json!({"sessions": {"concurrent": "first"}})).await;
        let mut three = rig.browser();
        let here = rig.begin(&mut three, ALL).await;
        let refused = three.show(&here, &mut key).await;
        assert!(refused.status == 403 && refused.body.contains("signed in somewhere else"), "{}", refused.body);
        let mut two = rig.browser_like(&two);
        let here = rig.begin(&mut two, ALL).await;
        assert_eq!(two.show(&here, &mut key).await.status, 200, "again in the same browser");
        let made = rig.registering("records", &json!({"grant_types": ["authorization_code", "refresh_token"]})).await;
        let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
        let back = two.get(ASK).await.location();
        let code = back.split_once("code=").unwrap().1.split('&').next().unwrap();
        let redeem = async |way: &str, name: &str, value: &str| {
            let fields = [("grant_type", way), (name, value), ("redirect_uri", "https://rp.example/callback"),
                ("client_id", "records"), ("client_secret", &secret)];
            rig.browser().form("/token", &fields).await
        };
        let first = redeem("authorization_code", "code", code).await.json();
        rig.pass(Duration::from_mins(15));
        let second = redeem("refresh_token", "refresh_token", first["refresh_token"].as_str().unwrap()).await;
        assert_eq!(second.status, 200, "an idle session lives on for relying parties: {}", second.body);
        rig.signed_in(&mut key).await;
        let third = redeem("refresh_token", "refresh_token", second.json()["refresh_token"].as_str().unwrap()).await;
        assert!(third.status == 400 && third.body.contains("invalid_grant"), "one session at a time: {}", third.body);
        let ended = rig.events("session-ended").await;
        assert!(ended.len() == 2 && ended.iter().all(|event| event["cause"] == "replaced"), "{ended:?}");
    }

    /// A session ends with its authenticator.
    async fn session_ends_with_its_key(db: Db) {
        let (rig, mut key) = with_key(db, json!({})).await;
        let mut browser = rig.signed_in(&mut key).await;
        let path = format!("/authn/people/{USER}/authenticators");
        let listed = rig.browser().call(&desk(), "GET", &path, None).await.json();
        let id = listed["authenticators"][0]["id"].as_str().unwrap();
        assert_eq!(rig.browser().call(&desk(), "DELETE", &format!("{path}/{id}"), None).await.status, 204);
        assert_eq!(browser.get("/account").await.status, 401);
        assert_eq!(rig.events("session-ended").await[0]["cause"], "authenticator-removed");
        let here = rig.begin(&mut browser, ALL).await;
        assert!(browser.show(&here, &mut key).await.body.contains("do not know this key"));
    }
}

/// Lets the sweeping run until so many sessions have ended, and stops it.
async fn sweep_until(rig: &Rig, ended: usize) {
    let sweeping = rig.provider.keep_sweeping();
    let done = async {
        while rig.events("session-ended").await.len() < ended {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { () = sweeping => {}, () = done => {} }
}

/// What the register writes into its feed when somebody leaves.
async fn told_of_leaving(rig: &Rig) {
    let at = rig.now().0;
    rig.db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO directory_change (number, at, kind, subject, person) VALUES (1, $1, 'person-closed', $2, $2)",
                )
                .bind(at)
                .bind(USER)
                .execute(&mut *tx)
                .await?;
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}
