//! Secrets that go to cards under secure messaging, and cards that are not what they were. The card's half is our own
//! (`card::testing`), in front of the virtual card; it and its content signer are invented.

use std::path::PathBuf;

use ca::api::CardState;
use ca::{CardsConfig, Config, SecureMessaging};
use card::apdu::Command;
use card::piv::{Passcode, Piv, Suite};
use card::relay::Over;
use card::testing::{SecureIdentity, SecuredCard, Takes, VirtualCard};
use card::transport::{Transport, TransportError};
use platform::db::testing::TestDb;
use platform::db::{Db, Engine};
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, SigningKey as _};
use serde_json::json;
use tempfile::TempDir;

use super::rig::{CHOSEN, Chip, Desk, settings};

/// What the holder chooses in an unlock.
const NEW: &str = "86420864";

/// Somebody who signs cards' certificates, and a file with their own.
pub(crate) struct Vouching {
    key: KeyPair,
    issuer: [u8; 8],
    folder: TempDir,
}

impl Vouching {
    pub(crate) fn new() -> Vouching {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "A content signer");
        params.is_ca = IsCa::ExplicitNoCa;
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("signers.pem"), certificate.pem()).unwrap();
        let read = pki::Certificate::from_der(certificate.der()).unwrap();
        let issuer: [u8; 8] = *read.subject_key_id().unwrap().first_chunk().unwrap();
        Vouching { key, issuer, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("signers.pem")
    }

    /// What makes a chip one with secure messaging.
    pub(crate) fn identity(&self, chip: &Chip) -> SecureIdentity {
        let mut identifier = [0xC5; 16];
        identifier[..4].copy_from_slice(&chip.serial.to_be_bytes());
        SecureIdentity::new(Suite::P256, self.issuer, identifier, |body| self.key.sign(body).unwrap())
    }

    pub(crate) fn settings(&self, secure_messaging: SecureMessaging) -> Config {
        let cards = CardsConfig { content_signers: Some(self.file()), secure_messaging, ..settings().cards };
        Config { cards, ..settings() }
    }
}

/// What goes by on its way to a card.
pub(crate) struct Recorder<T> {
    pub(crate) to: T,
    pub(crate) heard: Vec<Vec<u8>>,
}

impl<T: Transport> Transport for Recorder<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.heard.push(command.to_vec());
        self.to.transmit(command)
    }
}

/// What the agent gives to the card, and what the card behind the protection hears.
pub(crate) type Reader = Recorder<SecuredCard<Recorder<VirtualCard>>>;

pub(crate) fn in_reader(chip: &Chip, identity: &SecureIdentity) -> Reader {
    let behind = Recorder { to: chip.insert(), heard: Vec::new() };
    Recorder { to: SecuredCard::new(behind, identity), heard: Vec::new() }
}

/// What the relay carried: all that went to the card but the agent's own change of the passcode.
pub(crate) fn carried(reader: &Reader) -> Vec<Vec<u8>> {
    let own = |command: &&Vec<u8>| !command.starts_with(&[0x00, 0x24, 0x00, 0x80]);
    reader.heard.iter().filter(own).cloned().collect()
}

/// The unblocking keys, the server's passcodes and the management keys that the card behind was given.
pub(crate) fn secrets(reader: Reader) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for octets in reader.to.into_inner().heard {
        let command = Command::parse(&octets).unwrap();
        let data = command.data();
        match (command.instruction(), command.parameters().1) {
            (0x20, 0x80) if !data.is_empty() => found.push(data.to_vec()),
            (0x2C, 0x80) | (0x24, 0x81) => found.extend([data[..8].to_vec(), data[8..].to_vec()]),
            (0xFF, 0xFF) => found.push(data[3..].to_vec()),
            _ => {}
        }
    }
    found
}

pub(crate) fn goes_by(carried: &[Vec<u8>], secret: &[u8]) -> bool {
    carried.iter().any(|command| command.windows(secret.len()).any(|window| window == secret))
}

/// Whether a command that would bear a secret went, in clear or not.
pub(crate) fn bears_secret(command: &[u8]) -> bool {
    matches!(command[1], 0x2C | 0x24 | 0xFF)
}

fn told(over: Option<Over>) -> String {
    match over {
        Some(Over::Ended { done: false, words }) => words,
        over => panic!("{over:?}"),
    }
}

pub(crate) fn is_done(over: Option<&Over>) -> bool {
    matches!(over, Some(Over::Ended { done: true, .. }))
}

fn verify(chip: &Chip, digits: &str) {
    Piv::select(chip.insert()).unwrap().verify(&Passcode::parse(digits.as_bytes()).unwrap()).unwrap();
}

pub(crate) fn block_on(story: impl AsyncFnOnce(Db)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDb::new(Engine::Sqlite).await;
        story(database.db.clone()).await;
        database.db.close().await;
    });
}

/// A reader behind which somebody sits who lies once.
struct Tampered {
    reader: Reader,
    /// So many answers to protected commands are left as they are.
    left: usize,
    lie: Lie,
    before: Option<Vec<u8>>,
}

