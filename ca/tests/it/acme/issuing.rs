//! From order to certificate, renewal and revocation.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{CertificateState, Reason};
use pki::{AlternativeName, Certificate};
use platform::db::Db;
use serde_json::json;

use super::client::{Acme, BASE, b64, csr, csr_of, names};
use super::site::{Answer, Site, local};
use crate::world::{decoded, until};

/// RFC 9773 4.1.
fn renewal_id(leaf: &Certificate) -> String {
    let issuer = leaf.authority_key_id().unwrap().key_id.clone().unwrap();
    format!("{}.{}", b64(&issuer), b64(leaf.serial().content()))
}

fn leaf(pem: &str) -> Certificate {
    Certificate::chain_from_pem(pem).unwrap().remove(0)
}

platform::both_engines! {
    /// A host and an address are shown by http-01 and certified, with the chain below the root; the row, the names and
    /// the profile are those of the order.
    async fn a_client_gets_a_certificate(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (order, pem) = site.certified(&acme, &["localhost", "127.0.0.1"]).await;
        let chain = Certificate::chain_from_pem(&pem).unwrap();
        assert_eq!(chain.len(), 2, "leaf and issuer, without the root");
        chain[0].verify_signed_by(&chain[1]).unwrap();
        let named = chain[0].subject_alternative_names();
        let address = AlternativeName::Ip(vec![127, 0, 0, 1]);
        assert_eq!(named, [AlternativeName::Dns("localhost".to_owned()), address]);
        assert_eq!(chain[0].common_name().as_deref(), Some("localhost"));
        assert_eq!(chain[0].extended_key_usage().unwrap(), [pki::eku::SERVER_AUTH]);
        let info = site.world.client.certificate(&chain[0].serial().to_string()).await.unwrap();
        assert_eq!((info.profile.as_str(), info.state), ("acme-tls-server", CertificateState::Issued));
        assert_eq!(info.certificate.unwrap(), STANDARD.encode(chain[0].der()));
        for url in order["authorizations"].as_array().unwrap() {
            let authorization = acme.fetch(url.as_str().unwrap()).await.json();
            assert_eq!(authorization["status"], "valid");
            let met = authorization["challenges"].as_array().unwrap();
            assert_eq!((met.len(), met[0]["status"].as_str()), (1, Some("valid")));
        }
        let listed = acme.fetch(&format!("{}/orders", acme.kid)).await.json();
        assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    }

    /// A certificate is renewed inside its window, once; the order that takes its place names it.
    async fn certificates_are_renewed(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (_, pem) = site.certified(&acme, &["localhost"]).await;
        let leaf = leaf(&pem);
        let id = renewal_id(&leaf);
        let said = acme.get(&format!("/acme/renewal-info/{id}")).await;
        assert_eq!((said.status, said.header("retry-after")), (200, "21600"), "{said:?}");
        assert!(said.json()["suggestedWindow"]["start"].as_str().unwrap() > "2027-01-15");
        let mut renewal = names(&["localhost"]);
        renewal["replaces"] = id.clone().into();
        let (order, _) = acme.order(&renewal).await;
        assert_eq!(order["replaces"], id);
        let said = acme.post("/acme/new-order", &renewal).await;
        assert_eq!((said.status, said.problem().as_str()), (409, "alreadyReplaced"));
        site.validate(&acme, &order).await;
        assert_eq!(acme.finalize(&order, &csr(&["localhost"])).await.json()["status"], "valid");
        let other = site.client().await;
        let said = other.post("/acme/new-order", &renewal).await;
        assert_eq!(said.status, 404, "another account's certificate is not replaced: {said:?}");
        let card = decoded(&site.world.client.issuer("card").await.unwrap().certificate);
        let of_another = format!("{}.{}", b64(card.subject_key_id().unwrap()), b64(leaf.serial().content()));
        assert_eq!(acme.get(&format!("/acme/renewal-info/{of_another}")).await.status, 404, "another issuer's");
        let said = acme.get("/acme/renewal-info/AAAA.BBBB").await;
        assert_eq!((said.status, said.problem().as_str()), (404, "malformed"));
    }

    /// Validity is as wished inside the profile's bounds; what lies outside is refused before anything is shown.
    async fn validity_is_as_wished(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let mut wish = names(&["localhost"]);
        wish["notAfter"] = "2027-01-20T00:00:00Z".into();
        let (order, _) = acme.order(&wish).await;
        // A while later: a beginning that has passed is moved up.
        site.hand.advance(Duration::from_mins(20));
        site.validate(&acme, &order).await;
        let done = acme.finalize(&order, &csr(&["localhost"])).await.json();
        assert_eq!(done["status"], "valid", "{done}");
        let pem = acme.fetch(done["certificate"].as_str().unwrap()).await;
        let certificate = leaf(&String::from_utf8(pem.body).unwrap());
        assert_eq!(certificate.not_after_ms(), 1_800_403_200_000);
        wish["notAfter"] = "2030-01-01T00:00:00Z".into();
        assert_eq!(acme.post("/acme/new-order", &wish).await.problem(), "malformed");
        wish["notAfter"] = "2020-01-01T00:00:00Z".into();
        assert_eq!(acme.post("/acme/new-order", &wish).await.problem(), "malformed");
        let mut other = names(&["localhost"]);
        other["profile"] = "system-tls-server".into();
        assert_eq!(acme.order(&other).await.0["profile"], "system-tls-server");
        other["profile"] = "person-sign-in".into();
        assert_eq!(acme.post("/acme/new-order", &other).await.problem(), "invalidProfile");
    }

    /// The account that ordered it, or whoever has its key, revokes a certificate; nobody else, and only once.
    async fn certificates_are_revoked_by_those_who_may(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (_, pem) = site.certified(&acme, &["localhost"]).await;
        let certificate = leaf(&pem);
        let revocation = json!({"certificate": b64(certificate.der()), "reason": 4});
        let stranger = Acme::registered(&site.authority, &site.external(&local()).await).await;
        assert_eq!(stranger.post("/acme/revoke-cert", &revocation).await.problem(), "unauthorized");
        assert_eq!(acme.post_with_key("/acme/revoke-cert", &revocation).await.problem(), "unauthorized");
        let odd = json!({"certificate": b64(certificate.der()), "reason": 6});
        assert_eq!(acme.post("/acme/revoke-cert", &odd).await.problem(), "badRevocationReason");
        assert_eq!(acme.post("/acme/revoke-cert", &revocation).await.status, 200);
        assert_eq!(acme.post("/acme/revoke-cert", &revocation).await.problem(), "alreadyRevoked");
        let serial = certificate.serial().to_string();
        let info = site.world.client.certificate(&serial).await.unwrap();
        assert_eq!(info.revocation.unwrap().reason, Reason::Superseded);
        let window = acme.get(&format!("/acme/renewal-info/{}", renewal_id(&certificate))).await.json();
        assert!(window["suggestedWindow"]["end"].as_str().unwrap() <= "2027-01-15T08:00:00Z", "{window}");
    }

    /// The certificate's own key revokes it, and an account that holds authorizations for all of its names.
    async fn the_certificates_key_revokes(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let mut holder = Acme::new(&site.authority);
        let pair = rcgen::KeyPair::from_der_and_sign_algo(
            &rustls::pki_types::PrivateKeyDer::Pkcs8(holder.key.pkcs8().into()),
            &rcgen::PKCS_ECDSA_P256_SHA256,
        )
        .unwrap();
        let (order, _) = acme.order(&names(&["localhost"])).await;
        site.validate(&acme, &order).await;
        let done = acme.finalize(&order, &csr_of(&["localhost"], &pair)).await.json();
        let pem = acme.fetch(done["certificate"].as_str().unwrap()).await;
        let by_key = leaf(&String::from_utf8(pem.body).unwrap());
        holder.kid = String::new();
        let revocation = json!({"certificate": b64(by_key.der()), "reason": 1});
        let said = holder.post_with_key("/acme/revoke-cert", &revocation).await;
        assert_eq!(said.status, 200, "{said:?}");
        let (_, pem) = site.certified(&acme, &["localhost"]).await;
        let neighbour = site.client().await;
        let revocation = json!({"certificate": b64(leaf(&pem).der())});
        assert_eq!(neighbour.post("/acme/revoke-cert", &revocation).await.problem(), "unauthorized");
        let (order, _) = neighbour.order(&names(&["localhost"])).await;
        site.validate(&neighbour, &order).await;
        assert_eq!(neighbour.post("/acme/revoke-cert", &revocation).await.status, 200);
    }

    /// A key whose certificate was revoked for key compromise is refused as such, and no certificate comes of the order.
    async fn a_compromised_key_is_not_certified_again(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let pair = rcgen::KeyPair::generate().unwrap();
        let certified = async || {
            let (order, _) = acme.order(&names(&["localhost"])).await;
            site.validate(&acme, &order).await;
            acme.finalize(&order, &csr_of(&["localhost"], &pair)).await.json()
        };
        let done = certified().await;
        let pem = acme.fetch(done["certificate"].as_str().unwrap()).await;
        let first = leaf(&String::from_utf8(pem.body).unwrap());
        let revocation = json!({"certificate": b64(first.der()), "reason": 1});
        assert_eq!(acme.post("/acme/revoke-cert", &revocation).await.status, 200);
        let failed = certified().await;
        assert_eq!((failed["status"].as_str(), &failed["certificate"]), (Some("invalid"), &json!(null)));
        assert_eq!(failed["error"]["type"], "urn:ietf:params:acme:error:badCSR", "{failed}");
    }

    /// Two nodes that validate and finalize at the same time make one certificate, and ask the machine once.
    async fn two_nodes_do_it_once(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let other = site.another().await;
        let (order, url) = acme.order(&names(&["localhost"])).await;
        let (challenge, key_authorization) = acme.challenges(&order, "http-01").await.remove(0);
        site.machine.answer(challenge["token"].as_str().unwrap(), Answer::Text(key_authorization));
        acme.post(challenge["url"].as_str().unwrap(), &json!({})).await;
        let (here, there) = tokio::join!(site.authority.do_due_acme(), other.do_due_acme());
        assert_eq!((here + there, site.machine.asked()), (1, 1));
        let acme = acme.at(&other);
        let (first, second) = (csr(&["localhost"]), csr(&["localhost"]));
        let answers = tokio::join!(acme.finalize(&order, &first), acme.finalize(&order, &second));
        let good = [&answers.0, &answers.1].iter().filter(|said| said.status == 200).count();
        assert_eq!(good, 1, "{answers:?}");
        let done = acme.fetch(&url).await.json();
        assert_eq!(done["status"], "valid", "{done}");
        let query = ca::api::CertificateQuery { common_name: Some("localhost".to_owned()), ..Default::default() };
        assert_eq!(site.world.client.certificates(&query).await.unwrap().certificates.len(), 1);
    }

    /// A process that dies while it issues leaves the order to the others, which come to the same certificate.
    async fn a_finalized_order_outlives_its_process(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let (order, url) = acme.order(&names(&["localhost"])).await;
        site.validate(&acme, &order).await;
        let state = async || acme.fetch(&url).await.json()["status"].as_str().unwrap().to_owned();
        let request = csr(&["localhost"]);
        let mut finalizing = Box::pin(acme.finalize(&order, &request));
        while state().await == "ready" {
            // Polled a little at a time, and dropped in the middle.
            let _ = tokio::time::timeout(Duration::from_millis(1), &mut finalizing).await;
        }
        drop(finalizing);
        let other = site.another().await;
        site.hand.advance(Duration::from_mins(2));
        until(async || {
            other.do_due_acme().await;
            site.hand.advance(Duration::from_mins(6));
            state().await == "valid"
        })
        .await;
        let query = ca::api::CertificateQuery { common_name: Some("localhost".to_owned()), ..Default::default() };
        assert_eq!(site.world.client.certificates(&query).await.unwrap().certificates.len(), 1);
    }

    /// The directory names everything a client needs, and every answer leads to it.
    async fn the_directory_is_whole(db: Db) {
        let site = Site::new(db).await;
        let acme = Acme::new(&site.authority);
        let said = acme.get("/acme/directory").await;
        let directory = said.json();
        for name in ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange", "renewalInfo"] {
            assert!(directory[name].as_str().unwrap().starts_with(BASE), "{directory}");
        }
        assert_eq!(directory["meta"]["externalAccountRequired"], true);
        assert!(directory["meta"]["profiles"]["acme-tls-server"].is_string(), "{directory}");
        assert!(directory["meta"]["profiles"]["person-sign-in"].is_null());
        assert_eq!(said.header("link"), format!("<{BASE}/acme/directory>;rel=\"index\""));
        let nonce = acme.get("/acme/new-nonce").await;
        assert_eq!((nonce.status, nonce.header("cache-control")), (204, "no-store"));
        assert_ne!(nonce.header("replay-nonce"), acme.nonce().await);
    }
}
