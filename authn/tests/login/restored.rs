//! What a restored copy brings back, and what a recovery by the registration authority takes away.

use std::time::Duration;

use platform::db::Db;
use platform::id::UserId;
use serde_json::json;

use crate::rig::{ALL, OTHER, Rig, SoftKey, USER, code, desk};

const EMAIL: &str = "aisha@example.org";
const PASSWORD: &str = "correct horse battery";

/// Rows as somebody has them who was added past the bound: more keys than one may have.
async fn many_keys(rig: &Rig, many: usize) {
    rig.db
        .write(move |tx| {
            Box::pin(async move {
                for _ in 0..many {
                    sqlx::query(
                        "INSERT INTO authn_authenticator (authenticator_id, user_id, method, name, version, created_at, \
                         created_by) VALUES ($1, $2, 'security-key', 'one of many', 1, 1, 'the test')",
                    )
                    .bind(uuid::Uuid::now_v7().to_string())
                    .bind(USER)
                    .execute(&mut *tx)
                    .await?;
                }
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}

platform::both_engines! {
    /// In a restored copy every session and grant ends, links and ceremonies are over, codes of apps of before are used, and each
    /// authenticator that signs in is told; done again it ends nothing more.
    async fn nothing_of_a_copy_goes_on(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let mut browser = rig.signed_in(&mut key).await;
        let (mut enrolling, link) = rig.opened(OTHER, "issue").await;
        let mut waiting = rig.browser();
        let here = rig.begin(&mut waiting, ALL).await;
        let shown = code(&seed, rig.now());
        let mut told = Vec::new();
        let ended = authn::recover(&rig.db, rig.now(), &mut |one| told.push((one.user.clone(), one.method.clone()))).await.unwrap();
        assert_eq!((ended.sessions, ended.links, ended.authenticators), (1, 1, 2));
        told.sort();
        assert_eq!(told, [(USER.to_owned(), "security-key".to_owned()), (USER.to_owned(), "totp".to_owned())]);
        assert_eq!(browser.get("/account").await.status, 401);
        assert_eq!(rig.events("session-ended").await[0]["cause"], "restored");
        assert_eq!(enrolling.get(&format!("{link}/choose")).await.status, 404);
        assert_eq!(waiting.get(&here).await.status, 404);
        // The code that was shown, perhaps used before, and the next one, of a clock that is ahead.
        for _ in 0..2 {
            let mut other = rig.browser();
            let there = rig.begin(&mut other, ALL).await;
            let fields = [("email", EMAIL), ("password", PASSWORD), ("code", shown.as_str())];
            let refused = other.form(&format!("{there}/app"), &fields).await;
            assert!(refused.status == 403 && refused.body.contains("That code was used already"), "{}", refused.body);
            rig.pass(Duration::from_secs(30));
        }
        rig.pass(Duration::from_secs(30));
        let mut other = rig.browser();
        let there = rig.begin(&mut other, ALL).await;
        let fields = [("email", EMAIL), ("password", PASSWORD), ("code", &code(&seed, rig.now()))];
        assert_eq!(other.form(&format!("{there}/app"), &fields).await.status, 303, "a later code is good");
        rig.signed_in(&mut key).await;
        let record = rig.events("sign-in-recovered").await;
        assert_eq!((record.len(), &record[0]["sessions"], &record[0]["authenticators"]), (1, &json!(1), &json!(2)));
    }

    /// More sessions than one page end all.
    async fn however_many_there_are(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        for _ in 0..65 {
            rig.signed_in(&mut key).await;
        }
        let ended = authn::recover(&rig.db, rig.now(), &mut |_| {}).await.unwrap();
        assert_eq!(ended.sessions, 65);
        let again = authn::recover(&rig.db, rig.now(), &mut |_| {}).await.unwrap();
        assert_eq!((again.sessions, again.grants, again.links, again.authenticators), (0, 0, 0, 1));
    }

    /// A recovery takes everything away, however many authenticators there are, the app among them, and older links with it; the
    /// recovered person's browsers are strangers again.
    async fn recovery_leaves_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let mut new = SoftKey::new();
        many_keys(&rig, 23).await;
        let seed = rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.pass(Duration::from_secs(30));
        let mut home = rig.browser();
        let here = rig.begin(&mut home, ALL).await;
        let fields = [("email", EMAIL), ("password", PASSWORD), ("code", &code(&seed, rig.now()))];
        assert_eq!(home.form(&format!("{here}/app"), &fields).await.status, 303);
        let (mut older, link) = rig.opened(USER, "issue").await;
        let (mut browser, recovery) = rig.opened(USER, "recovery").await;
        assert_eq!(browser.enrol(&recovery, "security-key", &mut new).await.status, 200);
        let path = format!("/authn/people/{USER}/authenticators");
        let kept = rig.browser().call(&desk(), "GET", &path, None).await.json();
        assert_eq!(kept["authenticators"].as_array().unwrap().len(), 1, "{kept}");
        assert_eq!(rig.events("authenticator-removed").await.len(), 24);
        assert_eq!(older.get(&format!("{link}/choose")).await.status, 404, "a link of before");
        assert_eq!(rig.events("enrolment-cancelled").await.len(), 1);
        assert_eq!(home.get("/account").await.status, 401);
        for table in ["authn_known_address", "authn_known_browser"] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}"));
            let rows: i64 = sqlx::query_scalar(sql).fetch_one(rig.db.read()).await.unwrap();
            assert_eq!(rows, 0, "{table}");
        }
        rig.signed_in(&mut new).await;
    }

    /// When a record is found to be another's, its sessions end and what it had is free: its e-mail address can be another
    /// profile's, and its links are over.
    async fn a_merged_record_gives_back_what_it_had(db: Db) {
        let rig = Rig::new(db).await;
        let mut key = SoftKey::new();
        rig.enrol_key(USER, "security-key", &mut key).await;
        rig.enrol_app(USER, EMAIL, PASSWORD).await;
        rig.signed_in(&mut key).await;
        rig.link(USER, "issue").await;
        let person: UserId = USER.parse().unwrap();
        merged(&rig, person.as_str()).await;
        let following = rig.provider.follow_register();
        let done = async {
            while rig.events("authenticator-removed").await.len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = following => {}, () = done => {} }
        assert_eq!(rig.events("session-ended").await[0]["cause"], "merged");
        assert_eq!(rig.events("authenticator-removed").await[0]["reason"], "merged");
        assert_eq!(rig.events("enrolment-cancelled").await.len(), 1);
        rig.enrol_app(OTHER, EMAIL, PASSWORD).await;
    }
}

/// What the register writes when a record is found to be another's.
async fn merged(rig: &Rig, user: &str) {
    let (user, at) = (user.to_owned(), rig.now().0);
    rig.db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query("UPDATE directory_person SET state = 'merged' WHERE user_id = $1")
                    .bind(user.clone())
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(
                    "INSERT INTO directory_change (number, at, kind, subject, person) VALUES (1, $1, 'person-merged', $2, $2)",
                )
                .bind(at)
                .bind(user)
                .execute(&mut *tx)
                .await?;
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
}