/// What somebody between does with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Changed,
    /// The answer to the command before comes again.
    Repeated,
    /// The card does not get the command, and success is said in its place.
    LeftOut,
}

impl Transport for Tampered {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        if command[0] & 0x0C != 0x0C {
            return self.reader.transmit(command);
        }
        let now = self.left == 0;
        self.left = self.left.wrapping_sub(1);
        if now && self.lie == Lie::LeftOut {
            return Ok(vec![0x90, 0x00]);
        }
        let mut answer = self.reader.transmit(command)?;
        let before = self.before.replace(answer.clone());
        if now {
            answer[3] ^= 1;
            return Ok(before.filter(|_| self.lie == Lie::Repeated).unwrap_or(answer));
        }
        Ok(answer)
    }
}

platform::both_engines! {
    /// A card with secure messaging is issued and unlocked, and neither its unblocking keys, nor its management key, nor a passcode of the
    /// server's is in what the relay carries to it.
    async fn secrets_do_not_pass_the_relay(db: Db) {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::Required)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        for (act, passcode, unblocking_key) in [("issue", CHOSEN, "1.1"), ("unlock", NEW, "1.2")] {
            let errand = desk.begun(&id, &json!({"act": act})).await;
            let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(passcode)).await;
            assert!(is_done(over.as_ref()), "{act}: {over:?}");
            assert_eq!(desk.card(&id).await.unblocking_key, unblocking_key);
            let carried = carried(&reader);
            let secrets = secrets(reader);
            assert!(secrets.len() >= 4, "{act}: the card was given {} secrets", secrets.len());
            for secret in secrets {
                assert!(!goes_by(&carried, &secret), "{act}: {}", hex::encode(secret));
            }
            verify(&chip, passcode);
        }
        assert_eq!(desk.good().await.len(), 2);
        // Who is between hides that the card has it: no secret goes.
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let bare = Recorder { to: chip.insert(), heard: Vec::new() };
        let (over, bare) = desk.relay(&id, &errand, bare, Some(CHOSEN)).await;
        assert!(told(over).contains("offers no secure messaging"));
        assert!(!bare.heard.iter().any(|command| bears_secret(command)));
    }

    /// Where it is not required, cards without secure messaging are issued and unlocked as before; one that has shown it is not spoken to
    /// without any more, nor is another with its serial number.
    async fn cards_that_have_shown_it_show_it_again(db: Db) {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::WhereOffered)).await;
        let plain = Chip::new(4712);
        let id = desk.issued(&plain).await;
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        desk.done(&id, &errand, &plain, Some(NEW)).await;
        verify(&plain, NEW);
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (over, _) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let bare = Recorder { to: chip.insert(), heard: Vec::new() };
        let (over, bare) = desk.relay(&id, &errand, bare, Some(NEW)).await;
        assert!(told(over).contains("offers no secure messaging"));
        assert!(!bare.heard.iter().any(|command| bears_secret(command)));
        let other = vouching.identity(&plain);
        let (over, other) = desk.relay(&id, &errand, in_reader(&chip, &other), Some(NEW)).await;
        assert!(told(over).contains("another one"));
        assert!(!other.heard.iter().any(|command| bears_secret(command)));
        verify(&chip, CHOSEN);
        let (over, _) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(NEW)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        verify(&chip, NEW);
    }
}

/// A card that has shown secure messaging gets no secret without, also where no content signer is configured any more; others are unlocked
/// there as before.
#[test]
fn secured_cards_stay_so_without_signers() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::WhereOffered)).await;
        let (chip, plain) = (Chip::new(4711), Chip::new(4712));
        let (identity, other) = (vouching.identity(&chip), desk.issued(&plain).await);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        let (over, _) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        let without = Config { instance: 2_u8.try_into().unwrap(), ..settings() };
        let (authority, _) = desk.world.again(without).await;
        let desk = desk.with_authority(authority).await;
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(NEW)).await;
        assert!(told(over).contains("nobody is known any more"));
        assert!(!reader.heard.iter().any(|command| bears_secret(command)));
        verify(&chip, CHOSEN);
        let errand = desk.begun(&other, &json!({"act": "unlock"})).await;
        desk.done(&other, &errand, &plain, Some(NEW)).await;
    });
}

