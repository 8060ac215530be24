//! What EST and ACME give out after a root and an issuing authority were given new keys.

use ca::Config;
use ca::api::{CertificateState, ENROL, REVOKE};
use pki::Certificate;
use platform::db::Db;

use super::roll_over_of;
use crate::acme::client::b64;
use crate::acme::site::Site;
use crate::cmp::send;
use crate::cmp_client::{Message, failure, sequence, tlv};
use crate::est::certificates;
use crate::roads::{ROADS, Roads};
use crate::world::config_of;

platform::both_engines! {
    /// `cacerts` has the new issuer, every root and what leads from one to the other (RFC 7030 4.1.3).
    async fn cacerts_have_what_leads_across(db: Db) {
        let roads = Roads::new(db).await;
        roll_over_of(&roads.authority, "root").await.unwrap();
        roll_over_of(&roads.authority, "systems").await.unwrap();
        let (parts, body) = roads.get("/.well-known/est/cacerts").await;
        assert_eq!(parts.status, 200);
        let all = certificates(&body);
        let named = |name: &str, by: &str| {
            let fits = |one: &&Certificate| one.common_name().as_deref() == Some(name) && one.issuer().to_string().contains(by);
            all.iter().filter(fits).count()
        };
        assert_eq!(all.len(), 5);
        assert_eq!(named("Lanyard Systems CA G2", "Lanyard Root CA G2"), 1);
        assert_eq!(named("Lanyard Root CA", "Lanyard Root CA"), 2, "by itself and by the new one");
        assert_eq!(named("Lanyard Root CA G2", "Lanyard Root CA"), 2, "by itself and by the old one");
    }

    /// Who asks by CMP for the root after one gets it with what each certified of the other, from whichever root it starts;
    /// after the newest none follows, and what is no root is refused (RFC 9483 4.3.2).
    async fn cmp_tells_the_root_that_follows(db: Db) {
        let roads = Roads::new(db).await;
        let system = roads.system("larkfield", &[ca::api::ENROL]).await;
        let reader = crate::world::client(&roads.authority, &[ca::api::READ]);
        let question = |value: &[u8]| sequence(&[&sequence(&[&tlv(6, &ROOT_CERT), value])]);
        let ask = async |value: &[u8]| send(&roads, &Message::new(&system, 21, question(value))).await;
        let answer = |value: &[u8]| sequence(&[&sequence(&[&tlv(6, &ROOT_UPDATE), value])]);
        let root = async |id: &str| crate::world::decoded(&reader.issuer(id).await.unwrap().certificate);
        let first = root("root").await;
        let none = ask(first.der()).await;
        assert!((none.body, none.failure.clone()) == (22, None) && none.holds(&answer(&[])), "no root follows yet");
        roll_over_of(&roads.authority, "root").await.unwrap();
        let second = root("root-g2").await;
        let across = async |id: &str| {
            let of = reader.issuer(id).await.unwrap().cross_certificates;
            crate::world::decoded(&of[0]).der().to_vec()
        };
        let update = sequence(&[second.der(), &tlv(0xa0, &across("root-g2").await), &tlv(0xa1, &across("root").await)]);
        for value in [first.der(), &[]] {
            let told = ask(value).await;
            assert!(told.body == 22 && told.holds(&answer(&update)), "{}", told.text);
        }
        assert!(ask(second.der()).await.holds(&answer(&[])));
        let stranger = root("card").await;
        assert_eq!(ask(stranger.der()).await.failure, failure("badCertId"));
    }

    /// A certificate comes with a link to the chain that leads to the other root, and that chain leads there; another
    /// account gets neither, and a number that is none is not found (RFC 8555 7.4.2).
    async fn acme_offers_the_other_chain(db: Db) {
        let site = Site::new(db).await;
        let acme = site.client().await;
        let root = site.world.client.issuer("root").await.unwrap();
        let (order, _) = site.certified(&acme, &["localhost"]).await;
        let said = acme.fetch(order["certificate"].as_str().unwrap()).await;
        assert!(!said.headers.get_all("link").iter().any(|link| link.to_str().unwrap().contains("alternate")), "there is one chain");
        roll_over_of(&site.authority, "root").await.unwrap();
        roll_over_of(&site.authority, "systems").await.unwrap();
        let (order, _) = site.certified(&acme, &["127.0.0.1"]).await;
        let url = order["certificate"].as_str().unwrap();
        let said = acme.fetch(url).await;
        let links = |said: &crate::acme::client::Said| -> Vec<String> {
            let all = said.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
            all.filter_map(|link| link.strip_suffix(">;rel=\"alternate\"")).map(|link| link[1..].to_owned()).collect()
        };
        assert_eq!(links(&said), [format!("{url}/alternates/1")]);
        let short = Certificate::chain_from_pem(&String::from_utf8(said.body.clone()).unwrap()).unwrap();
        assert_eq!(short.len(), 2);
        let other = acme.fetch(&format!("{url}/alternates/1")).await;
        assert_eq!(links(&other), [url]);
        let long = Certificate::chain_from_pem(&String::from_utf8(other.body.clone()).unwrap()).unwrap();
        assert_eq!((long.len(), &long[..2]), (3, &short[..]));
        let first = crate::world::decoded(&root.certificate);
        long[0].verify_signed_by(&long[1]).unwrap();
        long[1].verify_signed_by(&long[2]).unwrap();
        long[2].verify_signed_by(&first).unwrap();
        for number in ["0", "2", "x"] {
            assert!(acme.fetch(&format!("{url}/alternates/{number}")).await.status >= 400, "{number}");
        }
        let stranger = site.client().await;
        assert_eq!(stranger.fetch(&format!("{url}/alternates/1")).await.status, 404);
    }

    /// Nodes that have not looked since another made a key give out by ACME what that key signed, and tell when to renew it.
    async fn acme_knows_what_another_nodes_key_signed(db: Db) {
        let site = Site::new(db).await;
        let (fetching, telling) = (site.another().await, site.another().await);
        let acme = site.client().await;
        roll_over_of(&site.authority, "systems").await.unwrap();
        let (order, pem) = site.certified(&acme, &["localhost"]).await;
        let chain = Certificate::chain_from_pem(&pem).unwrap();
        assert!(chain[0].issuer().to_string().contains("Lanyard Systems CA G2"));
        let acme = acme.at(&fetching);
        let said = acme.fetch(order["certificate"].as_str().unwrap()).await;
        assert_eq!((said.status, String::from_utf8(said.body).unwrap()), (200, pem));
        let issuer = chain[0].authority_key_id().unwrap().key_id.clone().unwrap();
        let place = format!("/acme/renewal-info/{}.{}", b64(&issuer), b64(chain[0].serial().content()));
        assert_eq!(acme.at(&telling).get(&place).await.status, 200);
    }

    /// A node that has not looked since another made a key revokes by CMP what that key signed.
    async fn cmp_revokes_what_another_nodes_key_signed(db: Db) {
        let mut roads = Roads::new(db).await;
        let config = Config { enrol: toml::from_str(ROADS).unwrap(), ..config_of(3) };
        let (other, _client) = roads.world.again(config).await;
        let desk = roads.system("desk", &[ENROL, REVOKE]).await;
        roll_over_of(&roads.authority, "systems").await.unwrap();
        let system = roads.system("larkfield", &[ENROL]).await;
        let certificate = Certificate::from_der(&system.certificate).unwrap();
        assert!(certificate.issuer().to_string().contains("Lanyard Systems CA G2"));
        roads.reopen(other);
        let answer = send(&roads, &Message::revocation(&desk, &certificate, 4)).await;
        assert_eq!((answer.body, answer.failure), (12, None), "{:?}", answer.text);
        assert_eq!(roads.state(&certificate).await, CertificateState::Revoked);
    }
}

/// id-it-rootCaCert and id-it-rootCaKeyUpdate, without tag and length.
const ROOT_CERT: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 4, 20];
const ROOT_UPDATE: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 4, 18];
