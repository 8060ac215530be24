//! The report of smartcards: who sees it, of whom, with which filters, as pages and as a file.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use ca::api::{IssueRequest, Reason, RevokeRequest, SubjectData};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use platform::peer::Peer;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::{World, fresh_key, person};

const NURSE: &str = "555021942107";
const OTHER: &str = "555021942115";
const CHECKER: &str = "555000000019";
const STRANGER: &str = "555000000027";

/// Somebody who has signed in.
fn who(user: &str) -> Caller {
    let client = "sign-in-certificate".parse().unwrap();
    let mut caller = Caller::new(CallerKind::Person, user, client, [directory::api::ACT.0]);
    caller.assurance = Some("aal2".to_owned());
    caller
}

fn system(act: platform::caller::Act) -> Caller {
    Caller::new(CallerKind::System, "reader", "reader".parse().unwrap(), [act.0])
}

/// The routes of the report beside a register with a trust, its ward, and another trust.
async fn routes(world: &World) -> Router {
    let mut statements = Vec::new();
    for (ods, host) in [("RXX", "NULL"), ("RXX01", "'RXX'"), ("RYY", "NULL")] {
        statements.push(format!(
            "INSERT INTO directory_organisation (ods, name, status, ra_host, version) VALUES ('{ods}', '{ods}', 'active', {host}, 1)"
        ));
    }
    let people = [
        (CHECKER, 1, "RXX", "B0267"),
        (STRANGER, 2, "RYY", "B0267"),
        (NURSE, 3, "RXX01", "B0380"),
        (OTHER, 4, "RXX", "B0380"),
    ];
    for (user, number, organisation, activity) in people {
        let id = format!("01990000-0000-7000-8000-{number:012}");
        statements.push(format!(
            "INSERT INTO directory_person (user_id, kind, state, version, given, family) VALUES ('{user}', 'person', 'open', 1, 'Zoë', '{number}')"
        ));
        statements.push(format!(
            "INSERT INTO directory_position (position_id, organisation, name, name_key, state, version) \
             VALUES ('{id}', '{organisation}', '{number}', '{number}', 'open', 1)"
        ));
        statements.push(format!(
            "INSERT INTO directory_access_profile (access_profile_id, position_id, place, organisation, job_role, areas, activities) \
             VALUES ('{id}', '{id}', 1, '{organisation}', 'S0010:G0020:R8000', '', '{activity}')"
        ));
        statements.push(format!(
            "INSERT INTO directory_assignment (assignment_id, user_id, position_id, organisation, from_day, state, via, made_by, \
             made_at, version) VALUES ('{id}', '{user}', '{id}', '{organisation}', '2026-01-01', 'live', 'cim', 'x', 0, 1)"
        ));
    }
    world
        .db
        .write(|tx| {
            Box::pin(async move {
                for statement in statements {
                    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await?;
                }
                Ok::<_, platform::db::Error>(())
            })
        })
        .await
        .unwrap();
    let register = directory::Register::new(directory::Parts {
        config: directory::Config::default(),
        db: world.db.clone(),
        clock: world.clock.clone(),
        document_key: directory::DocumentKey::new(&[7; 32]),
    });
    let asking = Caller::module("ca", &[directory::api::ASK]);
    let peer = Peer::local(directory::router(register.unwrap()), asking);
    ca::reports_router(world.authority.clone(), directory::api::Client::new(peer))
}

async fn read(routes: &Router, caller: &Caller, query: &str, accept: &str) -> (StatusCode, String) {
    read_of(routes, caller, "smartcards", query, accept).await
}

async fn read_of(
    routes: &Router,
    caller: &Caller,
    report: &str,
    query: &str,
    accept: &str,
) -> (StatusCode, String) {
    let request = Request::builder()
        .uri(format!("/ca/reports/{report}?{query}"))
        .header("accept", accept)
        .extension(caller.clone())
        .body(Body::empty())
        .unwrap();
    let (parts, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(body.to_vec()).unwrap())
}

