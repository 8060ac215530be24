//! Signing in anew where somebody is signed in, and what a sign-in may do.

use std::time::Duration;

use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ALL, Browser, OTHER, Rig, SoftKey, USER, person};

/// What a relying party holds of the session with this name: a grant.
async fn grant(rig: &Rig, sid: &str) {
    let (sid, at) = (sid.to_owned(), rig.now().0);
    rig.db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO authn_grant (grant_id, client_id, user_id, sid, content, created_at, expires_at) \
                     VALUES ($1, 'records', $2, $3, '{\"face\":\"plain\",\"scope\":[\"openid\"]}', $4, $5)",
                )
                .bind(uuid::Uuid::now_v7().to_string())
                .bind(USER)
                .bind(sid)
                .bind(at)
                .bind(at + 3_600_000)
                .execute(&mut *tx)
                .await?;
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}

/// How many grants go on, and how many have ended.
async fn grants(rig: &Rig) -> (usize, usize) {
    let rows: Vec<(Option<i64>,)> =
        sqlx::query_as("SELECT ended_at FROM authn_grant").fetch_all(rig.db.read()).await.unwrap();
    let open = rows.iter().filter(|(ended,)| ended.is_none()).count();
    (open, rows.len() - open)
}

async fn shows(rig: &Rig, browser: &mut Browser, key: &mut SoftKey) {
    let here = rig.begin(browser, ALL).await;
    let done = browser.show(&here, key).await;
    assert_eq!(done.status, 200, "{}", done.body);
    rig.pass(Duration::from_millis(1));
}

/// The open sessions of a person, by the API.
async fn listed(rig: &Rig, user: &str) -> Vec<Value> {
    let path = format!("/authn/people/{user}/sessions");
    let listed = rig.browser().call(&person(user), "GET", &path, None).await.json();
    listed["sessions"].as_array().unwrap().clone()
}