/// A card that nobody known vouches for, or that has not the key of its certificate, gets no secret, and whoever holds it is told why; the
/// right card is issued afterwards.
#[test]
fn cards_that_nobody_vouches_for_get_no_secret() {
    block_on(async |db: Db| {
        let (vouching, stranger) = (Vouching::new(), Vouching::new());
        let desk = Desk::under(db, vouching.settings(SecureMessaging::WhereOffered)).await;
        let chip = Chip::new(4711);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        for (identity, words) in [
            (stranger.identity(&chip), "not signed by a content signer"),
            (vouching.identity(&chip).with_another_key(), "could not prove"),
        ] {
            let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
            let said = told(over);
            assert!(said.contains(words), "{said}");
            assert!(!reader.heard.iter().any(|command| bears_secret(command)));
        }
        assert_eq!(desk.card(&id).await.state, CardState::Reserved);
        assert!(desk.good().await.is_empty());
        let (over, _) =
            desk.relay(&id, &errand, in_reader(&chip, &vouching.identity(&chip)), Some(CHOSEN)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
    });
}

/// An answer that was changed, repeated or left out stops an errand wherever it is, nothing is half done, and the next agent finishes it.
#[test]
fn tampering_stops_the_errand() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let desk = Desk::under(db, vouching.settings(SecureMessaging::Required)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip);
        let id = desk.reserved(4711).await;
        let errand = desk.begun(&id, &json!({"act": "issue"})).await;
        // The management key, the unblocking key, a passcode, and its second entry.
        for left in [0, 0, 1, 2] {
            let reader =
                Tampered { reader: in_reader(&chip, &identity), left, lie: Lie::Changed, before: None };
            let (over, _) = desk.relay(&id, &errand, reader, Some(CHOSEN)).await;
            let said = told(over);
            assert!(said.contains("changed, repeated or left out"), "{left}: {said}");
            assert_eq!(desk.card(&id).await.state, CardState::Reserved, "{left}");
            // By the second entry both keys are certified, and whoever ends the errand then revokes that.
            assert!(left == 2 || desk.good().await.is_empty(), "{left}");
        }
        let (over, _) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
        assert!(is_done(over.as_ref()), "{over:?}");
        for lie in [Lie::Changed, Lie::Repeated, Lie::LeftOut] {
            for left in 0..2 {
                let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
                let reader = Tampered { reader: in_reader(&chip, &identity), left, lie, before: None };
                let (over, _) = desk.relay(&id, &errand, reader, Some(NEW)).await;
                let said = told(over);
                let words = if lie == Lie::LeftOut { "cannot be read" } else { "changed, repeated" };
                assert!(said.contains(words), "{lie:?} {left}: {said}");
                assert_eq!(desk.errand(&id, &errand).await.state, "open");
                let (over, _) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(NEW)).await;
                assert!(is_done(over.as_ref()), "{lie:?} {left}: {over:?}");
            }
        }
        assert_eq!(desk.card(&id).await.state, CardState::Active);
    });
}

/// A card that has secure messaging for what the standard names alone gets the rest in clear, unless that is refused, and keeps no
/// unblocking key that went by.
#[test]
fn standard_cards_keep_nothing_that_went_by() {
    block_on(async |db: Db| {
        let vouching = Vouching::new();
        let desk = Desk::under(db.clone(), vouching.settings(SecureMessaging::WhereOffered)).await;
        let chip = Chip::new(4711);
        let identity = vouching.identity(&chip).taking(Takes::Standard);
        let id = desk.reserved(4711).await;
        for (act, passcode) in [("issue", CHOSEN), ("unlock", NEW)] {
            let errand = desk.begun(&id, &json!({"act": act})).await;
            let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(passcode)).await;
            assert!(is_done(over.as_ref()), "{act}: {over:?}");
            verify(&chip, passcode);
            let card = desk.card(&id).await;
            assert_eq!(card.unblocking_key_seen_at, None, "the one that went by is the card's no more");
            let carried = carried(&reader);
            let secrets = secrets(reader);
            assert!(secrets.iter().any(|secret| goes_by(&carried, secret)), "{act}: one went by");
            let kept = kept_puk(&desk, &chip, &card.unblocking_key).await;
            assert!(
                secrets.contains(&kept) && !goes_by(&carried, &kept),
                "{act}: the one that it keeps did not"
            );
        }
        assert_eq!(recorded(&desk).await, 3, "a management key, and an unblocking key in each errand");
        let strict =
            Config { instance: 2_u8.try_into().unwrap(), ..vouching.settings(SecureMessaging::Required) };
        let (authority, _) = desk.world.again(strict).await;
        let desk = desk.with_authority(authority).await;
        let errand = desk.begun(&id, &json!({"act": "unlock"})).await;
        let (over, reader) = desk.relay(&id, &errand, in_reader(&chip, &identity), Some(CHOSEN)).await;
        let said = told(over);
        assert!(said.contains("does not take this under secure messaging"), "{said}");
        assert!(!reader.heard.iter().any(|command| command[0] == 0 && bears_secret(command)));
        verify(&chip, NEW);
    });
}

/// The unblocking key of a version, which the token derives for the test as for the server.
pub(crate) async fn kept_puk(desk: &Desk, chip: &Chip, version: &str) -> Vec<u8> {
    let version: u32 = version.strip_prefix("1.").unwrap().parse().unwrap();
    let context = [chip.serial.to_string().as_bytes(), b"\0puk\0", &version.to_be_bytes()].concat();
    let derivation = hsm::Derivation { label: b"lanyard card".to_vec(), context, length: 64 };
    let octets = desk.world.hsm.diversify(1, derivation).await.unwrap();
    octets.iter().filter(|octet| **octet < 250).take(8).map(|octet| b'0' + octet % 10).collect()
}

/// How often the record has that a secret went in clear.
async fn recorded(desk: &Desk) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit_event WHERE name = 'card-secret-in-clear'";
    sqlx::query_scalar(count).fetch_one(desk.world.db.read()).await.unwrap()
}
