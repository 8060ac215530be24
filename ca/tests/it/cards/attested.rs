//! Keys that their card attests. The card and its maker are invented: the virtual card attests nothing, so the reader answers in its
//! place, with chains of our own. No stranger's card was asked.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ca::api::{CardState, IssueRequest, KeySource, SubjectData};
use ca::{CardsConfig, Config, KeyOrigin};
use card::apdu::Command;
use card::piv::CertificateObject;
use card::relay::Over;
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use http::{Request, StatusCode};
use platform::db::Engine;
use platform::db::testing::TestDb;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, PublicKeyData,
    SignatureAlgorithm,
};
use serde_json::json;

use super::agents::told;
use super::rig::{CHOSEN, Chip, Desk, MANAGER, Pulled, person, settings};

/// Two more profiles, under policies of their own.
const ATTESTED: &str = r#"
[[profile]]
id = "attested-authentication"
title = "Signing in with a key that its smartcard attests"
issuers = ["card"]
validity_days = 730
key_usage = ["digital-signature"]
extended_key_usage = ["client-auth"]
policy = "1.3.6.1.4.1.32473.1.2.30"
key_origin = "attested"
keys = ["p-256"]
subject = { unit = "People", user_id = "required", given_name = "optional", family_name = "optional" }

[[profile]]
id = "attested-signing"
title = "Signing with a key that its smartcard attests"
issuers = ["card"]
validity_days = 730
key_usage = ["content-commitment"]
policy = "1.3.6.1.4.1.32473.1.2.31"
key_origin = "attested"
keys = ["p-256"]
subject = { unit = "People", user_id = "required", given_name = "optional", family_name = "optional" }
"#;

/// A point of P-256, uncompressed.
#[derive(Clone)]
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A maker of cards.
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
        let (key, root) = (KeyPair::generate().unwrap(), params("A maker of cards"));
        let certificate = root.self_signed(&key).unwrap();
        let root = Issuer::new(root, key);
        let (key, middle) = (KeyPair::generate().unwrap(), params("PIV Attestation"));
        let above = middle.signed_by(&key, &root).unwrap().der().to_vec();
        Maker { root: certificate.pem(), issuer: Issuer::new(middle, key), above }
    }

    fn attest(&self, key: &Point, serial: u32, passcode: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "YubiKey PIV Attestation");
        let number = [&[2, 5, 0][..], &serial.to_be_bytes()].concat();
        for (last, value) in [(7, number), (8, vec![passcode, 1])] {
            let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 41482, 3, last], value);
            params.custom_extensions.push(extension);
        }
        params.signed_by(key, &self.issuer).unwrap().der().to_vec()
    }
}

/// What is wrong with what a card says of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    OtherSerial,
    OtherKey,
    NoPasscode,
    /// 9C asks for the passcode once, as 9A may.
    OnceForAll,
    NoCertificate,
}

/// A card in a reader that attests the keys that the card makes.
struct Attesting {
    card: VirtualCard,
    maker: Arc<Maker>,
    serial: u32,
    lie: Lie,
    made: HashMap<u8, Point>,
    rest: Vec<u8>,
}

impl Attesting {
    fn new(chip: &Chip, maker: Arc<Maker>, lie: Lie) -> Attesting {
        Attesting {
            card: chip.insert(),
            maker,
            serial: chip.serial,
            lie,
            made: HashMap::new(),
            rest: Vec::new(),
        }
    }

    fn attestation(&self, slot: u8) -> Vec<u8> {
        let key = match self.lie {
            Lie::OtherKey => Point(KeyPair::generate().unwrap().der_bytes().to_vec()),
            _ => self.made[&slot].clone(),
        };
        let serial = if self.lie == Lie::OtherSerial { self.serial + 1 } else { self.serial };
        let passcode = match (self.lie, slot) {
            (Lie::NoPasscode, _) => 1,
            (Lie::OnceForAll, _) | (_, 0x9A) => 2,
            _ => 3,
        };
        self.maker.attest(&key, serial, passcode)
    }

