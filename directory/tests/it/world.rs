//! A small world: a trust with a department, another trust, and somebody of every rank, made through the router.

use std::time::Duration;

use directory::api::{OPERATE, READ};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::id::UserId;
use serde_json::{Value, json};

use crate::rig::{Answered, Rig, person, system};

pub(crate) const MANAGER: u64 = 1;
pub(crate) const ADVANCED: u64 = 2;
pub(crate) const AGENT: u64 = 3;
pub(crate) const SPONSOR: u64 = 4;
pub(crate) const CHECKER: u64 = 5;
pub(crate) const AGENT_TWO: u64 = 6;
/// Those who hold nothing in the registration authority begin here; there are two hundred.
pub(crate) const NURSE: u64 = 100;

pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) operator: Caller,
    pub(crate) manager_position: String,
    pub(crate) agent_position: String,
    pub(crate) sponsor_position: String,
    /// A nurse in the department, which the sponsor may assign.
    pub(crate) ward: String,
    /// A nurse in the trust, which the sponsor may not.
    pub(crate) clinic: String,
}

/// The user id of somebody.
pub(crate) fn user(number: u64) -> String {
    UserId::from_number(number).unwrap().to_string()
}

/// Somebody who has signed in with a smartcard.
pub(crate) fn who(number: u64) -> Caller {
    person(&user(number))
}

/// A day some days after the world began.
pub(crate) fn day(after: i64) -> String {
    directory::Day::of(crate::rig::START).plus_days(after).to_string()
}

pub(crate) fn approval() -> Value {
    json!({"how": "Minutes of the board", "approver": "Head of nursing"})
}

/// What a position in an organisation is made of.
pub(crate) fn position(organisation: &str, name: &str, job_role: &str, activities: &[&str]) -> Value {
    json!({
        "organisation": organisation, "name": name, "approval": approval(),
        "access_profiles": [{"organisation": organisation, "job_role": job_role, "activities": activities,
            "areas": ["P0010:Q0020:T0030"]}],
    })
}

/// What makes the ranks.
pub(crate) const ROLE_OF_MANAGERS: &str = "S0080:G0450:R5080";
pub(crate) const ROLE_OF_AGENTS: &str = "S0080:G0450:R5090";
pub(crate) const ROLE_OF_NURSES: &str = "S0010:G0020:R8000";

impl World {
    pub(crate) async fn new(db: Db) -> Self {
        Self::with(db, directory::Config::default()).await
    }

    /// The same under other settings.
    pub(crate) async fn with(db: Db, config: directory::Config) -> Self {
        seed(&db).await;
        let rig = Rig::with(db, config);
        let mut world = Self {
            rig,
            operator: system("operator", &[OPERATE, READ]),
            manager_position: String::new(),
            agent_position: String::new(),
            sponsor_position: String::new(),
            ward: String::new(),
            clinic: String::new(),
        };
        let operator = world.operator.clone();
        let managers = position("RXX", "RA managers", ROLE_OF_MANAGERS, &[]);
        world.manager_position = world.make(&operator, &managers).await;
        world.assign(&operator, MANAGER, &world.manager_position.clone()).await;
        let manager = who(MANAGER);
        let advanced = position("RXX", "Advanced agents", ROLE_OF_AGENTS, &["B0272", "B0274"]);
        let advanced = world.make(&manager, &advanced).await;
        world.assign(&manager, ADVANCED, &advanced).await;
        let agents = position("RXX", "Agents", ROLE_OF_AGENTS, &["B0274"]);
        world.agent_position = world.make(&manager, &agents).await;
        world.assign(&manager, AGENT, &world.agent_position.clone()).await;
        world.assign(&manager, AGENT_TWO, &world.agent_position.clone()).await;
        let sponsors = position("RXX", "Ward managers", ROLE_OF_NURSES, &["B1300"]);
        world.sponsor_position = world.make(&manager, &sponsors).await;
        world.assign(&manager, SPONSOR, &world.sponsor_position.clone()).await;
        let checkers = world.make(&manager, &position("RXX", "Checkers", ROLE_OF_NURSES, &["B0267"])).await;
        world.assign(&manager, CHECKER, &checkers).await;
        world.ward =
            world.make(&manager, &position("RXX01", "Nurses of ward 7", ROLE_OF_NURSES, &["B0380"])).await;
        world.clinic =
            world.make(&manager, &position("RXX", "Nurses of the clinic", ROLE_OF_NURSES, &["B0380"])).await;
        let assignable = json!({"positions": [world.ward], "approval": approval()});
        let path = format!("/directory/positions/{}/assignable", world.sponsor_position);
        let done =
            world.rig.send(&manager, Method::PUT, &path, &[("if-match", "*")], Some(&assignable)).await;
        assert_eq!(done.status, StatusCode::OK, "{:?}", done.body);
        world
    }

