//! Who leaves is signed out everywhere: the personnel system tells one process, and another one on the same database is asked.

use std::time::{Duration, Instant};

use axum::http::Method;
use platform::clock::{Clock, Millis};
use platform::db::Engine;
use platform::db::testing::TestDb;
use serde_json::Value;
use sqlx::Row as _;

use crate::rig::{Serving, Site};
use crate::visitor::{self, Led, Party, Visitor};

/// Within which time the session of somebody who has left has ended, counted from the answer to whoever said so.
const BOUND: Duration = Duration::from_secs(1);
/// How many times that it may take where the machine itself is so busy, with everything else that is tested and built meanwhile, that a
/// request is not answered within the bound. Where it is, the bound holds; and that nothing can be done with the session is given no time
/// at all.
const BUSY_MACHINE: u32 = 5;

/// Somebody is signed in through one process and leaves through another. From the answer on the first refuses their token and their
/// browser, asked at once; and within a second their session has ended in the database that both share. The colleague stays.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_left_is_signed_out_on_every_machine_within_a_second() {
    let database = TestDb::new(Engine::Postgres).await;
    let dir = tempfile::tempdir().unwrap();
    let first = Site::of_demo(dir.path());
    first.move_to(&database, dir.path());
    visitor::prepare(&first);
    let _serving = Serving::spawn(&first);
    first.private("/ready", 200).await;
    let (second, _second) = first.second();
    second.private("/ready", 200).await;
    let party = Party::register(&first).await;
    let colleague = party.employs(&first, "4712", "Bea").await;

    let (mut browser, mut other) = (Visitor::arrives(&first), Visitor::arrives(&first));
    let token = signed_in(&mut browser, &second, &party, &party.person).await;
    let kept = signed_in(&mut other, &second, &party, &colleague).await;
    assert_eq!(browser.userinfo(&second, &token).await.unwrap(), 200);
    assert_eq!(ended_at(&database, &party.person).await, None);

    let path = format!("/directory/scim/v2/Users/{}", party.person);
    let said = party.payroll(&first).status(Method::DELETE, &path, &Value::Null).await.unwrap();
    let (left, clock) = (Instant::now(), Clock::system().now());
    assert_eq!(said, 204);
    assert_eq!(browser.userinfo(&second, &token).await.unwrap(), 401, "from the answer on");
    let answered = left.elapsed();
    assert!(
        matches!(browser.asks(&second).await.unwrap(), Led::SignIn(_)),
        "the browser is asked to sign in"
    );

    let limit = if answered < BOUND { BOUND } else { BOUND * BUSY_MACHINE };
    let ended = loop {
        if let Some(ended) = ended_at(&database, &party.person).await {
            break ended;
        }
        assert!(
            left.elapsed() < BOUND * BUSY_MACHINE,
            "the session is open {:?} after the answer",
            left.elapsed()
        );
    };
    let took = ended.since(clock);
    assert!(took < limit, "the session ended {took:?} after the answer");
    eprintln!(
        "the session ended {took:?} after the answer; {limit:?} is the bound, and a request took {answered:?}"
    );

    assert_eq!(browser.userinfo(&second, &kept).await.unwrap(), 200);
    assert_eq!(ended_at(&database, &colleague).await, None);
}

/// Somebody signs in at one of the processes; an access token.
async fn signed_in(browser: &mut Visitor, site: &Site, party: &Party, person: &str) -> String {
    let code = browser.code(site, person).await.unwrap();
    let (status, given) = browser.exchanges(site, party, &code).await.unwrap();
    assert_eq!(status, 200, "{given}");
    given["access_token"].as_str().unwrap().to_owned()
}

/// When the one session of somebody ended, as the database has it.
async fn ended_at(database: &TestDb, person: &str) -> Option<Millis> {
    let sql = "SELECT ended_at FROM authn_session WHERE user_id = $1";
    let rows = sqlx::query(sql).bind(person.to_owned()).fetch_all(database.db.read()).await.unwrap();
    assert_eq!(rows.len(), 1, "one session of {person}");
    rows[0].try_get::<Option<i64>, _>("ended_at").unwrap().map(Millis)
}
