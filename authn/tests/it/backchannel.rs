//! Telling relying parties that a session has ended, until they hear it or nobody can expect it any more.

use http::Method;
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ANN, Rig, Site, part};

async fn log(rig: &Rig, client: &str) -> Value {
    let path = format!("/authn/configs/larkfield/{client}/logouts");
    rig.operate(Method::GET, &path, &json!(null)).await.json()["deliveries"].clone()
}

platform::both_engines! {
    /// Whoever does not answer is told again, ever later, and given up in the end; each attempt is in the log of its client.
    async fn messages_come_again(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let told = json!({"backchannel_logout_uri": site.url("/logout")});
        let secret = rig.register("rp", &told).await;
        rig.register("rp-untold", &json!({})).await;
        rig.register("rp-stranger", &told).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        rig.code(&[("client_id", "rp-untold")], &session).await;
        let hint = tokens["id_token"].as_str().unwrap().to_owned();
        site.answer_logouts(500);
        let path = format!("/end-session?id_token_hint={hint}");
        assert_eq!(rig.browse(&path, &[&session]).await.status.as_u16(), 200);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1, "only those who had something and want to be told");
        assert_eq!(rig.provider.tell_due().await.unwrap(), 0, "not at once again");
        let first = log(&rig, "rp").await;
        assert_eq!((first[0]["state"].clone(), first[0]["attempts"].clone(), first[0]["outcome"].clone()), (json!("due"), json!(1), json!("status 500")));
        rig.pass(5);
        site.answer_logouts(200);
        // Two machines look at the same moment.
        let twin = rig.twin().await;
        let (one, two) = tokio::join!(rig.provider.tell_due(), twin.provider.tell_due());
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        assert_eq!(site.heard().len(), 2);
        let after = log(&rig, "rp").await;
        assert_eq!((after[0]["state"].clone(), after[0]["attempts"].clone()), (json!("delivered"), json!(2)));
        assert_eq!(log(&rig, "rp-stranger").await, json!([]));
        assert_eq!(rig.recorded("logout-told").await, 1);
    }

    /// A client that takes no type of its own is sent a logout token of the type that it takes, which passes for no ID token.
    async fn old_clients_read_their_type(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let secret = rig.register("rp", &json!({"backchannel_logout_uri": site.url("/logout"), "logout_token_typ": "JWT"})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let tokens = rig.exchange(&secret, &rig.code(&[], &session).await, &[]).await.json();
        rig.browse(&format!("/end-session?id_token_hint={}", tokens["id_token"].as_str().unwrap()), &[&session]).await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        let heard = site.heard();
        let token = heard[0].1.strip_prefix("logout_token=").unwrap();
        assert_eq!(part(token, 0)["typ"], "JWT");
        assert_eq!(rig.verified(token).await["sid"], part(tokens["id_token"].as_str().unwrap(), 1)["sid"]);
        let session = rig.sign_in(ANN, "smartcard").await;
        let hinted = rig.authorise(&[("prompt", "none"), ("id_token_hint", token)], &[&session]).await;
        assert_eq!(hinted.sent_error().as_deref(), Some("invalid_request"));
    }

    /// While a machine cannot sign a message it takes no attempt from it: the log says so, and once it is signed it is tried as often as any.
    async fn what_is_not_signed_is_not_tried(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let told = json!({"backchannel_logout_uri": site.url("/logout"), "id_token_signed_response_alg": "EdDSA"});
        let secret = rig.register("rp", &told).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let tokens = rig.exchange(&secret, &rig.code(&[], &session).await, &[]).await.json();
        rig.browse(&format!("/end-session?id_token_hint={}", tokens["id_token"].as_str().unwrap()), &[&session]).await;
        // A machine whose token has no such key.
        let keyless = rig.with_keys(&["id-token-rsa-1"]).await;
        for _ in 0..10 {
            assert_eq!(keyless.provider.tell_due().await.unwrap(), 1);
            assert_eq!(keyless.provider.tell_due().await.unwrap(), 0, "not at once again");
            rig.pass(10);
        }
        let first = log(&rig, "rp").await;
        assert_eq!((&first[0]["state"], &first[0]["attempts"], &first[0]["outcome"]), (&json!("due"), &json!(0), &json!("not signed")));
        assert_eq!((site.heard().len(), rig.recorded("logout-told").await), (0, 0));
        site.answer_logouts(500);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        rig.pass(5);
        site.answer_logouts(200);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        let after = log(&rig, "rp").await;
        assert_eq!((&after[0]["state"], &after[0]["attempts"]), (&json!("delivered"), &json!(2)));
        assert_eq!(site.heard().len(), 2);
    }

    /// After the last attempt a message is given up, and the log says so.
    async fn messages_are_given_up(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        let secret = rig.register("rp", &json!({"backchannel_logout_uri": site.url("/nowhere")})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        let code = rig.code(&[], &session).await;
        let tokens = rig.exchange(&secret, &code, &[]).await.json();
        rig.browse(&format!("/end-session?id_token_hint={}", tokens["id_token"].as_str().unwrap()), &[&session]).await;
        let mut tried = 0;
        for _ in 0..10 {
            tried += rig.provider.tell_due().await.unwrap();
            rig.pass(3601);
        }
        let log = log(&rig, "rp").await;
        assert_eq!((tried, log[0]["attempts"].clone(), log[0]["state"].clone()), (7, json!(7), json!("given-up")));
        assert_eq!(log[0]["outcome"], "status 404");
    }
}
