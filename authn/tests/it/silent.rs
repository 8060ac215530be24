//! Requests that may ask nothing (`prompt=none`): whatever comes of them, nobody sees a page.

use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use crate::rig::{ANN, Answered, ISSUER, Logged, Rig, request};

/// Posts the request of every test, changed so, as a page of another site does: without a cookie.
async fn posted(rig: &Rig, change: &[(&str, &str)], headers: &[(&str, &str)]) -> Answered {
    let query = request(change);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    rig.form("/authorize", headers, &pairs).await
}

/// Has a table fail from now on.
async fn take_away(db: &Db, statement: &'static str) {
    db.write(move |tx| {
        Box::pin(async move {
            sqlx::query(statement).execute(&mut *tx).await.map(drop).map_err(platform::db::Error::from)
        })
    })
    .await
    .unwrap();
}

platform::both_engines! {
    /// What fails here is told to a relying party that asked silently, since a page would be seen by nobody; whoever is there is shown a page. It is
    /// logged once, whoever is told, and by whichever way the request came.
    async fn failures_are_told_to_whoever_asked_silently(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let card = rig.sign_in(ANN, "smartcard").await;
        take_away(&rig.db, "ALTER TABLE authn_grant RENAME TO authn_grant_away").await;
        let logged = Logged::default();
        let _log = logged.begin();
        let told = rig.authorise(&[("prompt", "none")], &[&card]).await;
        assert_eq!(told.sent_error().as_deref(), Some("server_error"), "{}", told.text);
        assert_eq!((told.sent("state").is_some(), told.sent("iss").as_deref(), told.sent("code")), (true, Some(ISSUER), None));
        assert_eq!(logged.lines(), 1, "to the relying party, by GET");
        let shown = rig.authorise(&[], &[&card]).await;
        assert_eq!(shown.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", shown.text);
        assert_eq!(logged.lines(), 2, "on a page");
        take_away(&rig.db, "ALTER TABLE authn_interaction RENAME TO authn_interaction_away").await;
        let told = posted(&rig, &[("prompt", "none")], &[]).await;
        assert_eq!(told.sent_error().as_deref(), Some("server_error"), "{}", told.text);
        assert_eq!(logged.lines(), 3, "to the relying party, by POST");
        // What is no failure of ours is not logged.
        assert_eq!(rig.authorise(&[("prompt", "none")], &[]).await.sent_error().as_deref(), Some("login_required"));
        assert_eq!(logged.lines(), 3);
    }
}
