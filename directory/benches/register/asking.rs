//! Reads and searches through the router, one after the other, as the manager of the registration authority there.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use directory::api::ACT;
use directory::seed::Chance;
use directory::seed::bulk::BLOCK;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::{Act, Caller, CallerKind};
use platform::db::Db;
use platform::id::UserId;
use sqlx::AssertSqlSafe;
use tower::ServiceExt as _;

use crate::told::Column;

/// How often each is asked, each time of somebody else: what is asked twice is in memory the second time.
const TIMES: usize = 2_000;
/// A single read is not to take longer, 99 times of 100.
const READ_GOAL: Duration = Duration::from_millis(5);
/// A search is not to take longer, 99 times of 100.
const SEARCH_GOAL: Duration = Duration::from_millis(50);

/// How the path of a question comes from what it is about.
type Path = fn(&Sample) -> String;
/// The texts of what a question is about.
type Columns = (String, String, String, String, String, String, String, String, String);

/// Stands for the number of whoever has none.
const NO_NUMBER: &str = "none";

/// What a question is about.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) user: String,
    pub(crate) family: String,
    pub(crate) body: String,
    pub(crate) number: String,
    pub(crate) email: String,
    pub(crate) position: String,
    pub(crate) assignment: String,
    pub(crate) organisation: String,
    pub(crate) organisation_name: String,
    /// The trust, which hosts the registration authority.
    pub(crate) trust: String,
    pub(crate) manager: Caller,
    /// The id of what was made for the question.
    pub(crate) thing: String,
}

