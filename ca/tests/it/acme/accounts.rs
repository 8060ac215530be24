//! Accounts: contacts, keys, ends, and how much one may ask.

use ca::api::NewExternalAccount;
use platform::db::Db;
use serde_json::json;

use super::client::{AccountKey, Acme, BASE, b64, binding, csr_of, names};
use super::site::{Site, local};

/// RFC 8555 7.3.5: what the new key signs.
fn key_change(acme: &Acme, new: &AccountKey) -> serde_json::Value {
    let header = json!({"alg": "ES256", "url": format!("{BASE}/acme/key-change"), "jwk": new.jwk()});
    let payload = json!({"account": acme.kid, "oldKey": acme.key.jwk()});
    new.sign(&header, &payload.to_string())
}

/// A certificate for `localhost` of this holder's key, in base64url.
async fn certified_for(site: &Site, acme: &Acme, holder: &Acme) -> String {
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(holder.key.pkcs8().into());
    let key = rcgen::KeyPair::from_der_and_sign_algo(&key, &rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (order, _) = acme.order(&names(&["localhost"])).await;
    site.validate(acme, &order).await;
    let done = acme.finalize(&order, &csr_of(&["localhost"], &key)).await.json();
    let pem = acme.fetch(done["certificate"].as_str().unwrap()).await;
    let chain = pki::Certificate::chain_from_pem(std::str::from_utf8(&pem.body).unwrap()).unwrap();
    b64(chain[0].der())
}

platform::both_engines! {
    /// A key that registered is known again; contacts change; a deactivated account does nothing any more.
    async fn accounts_are_kept_and_ended(db: Db) {
        let site = Site::new(db).await;
        let external = site.external(&local()).await;
        let acme = Acme::registered(&site.authority, &external).await;
        let again = acme.post_with_key("/acme/new-account", &json!({"onlyReturnExisting": true})).await;
        assert_eq!((again.status, again.header("location")), (200, acme.kid.as_str()));
        let said = acme.post(&acme.kid, &json!({"contact": ["mailto:new@larkfield.example"]})).await.json();
        assert_eq!(said["contact"], json!(["mailto:new@larkfield.example"]));
        assert_eq!(acme.fetch(&acme.kid).await.json()["contact"], said["contact"]);
        assert_eq!(acme.post(&acme.kid, &json!({"contact": ["tel:1"]})).await.problem(), "unsupportedContact");
        let (_, url) = acme.order(&names(&["localhost"])).await;
        let ended = acme.post(&acme.kid, &json!({"status": "deactivated"})).await.json();
        assert_eq!(ended["status"], "deactivated");
        assert_eq!(acme.fetch(&url).await.problem(), "unauthorized");
        assert_eq!(acme.post_with_key("/acme/new-account", &json!({})).await.problem(), "unauthorized");
    }

    /// A new key takes the place of the old one when both have signed; the key of another account does not.
    async fn keys_are_changed(db: Db) {
        let site = Site::new(db).await;
        let (mut acme, other) = (site.client().await, site.client().await);
        let new = AccountKey::new();
        let mut forged = key_change(&acme, &new);
        forged["signature"] = key_change(&acme, &AccountKey::new())["signature"].clone();
        assert_eq!(acme.post("/acme/key-change", &forged).await.problem(), "malformed");
        let taken = acme.post("/acme/key-change", &key_change(&acme, &other.key)).await;
        assert_eq!((taken.status, taken.header("location")), (409, other.kid.as_str()));
        let change = key_change(&acme, &new);
        assert_eq!(acme.post("/acme/key-change", &change).await.status, 200);
        assert_eq!(acme.fetch(&acme.kid).await.problem(), "malformed", "the old key signs no more");
        acme.key = new;
        assert_eq!(acme.fetch(&acme.kid).await.status, 200);
    }

    /// A list of orders that is longer than a page is read to its end by its own links.
    async fn orders_are_read_page_by_page(db: Db) {
        let site = Site::with(db, |config| config.open_orders = 60).await;
        let acme = site.client().await;
        let mut made = Vec::new();
        for _ in 0..53 {
            made.push(acme.order(&names(&["localhost"])).await.1);
        }
        let (mut listed, mut next) = (Vec::new(), format!("{}/orders", acme.kid));
        while !next.is_empty() {
            let page = acme.fetch(&next).await;
            assert_eq!(page.status, 200, "{next}: {page:?}");
            let urls = page.json()["orders"].as_array().unwrap().clone();
            listed.extend(urls.iter().map(|url| url.as_str().unwrap().to_owned()));
            next = page.link("next");
        }
        assert!(listed.is_sorted_by(|newer, older| newer > older), "newest first, each once");
        made.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(listed, made);
        let elsewhere = format!("{}/orders?before=x", acme.kid);
        let header = json!({"alg": "ES256", "nonce": acme.nonce().await, "url": format!("{}/orders", acme.kid), "kid": acme.kid});
        let said = acme.send_jws(&elsewhere[BASE.len()..], &acme.key.sign(&header, "")).await;
        assert_eq!(said.problem(), "unauthorized", "a request for one page is not good for another");
    }

    /// Strangers' keys are counted together: whoever makes a new key for each request fills no table with nonces. That keeps
    /// nobody else from registering with the operator's key, nor a holder from revoking by the key of a certificate.
    async fn keys_without_an_account_are_bounded_together(db: Db) {
        let site = Site::with(db, |config| config.requests_per_minute = 3).await;
        let (external, other) = (site.external(&local()).await, site.external(&local()).await);
        // At a node with other bounds, so that the account's own do not count here.
        let acme = Acme::registered(&site.another().await, &other).await;
        let holder = Acme::new(&site.authority).from("192.0.2.66:1");
        let certificate = certified_for(&site, &acme, &holder).await;
        let lookup = json!({"onlyReturnExisting": true});
        let mut refused = 0;
        for _ in 0..40 {
            let stranger = Acme::new(&site.authority).from("192.0.2.66:1");
            let said = stranger.post_with_key("/acme/new-account", &lookup).await;
            refused += u32::from(said.status == 429);
        }
        assert_eq!(refused, 10);
        let counted = "SELECT COUNT(*) AS n FROM ca_acme_nonce WHERE signer LIKE 'jwk%'";
        let row = sqlx::query(counted).fetch_one(site.world.db.read()).await.unwrap();
        assert_eq!(sqlx::Row::get::<i64, _>(&row, "n"), 30);
        let elsewhere = Acme::new(&site.authority).from("192.0.2.67:1");
        assert_eq!(elsewhere.post_with_key("/acme/new-account", &lookup).await.problem(), "accountDoesNotExist");
        // From the very address of those strangers.
        let newcomer = Acme::new(&site.authority).from("192.0.2.66:2");
        assert_eq!(newcomer.register(&external).await.status, 201);
        let foreign = Acme::new(&site.authority).from("192.0.2.66:2");
        let revocation = json!({"certificate": certificate});
        assert_eq!(foreign.post_with_key("/acme/revoke-cert", &revocation).await.status, 429, "not its key");
        assert_eq!(holder.post_with_key("/acme/revoke-cert", &revocation).await.status, 200);
        // Whoever knows the id of an external account and not its key has so many tries, and takes none of others.
        let mut tries = Vec::new();
        for _ in 0..4 {
            let guessing = Acme::new(&site.authority).from("192.0.2.68:1");
            let wrong = binding(&external.account.id, &b64(&[7; 32]), &guessing.key);
            let payload = json!({"externalAccountBinding": wrong});
            tries.push(guessing.post_with_key("/acme/new-account", &payload).await.status);
        }
        assert_eq!(tries, [403, 403, 403, 429]);
        assert_eq!(Acme::new(&site.authority).from("192.0.2.69:1").register(&external).await.status, 201);
    }

    /// Open orders, orders in an hour, requests in a minute and accounts of one external account have their bounds.
    async fn there_are_bounds(db: Db) {
        let site = Site::with(db, |config| {
            (config.open_orders, config.orders_per_hour, config.requests_per_minute) = (2, 3, 30);
        })
        .await;
        let few = NewExternalAccount { most_accounts: None, ..local() };
        let external = site.external(&few).await;
        let acme = Acme::registered(&site.authority, &external).await;
        assert_eq!(Acme::new(&site.authority).register(&external).await.problem(), "unauthorized");
        acme.order(&names(&["localhost"])).await;
        acme.order(&names(&["localhost"])).await;
        let said = acme.post("/acme/new-order", &names(&["localhost"])).await;
        assert_eq!((said.status, said.problem().as_str()), (429, "rateLimited"));
        assert!(said.header("retry-after").parse::<u32>().unwrap() > 0);
        let mut refused = 0;
        for _ in 0..40 {
            let said = acme.fetch(&acme.kid).await;
            refused += u32::from(said.status == 429);
        }
        assert!((8..=14).contains(&refused), "{refused} of 40 requests were refused");
        site.hand.advance(std::time::Duration::from_mins(2));
        assert_eq!(acme.fetch(&acme.kid).await.status, 200, "a minute later it may ask again");
    }
}
