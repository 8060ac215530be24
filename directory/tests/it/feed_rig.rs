//! A personnel system and the positions that are linked to its own.

use directory::api::FEED;
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{Answered, system};
use crate::world::{MANAGER, NURSE, World, approval, text, user, who};

/// How many of those who hold nothing were announced.
const ANNOUNCED: u64 = 20;

/// A world with a personnel system of the trust.
pub(crate) struct Payroll {
    pub(crate) world: World,
    pub(crate) payroll: Caller,
}

/// A personnel system that speaks for an employer.
pub(crate) fn personnel(name: &str, employer: &str) -> Caller {
    let mut caller = system(name, &[FEED]);
    caller.organisation = Some(employer.parse().unwrap());
    caller
}

/// An event of an employee of whom the sender knows the user id.
pub(crate) fn event(id: &str, kind: &str, number: u64, sequence: u64, day: &str) -> Value {
    json!({"id": id, "kind": kind, "employee": format!("E{number}"), "sequence": sequence, "day": day})
}

/// The event with further members.
pub(crate) fn with(mut event: Value, members: &[(&str, &str)]) -> Value {
    for (member, value) in members {
        event[*member] = json!(value);
    }
    event
}

impl Payroll {
    /// The ward and the clinic are linked; the employee numbers of the first nurses are known.
    pub(crate) async fn new(db: Db) -> Self {
        let world = World::new(db).await;
        announce(&world.rig.db).await;
        let payroll = Self { world, payroll: personnel("payroll", "RXX") };
        let (ward, clinic) = (payroll.world.ward.clone(), payroll.world.clinic.clone());
        payroll.link("WARD", &ward).await;
        payroll.link("CLINIC", &clinic).await;
        payroll
    }

    /// Links a position.
    pub(crate) async fn link(&self, theirs: &str, position: &str) -> Value {
        let made = self.try_link(&who(MANAGER), theirs, position).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        made.body
    }

    pub(crate) async fn try_link(&self, caller: &Caller, theirs: &str, position: &str) -> Answered {
        let body = json!({"organisation": "RXX", "their_position": theirs, "position": position, "approval": approval()});
        self.world.rig.post(caller, "/directory/feed/links", &body).await
    }

    /// Sends events, and gives what became of each.
    pub(crate) async fn send(&self, events: &[Value]) -> Vec<Value> {
        self.send_as(&self.payroll, events, "no").await
    }

    pub(crate) async fn send_as(&self, caller: &Caller, events: &[Value], dry_run: &str) -> Vec<Value> {
        let body = json!({"events": events, "dry_run": dry_run});
        let answered = self.world.rig.post(caller, "/directory/feed/events", &body).await;
        assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
        answered.body["outcomes"].as_array().unwrap().clone()
    }

    /// Sends one event.
    pub(crate) async fn one(&self, event: Value) -> Value {
        self.send(&[event]).await.remove(0)
    }

    /// A decision on an event in quarantine, whatever its version.
    pub(crate) async fn decide(&self, caller: &Caller, event: &Value, act: &str, body: &Value) -> Answered {
        let id = event["event"].as_str().unwrap();
        self.world.act(caller, &format!("/directory/feed/events/{id}/{act}"), body).await
    }

    /// The events in a state, as the manager sees them.
    pub(crate) async fn events(&self, state: &str) -> Vec<Value> {
        let path = format!("/directory/feed/events?organisation=RXX&state={state}");
        let answered = self.world.rig.get(&who(MANAGER), &path).await;
        assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
        answered.body["items"].as_array().unwrap().clone()
    }

    /// What somebody holds now or later: position, first and last day.
    pub(crate) async fn holds(&self, number: u64) -> Vec<(String, String, Option<String>)> {
        let path = format!("/directory/people/{}/assignments", user(number));
        let answered = self.world.rig.get(&who(MANAGER), &path).await;
        let rows = answered.body["items"].as_array().unwrap().clone();
        let text = |row: &Value, member: &str| row[member].as_str().map(str::to_owned);
        rows.iter()
            .map(|row| (text(row, "position").unwrap(), text(row, "start").unwrap(), text(row, "end")))
            .collect()
    }

    /// Ends a link.
    pub(crate) async fn unlink(&self, link: &Value) -> Answered {
        let path = format!("/directory/feed/links/{}", link["id"].as_str().unwrap());
        self.world.rig.send(&who(MANAGER), Method::DELETE, &path, &[("if-match", "*")], None).await
    }

    /// How many rows there are of what a dry run must not leave.
    pub(crate) async fn rows(&self) -> i64 {
        let mut all = 0;
        for table in ["directory_feed_event", "directory_assignment", "directory_change", "audit_event"] {
            let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM {table}"
            )))
            .fetch_one(self.world.rig.db.read())
            .await
            .unwrap();
            all += count;
        }
        all
    }
}

/// Makes the employee numbers of the first nurses known, as announcing them does.
async fn announce(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            for number in NURSE..NURSE + ANNOUNCED {
                sqlx::query(
                    "INSERT INTO directory_person_link (source, external_id, user_name, user_id, content, at) \
                     VALUES ('scim payroll', $1, $1, $2, '', 0)",
                )
                .bind(format!("E{number}"))
                .bind(user(number))
                .execute(&mut *tx)
                .await?;
            }
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}

/// What was answered has this id of a thing.
pub(crate) fn id(answered: &Answered) -> String {
    text(answered, "id")
}