platform::both_engines! {
    /// Whoever signs in anew in their browser goes on with their session: what relying parties hold of it stays, the old cookie
    /// opens nothing, and both end together. The limits begin anew.
    async fn the_same_person_goes_on(db: Db) {
        let rig = Rig::new(db).await;
        let (mut key, mut second) = (SoftKey::new(), SoftKey::new());
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.enrol_key(USER, "security-key", &mut second).await;
        let mut browser = rig.signed_in(&mut key).await;
        let sid = listed(&rig, USER).await[0]["sid"].as_str().unwrap().to_owned();
        grant(&rig, &sid).await;
        let mut old = browser.clone();
        rig.pass(Duration::from_mins(20));
        shows(&rig, &mut browser, &mut second).await;
        assert_eq!(grants(&rig).await, (1, 0), "what others hold goes on");
        assert_eq!((old.get("/account").await.status, browser.get("/account").await.status), (401, 200));
        assert_ne!(old.session(), browser.session());
        let open = listed(&rig, USER).await;
        assert_eq!((open.len(), open[0]["sid"].as_str()), (1, Some(sid.as_str())));
        let went_on = rig.events("session-continued").await;
        assert_eq!((went_on.len(), &went_on[0]["sid"]), (1, &json!(sid)));
        assert_eq!((rig.events("session-opened").await.len(), rig.events("session-ended").await.len()), (1, 0));
        // Both end together.
        let id = open[0]["id"].as_str().unwrap();
        let path = format!("/authn/people/{USER}/sessions/{id}");
        assert_eq!(rig.browser().call(&person(USER), "DELETE", &path, None).await.status, 204);
        assert_eq!(grants(&rig).await, (0, 1));
        assert_eq!(browser.get("/account").await.status, 401);
    }

    /// A session ends with each of the things that somebody signed in to it with, the earlier ones too; another one's are nothing
    /// to it.
    async fn it_ends_with_all_of_them(db: Db) {
        let rig = Rig::new(db).await;
        let path = format!("/authn/people/{USER}/authenticators");
        for removed in [0, 1] {
            let (mut key, mut second) = (SoftKey::new(), SoftKey::new());
            rig.enrol_key(USER, "security-key", &mut key).await;
            rig.pass(Duration::from_millis(1));
            rig.enrol_key(USER, "security-key", &mut second).await;
            let kept = rig.browser().call(&person(USER), "GET", &path, None).await.json();
            let id = |at: usize| kept["authenticators"][at]["id"].as_str().unwrap().to_owned();
            let mut browser = rig.signed_in(&mut key).await;
            shows(&rig, &mut browser, &mut second).await;
            assert_eq!(rig.browser().call(&person(USER), "DELETE", &format!("{path}/{}", id(removed)), None).await.status, 204);
            assert_eq!(browser.get("/account").await.status, 401, "{removed}");
            assert_eq!(rig.events("session-ended").await.last().unwrap()["cause"], "authenticator-removed");
            assert_eq!(rig.browser().call(&person(USER), "DELETE", &format!("{path}/{}", id(1 - removed)), None).await.status, 204);
        }
        assert_eq!(rig.events("session-ended").await.len(), 2);
    }

    /// Somebody else who signs in in the same browser begins a session of their own, and the one before ends; so does one that is over.
    async fn somebody_else_begins_anew(db: Db) {
        let rig = Rig::new(db).await;
        let (mut key, mut theirs) = (SoftKey::new(), SoftKey::new());
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.enrol_key(OTHER, "security-key", &mut theirs).await;
        let mut browser = rig.signed_in(&mut key).await;
        shows(&rig, &mut browser, &mut theirs).await;
        assert_eq!(rig.events("session-continued").await.len(), 0);
        let ended = rig.events("session-ended").await;
        assert_eq!((ended.len(), &ended[0]["user"], &ended[0]["cause"]), (1, &json!(USER), &json!("replaced")));
        rig.pass(Duration::from_hours(12));
        shows(&rig, &mut browser, &mut theirs).await;
        assert_eq!(rig.events("session-continued").await.len(), 0, "what is over does not go on");
        assert_eq!(listed(&rig, OTHER).await.len(), 1);
    }

    /// Where one session at a time is allowed, the one of this browser goes on and the others end.
    async fn the_newest_alone_goes_on(db: Db) {
        let rig = Rig::with(db, &json!({"sessions": {"concurrent": "newest"}})).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let mut browser = rig.signed_in(&mut key).await;
        let many = rig.again(&json!({})).await;
        let mut other = many.signed_in(&mut key).await;
        shows(&rig, &mut browser, &mut key).await;
        assert_eq!((browser.get("/account").await.status, other.get("/account").await.status), (200, 401));
        assert_eq!(rig.events("session-continued").await.len(), 1);
    }

    /// Whoever signed in with what is worth level two takes nothing of level three away, on their page or by the API; with level
    /// three they do, and what is worth no more goes with either.
    async fn weaker_sign_ins_take_nothing_stronger_away(db: Db) {
        let rig = Rig::new(db).await;
        let (mut strong, mut weak) = (SoftKey::new(), SoftKey::synced());
        rig.enrol_key(USER, "security-key", &mut strong).await;
        rig.pass(Duration::from_millis(1));
        rig.enrol_key(USER, "device", &mut weak).await;
        let path = format!("/authn/people/{USER}/authenticators");
        let kept = rig.browser().call(&person(USER), "GET", &path, None).await.json();
        let id = |at: usize| kept["authenticators"][at]["id"].as_str().unwrap().to_owned();
        assert_eq!((kept["authenticators"][0]["level"].as_str(), kept["authenticators"][1]["level"].as_str()), (Some("3"), Some("2")));
        let mut browser = rig.signed_in(&mut weak).await;
        let refused = browser.form(&format!("/account/authenticators/{}/removal", id(0)), &[]).await;
        assert!(refused.status == 409 && refused.body.contains("worth more than what you signed in with"), "{}", refused.body);
        let mut caller = person(USER);
        caller.assurance = Some("aal2".to_owned());
        let refused = rig.browser().call(&caller, "DELETE", &format!("{path}/{}", id(0)), None).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (409, Some("stronger-than-sign-in")), "{}", refused.body);
        assert_eq!(rig.events("authenticator-removed").await.len(), 0);
        rig.signed_in(&mut strong).await;
        assert_eq!(browser.form(&format!("/account/authenticators/{}/removal", id(1)), &[]).await.status, 303);
        assert_eq!(rig.browser().call(&person(USER), "DELETE", &format!("{path}/{}", id(0)), None).await.status, 204);
    }
}
