//! How many assignments a second are made through the router, each with its audit row and its row of the change feed:
//! one for each request with many requests at a time, and a hundred for each request.
//!
//! `cargo bench -p directory --bench assignments -- sqlite 5000` or `-- postgres 5000`. `TMPDIR` says where the database lies;
//! it is removed afterwards.

use std::fmt::Arguments;
use std::io::Write as _;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use directory::api::{ACT, OPERATE};
use directory::{Config, DocumentKey, Parts, Register, router};
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::{Act, Caller, CallerKind};
use platform::clock::Clock;
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use platform::id::UserId;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// How many requests are under way at a time.
const AT_ONCE: usize = 64;
/// How many a second there must be at least.
const BOUND: f64 = 1000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let engine = match arguments.first().map(String::as_str) {
        Some("sqlite") | None => Engine::Sqlite,
        Some("postgres") => Engine::Postgres,
        Some(other) => return tell(format_args!("no engine {other}: sqlite or postgres")),
    };
    let many = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(5000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime for the bench").block_on(run(engine, many));
}

async fn run(engine: Engine, many: u64) {
    let database = TestDb::new(engine).await;
    seed(&database.db, 2 * many + 1).await;
    let document_key = DocumentKey::new(&[7; 32]);
    let parts =
        Parts { config: Config::default(), db: database.db.clone(), clock: Clock::system(), document_key };
    let routes = router(Register::new(parts).expect("the default configuration is good"));
    let operator = caller(CallerKind::System, "operator", OPERATE);
    let manager = caller(CallerKind::Person, user(0).as_str(), ACT);
    let managers = made(&routes, &operator, "S0080:G0450:R5080").await;
    let first = json!({"person": user(0), "position": managers});
    send(&routes, &operator, "/directory/assignments", &first).await;
    let nurses = made(&routes, &manager, "S0010:G0020:R8000").await;

    let started = Instant::now();
    stream::iter(1..=many)
        .for_each_concurrent(AT_ONCE, |number| {
            let (routes, manager) = (&routes, &manager);
            let body = json!({"person": user(number), "position": nurses});
            async move { drop(send(routes, manager, "/directory/assignments", &body).await) }
        })
        .await;
    report(engine, "one for each request", many, started);

    let path = format!("/directory/positions/{nurses}/assignments");
    let started = Instant::now();
    let rows: Vec<UserId> = (many + 1..=2 * many).map(user).collect();
    for people in rows.chunks(100) {
        send(&routes, &manager, &path, &json!({"people": people})).await;
    }
    report(engine, "a hundred for each request", many, started);
}

fn report(engine: Engine, what: &str, many: u64, started: Instant) {
    let elapsed = started.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(many).unwrap_or(u32::MAX)) / elapsed;
    let bound = if rate < BOUND { "BELOW the bound" } else { "within the bound" };
    tell(format_args!("{engine:?}: {what:<28}{rate:>9.0}/s, {bound}"));
}

fn user(number: u64) -> UserId {
    UserId::from_number(number).expect("a small number")
}

fn caller(kind: CallerKind, subject: &str, act: Act) -> Caller {
    let client = "bench".parse().expect("a client id");
    let mut caller = Caller::new(kind, subject, client, [act.0]);
    caller.assurance = Some("aal3".to_owned());
    caller
}

async fn made(routes: &Router, caller: &Caller, job_role: &str) -> String {
    let body = json!({"organisation": "RXX", "name": job_role, "approval": {"how": "Board", "approver": "Head"},
        "access_profiles": [{"organisation": "RXX", "job_role": job_role}]});
    let made = send(routes, caller, "/directory/positions", &body).await;
    made["id"].as_str().expect("the position has an id").to_owned()
}

async fn send(routes: &Router, caller: &Caller, path: &str, body: &Value) -> Value {
    let mut request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", uuid::Uuid::new_v4().to_string())
        .body(Body::from(body.to_string()))
        .expect("a good request");
    request.extensions_mut().insert(caller.clone());
    let answer = routes.clone().oneshot(request).await.expect("the router answers");
    let status = answer.status();
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    let body = serde_json::from_slice(&bytes).expect("a body of JSON");
    assert!(matches!(status, StatusCode::OK | StatusCode::CREATED), "{status} {body}");
    body
}

/// One organisation, and people who hold nothing.
async fn seed(db: &Db, people: u64) {
    let rows: Vec<u64> = (0..people).collect();
    for rows in rows.chunks(1000).map(<[u64]>::to_vec) {
        db.write(move |tx| {
            Box::pin(async move {
                let organisation = "INSERT INTO directory_organisation (ods, name, status, version) \
                                    VALUES ('RXX', 'Example', 'active', 1) ON CONFLICT DO NOTHING";
                sqlx::query(organisation).execute(&mut *tx).await?;
                for number in rows {
                    sqlx::query("INSERT INTO directory_person (user_id, kind, state, standing, version) VALUES ($1, 'person', 'open', 'verified', 1)")
                        .bind(user(number).to_string())
                        .execute(&mut *tx)
                        .await?;
                }
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .expect("the database takes the people");
    }
}

fn tell(line: Arguments<'_>) {
    // Nobody reads on when it cannot be written.
    let _written = writeln!(std::io::stdout(), "{line}");
}
