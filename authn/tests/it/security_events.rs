//! Security events: that a session was revoked, pushed to whoever registered for it and had something of the session.

use http::Method;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, BEN, ISSUER, Rig, Site, part, user};

/// What has happened. CAEP 1.0 3.1
const EVENT: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

async fn log(rig: &Rig, client: &str) -> Value {
    let path = format!("/authn/configs/larkfield/{client}/logouts");
    rig.operate(Method::GET, &path, &json!(null)).await.json()["deliveries"].clone()
}

/// Signs somebody in to `rp`; the session's cookie and the ID token.
async fn signed_in(rig: &Rig, secret: &str, person: u64) -> (String, String) {
    let session = rig.sign_in(person, "smartcard").await;
    let code = rig.code(&[], &session).await;
    let tokens = rig.exchange(secret, &code, &[]).await.json();
    (session, tokens["id_token"].as_str().unwrap().to_owned())
}

async fn sign_out(rig: &Rig, (session, id_token): &(String, String)) {
    let path = format!("/end-session?id_token_hint={id_token}");
    assert_eq!(rig.browse(&path, &[session]).await.status.as_u16(), 200);
}

platform::both_engines! {
    /// An event is signed by a published key, names session, person and cause, and is the same when it comes again; the log says so.
    async fn revoked_sessions_are_told(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let secret = rig.register("rp", &json!({"security_events_uri": site.url("/logout"), "id_token_signed_response_alg": "ES256"})).await;
        let somebody = signed_in(&rig, &secret, ANN).await;
        let claims = rig.verified(&somebody.1).await;
        site.answer_logouts(503);
        sign_out(&rig, &somebody).await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        rig.pass(5);
        site.answer_logouts(202);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        let heard = site.heard();
        assert_eq!((heard.len(), heard[1].0["content-type"].to_str().unwrap()), (2, "application/secevent+jwt"));
        assert_eq!(heard[1].0["accept"].to_str().unwrap(), "application/json");
        let head: Value = part(&heard[1].1, 0);
        assert_eq!((&head["typ"], &head["alg"]), (&json!("secevent+jwt"), &json!("ES256")));
        let (first, told) = (rig.verified(&heard[0].1).await, rig.verified(&heard[1].1).await);
        assert_eq!(first, told, "the same event by the same jti");
        assert_eq!((&told["iss"], &told["aud"]), (&json!(ISSUER), &json!("rp")));
        assert_eq!((told.get("sub"), told.get("exp"), told.get("nonce")), (None, None, None), "it could pass for another token");
        let subject = json!({
            "format": "complex",
            "user": {"format": "iss_sub", "iss": ISSUER, "sub": user(ANN)},
            "session": {"format": "opaque", "id": claims["sid"]},
        });
        assert_eq!(told["sub_id"], subject);
        let event = &told["events"][EVENT];
        assert_eq!(told["events"].as_object().unwrap().len(), 1);
        assert_eq!((&event["initiating_entity"], &event["reason_admin"]["en"]), (&json!("user"), &json!("by-client")));
        assert_eq!(event["event_timestamp"], json!(rig.now().seconds() - 5), "when it ended, not when it is told");
        let entry = &log(&rig, "rp").await[0];
        assert_eq!((&entry["form"], &entry["state"], &entry["attempts"]), (&json!("session-revoked"), &json!("delivered"), &json!(2)));
        assert_eq!(rig.recorded("logout-told").await, 1);
        let published = rig.browse("/.well-known/ssf-configuration", &[]).await.json();
        assert_eq!(published["delivery_methods_supported"], json!(["urn:ietf:rfc:8935"]));
        assert_eq!((&published["issuer"], &published["jwks_uri"]), (&told["iss"], &json!(format!("{ISSUER}/jwks"))));
    }

    /// Nobody hears of a session in which they have nothing, of another person's, or at an address that is not theirs any more; whoever
    /// registered for both forms hears both, each in its own.
    async fn nobody_else_is_told(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let both = json!({"security_events_uri": site.url("/logout"), "backchannel_logout_uri": site.url("/logout")});
        let secret = rig.register("rp", &both).await;
        rig.register("rp-stranger", &json!({"security_events_uri": site.url("/deaf")})).await;
        site.answer_logouts(202);
        let (ann, ben) = (signed_in(&rig, &secret, ANN).await, signed_in(&rig, &secret, BEN).await);
        sign_out(&rig, &ann).await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 2);
        let heard = site.heard();
        let mut kinds: Vec<String> =
            heard.iter().map(|(headers, _)| headers["content-type"].to_str().unwrap().to_owned()).collect();
        kinds.sort();
        assert_eq!(kinds, ["application/secevent+jwt", "application/x-www-form-urlencoded"]);
        let all: String = heard.into_iter().map(|(_, body)| body).collect();
        assert!(!all.contains(&user(BEN)) && site.held().is_empty(), "somebody heard of what is not theirs");
        assert_eq!(log(&rig, "rp-stranger").await, json!([]));
        assert_eq!(rig.browse("/account", &[&ben.0]).await.status.as_u16(), 200);
        // The registration is taken away before the next one is told.
        let (id, path) = ("rp", "/authn/configs/larkfield/rp");
        let now = rig.operate(Method::GET, path, &json!(null)).await.json();
        let mut config = now["client_config"].clone();
        for member in ["security_events_uri", "backchannel_logout_uri"] {
            config.as_object_mut().unwrap().remove(member);
        }
        sign_out(&rig, &ben).await;
        let changed = format!("{path}?hash={}", now["hash"].as_str().unwrap());
        let changed = rig.operate(Method::PUT, &changed, &json!({"client_config": config})).await;
        assert_eq!(changed.status.as_u16(), 200, "{}", changed.text);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 2);
        assert_eq!(site.heard().len(), 2, "nothing more");
        let told = log(&rig, id).await;
        let given_up = told.as_array().unwrap().iter().filter(|one| one["state"] == "given-up").count();
        assert_eq!(given_up, 2, "{told}");
    }

    /// A relying party that does not answer at one of its addresses is told at the other: logout tokens do not wait for events.
    async fn each_form_is_told_by_itself(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        // Nobody listens there.
        let both = json!({"security_events_uri": "https://localhost:1/events", "backchannel_logout_uri": site.url("/logout")});
        let secret = rig.register("rp", &both).await;
        site.answer_logouts(200);
        for (number, tried) in [2, 1, 1].into_iter().enumerate() {
            let somebody = signed_in(&rig, &secret, ANN).await;
            sign_out(&rig, &somebody).await;
            assert_eq!(rig.provider.tell_due().await.unwrap(), tried, "{number}: the events rest");
            assert_eq!(site.heard().len(), number + 1, "the logout token arrives at once");
        }
        rig.pass(5);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1, "one call for all the events");
    }

    /// A receiver that says why it does not take an event is not asked again; one that is only out of order is.
    async fn receivers_may_refuse(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let secret = rig.register("rp", &json!({"security_events_uri": site.url("/events")})).await;
        let somebody = signed_in(&rig, &secret, ANN).await;
        sign_out(&rig, &somebody).await;
        site.answer_events(400, "<html>Bad Request</html>");
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        assert_eq!(log(&rig, "rp").await[0]["state"], "due");
        rig.pass(5);
        site.answer_events(400, r#"{"err": "invalid_audience", "description": "not for us"}"#);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        let entry = &log(&rig, "rp").await[0];
        assert_eq!((&entry["state"], &entry["outcome"]), (&json!("refused"), &json!("status 400: invalid_audience")));
        rig.pass(3600);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 0);
    }
}
