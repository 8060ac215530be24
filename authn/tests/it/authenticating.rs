//! How relying parties prove who they are, and what they are told when they do not.

use http::Method;
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use serde_json::{Value, json};

use crate::rig::{ISSUER, Pair, Rig, basic, claims};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A relying party that asks for itself.
fn system(method: &str) -> Value {
    json!({"token_endpoint_auth_method": method, "grant_types": ["client_credentials"], "scopes": ["reports"], "redirect_uris": []})
}

/// What a refusal says, without its correlation id.
fn said(text: &Value) -> String {
    let whole = text["error_description"].as_str().unwrap();
    let id = text["correlation_id"].as_str().unwrap();
    assert!(whole.contains(id), "{whole}");
    whole.replace(id, "…")
}

async fn failures(rig: &Rig, client: &str) -> Vec<(String, String)> {
    let path = format!("/authn/configs/larkfield/{client}/failures");
    let list = rig.operate(Method::GET, &path, &json!(null)).await.json();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let all = list["failures"].as_array().unwrap().iter();
    all.map(|one| (text(one, "failed"), text(one, "correlation_id"))).collect()
}

platform::both_engines! {
    /// Each client is taken in its own way and in no other.
    async fn each_way_is_its_own(db: Db) {
        let rig = Rig::new(db).await;
        let grant = ("grant_type", "client_credentials");
        let secret = rig.register("by-header", &system("client_secret_basic")).await;
        let header = basic("by-header", &secret);
        let ok = rig.form("/token", &[("authorization", &header)], &[grant]).await;
        assert_eq!((ok.status.as_u16(), ok.json()["id_token"].clone()), (200, Value::Null));
        assert_eq!(ok.headers["cache-control"], "no-store");
        let posted = [grant, ("client_id", "by-header"), ("client_secret", secret.as_str())];
        let by_form = rig.form("/token", &[], &posted).await;
        assert_eq!((by_form.status.as_u16(), by_form.error()), (401, "invalid_client".to_owned()));
        assert!(!by_form.headers.contains_key("www-authenticate"), "it would hide the reason");
        let by_header = rig.form("/token", &[("authorization", &basic("by-header", "wrong"))], &[grant]).await;
        assert_eq!((by_header.status.as_u16(), by_header.headers["www-authenticate"].clone()), (401, "Basic realm=\"lanyard\"".parse().unwrap()));
        let both = rig.form("/token", &[("authorization", &header)], &posted).await;
        assert_eq!((both.status.as_u16(), both.error()), (400, "invalid_request".to_owned()));
        let mut config = system("tls_client_auth");
        config["tls_client_auth_subject_dn"] = json!("CN=records.larkfield");
        rig.register("by-tls", &config).await;
        let named = [grant, ("client_id", "by-tls")];
        assert_eq!(rig.form_as("records.larkfield", "/token", &named).await.status.as_u16(), 200);
        assert_eq!(rig.form_as("others.larkfield", "/token", &named).await.status.as_u16(), 401);
        assert_eq!(rig.form("/token", &[], &named).await.status.as_u16(), 401, "without a certificate");
        let nothing = rig.form("/token", &[], &[grant]).await;
        assert_eq!((nothing.status.as_u16(), nothing.error()), (401, "invalid_client".to_owned()));
    }

    /// A request that proves nothing has a correlation id all the same, and the owner of the client that it names finds why.
    async fn what_proves_nothing_is_found_again(db: Db) {
        let rig = Rig::new(db).await;
        let grant = ("grant_type", "client_credentials");
        let header = basic("rp", &rig.register("rp", &system("client_secret_basic")).await);
        let subject = Pair::p256().assertion("ES256", "1", rig.now(), &json!({"iss": "rp", "sub": "rp"}));
        let named = ("client_id", "rp");
        let unread = "Basic !".to_owned();
        let headers = |fields: &[&String]| fields.iter().map(|field| ("authorization", (*field).clone())).collect::<Vec<_>>();
        let cases = [
            (headers(&[]), vec![named], 401, "invalid_client", "missing"),
            (headers(&[&unread]), vec![named], 401, "invalid_client", "malformed"),
            (headers(&[&header]), vec![("client_secret", "x")], 400, "invalid_request", "two-ways"),
            (headers(&[&header, &header]), vec![named], 400, "invalid_request", "two-ways"),
            (headers(&[]), vec![("client_assertion", subject.as_str())], 400, "invalid_request", "assertion-type"),
            (headers(&[&basic("other", "x")]), vec![named], 400, "invalid_request", "two-clients"),
        ];
        for (fields, more, status, error, failed) in cases {
            // The list is in the order of time.
            rig.pass(1);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let pairs = [vec![grant], more].concat();
            let answered = rig.form("/token", &fields, &pairs).await;
            assert_eq!((answered.status.as_u16(), answered.error().as_str()), (status, error), "{failed}: {}", answered.text);
            said(&answered.json());
            let id = answered.json()["correlation_id"].as_str().unwrap().to_owned();
            assert_eq!(failures(&rig, "rp").await[0], (failed.to_owned(), id));
        }
        // Whoever names nobody, or nobody who is known, has a correlation id too, and is in no list.
        for pairs in [vec![grant], vec![grant, ("client_id", "nobody")], vec![grant, ("client_id", "No Id")]] {
            said(&rig.form("/token", &[], &pairs).await.json());
        }
        assert_eq!(failures(&rig, "rp").await.len(), 6);
    }

    /// A token of a client passes for no certificate, whatever the client is called: neither alone nor beside the certificate of another.
    async fn a_token_is_no_certificate(db: Db) {
        let rig = Rig::new(db).await;
        let grant = ("grant_type", "client_credentials");
        let secret = rig.register("records", &system("client_secret_basic")).await;
        let mut config = system("tls_client_auth");
        config["tls_client_auth_subject_dn"] = json!("CN=records");
        rig.register("by-tls", &config).await;
        let own = rig.form("/token", &[("authorization", &basic("records", &secret))], &[grant]).await.json();
        let header = format!("Bearer {}", own["access_token"].as_str().unwrap());
        let named = [grant, ("client_id", "by-tls")];
        for path in ["/token", "/introspect", "/revoke", "/par"] {
            let taken = rig.form(path, &[("authorization", &header)], &[named.as_slice(), &[("token", "x")]].concat()).await;
            assert_eq!((taken.status.as_u16(), taken.error()), (401, "invalid_client".to_owned()), "{path}: {}", taken.text);
        }
        assert_eq!(rig.form_as("records", "/token", &named).await.status.as_u16(), 200, "its certificate");
        // Where a system has the name, no client gets it.
        let config = json!({"config_name": "gate.larkfield", "client_config": {"client_name": "Gate", "redirect_uris": [],
            "token_endpoint_auth_method": "client_secret_basic", "scopes": ["reports"], "grant_types": ["client_credentials"]}});
        let refused = rig.operate(Method::POST, "/authn/configs/larkfield", &config).await;
        assert_eq!((refused.status.as_u16(), refused.json()["code"].clone()), (409, json!("client-is-system")), "{}", refused.text);
        let acts = [authn::api::CLIENTS.0.to_owned(), authn::api::ALL_TEAMS.0.to_owned()];
        let all = Caller::new(CallerKind::System, "desk", "desk".parse().unwrap(), acts);
        let one = rig.operate_as(all, Method::POST, "/authn/configs/larkfield", &config).await;
        assert_eq!(one.status.as_u16(), 201, "one application with both: {}", one.text);
    }

    /// A client that is not known, a wrong secret, a wrong way and an unknown key read alike outside, and in full to the owner.
    async fn what_would_betray_something_reads_alike(db: Db) {
        let rig = Rig::new(db).await;
        let grant = ("grant_type", "client_credentials");
        rig.register("rp-secret", &system("client_secret_basic")).await;
        let (pair, other) = (Pair::p256(), Pair::p256());
        let mut config = system("private_key_jwt");
        config["jwks"] = json!({"keys": [pair.jwk("1")]});
        config["jwks_uri_signing_algorithm"] = json!("ES256");
        rig.register("rp", &config).await;
        let by_secret = async |client: &str| {
            // The list is in the order of time.
            rig.pass(1);
            let header = basic(client, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            rig.form("/token", &[("authorization", &header)], &[grant]).await
        };
        let by_key = async |pair: &Pair, kid: &str, client: &str| {
            rig.pass(1);
            let assertion = pair.assertion("ES256", kid, rig.now(), &json!({"iss": client, "sub": client}));
            let pairs = [grant, ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
            rig.form("/token", &[], &pairs).await
        };
        let answers = [
            by_secret("nobody").await,
            by_secret("rp-secret").await,
            by_secret("rp").await,
            by_key(&pair, "1", "nobody").await,
            by_key(&pair, "2", "rp").await,
            by_key(&other, "1", "rp").await,
        ];
        let words: Vec<String> = answers.iter().map(|answer| said(&answer.json())).collect();
        assert!(words.iter().all(|word| *word == words[0]), "{words:#?}");
        assert!(answers.iter().all(|answer| answer.status.as_u16() == 401 && answer.error() == "invalid_client"));
        let listed = failures(&rig, "rp").await;
        let checks: Vec<&str> = listed.iter().map(|(failed, _)| failed.as_str()).collect();
        assert_eq!(checks, ["signature", "key", "method"]);
        assert_eq!(listed[0].1, answers[5].json()["correlation_id"].as_str().unwrap());
        assert_eq!(failures(&rig, "rp-secret").await[0].0, "secret");
        assert_eq!(by_key(&pair, "1", "rp").await.status.as_u16(), 200);
    }

    /// What only concerns what was sent is said outright, and is in the owner's list too.
    async fn what_betrays_nothing_is_said(db: Db) {
        let rig = Rig::new(db).await;
        let pair = Pair::p256();
        let mut config = system("private_key_jwt");
        config["jwks"] = json!({"keys": [pair.jwk("1")]});
        config["jwks_uri_signing_algorithm"] = json!("ES256");
        rig.register("rp", &config).await;
        let now = rig.now();
        let good = json!({"alg": "ES256", "kid": "1"});
        for (header, change, word, check) in [
            (&good, json!({"aud": "https://id.example.org/other"}), "aud", "audience"),
            (&good, json!({"aud": [format!("{ISSUER}/token"), "https://id.example.org/other"]}), "aud", "audience"),
            (&good, json!({"aud": []}), "aud", "audience"),
            (&good, json!({"aud": vec![format!("{ISSUER}/token"); 9]}), "aud", "audience"),
            (&good, json!({"exp": now.seconds() - 60}), "ended at", "expiry"),
            (&good, json!({"exp": now.seconds() + 1900}), "30 minutes", "expiry"),
            (&json!({"alg": "ES256"}), json!({}), "kid", "kid"),
            (&json!({"alg": "ES384", "kid": "1"}), json!({}), "RS256, RS512, PS256, ES256", "algorithm"),
            (&good, json!({"jti": null}), "jti", "jti"),
            (&good, json!({"iat": now.seconds() + 3600}), "future", "future"),
        ] {
            rig.pass(1);
            let assertion = pair.sign(header, &claims(now, &change));
            let pairs = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
            let answered = rig.form("/token", &[], &pairs).await;
            assert_eq!(answered.status.as_u16(), 401);
            assert!(said(&answered.json()).contains(word), "{}", answered.text);
            assert_eq!(failures(&rig, "rp").await[0].0, check);
        }
        let pairs = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", "not.a.jwt")];
        assert!(said(&rig.form("/token", &[], &pairs).await.json()).contains("is not read"));
    }

    /// An assertion that was used before the database was put back from a copy, which does not know of it, is not taken again; one that
    /// was made since is.
    async fn assertions_of_before_a_restore_are_over(db: Db) {
        let rig = Rig::new(db.clone()).await;
        let pair = Pair::p256();
        let mut config = system("private_key_jwt");
        config["jwks"] = json!({"keys": [pair.jwk("1")]});
        config["jwks_uri_signing_algorithm"] = json!("ES256");
        rig.register("rp", &config).await;
        let made = |rig: &Rig| pair.assertion("ES256", "1", rig.now(), &json!({"exp": rig.now().seconds() + 1700}));
        let shown = async |rig: &Rig, assertion: &str| {
            let pairs = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
            rig.form("/token", &[], &pairs).await
        };
        let used = made(&rig);
        assert_eq!(shown(&rig, &used).await.status.as_u16(), 200);
        // The copy was made before that.
        db.write(|tx| Box::pin(async move {
            sqlx::query("DELETE FROM authn_assertion").execute(&mut *tx).await?;
            Ok::<_, platform::db::Error>(())
        })).await.unwrap();
        rig.pass(60);
        authn::recover(&db, rig.now(), &mut |_| {}).await.unwrap();
        let restored = rig.twin().await;
        restored.pass(60);
        let again = shown(&restored, &used).await;
        assert_eq!((again.status.as_u16(), again.error()), (401, "invalid_client".to_owned()));
        assert!(said(&again.json()).contains("put back from a copy"), "{}", again.text);
        assert_eq!(failures(&restored, "rp").await[0].0, "restored");
        assert_eq!(shown(&restored, &made(&restored)).await.status.as_u16(), 200);
    }
}
