//! What validation believes, and where it goes.

use std::time::Duration;

use ca::api::NewExternalAccount;
use platform::db::Db;
use serde_json::{Value, json};

use super::client::{Acme, csr, names};
use super::site::{Answer, Site, local};
use crate::world::until;

/// Answers the first http-01 challenge of an order and tells the server so.
async fn answered(site: &Site, acme: &Acme, order: &Value, answer: Option<Answer>) -> String {
    let (challenge, _) = acme.challenges(order, "http-01").await.remove(0);
    if let Some(answer) = answer {
        site.machine.answer(challenge["token"].as_str().unwrap(), answer);
    }
    let url = challenge["url"].as_str().unwrap().to_owned();
    assert_eq!(acme.post(&url, &json!({})).await.status, 200);
    url
}

platform::both_engines! {
    /// A wrong answer, a redirect and silence are tried again with pauses, and then the order has failed with its reason.
    async fn wrong_answers_fail_in_the_end(db: Db) {
        let site = Site::with(db, |config| config.attempts = 3).await;
        let acme = site.client().await;
        let away = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/x\r\ncontent-length: 0\r\n\r\n";
        let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{}", "x".repeat(9000));
        for (answer, told) in [
            (Some(Answer::Raw(away.into())), "redirect"),
            (Some(Answer::Raw(endless.into())), "far too long"),
            (Some(Answer::Text("something else".to_owned())), "not the key authorization"),
            (None, "404"),
        ] {
            let (order, url) = acme.order(&names(&["localhost"])).await;
            let before = site.machine.asked();
            let challenge = answered(&site, &acme, &order, answer).await;
            assert_eq!(site.authority.do_due_acme().await, 1);
            let waiting = acme.fetch(&challenge).await.json();
            assert_eq!(waiting["status"], "processing", "{waiting}");
            assert!(waiting["error"]["detail"].as_str().unwrap().contains(told), "{waiting}");
            assert_eq!(site.authority.do_due_acme().await, 0, "not before the pause is over");
            for _ in 0..2 {
                site.hand.advance(Duration::from_secs(5));
                assert_eq!(site.authority.do_due_acme().await, 1);
            }
            assert_eq!(site.machine.asked() - before, 3, "{told}");
            assert_eq!(acme.fetch(&challenge).await.json()["status"], "invalid");
            let failed = acme.fetch(&url).await.json();
            assert_eq!(failed["status"], "invalid");
            assert_eq!(failed["error"]["subproblems"][0]["identifier"]["value"], "localhost", "{failed}");
            assert_eq!(acme.finalize(&order, &csr(&["localhost"])).await.problem(), "orderNotReady");
        }
    }

    /// A name that leads outside of the external account's networks is not connected to by either kind of challenge, and it
    /// is over at once.
    async fn validation_stays_inside_the_networks(db: Db) {
        let site = Site::new(db).await;
        let inside = NewExternalAccount { networks: vec!["10.0.0.0/8".to_owned()], ..local() };
        let acme = Acme::registered(&site.authority, &site.external(&inside).await).await;
        for kind in ["http-01", "tls-alpn-01"] {
            let (order, url) = acme.order(&names(&["localhost"])).await;
            let (challenge, _) = acme.challenges(&order, kind).await.remove(0);
            let challenge = challenge["url"].as_str().unwrap();
            assert_eq!(acme.post(challenge, &json!({})).await.status, 200);
            assert_eq!(site.authority.do_due_acme().await, 1);
            let failed = acme.fetch(challenge).await.json();
            assert_eq!((failed["status"].as_str(), failed["type"].as_str()), (Some("invalid"), Some(kind)), "{failed}");
            assert!(failed["error"]["type"].as_str().unwrap().ends_with(":dns"), "{failed}");
            assert_eq!(acme.fetch(&url).await.json()["status"], "invalid");
            assert_eq!(site.machine.asked(), 0, "somebody was connected to by {kind}");
        }
    }

    /// An account whose machines all keep silent does not keep another's from being asked.
    async fn accounts_take_turns(db: Db) {
        let site = Site::with(db, |config| {
            (config.validations, config.attempts, config.attempt_seconds) = (2, 1, 30);
        })
        .await;
        let (silent, other) = (site.client().await, site.client().await);
        for _ in 0..4 {
            let (order, _) = silent.order(&names(&["localhost"])).await;
            answered(&site, &silent, &order, Some(Answer::Silence)).await;
        }
        site.hand.advance(Duration::from_secs(1));
        let (order, url) = other.order(&names(&["localhost"])).await;
        let (_, key_authorization) = other.challenges(&order, "http-01").await.remove(0);
        answered(&site, &other, &order, Some(Answer::Text(key_authorization))).await;
        let authority = site.authority.clone();
        let working = tokio::spawn(async move { authority.do_due_acme().await });
        until(async || other.fetch(&url).await.json()["status"] == "ready").await;
        working.abort();
    }

    /// A process that dies in the middle of a validation leaves it in the queue; another finishes it, and not before the
    /// claim has run out.
    async fn a_validation_outlives_its_process(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (order, url) = acme.order(&names(&["localhost"])).await;
        let (challenge, key_authorization) = acme.challenges(&order, "http-01").await.remove(0);
        let token = challenge["token"].as_str().unwrap();
        site.machine.answer(token, Answer::Silence);
        acme.post(challenge["url"].as_str().unwrap(), &json!({})).await;
        let dying = site.authority.clone();
        let process = tokio::spawn(async move { dying.do_due_acme().await });
        until(async || site.machine.asked() == 1).await;
        process.abort();
        assert!(process.await.unwrap_err().is_cancelled());
        site.machine.answer(token, Answer::Text(key_authorization));
        let other = site.another().await;
        assert_eq!(other.do_due_acme().await, 0, "the claim still stands");
        site.hand.advance(Duration::from_secs(20));
        assert_eq!(other.do_due_acme().await, 1);
        assert_eq!(acme.fetch(&url).await.json()["status"], "ready");
    }

    /// An order that is not finished in time has failed, and so has one whose account or authorization was given up.
    async fn orders_end(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (_, late) = acme.order(&names(&["localhost"])).await;
        let (given_up, url) = acme.order(&names(&["127.0.0.1"])).await;
        let authorization = given_up["authorizations"][0].as_str().unwrap();
        let said = acme.post(authorization, &json!({"status": "deactivated"})).await.json();
        assert_eq!(said["status"], "deactivated", "{said}");
        assert_eq!(acme.fetch(&url).await.json()["status"], "invalid");
        site.hand.advance(Duration::from_hours(25));
        assert_eq!(acme.fetch(&late).await.json()["status"], "invalid", "before it is swept");
        site.authority.do_due_acme().await;
        assert_eq!(acme.fetch(&late).await.json()["status"], "invalid");
        site.hand.advance(Duration::from_hours(24 * 8));
        site.authority.do_due_acme().await;
        assert_eq!(acme.fetch(&late).await.status, 404, "what failed long ago is gone");
    }

    /// What was shown for an order that is done is not kept for ever; the order and its certificate are.
    async fn old_authorizations_are_swept(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (done, _) = site.certified(&acme, &["localhost"]).await;
        let authorization = done["authorizations"][0].as_str().unwrap();
        site.hand.advance(Duration::from_hours(24 * 7));
        site.authority.do_due_acme().await;
        assert_eq!(acme.fetch(authorization).await.status, 200, "kept for a week after its end");
        site.hand.advance(Duration::from_hours(24 * 2));
        site.authority.do_due_acme().await;
        assert_eq!(acme.fetch(authorization).await.status, 404);
        for table in ["ca_acme_authorization", "ca_acme_challenge"] {
            let count = format!("SELECT COUNT(*) AS n FROM {table}");
            let row = sqlx::query(sqlx::AssertSqlSafe(count)).fetch_one(site.world.db.read()).await.unwrap();
            assert_eq!(sqlx::Row::get::<i64, _>(&row, "n"), 0, "{table}");
        }
        let order = acme.fetch(&format!("{}/orders", acme.kid)).await.json()["orders"][0].clone();
        let order = acme.fetch(order.as_str().unwrap()).await.json();
        assert_eq!((order["status"].as_str(), &order["authorizations"]), (Some("valid"), &json!([])));
        assert_eq!(acme.fetch(done["certificate"].as_str().unwrap()).await.status, 200);
    }
}
