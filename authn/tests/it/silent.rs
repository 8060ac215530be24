//! Requests that may ask nothing (`prompt=none`): whatever comes of them, nobody sees a page.

use http::StatusCode;
use platform::db::Db;
use serde_json::json;

use crate::rig::{ANN, ISSUER, Rig};

platform::both_engines! {
    /// What fails here is told to a relying party that asked silently, since a page would be seen by nobody; whoever is there is shown a page.
    async fn failures_are_told_to_whoever_asked_silently(db: Db) {
        let rig = Rig::new(db).await;
        rig.register("rp", &json!({})).await;
        let card = rig.sign_in(ANN, "smartcard").await;
        rig.db
            .write(|tx| Box::pin(async move {
                let text = "ALTER TABLE authn_grant RENAME TO authn_grant_away";
                sqlx::query(text).execute(&mut *tx).await.map(drop).map_err(platform::db::Error::from)
            }))
            .await
            .unwrap();
        let told = rig.authorise(&[("prompt", "none")], &[&card]).await;
        assert_eq!(told.sent_error().as_deref(), Some("server_error"), "{}", told.text);
        assert_eq!((told.sent("state").is_some(), told.sent("iss").as_deref(), told.sent("code")), (true, Some(ISSUER), None));
        let shown = rig.authorise(&[], &[&card]).await;
        assert_eq!(shown.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", shown.text);
    }
}