    /// Makes a position.
    pub(crate) async fn make(&self, caller: &Caller, body: &Value) -> String {
        let made = self.rig.post(caller, "/directory/positions", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        text(&made, "id")
    }

    /// Puts somebody into a position without an end.
    pub(crate) async fn assign(&self, caller: &Caller, number: u64, position: &str) -> String {
        let made = self.try_assign(caller, number, position).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        text(&made, "id")
    }

    pub(crate) async fn try_assign(&self, caller: &Caller, number: u64, position: &str) -> Answered {
        let body = json!({"person": user(number), "position": position});
        self.rig.post(caller, "/directory/assignments", &body).await
    }

    /// Changes something whatever its version.
    pub(crate) async fn patch(&self, caller: &Caller, path: &str, body: &Value) -> Answered {
        self.rig.send(caller, Method::PATCH, path, &[("if-match", "*")], Some(body)).await
    }

    /// A POST that means whatever version there is.
    pub(crate) async fn act(&self, caller: &Caller, path: &str, body: &Value) -> Answered {
        self.rig.send(caller, Method::POST, path, &[("if-match", "*")], Some(body)).await
    }

    /// The roles of somebody, as relying parties get them.
    pub(crate) async fn roles(&self, number: u64) -> Vec<Value> {
        let answered =
            self.rig.get(&self.operator, &format!("/directory/people/{}/roles", user(number))).await;
        assert_eq!(answered.status, StatusCode::OK, "{:?}", answered.body);
        answered.body["roles"].as_array().unwrap().clone()
    }

    /// Goes on by some days.
    pub(crate) fn wait_days(&self, days: u64) {
        self.rig.hand.advance(Duration::from_secs(days * 86_400));
    }

    /// Sweeps until nothing is left to do.
    pub(crate) async fn sweep(&self) {
        for _ in 0..20 {
            if self.rig.register.sweep(self.rig.now()).await.unwrap().is_nothing() {
                return;
            }
        }
        panic!("sweeping never ends");
    }

    /// The kinds and subjects of the change feed after a number.
    pub(crate) async fn changes(&self, after: u64) -> Vec<(String, String)> {
        let follower = system("follower", &[directory::api::CHANGES]);
        let path = format!("/directory/changes?after={after}&limit=1000");
        let answered = self.rig.get(&follower, &path).await;
        let rows = answered.body["changes"].as_array().unwrap();
        rows.iter()
            .map(|row| {
                (row["kind"].as_str().unwrap().to_owned(), row["subject"].as_str().unwrap().to_owned())
            })
            .collect()
    }

    /// Whether every event that was recorded is called in the record as it calls itself, as `docs/events.md` has it.
    pub(crate) async fn demand_one_name(&self) {
        let rows: Vec<(String, Vec<u8>)> =
            sqlx::query_as("SELECT name, body FROM audit_event WHERE module = 'directory'")
                .fetch_all(self.rig.db.read())
                .await
                .unwrap();
        assert!(!rows.is_empty());
        for (name, body) in rows {
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["event"]["event"], json!(name));
        }
    }

    /// The last event of a name, by the audit record.
    pub(crate) async fn event(&self, name: &str) -> Value {
        let text = "SELECT body FROM audit_event WHERE module = 'directory' AND name = $1 ORDER BY ordinal DESC LIMIT 1";
        let (body,): (Vec<u8>,) =
            sqlx::query_as(text).bind(name).fetch_one(self.rig.db.read()).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["event"].clone()
    }

    /// How often something happened, by the audit record.
    pub(crate) async fn recorded(&self, name: &str) -> i64 {
        let (many,): (i64,) = sqlx::query_as(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE module = 'directory' AND name = $1",
        )
        .bind(name)
        .fetch_one(self.rig.db.read())
        .await
        .unwrap();
        many
    }
}

/// A member of what was answered.
pub(crate) fn text(answered: &Answered, member: &str) -> String {
    answered.body[member].as_str().unwrap_or_else(|| panic!("{member}: {:?}", answered.body)).to_owned()
}

/// Organisations and people, which other parts of the register make.
async fn seed(db: &Db) {
    db.write(|tx| {
        Box::pin(async move {
            for (ods, host) in [("RXX", None), ("RXX01", Some("RXX")), ("RXX02", Some("RXX")), ("RYY", None)] {
                sqlx::query(
                    "INSERT INTO directory_organisation (ods, name, status, ra_host, version) VALUES ($1, $1, 'active', $2, 1)",
                )
                .bind(ods)
                .bind(host)
                .execute(&mut *tx)
                .await?;
            }
            // The ward is operated by the trust. The other one is independent, and only its registration authority is the trust's.
            sqlx::query(
                "INSERT INTO directory_organisation_relationship (ods, place, instance, relationship, target, status) \
                 VALUES ('RXX01', 0, '1', 'RE6', 'RXX', 'active')",
            )
            .execute(&mut *tx)
            .await?;
            for number in (1..10).chain(NURSE..NURSE + 200) {
                sqlx::query(
                    "INSERT INTO directory_person (user_id, kind, state, standing, version) VALUES ($1, 'person', 'open', 'verified', 1)",
                )
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

/// Somebody of whom it was not checked, or was, who they are.
pub(crate) async fn stand(db: &Db, number: u64, standing: &'static str) {
    let text = "UPDATE directory_person SET standing = $1 WHERE user_id = $2";
    crate::people_rig::execute(db, text, vec![standing.to_owned(), user(number)]).await;
}

/// Closes a profile, as the part that keeps people does.
pub(crate) async fn close_person(db: &Db, number: u64) {
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query("UPDATE directory_person SET state = 'closed' WHERE user_id = $1")
                .bind(user(number))
                .execute(&mut *tx)
                .await?;
            Ok::<_, platform::db::Error>(())
        })
    })
    .await
    .unwrap();
}