    /// The next piece of an answer.
    fn next(&mut self) -> Vec<u8> {
        let mut piece: Vec<u8> = self.rest.drain(..self.rest.len().min(256)).collect();
        let left = u8::try_from(self.rest.len().min(255)).unwrap();
        piece.extend(if left == 0 { [0x90, 0] } else { [0x61, left] });
        piece
    }
}

impl Transport for Attesting {
    fn transmit(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        let command = Command::parse(octets).unwrap();
        match command.instruction() {
            0xC0 if !self.rest.is_empty() => Ok(self.next()),
            0xF9 => {
                self.rest = self.attestation(command.parameters().0);
                Ok(self.next())
            }
            0xCB if command.data() == [0x5C, 3, 0x5F, 0xFF, 1] => {
                if self.lie == Lie::NoCertificate {
                    return Ok(vec![0x6A, 0x82]);
                }
                let content = CertificateObject { der: self.maker.above.clone() }.to_content();
                let [.., high, low] = content.len().to_be_bytes();
                self.rest = [&[0x53, 0x82, high, low][..], &content].concat();
                Ok(self.next())
            }
            0x47 => {
                let answer = self.card.transmit(octets)?;
                let at = answer.windows(2).position(|two| two == [0x86, 0x41]).unwrap() + 2;
                self.made.insert(command.parameters().1, Point(answer[at..at + 65].to_vec()));
                Ok(answer)
            }
            _ => self.card.transmit(octets),
        }
    }
}

/// An authority that knows a maker, by what vouches for keys.
fn knowing(maker: &Maker, folder: &Path) -> impl Fn(KeyOrigin) -> Config {
    let (anchors, profiles) = (folder.join("makers.pem"), folder.join("profiles.toml"));
    std::fs::write(&anchors, &maker.root).unwrap();
    let built_in = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles.toml"));
    std::fs::write(&profiles, format!("{built_in}{ATTESTED}")).unwrap();
    let attested = ("attested-authentication".to_owned(), "attested-signing".to_owned());
    move |key_origin| {
        let cards = CardsConfig {
            key_origin,
            attestation_anchors: Some(anchors.clone()),
            attested_profiles: Some(attested.clone()),
            ..settings().cards
        };
        Config { cards, profiles: Some(profiles.clone()), ..settings() }
    }
}

/// A key whose card attests it gets a certificate under another policy, and one whose attestation does not hold gets none: of another
/// maker, card or key, one that signs without passcode, or where the chain is missing. Where attestation is demanded, by the configuration
/// or by a profile, a card that says nothing gets none either.
#[test]
fn cards_attest_their_keys() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let folder = tempfile::tempdir().unwrap();
        let maker = Arc::new(Maker::new());
        let config = knowing(&maker, folder.path());
        let desk = Desk::under(database.db.clone(), config(KeyOrigin::Workstation)).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let mut reader = Attesting::new(&chip, Arc::new(Maker::new()), Lie::None);
        for (lie, words) in [
            (Lie::None, "no root"),
            (Lie::OtherSerial, "another serial number"),
            (Lie::OtherKey, "another key"),
            (Lie::NoPasscode, "does not ask for the passcode"),
            (Lie::OnceForAll, "does not ask for the passcode"),
            (Lie::NoCertificate, "cannot be read"),
        ] {
            reader.lie = lie;
            let (over, back) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
            let Some(Over::Ended { done: false, words: said }) = over else { panic!("{lie:?}: {over:?}") };
            assert!(said.contains(words), "{lie:?}: {said}");
            reader = back;
            if lie == Lie::None {
                // Of another maker; from here on it is the right one.
                reader.maker = Arc::clone(&maker);
            }
        }
        assert!(desk.good().await.is_empty(), "nothing was certified");
        reader.lie = Lie::None;
        let (over, _) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!(profiles_of(&desk, &id).await, ["attested-authentication", "attested-signing"]);
        // A card that attests nothing gets the other policy, or nothing.
        let plain = Chip::new(4712);
        let id = desk.issued(&plain).await;
        assert_eq!(profiles_of(&desk, &id).await, ["card-authentication", "card-signing"]);
        // Nobody has a certificate of such a profile but with a card.
        let request =
            IssueRequest::new("x", "attested-signing", SubjectData::default(), KeySource::public_key(&[]));
        let refused = desk.world.client.issue(&request).await.unwrap_err();
        assert_eq!(refused.code, "profile-not-allowed", "{refused:?}");
        let strict = config(KeyOrigin::Attested);
        let mut by_profile = config(KeyOrigin::Workstation);
        "attested-signing".clone_into(&mut by_profile.cards.signing_profile);
        by_profile.cards.attestation_anchors = None;
        let (third, mut desk) = (Chip::new(4713), desk);
        let id = desk.reserved(4713).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        for (number, config) in [(2, strict), (3, by_profile)] {
            let config = Config { instance: number.try_into().unwrap(), ..config };
            let (authority, _) = desk.world.again(config).await;
            desk = desk.with_authority(authority).await;
            let (over, _) = desk.relay(&id, &errand, third.insert(), Some(CHOSEN)).await;
            let Some(Over::Ended { done: false, words }) = over else { panic!("{over:?}") };
            assert!(words.contains("does not attest"), "{words}");
        }
        database.db.close().await;
    });
}

