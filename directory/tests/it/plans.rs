//! Every read of the register, and the act that is done most, begins at an index: no statement reads a table from its
//! beginning, or everything that is in one state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use directory::api::{CHANGES, OPERATE, READ};
use directory::seed::bulk::{Order, fill};
use http::StatusCode;
use platform::db::Engine;
use platform::db::testing::TestDb;
use platform::id::UserId;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::rig::{Rig, person, system};

/// Hears the statements that are run.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<BTreeSet<String>>>);

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = if statement.whole.is_empty() { statement.summary } else { statement.whole };
        self.0.lock().unwrap().insert(text.trim().to_owned());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A statement as it is told: in a few words, and whole where those are not all of it.
#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// What is read: paths in which words in braces stand for ids.
const READS: [&str; 57] = [
    "/actor",
    "/people?name=ann",
    "/people?family=Thistle&given=A",
    "/people?registration=1234567",
    "/people?registration=1234567&body=GMC",
    "/people?email=a@nowhere.example",
    "/people?birth=1984-07-23",
    "/people?user_id={person}",
    "/people?organisation=Z00000",
    "/people?organisation=Z00000&state=open&name=th",
    "/people/{person}",
    "/people/{person}/history",
    "/people/{person}/assignments",
    "/people/{person}/assignments?state=all",
    "/people/{person}/roles",
    "/people/{person}/leaving",
    "/people/{person}/custody",
    "/people/{person}/messages",
    "/organisations/Z00000",
    "/organisations?name=th",
    "/organisations?code=Z00000",
    "/organisations?role=RO177",
    "/organisations?postcode=ZZ",
    "/organisations?ra_host=Z00000",
    "/organisations/Z00000/children",
    "/positions?organisation=Z00000",
    "/positions?organisation=Z00000&below=yes&name=nu",
    "/positions/{position}",
    "/positions/{position}/assignments",
    "/positions/{position}/assignments?state=all",
    "/positions/{position}/history",
    "/workgroups?organisation=Z00000",
    "/workgroups/{workgroup}",
    "/workgroups/{workgroup}/members",
    "/workgroups/{workgroup}/members?by=position",
    "/requests/{request}",
    "/campaigns?organisation=Z00000",
    "/campaigns/{campaign}",
    "/campaigns/{campaign}/items",
    "/reports/campaigns?organisation=Z00000",
    "/feed/events?organisation=Z00000",
    "/feed/events?organisation=Z00000&state=quarantined",
    "/feed/events/{event}",
    "/feed/links?organisation=Z00000",
    "/assignments/{assignment}",
    "/requests?view=closed",
    "/requests?view=mine",
    "/reports/users?organisation=Z00000",
    "/reports/users?organisation=Z00000&job_role=R8000&ends_within=30",
    "/reports/users?organisation=Z00000&state=closed",
    "/reports/assignments?organisation=Z00000",
    "/reports/assignments?organisation=Z00000&state=ended",
    "/reports/registrations?organisation=Z00000",
    "/reports/positions?organisation=Z00000",
    "/reports/requests?organisation=Z00000",
    "/reports/leavers?organisation=Z00000",
    "/requests",
];

/// Tables with a few rows, however many people there are, and what is made within a statement.
const SMALL: [&str; 13] = [
    "b",
    "m",
    "theirs",
    "line",
    "below",
    "above",
    "held",
    "up",
    "down",
    "CONSTANT",
    "directory_consumer",
    "directory_rbac_release",
    "leaving",
];

/// No read of a filled register begins at the beginning of a table, or with everything in a state; nor does an assignment.
#[tokio::test(flavor = "multi_thread")]
async fn every_read_begins_at_an_index() {
    let heard = Heard::default();
    tracing::subscriber::set_global_default(heard.clone()).unwrap();
    let test = TestDb::new(Engine::Sqlite).await;
    let rig = Rig::new(test.db.clone());
    fill(&rig.register, Order { people: 140, seed: 4 }, |_| {}).await.unwrap();
    let manager = person(UserId::from_number(1).unwrap().as_str());
    let reader = system("reader", &[READ, CHANGES, OPERATE]);
    let mut ids = ids(&rig).await;
    made(&rig, &mut ids).await;
    heard.0.lock().unwrap().clear();

    for path in READS {
        let mut path = format!("/directory{path}");
        for (word, id) in &ids {
            path = path.replace(word, id);
        }
        let answered = rig.get(&manager, &path).await;
        assert_eq!(answered.status, StatusCode::OK, "{path}: {:?}", answered.body);
    }
    for path in ["/directory/changes?after=0", "/directory/consumers"] {
        assert_eq!(rig.get(&reader, path).await.status, StatusCode::OK, "{path}");
    }
    let body = json!({"person": ids["{person}"], "position": ids["{free}"]});
    let made = rig.post(&manager, "/directory/assignments", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);

    let statements: Vec<String> = heard.0.lock().unwrap().iter().cloned().collect();
    let asked = |text: &&String| text.starts_with("SELECT") || text.starts_with("WITH");
    let questions: Vec<&String> = statements.iter().filter(asked).collect();
    assert!(questions.len() > 40, "only {} were heard: {statements:?}", questions.len());
    for question in questions {
        let steps = plan(&rig, question).await;
        for step in &steps {
            assert!(begins_well(step), "{question}\n{step}");
        }
        // A position may have ten thousands of holders.
        let pair = question.contains("user_id IN") && question.contains("AND position_id IN");
        assert!(!pair || steps.iter().any(|step| step.contains("directory_assignment_pair")), "{steps:?}");
    }
    test.db.close().await;
}