async fn rows(routes: &Router, query: &str) -> Vec<Value> {
    let (status, body) = read(routes, &who(CHECKER), query, "application/json").await;
    assert_eq!(status, StatusCode::OK, "{query}: {body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// Issues a certificate of a card.
async fn issued(world: &World, request: &str, profile: &str, user: &str) -> String {
    let subject = SubjectData { user_id: Some(user.to_owned()), ..person() };
    let request = IssueRequest::new(request, profile, subject, fresh_key());
    world.client.issue(&request).await.unwrap().serial
}

platform::both_engines! {
    /// Whoever may see cards of an organisation by the register's matrix sees those of its people, and nobody else does.
    async fn report_is_for_those_whom_the_register_allows(db: Db) {
        let (world, _) = World::with_hand(db).await;
        let routes = routes(&world).await;
        for (caller, query, status) in [
            (who(CHECKER), "organisation=RXX", StatusCode::OK),
            (who(CHECKER), "organisation=%20rxx01", StatusCode::OK),
            (system(directory::api::READ), "organisation=RYY", StatusCode::OK),
            (who(STRANGER), "organisation=RXX", StatusCode::FORBIDDEN),
            (who(CHECKER), "organisation=RYY", StatusCode::FORBIDDEN),
            (who(NURSE), "organisation=RXX", StatusCode::FORBIDDEN),
            (system(ca::api::READ), "organisation=RXX", StatusCode::FORBIDDEN),
            (system(directory::api::READ), "organisation=RZZ", StatusCode::NOT_FOUND),
            (who(CHECKER), "", StatusCode::BAD_REQUEST),
            (who(CHECKER), "organisation=RXX&state=lost", StatusCode::BAD_REQUEST),
            (who(CHECKER), "organisation=RXX&ends_within=0", StatusCode::BAD_REQUEST),
            (who(CHECKER), "organisation=RXX&issued_from=2027-02-29", StatusCode::BAD_REQUEST),
            (who(CHECKER), "organisation=RXX&below=maybe", StatusCode::BAD_REQUEST),
            (who(CHECKER), "organisation=RXX&after=%27", StatusCode::BAD_REQUEST),
            (who(CHECKER), "organisation=RXX&colour=red", StatusCode::BAD_REQUEST),
        ] {
            let (got, body) = read(&routes, &caller, query, "*/*").await;
            assert_eq!(got, status, "{} {query}: {body}", caller.subject);
        }
        let recorded: i64 = sqlx::query_scalar(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE module = 'ca' AND name = 'report-read'",
        ).fetch_one(world.db.read()).await.unwrap();
        assert_eq!(recorded, 3, "what is refused is not read");
    }

    /// Certificates of cards are told as they stand, by people and serials, and certificates of other kinds are not; pages follow
    /// each other, and the file has the same.
    async fn cards_are_told_as_they_stand(db: Db) {
        let (world, hand) = World::with_hand(db).await;
        let routes = routes(&world).await;
        let one = issued(&world, "1", "card-authentication", NURSE).await;
        let two = issued(&world, "2", "card-signing", NURSE).await;
        issued(&world, "3", "person-sign-in", NURSE).await;
        hand.advance(Duration::from_hours(24 * 100));
        let three = issued(&world, "4", "card-authentication", OTHER).await;
        let four = issued(&world, "5", "card-authentication", "555021942123").await;
        for (serial, reason) in [(&two, Reason::Superseded), (&three, Reason::CertificateHold)] {
            let request = RevokeRequest { reason, invalidity_date: None };
            world.client.revoke(serial, &request).await.unwrap();
        }
        let all = rows(&routes, "organisation=RXX").await;
        let told: Vec<(&str, &str)> = all.iter()
            .map(|row| (row["certificate"].as_str().unwrap(), row["state"].as_str().unwrap())).collect();
        let mut expected = vec![(one.as_str(), "active"), (two.as_str(), "cancelled")];
        expected.sort_unstable();
        expected.push((&three, "held"));
        assert_eq!(told, expected);
        assert!(!all.iter().any(|row| row["certificate"] == json!(four)), "whom nothing binds to the trust is not in it");
        let cancelled = all.iter().find(|row| row["state"] == "cancelled").unwrap();
        assert_eq!((&cancelled["reason"], &cancelled["given"], &cancelled["profile"]), (&json!("superseded"), &json!("Zoë"), &json!("card-signing")));
        assert!(cancelled["cancelled_at"].is_i64(), "{cancelled}");
        for (filters, many) in [
            ("state=active", 1), ("state=held", 1), ("state=cancelled", 1), ("state=expired", 0), ("below=no", 1),
            ("profile=card-signing", 1), ("profile=none", 0), ("ends_within=366", 0),
            ("issued_from=2027-04-01", 1), ("issued_to=2027-04-01", 2), ("ends_to=2027-04-01", 0), ("ends_from=2027-04-01", 3),
        ] {
            assert_eq!(rows(&routes, &format!("organisation=RXX&{filters}")).await.len(), many, "{filters}");
        }
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let (_, body) = read(&routes, &who(CHECKER), &format!("organisation=RXX&limit=1{after}"), "*/*").await;
            let page: Value = serde_json::from_str(&body).unwrap();
            paged.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", next.replace(' ', "%20")),
                None => break,
            }
        }
        assert_eq!(paged, all);
        let (_, whole) = read(&routes, &who(CHECKER), "organisation=RXX", "text/csv").await;
        let lines: Vec<&str> = whole.split_terminator("\r\n").collect();
        assert_eq!(lines[0], "user_id,given,family,certificate,profile,state,issued_at,ends_at,cancelled_at,reason");
        assert_eq!(lines.len(), 4, "{whole}");
        assert!(lines[3].starts_with(&format!("{OTHER},Zoë,4,{three},card-authentication,held,")), "{whole}");

        // Who has a card and who has none, each once.
        let holders = async |filters: &str| {
            let query = format!("organisation=RXX&{filters}");
            let (status, body) = read_of(&routes, &who(CHECKER), "cardholders", &query, "*/*").await;
            assert_eq!(status, StatusCode::OK, "{query}: {body}");
            let page: Value = serde_json::from_str(&body).unwrap();
            (page["items"].as_array().unwrap().clone(), page["next"].as_str().map(str::to_owned))
        };
        let ids = |rows: &[Value]| rows.iter().map(|row| row["user_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let (people, _) = holders("").await;
        let has = |user: &str| people.iter().find(|row| row["user_id"] == user).unwrap();
        assert_eq!((&has(NURSE)["has_card"], &has(NURSE)["active"], &has(NURSE)["cancelled"]), (&json!("yes"), &json!(1), &json!(1)));
        assert_eq!((&has(OTHER)["has_card"], &has(OTHER)["held"], has(OTHER).get("next_end")), (&json!("yes"), &json!(1), None));
        assert_eq!((&has(CHECKER)["has_card"], &has(CHECKER)["active"]), (&json!("no"), &json!(0)));
        let (with, without) = (holders("has_card=yes").await.0, holders("has_card=no").await.0);
        assert_eq!(ids(&with).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([NURSE.to_owned(), OTHER.to_owned()]));
        assert_eq!((with.len() + without.len(), ids(&without).contains(&CHECKER.to_owned())), (people.len(), true));
        assert_eq!(ids(&holders("state=cancelled").await.0), [NURSE]);
        assert_eq!(ids(&holders("state=held").await.0), [OTHER]);
        assert_eq!(ids(&holders("ends_within=366").await.0), [] as [&str; 0]);
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let (rows, next) = holders(&format!("has_card=yes&limit=1{after}")).await;
            paged.extend(rows);
            let Some(next) = next else { break };
            after = format!("&after={}", next.replace(' ', "%20"));
        }
        assert_eq!(paged, with);
        let (_, whole) = read_of(&routes, &who(CHECKER), "cardholders", "organisation=RXX", "text/csv").await;
        assert_eq!(whole.split_terminator("\r\n").count(), 1 + people.len(), "{whole}");
        let (refused, _) = read_of(&routes, &who(NURSE), "cardholders", "organisation=RXX", "*/*").await;
        assert_eq!(refused, StatusCode::FORBIDDEN);

        hand.advance(Duration::from_hours(24 * 640));
        assert_eq!(rows(&routes, "organisation=RXX&state=expired").await.len(), 1, "what was cancelled stays so");
        assert_eq!(rows(&routes, "organisation=RXX&state=cancelled").await.len(), 1);
    }
}
