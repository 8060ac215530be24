//! Requests that wait, and those that are wrong: anybody can send them, and there is an end to them.

use std::collections::BTreeSet;
use std::time::Duration;

use platform::db::Db;
use serde_json::json;

use crate::rig::{Answered, Browser, Rig, SoftKey, USER, system};

const CALLBACK: &str = "https%3A%2F%2Frp.example%2Fcallback";

fn ask(client: &str) -> String {
    format!("/authorize?response_type=code&client_id={client}&redirect_uri={CALLBACK}&scope=openid")
}

/// A new browser at this address asks to sign in.
async fn asks(rig: &Rig, address: &str, client: &str) -> (Browser, Answered) {
    let mut browser = rig.browser();
    browser.address = address.parse().unwrap();
    let answered = browser.get(&ask(client)).await;
    // The one before is the older one.
    rig.pass(Duration::from_millis(1));
    (browser, answered)
}

async fn rows(rig: &Rig) -> (i64, i64) {
    let text = "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM authn_interaction), (SELECT CAST(COUNT(*) AS BIGINT) FROM authn_pushed)";
    sqlx::query_as(text).fetch_one(rig.db.read()).await.unwrap()
}

platform::both_engines! {
    /// So many requests of one network wait, and no more. Where too many wait for one relying party, or in all, the network that has most makes
    /// room, and nobody is refused. Whoever finishes makes room, and so does time, after which nothing is kept of them.
    async fn waiting_requests_have_an_end(db: Db) {
        let limits = json!({"limits": {"waiting_per_network": 3, "waiting_per_client": 5, "waiting": 6}});
        let rig = Rig::with(db, &limits).await;
        for client in ["one", "two"] {
            assert_eq!(rig.registering(client, &json!({})).await.status, 201, "{client}");
        }
        let onward = |begun: &Answered| format!("{}?cancelled=1", begun.location().replace("/sign-in/", "/authorize/continue/"));
        // A /48 of IPv6 is one network.
        let (mut first, begun) = asks(&rig, "2001:db8:0:1::1", "one").await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        let first_there = onward(&begun);
        let (mut second, begun) = asks(&rig, "2001:db8:0:2::1", "one").await;
        let second_there = onward(&begun);
        assert_eq!(asks(&rig, "2001:db8:0:3::1", "one").await.1.status, 303);
        let (mut refused, full) = asks(&rig, "2001:db8:0:4::1", "one").await;
        assert_eq!((full.status, full.header("retry-after").as_str()), (503, "30"));
        assert!(full.body.contains("Too many people on your network") && refused.cookies.is_empty(), "{}", full.body);
        let silent = refused.get(&format!("{}&prompt=none", ask("one"))).await;
        assert!(silent.location().starts_with("https://rp.example/callback?error=login_required"), "{}", silent.location());
        for client in ["one", "two"] {
            let full = asks(&rig, "2001:db8:0:4::1", client).await.1;
            assert_eq!(full.status, 503, "{client}");
        }
        assert_eq!(rows(&rig).await, (3, 0), "what is refused is not stored, nor what is answered at once");
        let (mut other, begun) = asks(&rig, "192.0.2.7", "one").await;
        let other_there = onward(&begun);
        assert_eq!(asks(&rig, "192.0.2.8", "one").await.1.status, 303, "another network");
        assert_eq!(asks(&rig, "192.0.2.9", "one").await.1.status, 303, "nobody is shut out of an application");
        assert_eq!(rows(&rig).await, (5, 0));
        assert_eq!(first.get(&first_there).await.status, 400, "the oldest of the network that has most made room");
        assert_eq!(asks(&rig, "192.0.2.9", "two").await.1.status, 303, "another relying party");
        assert_eq!(asks(&rig, "192.0.2.10", "two").await.1.status, 303, "nor of all");
        assert_eq!(rows(&rig).await, (6, 0));
        assert_eq!(second.get(&second_there).await.status, 400, "by the same network");
        let cancelled = other.get(&other_there).await;
        assert!(cancelled.location().contains("error=access_denied"), "who sends few loses nothing: {}", cancelled.location());
        assert_eq!(rows(&rig).await, (5, 0), "what is answered is not kept");
        assert_eq!(other.get(&other_there).await.status, 400, "and not answered again");
        assert_eq!(asks(&rig, "2001:db8:0:4::1", "two").await.1.status, 303, "there is room again");
        rig.pass(Duration::from_mins(11));
        assert_eq!(asks(&rig, "2001:db8:0:4::1", "one").await.1.status, 303, "what is over is in nobody's way");
        rig.provider.sweep().await.unwrap();
        assert_eq!(rows(&rig).await, (1, 0));
    }

    /// Whoever is signed in waits for nothing: they go back at once and leave no row, however many of their network wait. What signs nobody in
    /// for all that waits like any other.
    async fn whoever_is_signed_in_passes(db: Db) {
        let rig = Rig::with(db, &json!({"limits": {"waiting_per_network": 2}})).await;
        assert_eq!(rig.registering("one", &json!({})).await.status, 201);
        let mut key = SoftKey::new();
        assert_eq!(rig.enrol_key(USER, "security-key", &mut key).await.status, 200);
        let mut browser = rig.signed_in(&mut key).await;
        let waiting = rows(&rig).await.0;
        for number in 0..2 {
            assert_eq!(asks(&rig, "192.0.2.7", "one").await.1.status, 303, "{number}");
        }
        assert_eq!(asks(&rig, "192.0.2.7", "one").await.1.status, 503);
        for prompt in ["", "&prompt=none"] {
            let back = browser.get(&format!("{}{prompt}", ask("one"))).await;
            assert!(back.location().contains("code="), "{prompt}: {} {}", back.location(), back.body);
        }
        assert_eq!(browser.get(&format!("{}&prompt=login", ask("one"))).await.status, 503, "who is to sign in anew waits");
        assert_eq!(rows(&rig).await.0, waiting + 2);
    }

    /// A page of another site that loads requests as images, in frames or by a script fills nothing up. A frame may ask whether somebody is
    /// signed in, and what waits to be asked so is over in a minute.
    async fn parts_of_pages_wait_for_nobody(db: Db) {
        let rig = Rig::new(db).await;
        assert_eq!(rig.registering("one", &json!({})).await.status, 201);
        let mut browser = rig.browser();
        for loads in ["image", "empty", "iframe"] {
            browser.loads = Some(loads);
            let refused = browser.get(&ask("one")).await;
            assert!(refused.status == 400 && refused.body.contains("part of another page"), "{loads}: {}", refused.body);
        }
        let silent = browser.get(&format!("{}&prompt=none", ask("one"))).await;
        assert!(silent.location().contains("error=login_required"), "{}", silent.location());
        assert_eq!((rows(&rig).await.0, browser.cookies.len()), (0, 0));
        let fields = [
            ("response_type", "code"), ("client_id", "one"), ("redirect_uri", "https://rp.example/callback"), ("scope", "openid"),
            ("prompt", "none"),
        ];
        let posted = browser.form("/authorize", &fields).await;
        assert!(posted.location().starts_with("/authorize/continue/"), "{}", posted.location());
        assert_eq!(rows(&rig).await.0, 1);
        rig.pass(Duration::from_secs(61));
        assert_eq!(browser.get(&posted.location()).await.status, 400);
        browser.loads = Some("document");
        assert_eq!(browser.get(&ask("one")).await.status, 303);
    }

    /// Whoever sends wrong requests in a relying party's name, as fast as they can, pushes nothing out of its list of failures that came from
    /// elsewhere: what its owner was told by a correlation id is found. The list has an end for all that.
    async fn strangers_push_out_no_failure(db: Db) {
        let rig = Rig::new(db).await;
        assert_eq!(rig.registering("one", &json!({})).await.status, 201);
        let fails = async |address: &str| -> String {
            let mut browser = rig.browser();
            browser.address = address.parse().unwrap();
            let fields = [("grant_type", "authorization_code"), ("code", "x"), ("client_id", "one"), ("client_secret", "wrong")];
            let answered = browser.form("/token", &fields).await;
            // The one before is the older one.
            rig.pass(Duration::from_millis(1));
            answered.json()["correlation_id"].as_str().unwrap().to_owned()
        };
        let told = fails("192.0.2.7").await;
        let first = fails("198.51.100.1").await;
        for _ in 0..210 {
            fails("198.51.100.1").await;
        }
        let latest = fails("198.51.100.1").await;
        let mut registrar = system("desk", &[authn::api::CLIENTS]);
        registrar.acts.insert(authn::api::clients_of("larkfield"));
        let path = "/authn/configs/larkfield/one/failures?limit=500";
        let page = rig.browser().call(&registrar, "GET", path, None).await.json();
        let ids = page["failures"].as_array().unwrap().iter();
        let listed: Vec<&str> = ids.map(|one| one["correlation_id"].as_str().unwrap()).collect();
        let distinct: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!((listed.len(), distinct.len()), (200, 200), "each has its own name");
        assert!(listed.contains(&told.as_str()) && listed.contains(&latest.as_str()), "{listed:?}");
        assert!(!listed.contains(&first.as_str()), "whoever floods pushes out their own");
    }

    /// Of what is pushed what is read is kept, and no more; so much of it waits for one relying party, and in all. One that was used is not
    /// kept.
    async fn pushed_requests_have_an_end(db: Db) {
        let rig = Rig::with(db, &json!({"limits": {"pushed_per_client": 2, "pushed": 3}})).await;
        let mut secrets = Vec::new();
        for client in ["one", "two"] {
            let made = rig.registering(client, &json!({})).await;
            secrets.push((client, made.json()["client_secret"].as_str().unwrap().to_owned()));
        }
        let push = async |(client, secret): &(&str, String), beside: (&str, &str)| {
            let fields = [
                ("client_id", *client), ("client_secret", secret.as_str()), ("response_type", "code"), ("scope", "openid"),
                ("redirect_uri", "https://rp.example/callback"), beside,
            ];
            rig.browser().form("/par", &fields).await
        };
        let long = "x".repeat(20_000);
        let refused = push(&secrets[0], ("login_hint", &long)).await;
        assert!(refused.status == 400 && refused.body.contains("longer than 16384"), "{}", refused.body);
        let pushed = push(&secrets[0], ("junk", &long)).await;
        assert_eq!(pushed.status, 201, "{}", pushed.body);
        let (kept,): (String,) =
            sqlx::query_as("SELECT parameters FROM authn_pushed").fetch_one(rig.db.read()).await.unwrap();
        assert!(kept.len() < 300 && !kept.contains("junk") && !kept.contains(&secrets[0].1), "{kept}");
        assert_eq!(push(&secrets[0], ("state", "s")).await.status, 201);
        let full = push(&secrets[0], ("state", "s")).await;
        assert_eq!((full.status, full.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
        assert_eq!(push(&secrets[1], ("state", "s")).await.status, 201, "another relying party");
        assert_eq!(push(&secrets[1], ("state", "s")).await.status, 503, "in all");
        let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let used = format!("/authorize?client_id=one&request_uri={}", uri.replace(':', "%3A"));
        assert_eq!(rig.browser().get(&used).await.status, 303);
        assert_eq!(rig.browser().get(&used).await.status, 400, "once");
        assert_eq!(rows(&rig).await, (1, 2));
        assert_eq!(push(&secrets[0], ("state", "s")).await.status, 201, "there is room again");
        rig.pass(Duration::from_secs(91));
        assert_eq!(push(&secrets[0], ("state", "s")).await.status, 201, "what is over is in nobody's way");
        rig.provider.sweep().await.unwrap();
        assert_eq!(rows(&rig).await, (1, 1));
    }
}
