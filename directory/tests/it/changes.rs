//! The change feed over HTTP.

use directory::api::{CHANGES, READ};
use http::{Method, StatusCode};
use platform::db::Db;
use serde_json::json;

use crate::rig::{Rig, system};

platform::both_engines! {
    /// A consumer tells how far it has come, for itself only; whoever lacks the act learns nothing.
    async fn consumer_tells_of_itself_only(db: Db) {
        let rig = Rig::new(db);
        let consumer = system("ca-node", &[CHANGES]);
        let body = json!({"applied": 7});
        let put = |path| rig.send(&consumer, Method::PUT, path, &[], Some(&body));
        assert_eq!(put("/directory/consumers/ca-node").await.status, StatusCode::NO_CONTENT);
        assert_eq!(put("/directory/consumers/other").await.code(), "consumer-of-another");
        let consumers = rig.get(&consumer, "/directory/consumers").await;
        assert_eq!((consumers.body[0]["name"].as_str(), consumers.body[0]["applied"].as_i64()), (Some("ca-node"), Some(7)));
        assert_eq!(consumers.body.as_array().map(Vec::len), Some(1));
        let changes = rig.get(&consumer, "/directory/changes?after=0").await;
        assert_eq!(changes.body, json!({"changes": []}));
        let stranger = system("stranger", &[READ]);
        assert_eq!(rig.get(&stranger, "/directory/changes").await.status, StatusCode::FORBIDDEN);
        assert_eq!(rig.get(&stranger, "/directory/consumers").await.status, StatusCode::FORBIDDEN);
    }
}
