//! Requests that wait: anybody can send them, and there is an end to them.

use std::time::Duration;

use platform::db::Db;
use serde_json::json;

use crate::rig::{Answered, Browser, Rig};

const CALLBACK: &str = "https%3A%2F%2Frp.example%2Fcallback";

fn ask(client: &str) -> String {
    format!("/authorize?response_type=code&client_id={client}&redirect_uri={CALLBACK}&scope=openid")
}

/// A new browser at this address asks to sign in.
async fn asks(rig: &Rig, address: &str, client: &str) -> (Browser, Answered) {
    let mut browser = rig.browser();
    browser.address = address.parse().unwrap();
    let answered = browser.get(&ask(client)).await;
    (browser, answered)
}

async fn rows(rig: &Rig) -> (i64, i64) {
    let text = "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM authn_interaction), (SELECT CAST(COUNT(*) AS BIGINT) FROM authn_pushed)";
    sqlx::query_as(text).fetch_one(rig.db.read()).await.unwrap()
}

platform::both_engines! {
    /// So many requests of one network wait, for one relying party and in all, and no more. Whoever finishes makes room, and so does time,
    /// after which nothing is kept of them.
    async fn waiting_requests_have_an_end(db: Db) {
        let limits = json!({"limits": {"waiting_per_network": 3, "waiting_per_client": 5, "waiting": 6}});
        let rig = Rig::with(db, &limits).await;
        for client in ["one", "two"] {
            assert_eq!(rig.registering(client, &json!({})).await.status, 201, "{client}");
        }
        // A /48 of IPv6 is one network.
        let (mut first, begun) = asks(&rig, "2001:db8:0:1::1", "one").await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        for address in ["2001:db8:0:2::1", "2001:db8:0:3::1"] {
            assert_eq!(asks(&rig, address, "one").await.1.status, 303, "{address}");
        }
        let (mut refused, full) = asks(&rig, "2001:db8:0:4::1", "one").await;
        assert_eq!((full.status, full.header("retry-after").as_str()), (503, "30"));
        assert!(full.body.contains("Too many people on your network"), "{}", full.body);
        let silent = refused.get(&format!("{}&prompt=none", ask("one"))).await;
        assert!(silent.location().starts_with("https://rp.example/callback?error=temporarily_unavailable"), "{}", silent.location());
        for client in ["one", "two"] {
            let full = asks(&rig, "2001:db8:0:4::1", client).await.1;
            assert_eq!(full.status, 503, "{client}");
        }
        assert_eq!(rows(&rig).await, (3, 0), "what is refused is not stored");
        for address in ["192.0.2.7", "192.0.2.8"] {
            assert_eq!(asks(&rig, address, "one").await.1.status, 303, "another network: {address}");
        }
        let full = asks(&rig, "192.0.2.9", "one").await.1;
        assert!(full.status == 503 && full.body.contains("to this application"), "{} {}", full.status, full.body);
        assert_eq!(asks(&rig, "192.0.2.9", "two").await.1.status, 303, "another relying party");
        assert_eq!(asks(&rig, "192.0.2.10", "two").await.1.status, 503, "in all");
        let there = begun.location().replace("/sign-in/", "/authorize/continue/");
        let cancelled = first.get(&format!("{there}?cancelled=1")).await;
        assert!(cancelled.location().contains("error=access_denied"), "{}", cancelled.location());
        assert_eq!(rows(&rig).await, (5, 0), "what is answered is not kept");
        assert_eq!(first.get(&there).await.status, 400, "and not answered again");
        assert_eq!(asks(&rig, "2001:db8:0:4::1", "two").await.1.status, 303, "there is room again");
        rig.pass(Duration::from_mins(11));
        assert_eq!(asks(&rig, "2001:db8:0:4::1", "one").await.1.status, 303, "what is over is in nobody's way");
        rig.provider.sweep().await.unwrap();
        assert_eq!(rows(&rig).await, (1, 0));
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