/// Whether a step reads only what it needs.
fn begins_well(step: &str) -> bool {
    let mut words = step.split_whitespace();
    match words.next() {
        Some("SCAN") => words.next().is_some_and(|of| SMALL.contains(&of)),
        Some("SEARCH") => {
            // A page of what was found, and the few organisations of a host, are looked up in an index made for it.
            let made = step.contains("AUTOMATIC") && !step.starts_with("SEARCH b ");
            // Along the last days of a state lie all of the nation.
            let last_days = step.contains("directory_assignment_end");
            !made && !last_days && !step.ends_with("(state=?)") && !step.ends_with("(status=?)")
        }
        _ => true,
    }
}

async fn plan(rig: &Rig, question: &str) -> Vec<String> {
    let places = question.split('$').skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    let text = format!("EXPLAIN QUERY PLAN {question}");
    let mut query = sqlx::query_as::<_, (i64, i64, i64, String)>(AssertSqlSafe(text));
    for _ in 0..places.max().unwrap_or(0) {
        query = query.bind(String::new());
    }
    let steps = query.fetch_all(rig.db.read()).await.unwrap();
    steps.into_iter().map(|(_, _, _, step)| step).collect()
}

/// A request, a campaign and an event of a personnel system, and their ids.
async fn made(rig: &Rig, ids: &mut BTreeMap<&'static str, String>) {
    let manager = person(UserId::from_number(1).unwrap().as_str());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let held = rig.get(&manager, &format!("/directory/people/{}/assignments", ids["{person}"])).await;
    let assignment = text(&held.body["items"][0]["id"]);
    let ask = json!({"ask": {"kind": "end-assignment", "assignment": assignment}});
    let asked = rig.post(&manager, "/directory/requests", &ask).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{:?}", asked.body);
    let by = directory::Day::of(crate::rig::START).plus_days(30).to_string();
    let campaign = json!({"organisation": "Z00000", "name": "Winter", "by": by, "unconfirmed": "report"});
    let started = rig.post(&manager, "/directory/campaigns", &campaign).await;
    assert_eq!(started.status, StatusCode::CREATED, "{:?}", started.body);
    let day = directory::Day::of(crate::rig::START).to_string();
    let mut event = crate::feed_rig::event("e-1", "starter", 1, 1, &day);
    event["position"] = json!("NOWHERE");
    let payroll = crate::feed_rig::personnel("payroll", "Z00000");
    let sent = rig.post(&payroll, "/directory/feed/events", &json!({"events": [event]})).await;
    assert_eq!(sent.status, StatusCode::OK, "{:?}", sent.body);
    ids.insert("{assignment}", assignment);
    ids.insert("{request}", text(&asked.body["id"]));
    ids.insert("{campaign}", text(&started.body["id"]));
    ids.insert("{event}", text(&sent.body["outcomes"][0]["event"]));
}

/// Ids of what is there: somebody without a rank, the position of the nurses, a position that is not theirs, a workgroup.
async fn ids(rig: &Rig) -> BTreeMap<&'static str, String> {
    let manager = person(UserId::from_number(1).unwrap().as_str());
    let first = async |path: &str| -> Value { rig.get(&manager, path).await.body["items"][0].clone() };
    let nurses = first("/directory/positions?organisation=Z00000&name=nurses").await;
    let pharmacists = first("/directory/positions?organisation=Z00000&name=pharmacists").await;
    let workgroup = first("/directory/workgroups?organisation=Z00000").await;
    let open: (String,) = sqlx::query_as(
        "SELECT p.user_id FROM directory_person p JOIN directory_assignment a ON a.user_id = p.user_id \
         WHERE p.state = 'open' AND a.position_id = $1 ORDER BY p.user_id LIMIT 1",
    )
    .bind(nurses["id"].as_str().unwrap())
    .fetch_one(rig.db.read())
    .await
    .unwrap();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    BTreeMap::from([
        ("{person}", open.0),
        ("{position}", text(&nurses)),
        ("{free}", text(&pharmacists)),
        ("{workgroup}", text(&workgroup)),
    ])
}
