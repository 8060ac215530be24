//! Requests that are wrong: each has its answer, and leaves nothing.

use axum::body::Body;
use ca::api::CertificateQuery;
use http::Request;
use platform::db::Db;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::{Value, json};

use super::client::{AccountKey, Acme, BASE, b64, binding, csr, dns, names};
use super::site::{Site, local};

/// What no profile of ACME gives: to be an authority, to sign certificates, to sign code, and what nobody knows.
const ASKS_TOO_MUCH: [fn(&mut CertificateParams); 4] = [
    |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
    |params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign],
    |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning],
    |params| params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0])],
];

platform::both_engines! {
    /// A nonce counts once, on whichever node; one that nobody gave does not count, and each refusal brings a new one.
    async fn nonces_count_once(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let header = |nonce: &str| json!({
            "alg": "ES256", "nonce": nonce, "url": format!("{BASE}/acme/new-order"), "kid": acme.kid,
        });
        let nonce = acme.nonce().await;
        let jws = acme.key.sign(&header(&nonce), &names(&["localhost"]).to_string());
        assert_eq!(acme.send_jws("/acme/new-order", &jws).await.status, 201);
        let again = acme.send_jws("/acme/new-order", &jws).await;
        assert_eq!((again.status, again.problem().as_str()), (400, "badNonce"));
        assert!(!again.header("replay-nonce").is_empty());
        let elsewhere = Acme::new(&site.another().await);
        assert_eq!(elsewhere.send_jws("/acme/new-order", &jws).await.problem(), "badNonce");
        let theirs = elsewhere.nonce().await;
        let jws = acme.key.sign(&header(&theirs), &names(&["localhost"]).to_string());
        assert_eq!(acme.send_jws("/acme/new-order", &jws).await.status, 201, "another node's nonce is taken");
        let strange = acme.key.sign(&header(&b64(&[7; 40])), "{}");
        assert_eq!(acme.send_jws("/acme/new-order", &strange).await.problem(), "badNonce");
        site.hand.advance(std::time::Duration::from_hours(2));
        let jws = acme.key.sign(&header(again.header("replay-nonce")), "{}");
        assert_eq!(acme.send_jws("/acme/new-order", &jws).await.problem(), "badNonce");
    }

    /// A request signed by another key, for another address, by an unknown account, in another form or type is refused.
    async fn requests_prove_their_sender(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let sign = async |key: &AccountKey, change: fn(&mut Value)| {
            let mut header = json!({
                "alg": "ES256", "nonce": acme.nonce().await, "url": format!("{BASE}/acme/new-order"), "kid": acme.kid,
            });
            change(&mut header);
            key.sign(&header, &names(&["localhost"]).to_string())
        };
        let send = async |jws: Value| acme.send_jws("/acme/new-order", &jws).await.problem();
        assert_eq!(send(sign(&AccountKey::new(), |_| {}).await).await, "malformed");
        let other_url = |header: &mut Value| header["url"] = "https://acme.test/acme/new-account".into();
        assert_eq!(send(sign(&acme.key, other_url).await).await, "unauthorized");
        let unknown = |header: &mut Value| header["kid"] = "https://acme.test/acme/accounts/none".into();
        assert_eq!(send(sign(&acme.key, unknown).await).await, "accountDoesNotExist");
        let no_algorithm = |header: &mut Value| header["alg"] = "none".into();
        let said = acme.send_jws("/acme/new-order", &sign(&acme.key, no_algorithm).await).await;
        assert_eq!(said.problem(), "badSignatureAlgorithm");
        // RFC 8555 6.2: a client reads there what it may sign with.
        assert_eq!(said.json()["algorithms"], json!(["ES256", "ES384", "RS256", "EdDSA"]));
        let mut changed = sign(&acme.key, |_| {}).await;
        changed["payload"] = b64(names(&["larkfield.example"]).to_string().as_bytes()).into();
        assert_eq!(send(changed).await, "malformed");
        assert_eq!(acme.post_with_key("/acme/new-order", &names(&["localhost"])).await.problem(), "malformed");
        let plain = Request::post("/acme/new-order").header("content-type", "application/json");
        let said = acme.send(plain.body(Body::from("{}")).unwrap()).await;
        assert_eq!((said.status, said.problem().as_str()), (415, "malformed"));
        let fetched = acme.get("/acme/new-order").await;
        assert_eq!((fetched.status, fetched.problem().as_str()), (405, "malformed"), "RFC 8555 6.3");
        let large = Request::post("/acme/new-order").header("content-type", "application/jose+json");
        let said = acme.send(large.body(Body::from(vec![b' '; 100_000])).unwrap()).await;
        assert_eq!((said.status, said.problem().as_str()), (413, "malformed"), "RFC 8555 6.7");
        assert!(!said.header("replay-nonce").is_empty(), "RFC 8555 6.5");
        assert!(!said.link("index").is_empty());
        let listed = acme.fetch(&format!("{}/orders", acme.kid)).await.json();
        assert_eq!(listed["orders"], json!([]), "a refused request left an order");
    }

    /// Names, networks and profiles outside the external account are refused, each name with its own reason.
    async fn names_outside_are_refused(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let order = async |payload: Value| acme.post("/acme/new-order", &payload).await;
        let said = order(names(&["localhost", "elsewhere.example", "10.0.0.1"])).await;
        assert_eq!(said.status, 403);
        let parts = said.json()["subproblems"].clone();
        assert_eq!(parts.as_array().unwrap().len(), 2, "{parts}");
        assert_eq!(parts[0]["identifier"]["value"], "elsewhere.example");
        assert_eq!(said.problem(), "rejectedIdentifier");
        for bad in ["*.localhost", "xlocalhost", "local_host", ""] {
            let said = order(json!({"identifiers": [dns(bad)]})).await;
            assert_eq!(said.problem(), "rejectedIdentifier", "{bad}");
        }
        let email = json!({"identifiers": [{"type": "email", "value": "a@localhost"}]});
        assert_eq!(order(email).await.problem(), "unsupportedIdentifier");
        let device = json!({"identifiers": [{"type": "permanent-identifier", "value": "1"}]});
        assert_eq!(order(device).await.problem(), "rejectedIdentifier");
        assert_eq!(order(json!({"identifiers": []})).await.problem(), "malformed");
        let many: Vec<Value> = (0..101).map(|number| dns(&format!("h{number}.localhost"))).collect();
        assert_eq!(order(json!({"identifiers": many})).await.problem(), "malformed");
    }

    /// A request for other names than were ordered, for a key or an extension that the profile has not, not signed by its own
    /// key, or before the order is ready makes no certificate.
    async fn other_requests_are_not_certified(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (order, url) = acme.order(&names(&["localhost"])).await;
        assert_eq!(acme.finalize(&order, &csr(&["localhost"])).await.problem(), "orderNotReady");
        site.validate(&acme, &order).await;
        assert_eq!(acme.fetch(&url).await.json()["status"], "ready");
        for bad in [csr(&["localhost", "larkfield.example"]), csr(&["larkfield.example"]), vec![0x30, 0]] {
            assert_eq!(acme.finalize(&order, &bad).await.problem(), "badCSR");
        }
        let weak = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let said = acme.finalize(&order, &super::client::csr_of(&["localhost"], &weak)).await;
        assert_eq!(said.problem(), "badCSR", "a kind of key that is not in the profile");
        let mut turned = csr(&["localhost"]);
        *turned.last_mut().unwrap() ^= 1;
        assert_eq!(acme.finalize(&order, &turned).await.problem(), "badCSR", "not signed by its own key");
        for change in ASKS_TOO_MUCH {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            change(&mut params);
            let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
            let said = acme.finalize(&order, request.der()).await;
            assert_eq!((said.status, said.problem().as_str()), (400, "badCSR"), "{said:?}");
            assert!(said.json()["detail"].as_str().unwrap().contains("asks for"), "{said:?}");
        }
        let query = CertificateQuery { common_name: Some("localhost".to_owned()), ..CertificateQuery::default() };
        assert!(site.world.client.certificates(&query).await.unwrap().certificates.is_empty());
        let stranger = Acme::registered(&site.authority, &site.external(&local()).await).await;
        assert_eq!(stranger.fetch(&url).await.status, 404, "another account's order");
        assert_eq!(stranger.finalize(&order, &csr(&["localhost"])).await.status, 404);
        assert_eq!(acme.finalize(&order, &csr(&["localhost"])).await.status, 200, "it is still ready");
    }

    /// Nobody registers without the right MAC over their own key.
    async fn registration_needs_the_operators_key(db: Db) {
        let site = Site::new(db).await;
        let external = site.external(&local()).await;
        let acme = Acme::new(&site.authority);
        let register = async |payload: Value| acme.post_with_key("/acme/new-account", &payload).await.problem();
        assert_eq!(register(json!({})).await, "externalAccountRequired");
        let id = &external.account.id;
        let wrong = binding(id, &b64(&[7; 32]), &acme.key);
        assert_eq!(register(json!({"externalAccountBinding": wrong})).await, "unauthorized");
        let nobody = binding("nobody", &external.mac_key, &acme.key);
        assert_eq!(register(json!({"externalAccountBinding": nobody})).await, "unauthorized");
        let others = binding(id, &external.mac_key, &AccountKey::new());
        assert_eq!(register(json!({"externalAccountBinding": others})).await, "malformed");
        assert_eq!(register(json!({"onlyReturnExisting": true})).await, "accountDoesNotExist");
        assert_eq!(acme.register(&external).await.status, 201);
    }
}
