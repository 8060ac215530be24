//! What a filled register has not: requests, a campaign and events of personnel systems, made before they are read.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use directory::Day;
use directory::api::FEED;
use http::Request;
use http_body_util::BodyExt as _;
use platform::caller::{Caller, CallerKind};
use platform::clock::Clock;
use platform::db::Db;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::asking::{Sample, caller};

/// How many requests and events there are.
const MANY: usize = 500;

/// What is read, each with who reads it.
pub(crate) struct Things {
    pub(crate) requests: Vec<Sample>,
    pub(crate) workgroups: Vec<Sample>,
    pub(crate) campaigns: Vec<Sample>,
    pub(crate) events: Vec<Sample>,
}

/// Makes them, and finds a workgroup of each trust.
pub(crate) async fn things(routes: &Router, db: &Db, samples: &[Sample]) -> Things {
    let mut things =
        Things { requests: Vec::new(), workgroups: Vec::new(), campaigns: Vec::new(), events: Vec::new() };
    let today = Day::of(Clock::system().now());
    let mut trusts = BTreeSet::new();
    for (number, sample) in samples.iter().take(MANY).enumerate() {
        let of = |thing: String| Sample { thing, ..sample.clone() };
        let ask = json!({"ask": {"kind": "redate", "assignment": sample.assignment, "end": null}});
        let asked = post(routes, &sample.manager, "/directory/requests", &ask).await;
        // What the manager may not ask for is passed over: of those above them, or elsewhere.
        if let Some(id) = asked["id"].as_str() {
            things.requests.push(of(id.to_owned()));
        }
        let event = json!({"id": format!("e-{number}"), "kind": "starter", "employee": format!("E{number}"), "sequence": 1,
            "day": today.to_string(), "position": "NOWHERE"});
        let mut payroll = caller(CallerKind::System, "payroll", FEED);
        payroll.organisation = sample.trust.parse().ok();
        let sent = post(routes, &payroll, "/directory/feed/events", &json!({"events": [event]})).await;
        if let Some(id) = sent["outcomes"][0]["event"].as_str() {
            things.events.push(of(id.to_owned()));
        }
        if !trusts.insert(sample.trust.clone()) {
            continue;
        }
        let workgroup: Option<(String,)> =
            sqlx::query_as("SELECT workgroup_id FROM directory_workgroup WHERE organisation = $1 LIMIT 1")
                .bind(&sample.trust)
                .fetch_optional(db.read())
                .await
                .expect("the workgroups of a trust");
        things.workgroups.extend(workgroup.map(|(id,)| of(id)));
        if things.campaigns.is_empty() {
            let campaign = json!({"organisation": sample.trust, "name": "Winter", "by": today.plus_days(30).to_string(),
                "unconfirmed": "report"});
            let started = post(routes, &sample.manager, "/directory/campaigns", &campaign).await;
            things.campaigns.extend(started["id"].as_str().map(|id| of(id.to_owned())));
        }
    }
    let all = [&things.requests, &things.workgroups, &things.campaigns, &things.events];
    assert!(all.iter().all(|things| !things.is_empty()), "something could not be made");
    things
}

async fn post(routes: &Router, who: &Caller, path: &str, body: &Value) -> Value {
    let mut request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", uuid::Uuid::new_v4().to_string())
        .body(Body::from(body.to_string()))
        .expect("a good request");
    request.extensions_mut().insert(who.clone());
    let answer = routes.clone().oneshot(request).await.expect("the router answers");
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
