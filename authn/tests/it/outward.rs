//! Calling relying parties: a server that does not answer keeps nobody else waiting, and nothing leads into our own networks.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use platform::db::Db;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::{ANN, ISSUER, Pair, Rig, Site, part};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that asks for itself and publishes its keys.
fn publishing(uri: &str) -> Value {
    json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri, "jwks_uri_signing_algorithm": "ES256",
        "grant_types": ["client_credentials"], "scopes": [], "redirect_uris": []
    })
}

/// The status for an assertion.
async fn ask(rig: &Rig, assertion: &str) -> u16 {
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    rig.form("/token", &[], &pairs).await.status.as_u16()
}

async fn signed_out(rig: &Rig, session: &str) {
    let headers = [("cookie", session), ("origin", ISSUER)];
    assert_eq!(rig.form("/end-session", &headers, &[("confirmed", "yes")]).await.status.as_u16(), 200);
}

fn token_in(body: &str) -> Value {
    part(body.strip_prefix("logout_token=").unwrap(), 1)
}

platform::both_engines! {
    /// While the key set of a client does not come, one asks for it on all machines together, two wait for that, and whoever comes
    /// beyond is answered at once; keys that are known go on being good.
    async fn a_slow_key_set_keeps_few_waiting(db: Db) {
        let site = Site::start().await;
        let rig = Arc::new(Rig::beside(db, &site).await);
        let pair = Arc::new(Pair::p256());
        site.publish_keys(&[pair.jwk("1")]);
        rig.register("rp", &publishing(&site.url("/slow-jwks"))).await;
        assert_eq!(ask(&rig, &pair.assertion("ES256", "1", rig.now(), &json!({}))).await, 200);
        rig.pass(31);
        site.hold();
        let mut asking = JoinSet::new();
        for kid in 0..12 {
            let (rig, pair) = (Arc::clone(&rig), Arc::clone(&pair));
            asking.spawn(async move {
                let assertion = pair.assertion("ES256", &format!("unknown-{kid}"), rig.now(), &json!({}));
                ask(&rig, &assertion).await
            });
        }
        site.until(|site| site.held().len() == 2).await;
        for _ in 0..9 {
            let answered = tokio::time::timeout(Duration::from_secs(5), asking.join_next()).await;
            assert_eq!(answered.expect("more than three wait").unwrap().unwrap(), 401);
        }
        assert_eq!(ask(&rig, &pair.assertion("ES256", "1", rig.now(), &json!({}))).await, 200, "a known key");
        let twin = rig.twin().await;
        assert_eq!(ask(&twin, &pair.assertion("ES256", "unknown", rig.now(), &json!({}))).await, 401, "on another machine");
        assert_eq!((asking.len(), site.held().len()), (3, 2), "one asked, and two wait");
        site.publish_keys(&[pair.jwk("1"), pair.jwk("unknown-new")]);
        site.release();
        while let Some(answered) = asking.join_next().await {
            assert_eq!(answered.unwrap(), 401);
        }
        assert_eq!(ask(&rig, &pair.assertion("ES256", "unknown-new", rig.now(), &json!({}))).await, 200, "the new set is there");
        assert_eq!(site.held().len(), 2);
    }

    /// Whoever waits for a key set that somebody else fetches goes on with it.
    async fn those_who_wait_go_on(db: Db) {
        let site = Site::start().await;
        let rig = Arc::new(Rig::beside(db, &site).await);
        let pair = Arc::new(Pair::p256());
        site.publish_keys(&[pair.jwk("1")]);
        site.hold();
        rig.register("rp", &publishing(&site.url("/slow-jwks"))).await;
        let mut asking = JoinSet::new();
        for _ in 0..3 {
            let (rig, pair) = (Arc::clone(&rig), Arc::clone(&pair));
            asking.spawn(async move { ask(&rig, &pair.assertion("ES256", "1", rig.now(), &json!({}))).await });
        }
        site.until(|site| site.held().len() == 1).await;
        site.release();
        while let Some(answered) = asking.join_next().await {
            assert_eq!(answered.unwrap(), 200);
        }
        assert_eq!(site.held().len(), 1, "asked once");
    }

    /// Keys are not fetched from, and logouts not told to, an address inside networks that nobody wrote down.
    async fn nothing_leads_into_our_own_network(db: Db) {
        let site = Site::start().await;
        let rig = Rig::apart_from(db, &site).await;
        let pair = Pair::p256();
        site.publish_keys(&[pair.jwk("1")]);
        rig.register("rp", &publishing(&site.url("/jwks"))).await;
        assert_eq!(ask(&rig, &pair.assertion("ES256", "1", rig.now(), &json!({}))).await, 401);
        let path = "/authn/configs/larkfield/rp/keys";
        let told = rig.operate(Method::GET, path, &json!(null)).await.json();
        assert_eq!((told["kids"].clone(), told["fetched_at"].clone()), (json!([]), Value::Null), "{told}");
        assert!(told["outcome"].as_str().unwrap().starts_with("no connection could be made"), "{told}");
        let literal = site.url("/jwks").replace("localhost", "127.0.0.1");
        rig.register("rp-literal", &publishing(&literal)).await;
        let asked = rig.operate(Method::POST, "/authn/configs/larkfield/rp-literal/keys", &json!(null)).await;
        assert_eq!(asked.json()["kids"], json!([]), "{}", asked.text);
        rig.register("rp-told", &json!({"backchannel_logout_uri": site.url("/logout")})).await;
        let session = rig.sign_in(ANN, "smartcard").await;
        rig.code(&[("client_id", "rp-told")], &session).await;
        signed_out(&rig, &session).await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        assert_eq!((site.fetched(), site.heard().len()), (0, 0), "nothing was called");
    }

    /// A relying party that does not answer has two calls at most, and delays the logout of nobody else.
    async fn a_deaf_relying_party_delays_nobody(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        rig.register("rp-deaf", &json!({"backchannel_logout_uri": site.url("/deaf")})).await;
        rig.register("rp-hearing", &json!({"backchannel_logout_uri": site.url("/logout")})).await;
        site.answer_logouts(200);
        site.hold();
        for _ in 0..4 {
            let session = rig.sign_in(ANN, "smartcard").await;
            for client in ["rp-deaf", "rp-hearing"] {
                rig.code(&[("client_id", client)], &session).await;
            }
            signed_out(&rig, &session).await;
            rig.pass(1);
        }
        let provider = rig.provider.clone();
        let telling = tokio::spawn(async move { provider.keep_telling().await });
        site.until(|site| site.heard().len() == 4 && site.held().len() == 2).await;
        assert_eq!(site.held().len(), 2, "two calls at most");
        site.release();
        site.until(|site| site.held().len() == 4).await;
        telling.abort();
    }

    /// However many relying parties do not answer, whoever answers has places: the others share a few of them.
    async fn many_deaf_relying_parties_delay_nobody(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        // Two calls to each would be more than there are places.
        let deaf: Vec<String> = (0..20).map(|number| format!("rp-deaf-{number}")).collect();
        for client in &deaf {
            rig.register(client, &json!({"backchannel_logout_uri": site.url("/deaf")})).await;
        }
        rig.register("rp-hearing", &json!({"backchannel_logout_uri": site.url("/logout")})).await;
        site.answer_logouts(200);
        let session = rig.sign_in(ANN, "smartcard").await;
        rig.code(&[("client_id", "rp-hearing")], &session).await;
        signed_out(&rig, &session).await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1);
        site.hold();
        for _ in 0..4 {
            let session = rig.sign_in(ANN, "smartcard").await;
            for client in deaf.iter().map(String::as_str).chain(["rp-hearing"]) {
                rig.code(&[("client_id", client)], &session).await;
            }
            signed_out(&rig, &session).await;
            rig.pass(1);
        }
        let provider = rig.provider.clone();
        let telling = tokio::spawn(async move { provider.keep_telling().await });
        site.until(|site| site.heard().len() == 5 && site.held().len() == 8).await;
        // What ends now is told in a later round, in which those that wait longer were looked at before.
        for heard in 6..8 {
            let session = rig.sign_in(ANN, "smartcard").await;
            rig.code(&[("client_id", "rp-hearing")], &session).await;
            signed_out(&rig, &session).await;
            site.until(|site| site.heard().len() == heard).await;
        }
        let begun = "SELECT CAST(COUNT(*) AS BIGINT) FROM authn_logout WHERE client_id <> 'rp-hearing' AND attempts > 0";
        let begun: i64 = sqlx::query_scalar(begun).fetch_one(rig.db.read()).await.unwrap();
        assert_eq!((begun, site.held().len()), (8, 8), "eight places at most for those of whom nobody knows");
        telling.abort();
        site.release();
    }

    /// A relying party to which there is no connection is left alone, with all its messages, ever longer, and tried with one. When it answers
    /// again it is told everything.
    async fn a_silent_relying_party_is_left_alone(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        // Nobody listens there.
        rig.register("rp", &json!({"backchannel_logout_uri": "https://localhost:1/logout"})).await;
        site.answer_logouts(200);
        let end_one = async || {
            let session = rig.sign_in(ANN, "smartcard").await;
            rig.code(&[("client_id", "rp")], &session).await;
            signed_out(&rig, &session).await;
        };
        end_one().await;
        end_one().await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 2);
        end_one().await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 0, "a new message does not wake it");
        rig.pass(5);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1, "one call, though three are due");
        rig.pass(9);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 0, "twice as long");
        let path = "/authn/configs/larkfield/rp";
        let known = rig.operate(Method::GET, path, &json!(null)).await.json();
        let mut config = known["client_config"].clone();
        config["backchannel_logout_uri"] = json!(site.url("/logout"));
        let changed = format!("{path}?hash={}", known["hash"].as_str().unwrap());
        let changed = rig.operate(Method::PUT, &changed, &json!({"client_config": config})).await;
        assert_eq!(changed.status.as_u16(), 200, "{}", changed.text);
        rig.pass(1);
        assert_eq!(rig.provider.tell_due().await.unwrap(), 3);
        assert_eq!(site.heard().len(), 3);
        end_one().await;
        assert_eq!(rig.provider.tell_due().await.unwrap(), 1, "at once again");
    }

    /// A message says when it leaves, however long it waited, and is good then; while it is under way no other machine sends it.
    async fn messages_say_when_they_leave(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        rig.register("rp-deaf", &json!({"backchannel_logout_uri": site.url("/deaf")})).await;
        site.hold();
        for _ in 0..3 {
            let session = rig.sign_in(ANN, "smartcard").await;
            rig.code(&[("client_id", "rp-deaf")], &session).await;
            signed_out(&rig, &session).await;
            rig.pass(1);
        }
        let provider = rig.provider.clone();
        let telling = tokio::spawn(async move { provider.tell_due().await });
        site.until(|site| site.held().len() == 2).await;
        rig.pass(200);
        site.release();
        assert_eq!(telling.await.unwrap().unwrap(), 3);
        let last = token_in(&site.held()[2]);
        assert_eq!(last["iat"], rig.now().seconds());
        assert!(last["exp"].as_i64().unwrap() > rig.now().seconds());
    }

    /// What is under way is not sent a second time by another machine, even when the first pause is over.
    async fn a_call_is_one_machines(db: Db) {
        let site = Site::start().await;
        let rig = Rig::beside(db, &site).await;
        rig.register("rp-deaf", &json!({"backchannel_logout_uri": site.url("/deaf")})).await;
        site.hold();
        let session = rig.sign_in(ANN, "smartcard").await;
        rig.code(&[("client_id", "rp-deaf")], &session).await;
        signed_out(&rig, &session).await;
        let provider = rig.provider.clone();
        let telling = tokio::spawn(async move { provider.tell_due().await });
        site.until(|site| site.held().len() == 1).await;
        rig.pass(8);
        let twin = rig.twin().await;
        assert_eq!(twin.provider.tell_due().await.unwrap(), 0);
        site.release();
        assert_eq!(telling.await.unwrap().unwrap(), 1);
        assert_eq!(site.held().len(), 1);
    }
}
