//! device-attest-01 with a device and a maker that are invented. No stranger judged this.

use std::path::Path;

use ca::Config;
use ca::api::{self, NewExternalAccount};
use ciborium::Value as Cbor;
use platform::db::Db;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, SigningKey as _,
};
use serde_json::{Value, json};

use super::client::{Acme, BASE, b64, csr_of};
use super::site::{Site, local};
use crate::world::{World, client, config_of};

/// A maker of devices with one device.
struct Maker {
    root: String,
    issuer: Issuer<'static, KeyPair>,
    above: Vec<u8>,
}

impl Maker {
    fn new() -> Maker {
        let params = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let (key, root) = (KeyPair::generate().unwrap(), params("A maker of devices"));
        let certificate = root.self_signed(&key).unwrap();
        let root = Issuer::new(root, key);
        let (key, middle) = (KeyPair::generate().unwrap(), params("PIV Attestation"));
        let above = middle.signed_by(&key, &root).unwrap().der().to_vec();
        Maker { root: certificate.pem(), issuer: Issuer::new(middle, key), above }
    }

    /// The attestation certificate of a key, for a device with this serial number.
    fn attest(&self, key: &KeyPair, serial: u32) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "YubiKey PIV Attestation 9a");
        let octets = serial.to_be_bytes();
        let value = [&[2, 5, 0][..], &octets].concat();
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 41482, 3, 7], value));
        params.signed_by(key, &self.issuer).unwrap().der().to_vec()
    }

    fn object(&self, leaf: Vec<u8>, signature: Vec<u8>) -> Vec<u8> {
        object("step", vec![leaf, self.above.clone()], signature)
    }
}

fn object(format: &str, chain: Vec<Vec<u8>>, signature: Vec<u8>) -> Vec<u8> {
    let text = |text: &str| Cbor::Text(text.to_owned());
    let statement = Cbor::Map(vec![
        (text("x5c"), Cbor::Array(chain.into_iter().map(Cbor::Bytes).collect())),
        (text("sig"), Cbor::Bytes(signature)),
    ]);
    let whole = Cbor::Map(vec![(text("fmt"), text(format)), (text("attStmt"), statement)]);
    let mut octets = Vec::new();
    ciborium::into_writer(&whole, &mut octets).unwrap();
    octets
}

/// An attestation object that can be read.
pub(crate) fn attestation() -> Vec<u8> {
    let (maker, key) = (Maker::new(), KeyPair::generate().unwrap());
    maker.object(maker.attest(&key, 1234), vec![7; 70])
}

/// Makes an attestation object for a key authorization.
type Make<'a> = Box<dyn FnOnce(&str) -> Vec<u8> + 'a>;

async fn site(db: Db, maker: &Maker, folder: &Path) -> Site {
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, &maker.root).unwrap();
    Site::with(db, |config| {
        config.attestation_roots.insert("device-tls-client".to_owned(), roots);
    })
    .await
}

/// A second profile of devices.
const OTHER_DEVICES: &str = r#"
[[profile]]
id = "other-devices"
title = "A device of another maker"
issuers = ["systems"]
validity_days = 397
key_usage = ["digital-signature"]
extended_key_usage = ["client-auth"]
acme = "device"
policy = "1.3.6.1.4.1.32473.1.2.10"
keys = ["p-256"]
subject = { unit = "Devices" }
"#;

fn fleet() -> NewExternalAccount {
    NewExternalAccount {
        profiles: vec!["device-tls-client".to_owned()],
        devices: vec!["1234".to_owned(), "77".to_owned()],
        ..local()
    }
}

fn device(serial: &str) -> Value {
    json!({"identifiers": [{"type": "permanent-identifier", "value": serial}]})
}

/// Orders for a device and answers its challenge with an object made from the key authorization.
async fn answered(acme: &Acme, serial: &str, make: impl FnOnce(&str) -> Vec<u8>) -> (Value, String, Value) {
    answered_to(acme, &device(serial), make).await
}

/// The same for an order that is written out.
async fn answered_to(
    acme: &Acme,
    order: &Value,
    make: impl FnOnce(&str) -> Vec<u8>,
) -> (Value, String, Value) {
    let (order, url) = acme.order(order).await;
    let (challenge, key_authorization) = acme.challenges(&order, "device-attest-01").await.remove(0);
    let payload = json!({"attObj": b64(&make(&key_authorization))});
    let said = acme.post(challenge["url"].as_str().unwrap(), &payload).await;
    assert_eq!(said.status, 200, "{said:?}");
    (order, url, said.json())
}

fn request(name: &str, key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serialize_request(key).unwrap().der().to_vec()
}

