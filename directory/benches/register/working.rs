//! Acts: assignments with their audit rows by many callers at a time, and effective rights from memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use directory::api::ACT;
use directory::rbac::{ActivityCode, Book, Content, JobRoleCode, rights as rights_of};
use directory::seed::bulk::BLOCK;
use directory::seed::national_roles;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::json;
use tower::ServiceExt as _;

use crate::asking::{caller, id};
use crate::nation;
use crate::told::Column;

/// How many requests are under way at a time.
const AT_ONCE: usize = 64;
/// How many assignments are made at most: some seconds of them.
const MOST: usize = 10_000;
/// How many a second there must be.
const GOAL: f64 = 1_000.0;
/// How many effective rights a second there must be.
const RIGHTS_GOAL: f64 = 100_000.0;
/// How long rights are worked out.
const LONG: Duration = Duration::from_secs(2);

/// Somebody, a position that is not theirs, and who may put them into it.
struct Task {
    user: String,
    position: String,
    manager: Caller,
}

/// Measures assignments beside rows that are written in the same way without the register.
pub(crate) async fn measure(routes: &Router, db: &Db, people: u64, column: &mut Column) {
    let rows = MOST.min(usize::try_from(people).unwrap_or(MOST));
    let started = Instant::now();
    stream::iter(0..rows).for_each_concurrent(AT_ONCE, |number| row(db, number)).await;
    let floor = column.rate("a row in a group, without the register", rows, started.elapsed(), None);

    let tasks = tasks(db, people, rows).await;
    let started = Instant::now();
    stream::iter(&tasks).for_each_concurrent(AT_ONCE, |task| assign(routes, task)).await;
    let rate = column.rate("assignments with their audit rows", tasks.len(), started.elapsed(), Some(GOAL));
    column.say("rows in the time of an assignment", format!("{:.1}", floor / rate.max(1.0)));
}

/// Writes one row through the writer.
async fn row(db: &Db, number: usize) {
    let written = db.write(move |tx| {
        Box::pin(async move {
            sqlx::query("INSERT INTO directory_once (caller, key, fingerprint, status, body, at) VALUES ('bench', $1, '', 200, '', 0)")
                .bind(number.to_string())
                .execute(&mut *tx)
                .await?;
            Ok::<_, platform::db::Error>(())
        })
    });
    written.await.expect("the writer takes a row");
}

/// People who are no pharmacists, trust by trust, until there are enough.
async fn tasks(db: &Db, people: u64, enough: usize) -> Vec<Task> {
    let mut tasks = Vec::with_capacity(enough);
    let blocks = people.div_ceil(BLOCK);
    let each = enough.div_ceil(usize::try_from(blocks).unwrap_or(1)).max(20);
    for block in 0..blocks {
        let position: Option<(String,)> = sqlx::query_as(
            "SELECT position_id FROM directory_position WHERE organisation = $1 AND name_key = 'pharmacists'",
        )
        .bind(format!("Z{block:05}"))
        .fetch_optional(db.read())
        .await
        .expect("the positions of a trust");
        let Some((position,)) = position else { continue };
        let free: Vec<(String,)> = sqlx::query_as(
            "SELECT p.user_id FROM directory_person p WHERE p.user_id >= $1 AND p.user_id < $2 AND p.state = 'open' AND p.standing = 'verified' \
             AND NOT EXISTS (SELECT 1 FROM directory_assignment a WHERE a.user_id = p.user_id AND a.position_id = $3) \
             ORDER BY p.user_id LIMIT $4",
        )
        .bind(id(block * BLOCK + 61))
        .bind(id((block + 1) * BLOCK + 1))
        .bind(&position)
        .bind(i64::try_from(each).unwrap_or(i64::MAX))
        .fetch_all(db.read())
        .await
        .expect("the people of a trust");
        let manager = caller(CallerKind::Person, &id(block * BLOCK + 1), ACT);
        tasks.extend(free.into_iter().map(|(user,)| Task {
            user,
            position: position.clone(),
            manager: manager.clone(),
        }));
        if tasks.len() >= enough {
            tasks.truncate(enough);
            break;
        }
    }
    tasks
}

async fn assign(routes: &Router, task: &Task) {
    let body = json!({"person": task.user, "position": task.position});
    let mut request = Request::post("/directory/assignments")
        .header("content-type", "application/json")
        .header("idempotency-key", uuid::Uuid::new_v4().to_string())
        .body(Body::from(body.to_string()))
        .expect("a good request");
    request.extensions_mut().insert(task.manager.clone());
    let answer = routes.clone().oneshot(request).await.expect("the router answers");
    let status = answer.status();
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&bytes));
}

/// Measures effective rights with a release as large as the nation's, and with that of the demonstration.
pub(crate) fn rights(column: &mut Column) {
    rights_in(nation::content(), "effective rights, roles of a nation", column);
    let small = national_roles().expect("the fixtures are good");
    rights_in(small, "effective rights, roles of the demo", column);
}

fn rights_in(content: Content, what: &'static str, column: &mut Column) {
    let book = Book::new(1, content).expect("the release is good");
    let roles: Vec<JobRoleCode> = book.content().job_roles.iter().map(|one| one.code).collect();
    let activities: Vec<ActivityCode> = book.content().activities.iter().map(|one| one.code).collect();
    let (started, mut many, mut found) = (Instant::now(), 0, 0);
    while started.elapsed() < LONG {
        for _ in 0..100 {
            let added = [activities[many % activities.len()], activities[many * 7 % activities.len()]];
            found += black_box(rights_of(&book, roles[many % roles.len()], &[], &added).activities().count());
            many += 1;
        }
    }
    assert!(found > many, "rights were found");
    column.rate(what, many, started.elapsed(), Some(RIGHTS_GOAL));
}
