//! People for the tests: those who act, and those who are acted on.

use directory::{AssignmentId, PositionId};
use http::{Method, StatusCode};
use platform::caller::Caller;
use platform::db::Db;
use platform::id::UserId;
use serde_json::{Value, json};

use crate::rig::{Answered, Rig, START, person};

/// Somebody with a rank in an organisation from 2026-01-01 on; `ra-agent` and so on.
pub(crate) async fn staff(
    db: &Db,
    number: u64,
    rank: Option<&'static str>,
    organisation: &'static str,
) -> Caller {
    let user = UserId::from_number(number).unwrap();
    insert_person(db, &user).await;
    assign(db, &user, rank, organisation, "2026-01-01").await;
    person(user.as_str())
}

async fn insert_person(db: &Db, user: &UserId) {
    let user = user.to_string();
    execute(
        db,
        "INSERT INTO directory_person (user_id, kind, state, version) VALUES ($1, 'person', 'open', 1)",
        vec![user],
    )
    .await;
}

/// Puts somebody into a position of their own, and gives the assignment.
pub(crate) async fn assign(
    db: &Db,
    user: &UserId,
    rank: Option<&'static str>,
    organisation: &str,
    from: &str,
) -> AssignmentId {
    let (position, assignment) = (PositionId::new(START), AssignmentId::new(START));
    let (job_role, activities) = role(rank);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    execute(
        db,
        "INSERT INTO directory_organisation (ods, name, status, version) VALUES ($1, $1, 'active', 1) \
         ON CONFLICT DO NOTHING",
        texts(&[organisation]),
    )
    .await;
    execute(
        db,
        "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
         VALUES ($1, $2, 'A position', 'A POSITION', 'open', 1)",
        texts(&[position.as_str(), organisation]),
    )
    .await;
    execute(
        db,
        "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, \
         activities) VALUES ($1, $1, 0, $2, $3, '', $4)",
        texts(&[position.as_str(), organisation, job_role, activities]),
    )
    .await;
    execute(
        db,
        "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, \
         made_by, made_at, version) VALUES ($1, $2, $3, $4, $5, 'live', 'cim', 'test', 0, 1)",
        texts(&[assignment.as_str(), user.as_str(), position.as_str(), organisation, from]),
    )
    .await;
    assignment
}

/// The job role and the activity that make a rank.
fn role(rank: Option<&str>) -> (&'static str, &'static str) {
    match rank {
        Some("ra-manager") => ("S0080:G0450:R5080", ""),
        Some("ra-agent") => ("S0080:G0450:R5090", "B0274"),
        Some("sponsor") => ("S0010:G0020:R8000", "B1300"),
        Some("id-checker") => ("S0010:G0020:R8000", "B0267"),
        _ => ("S0010:G0020:R8000", ""),
    }
}

/// Whether this is a time, in milliseconds, within a second after another: each request takes a moment.
pub(crate) fn soon_after(value: &Value, earlier: i64) -> bool {
    value.as_i64().is_some_and(|at| (earlier..earlier + 1000).contains(&at))
}

/// Writes with a statement and its texts.
pub(crate) async fn execute(db: &Db, text: &'static str, values: Vec<String>) {
    let done: Result<(), platform::db::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                let mut query = sqlx::query(text);
                for value in values {
                    query = query.bind(value);
                }
                query.execute(&mut *tx).await?;
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

/// The texts of one column.
pub(crate) async fn texts(db: &Db, text: &'static str, value: &str) -> Vec<String> {
    let rows: Vec<(String,)> =
        sqlx::query_as(text).bind(value.to_owned()).fetch_all(db.read()).await.unwrap();
    rows.into_iter().map(|(text,)| text).collect()
}

/// A person with the documents that a profile needs.
pub(crate) fn new_person(given: &str, family: &str, birth: &str, passport: &str) -> Value {
    json!({
        "name": {"given": given, "family": family},
        "birth": birth,
        "evidence": documents(passport),
    })
}

/// Three documents, among them a passport of this number.
pub(crate) fn documents(passport: &str) -> Value {
    json!([
        {"document": "passport", "issuer": "United Kingdom", "number": passport, "method": "f2f"},
        {"document": "utility-bill", "issuer": "Example Water", "method": "f2f"},
        {"document": "bank-statement", "issuer": "Example Bank", "method": "video"},
    ])
}

impl Rig {
    /// Makes a profile, and gives its user id.
    pub(crate) async fn make(&self, who: &Caller, body: &Value) -> UserId {
        let made = self.post(who, "/directory/people", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        made.body["user_id"].as_str().unwrap().parse().unwrap()
    }

    /// The present entity tag of a profile.
    pub(crate) async fn tag(&self, who: &Caller, user: &UserId) -> String {
        self.get(who, &format!("/directory/people/{user}")).await.etag()
    }

    /// Does something to a profile at its present version.
    pub(crate) async fn act(&self, who: &Caller, user: &UserId, act: &str, body: &Value) -> Answered {
        let tag = self.tag(who, user).await;
        let path = format!("/directory/people/{user}/{act}");
        self.send(who, Method::POST, &path, &[("if-match", &tag)], Some(body)).await
    }

    /// Changes details of a profile at its present version.
    pub(crate) async fn patch(&self, who: &Caller, user: &UserId, body: &Value) -> Answered {
        let tag = self.tag(who, user).await;
        let path = format!("/directory/people/{user}");
        self.send(who, Method::PATCH, &path, &[("if-match", &tag)], Some(body)).await
    }
}