/// Measures every question.
pub(crate) async fn measure(routes: &Router, db: &Db, people: u64, column: &mut Column) {
    let samples = samples(db, people).await;
    let floor = floor(db, &samples).await;
    column.times("a row by its key, without the register", floor, None);
    let reads: [(&'static str, Path); 9] = [
        ("read a person", |it| format!("/people/{}", it.user)),
        ("read a person's history", |it| format!("/people/{}/history", it.user)),
        ("read a person's assignments", |it| format!("/people/{}/assignments", it.user)),
        ("read a person's roles", |it| format!("/people/{}/roles", it.user)),
        ("read an assignment", |it| format!("/assignments/{}", it.assignment)),
        ("read a position", |it| format!("/positions/{}", it.position)),
        ("read who is in a position, 50", |it| format!("/positions/{}/assignments", it.position)),
        ("read an organisation", |it| format!("/organisations/{}", it.organisation)),
        ("read the positions of an organisation", |it| {
            format!("/positions?organisation={}", it.organisation)
        }),
    ];
    for (what, path) in reads {
        column.times(what, ask(routes, &samples, path).await, Some(READ_GOAL));
    }
    let things = crate::making::things(routes, db, &samples).await;
    let of_things: [(&'static str, &[Sample], Path); 6] = [
        ("read a request", &things.requests, |it| format!("/requests/{}", it.thing)),
        ("read a workgroup", &things.workgroups, |it| format!("/workgroups/{}", it.thing)),
        ("read who is in a workgroup, 50", &things.workgroups, |it| {
            format!("/workgroups/{}/members", it.thing)
        }),
        ("read a campaign", &things.campaigns, |it| format!("/campaigns/{}", it.thing)),
        ("read what is in a campaign, 50", &things.campaigns, |it| format!("/campaigns/{}/items", it.thing)),
        ("read an event of a personnel system", &things.events, |it| format!("/feed/events/{}", it.thing)),
    ];
    for (what, of, path) in of_things {
        column.times(what, ask(routes, of, path).await, Some(READ_GOAL));
    }
    let actor = ask(routes, &samples, |_| "/actor".to_owned()).await;
    column.times("read who one is, as a manager", actor, Some(READ_GOAL));
    let registered: Vec<Sample> = samples.iter().filter(|it| it.number != NO_NUMBER).cloned().collect();
    let by_number: [(&'static str, &[Sample], Path); 3] = [
        ("search by a registration number", &registered, |it| format!("/people?registration={}", it.number)),
        ("search by a number and its body", &registered, |it| {
            format!("/people?registration={}&body={}", it.number, it.body)
        }),
        ("search by an e-mail address", &samples, |it| format!("/people?email={}", it.email)),
    ];
    for (what, of, path) in by_number {
        let finds = |it: &Sample, answer: &str| assert!(answer.contains(&it.user), "{what}: {answer}");
        column.times(what, ask_and_look(routes, of, path, finds).await, Some(SEARCH_GOAL));
    }
    let searches: [(&'static str, Path); 7] = [
        ("search by three letters of a name", |it| format!("/people?name={}", beginning(&it.family, 3))),
        ("search by five letters of a name", |it| format!("/people?name={}", beginning(&it.family, 5))),
        ("search by two letters and an organisation", |it| {
            format!("/people?name={}&organisation={}", beginning(&it.family, 2), it.organisation)
        }),
        ("search by five letters and an organisation", |it| {
            format!("/people?name={}&organisation={}", beginning(&it.family, 5), it.organisation)
        }),
        ("search by organisation", |it| format!("/people?organisation={}", it.organisation)),
        ("search an organisation by its name", |it| {
            format!("/organisations?name={}", beginning(&it.organisation_name, 5))
        }),
        ("search those that a trust hosts", |it| format!("/organisations?ra_host={}", &it.organisation[..6])),
    ];
    for (what, path) in searches {
        column.times(what, ask(routes, &samples, path).await, Some(SEARCH_GOAL));
    }
}

fn beginning(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect::<String>().to_lowercase()
}

/// People drawn from everywhere, with what hangs on them.
async fn samples(db: &Db, people: u64) -> Vec<Sample> {
    let mut chance = Chance::new(99);
    let mut samples = Vec::new();
    for _ in 0..TIMES {
        let number = chance.below(people);
        let user = id(number + 1);
        let text = "SELECT p.user_id, p.family, COALESCE((SELECT r.body FROM directory_registration r \
                    WHERE r.user_id = p.user_id ORDER BY r.body LIMIT 1), 'none'), COALESCE((SELECT r.number \
                    FROM directory_registration r WHERE r.user_id = p.user_id ORDER BY r.body LIMIT 1), 'none'), (SELECT c.value FROM directory_contact c \
                    WHERE c.user_id = p.user_id), a.position_id, a.assignment_id, a.organisation, o.name \
                    FROM directory_person p JOIN directory_assignment a ON a.user_id = p.user_id \
                    JOIN directory_organisation o ON o.ods = a.organisation WHERE p.user_id = $1 \
                    ORDER BY a.assignment_id";
        let rows: Vec<Columns> =
            sqlx::query_as(text).bind(&user).fetch_all(db.read()).await.expect("somebody who was made");
        let Some(row) = rows.get(chance.place(rows.len())).cloned() else { continue };
        let (
            user,
            family,
            body,
            number_of_body,
            email,
            position,
            assignment,
            organisation,
            organisation_name,
        ) = row;
        samples.push(Sample {
            user,
            family,
            body,
            number: number_of_body,
            email,
            position,
            assignment,
            organisation,
            organisation_name,
            trust: format!("Z{:05}", number / BLOCK),
            thing: String::new(),
            manager: caller(CallerKind::Person, &id(number / BLOCK * BLOCK + 1), ACT),
        });
    }
    samples
}

/// The id of somebody by their number.
pub(crate) fn id(number: u64) -> String {
    UserId::from_number(number).expect("a small number").to_string()
}

/// A caller with one act and the surest sign-in.
pub(crate) fn caller(kind: CallerKind, subject: &str, act: Act) -> Caller {
    let mut caller = Caller::new(kind, subject, "bench".parse().expect("a client id"), [act.0]);
    caller.assurance = Some("aal3".to_owned());
    caller
}

/// How long a row takes by its key.
async fn floor(db: &Db, samples: &[Sample]) -> Vec<Duration> {
    let mut times = Vec::with_capacity(TIMES);
    for sample in samples.iter().cycle().take(TIMES) {
        let started = Instant::now();
        let text = "SELECT family FROM directory_person WHERE user_id = $1".to_owned();
        let row: (String,) = sqlx::query_as(AssertSqlSafe(text))
            .bind(&sample.user)
            .fetch_one(db.read())
            .await
            .expect("somebody who was made");
        times.push(started.elapsed());
        assert_eq!(row.0, sample.family);
    }
    times
}

/// Asks the same of every sample; each answer must be good.
async fn ask(routes: &Router, samples: &[Sample], path: Path) -> Vec<Duration> {
    ask_and_look(routes, samples, path, |_, _| ()).await
}

/// Asks the same of every sample, and looks at each answer, which must be good.
async fn ask_and_look(
    routes: &Router,
    samples: &[Sample],
    path: Path,
    look: impl Fn(&Sample, &str),
) -> Vec<Duration> {
    let mut times = Vec::with_capacity(TIMES);
    for sample in samples.iter().cycle().take(TIMES) {
        let path = format!("/directory{}", path(sample));
        let mut request = Request::get(&path).body(Body::empty()).expect("a good request");
        request.extensions_mut().insert(sample.manager.clone());
        let started = Instant::now();
        let answer = routes.clone().oneshot(request).await.expect("the router answers");
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        times.push(started.elapsed());
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        look(sample, &text);
    }
    times
}