platform::both_engines! {
    /// A key that its device attests is certified for that device, and no other key.
    async fn attested_keys_are_certified(db: Db) {
        let (maker, folder) = (Maker::new(), tempfile::tempdir().unwrap());
        let site = site(db, &maker, folder.path()).await;
        let acme = Acme::registered(&site.authority, &site.external(&fleet()).await).await;
        let key = KeyPair::generate().unwrap();
        let (order, url, challenge) = answered(&acme, "1234", |key_authorization| {
            maker.object(maker.attest(&key, 1234), key.sign(key_authorization.as_bytes()).unwrap())
        })
        .await;
        assert_eq!(challenge["status"], "valid", "{challenge}");
        assert_eq!(acme.fetch(&url).await.json()["status"], "ready");
        let other = KeyPair::generate().unwrap();
        assert_eq!(acme.finalize(&order, &request("1234", &other)).await.problem(), "badCSR");
        assert_eq!(acme.finalize(&order, &request("77", &key)).await.problem(), "badCSR");
        assert_eq!(acme.finalize(&order, &csr_of(&["localhost"], &key)).await.problem(), "badCSR");
        let done = acme.finalize(&order, &request("1234", &key)).await.json();
        assert_eq!(done["status"], "valid", "{done}");
        let pem = acme.fetch(done["certificate"].as_str().unwrap()).await;
        let chain = pki::Certificate::chain_from_pem(&String::from_utf8(pem.body).unwrap()).unwrap();
        assert_eq!(chain[0].common_name().as_deref(), Some("Device 1234"));
        assert_eq!(chain[0].extended_key_usage().unwrap(), [pki::eku::CLIENT_AUTH]);
    }

    /// Another device, another maker, another signature or another format: refused at once, and no second try.
    async fn wrong_attestations_are_refused(db: Db) {
        let (maker, stranger, folder) = (Maker::new(), Maker::new(), tempfile::tempdir().unwrap());
        let site = site(db, &maker, folder.path()).await;
        let acme = Acme::registered(&site.authority, &site.external(&fleet()).await).await;
        let key = KeyPair::generate().unwrap();
        let signed = |text: &str| key.sign(text.as_bytes()).unwrap();
        let wrong: Vec<(&str, Make<'_>)> = vec![
            ("unauthorized", Box::new(|text| maker.object(maker.attest(&key, 77), signed(text)))),
            ("badAttestationStatement", Box::new(|text| stranger.object(stranger.attest(&key, 1234), signed(text)))),
            ("badAttestationStatement", Box::new(|_| maker.object(maker.attest(&key, 1234), signed("other")))),
            ("badAttestationStatement", Box::new(|text| {
                object("packed", vec![maker.attest(&key, 1234), maker.above.clone()], signed(text))
            })),
            ("badAttestationStatement", Box::new(|text| object("step", Vec::new(), signed(text)))),
            ("badAttestationStatement", Box::new(|_| vec![0x9f; 5000])),
        ];
        for (kind, make) in wrong {
            let (_, url, challenge) = answered(&acme, "1234", make).await;
            assert_eq!(challenge["status"], "invalid", "{challenge}");
            let told = challenge["error"]["type"].as_str().unwrap();
            assert!(told.ends_with(kind), "{kind}: {challenge}");
            assert_eq!(acme.fetch(&url).await.json()["status"], "invalid");
        }
        let said = acme.post("/acme/new-order", &device("99")).await;
        assert_eq!(said.problem(), "rejectedIdentifier", "a device that is not the account's");
    }

    /// The roots of one profile open no other: each maker's devices are certified under the profile that names it alone.
    async fn roots_of_one_profile_open_no_other(db: Db) {
        let (maker, other, folder) = (Maker::new(), Maker::new(), tempfile::tempdir().unwrap());
        let file = folder.path().join("profiles.toml");
        std::fs::write(&file, format!("{}{OTHER_DEVICES}", include_str!("../../../profiles.toml"))).unwrap();
        let mut section = ca::acme::Config::new(BASE.to_owned().try_into().unwrap());
        for (profile, maker) in [("device-tls-client", &maker), ("other-devices", &other)] {
            let roots = folder.path().join(profile);
            std::fs::write(&roots, &maker.root).unwrap();
            section.attestation_roots.insert(profile.to_owned(), roots);
        }
        let (world, _hand) = World::with_hand(db).await;
        world.hsm.create_wrapping_key(1).await.unwrap();
        let config = Config { acme: Some(section), profiles: Some(file), ..config_of(2) };
        let (authority, _) = world.again(config).await;
        let profiles = vec!["device-tls-client".to_owned(), "other-devices".to_owned()];
        let operator = client(&authority, &[api::ACME]);
        let external = operator.add_external_account(&NewExternalAccount { profiles, ..fleet() }).await.unwrap();
        let acme = Acme::registered(&authority, &external).await;
        for (profile, own, foreign) in [("device-tls-client", &maker, &other), ("other-devices", &other, &maker)] {
            for (maker, status) in [(own, "valid"), (foreign, "invalid")] {
                let key = KeyPair::generate().unwrap();
                let mut order = device("1234");
                order["profile"] = profile.into();
                let (order, _, challenge) = answered_to(&acme, &order, |key_authorization| {
                    maker.object(maker.attest(&key, 1234), key.sign(key_authorization.as_bytes()).unwrap())
                })
                .await;
                assert_eq!(challenge["status"], status, "{profile}: {challenge}");
                let done = acme.finalize(&order, &request("1234", &key)).await;
                assert_eq!(done.status == 200, status == "valid", "{profile}: {done:?}");
            }
        }
    }

    /// A worker of another node that looks at the same moment takes no attestation for something it has to ask for.
    async fn attestations_are_judged_in_one_step(db: Db) {
        let (maker, folder) = (Maker::new(), tempfile::tempdir().unwrap());
        let site = site(db, &maker, folder.path()).await;
        let acme = Acme::registered(&site.authority, &site.external(&fleet()).await).await;
        let other = site.another().await;
        let worker = tokio::spawn(async move {
            loop {
                other.do_due_acme().await;
                tokio::task::yield_now().await;
            }
        });
        let key = KeyPair::generate().unwrap();
        for _ in 0..20 {
            let (_, url, challenge) = answered(&acme, "1234", |key_authorization| {
                maker.object(maker.attest(&key, 1234), key.sign(key_authorization.as_bytes()).unwrap())
            })
            .await;
            assert_eq!(challenge["status"], "valid", "{challenge}");
            assert_eq!(acme.fetch(&url).await.json()["status"], "ready");
        }
        worker.abort();
    }
}