/// Where it came to be demanded that cards attest their keys, a card in use that does not, or not as it must, is not renewed, and keeps
/// keys and certificates; one that does gets new ones.
#[test]
fn cards_that_would_not_attest_keep_their_keys() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        let folder = tempfile::tempdir().unwrap();
        let maker = Arc::new(Maker::new());
        let config = knowing(&maker, folder.path());
        let desk = Desk::under(database.db.clone(), config(KeyOrigin::Workstation)).await;
        let (silent, chip) = (Chip::new(4711), Chip::new(4712));
        let plain = desk.issued(&silent).await;
        let id = desk.reserved(4712).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let reader = Attesting::new(&chip, Arc::clone(&maker), Lie::None);
        let (over, mut reader) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        let strict = Config { instance: 2_u8.try_into().unwrap(), ..config(KeyOrigin::Attested) };
        let (authority, _) = desk.world.again(strict).await;
        let desk = desk.with_authority(authority).await;
        let good = desk.good().await;
        let errand = desk.begun(&plain, &json!({"act": "renew"})).await;
        let (over, card) = desk.relay(&plain, &errand, Pulled::never(&silent), Some(CHOSEN)).await;
        assert!(told(over).contains("does not attest"));
        let changing = [0x24, 0x2C, 0x47, 0xDB, 0xFF];
        assert!(card.commands.iter().all(|command| !changing.contains(&command[1])), "it was only read");
        let end = Request::delete(format!("/ca/cards/{plain}/errands/{errand}"));
        assert_eq!(desk.ask(Some(&person(MANAGER)), end, "").await.0, StatusCode::OK);
        let card = desk.card(&plain).await;
        assert_eq!((card.state, card.keys_changed_at), (CardState::Active, None));
        let errand = desk.begun(&id, &json!({"act": "renew"})).await;
        for (lie, words) in [
            (Lie::OtherSerial, "another serial number"),
            (Lie::OtherKey, "another key"),
            (Lie::OnceForAll, "does not ask for the passcode"),
            (Lie::NoCertificate, "cannot be read"),
        ] {
            reader.lie = lie;
            let (over, back) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
            let said = told(over);
            assert!(said.contains(words), "{lie:?}: {said}");
            assert_eq!(desk.card(&id).await.keys_changed_at, None, "{lie:?}");
            reader = back;
        }
        assert_eq!(desk.good().await, good, "nothing was lost, and nothing certified");
        reader.lie = Lie::None;
        let (over, _) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
        assert!(matches!(over, Some(Over::Ended { done: true, .. })), "{over:?}");
        assert_eq!(profiles_of(&desk, &id).await, ["attested-authentication", "attested-signing"]);
        database.db.close().await;
    });
}

async fn profiles_of(desk: &Desk, id: &str) -> Vec<String> {
    let card = desk.card(id).await;
    let mut profiles = Vec::new();
    for serial in [card.authentication.unwrap(), card.signature.unwrap()] {
        profiles.push(desk.world.client.certificate(&serial).await.unwrap().profile);
    }
    profiles
}
