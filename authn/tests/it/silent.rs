//! Requests that may ask nothing (`prompt=none`): whatever comes of them, nobody sees a page.

use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use crate::rig::{ANN, Answered, CALLBACK, ISSUER, Logged, Rig, request};

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

    /// From a frame in the page of another site a browser sends no cookie, neither of the request nor of a session: a relying party that asked silently
    /// by POST is told so. Nothing is given to whoever comes to it so, and it waits for its browser; where somebody is there they see a page.
    async fn frames_of_other_sites_are_answered(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let begun = posted(&rig, &[("prompt", "none")], &[("sec-fetch-dest", "iframe")]).await;
        for held in [&[][..], &[session.as_str()]] {
            let back = rig.browse(begun.location(), held).await;
            assert_eq!(back.sent_error().as_deref(), Some("login_required"), "{}", back.text);
            assert!(back.location().starts_with(CALLBACK), "{}", back.location());
            assert_eq!((back.sent("state").as_deref(), back.sent("code")), (Some("a-state"), None));
        }
        let pressed = rig.form(begun.location(), &[("cookie", &session)], &[("role", "1")]).await;
        assert_eq!((pressed.status, pressed.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{}", pressed.text);
        assert!(rig.browse(begun.location(), &[&begun.cookie(), &session]).await.sent("code").is_some(), "it waited");
        let gone = rig.browse(begun.location(), &[]).await;
        assert_eq!((gone.status, gone.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{}", gone.text);
        let asked = posted(&rig, &[], &[]).await;
        for held in [&[][..], &[session.as_str()]] {
            let page = rig.browse(asked.location(), held).await;
            assert_eq!((page.status, page.headers.get("location")), (StatusCode::BAD_REQUEST, None), "{}", page.text);
        }
    }
}
