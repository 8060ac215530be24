//! What a hostile card could say, and what a hostile server could have relayed: mutations of what real ones say, the same on every run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use card::fuzz;
use card::piv::{Challenge, ManagementAlgorithm, ManagementKey, Passcode, Piv, Slot};
use card::testing::VirtualCard;
use card::transport::{Transport, TransportError};
use proptest::prelude::{any, prop_assert};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A way to a real card that keeps what it said.
struct Recorder {
    card: VirtualCard,
    said: Vec<u8>,
}

impl Transport for Recorder {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let answer = self.card.transmit(command)?;
        let length = u16::try_from(answer.len()).expect("an answer to a short command is short");
        self.said.extend(length.to_be_bytes());
        self.said.extend(&answer);
        Ok(answer)
    }
}

/// What a real card says in the session that the fuzz target plays.
fn recorded() -> Vec<u8> {
    let recorder = Recorder { card: VirtualCard::insert(None), said: Vec::new() };
    let mut piv = Piv::select(recorder).unwrap();
    let key = ManagementKey::factory(ManagementAlgorithm::TripleDes).unwrap();
    piv.tries().unwrap();
    let _ = piv.serial().is_ok() | piv.version().is_ok();
    let _ = piv.puk_metadata().is_ok() | piv.management_metadata().is_ok();
    piv.authenticate(&key, &Challenge([0x5A; 16])).unwrap();
    piv.verify(&Passcode::factory()).unwrap();
    piv.generate(Slot::Authentication, card::piv::Algorithm::P256, None).unwrap();
    piv.generate(Slot::Signature, card::piv::Algorithm::P384, None).unwrap();
    let _ = piv.chuid().is_ok() | piv.card_capability().is_ok() | piv.discovery().is_ok();
    piv.into_transport().said
}

/// Damages a sample many times and reads each; the panics are named.
fn hammer(sample: &[u8], cases: u32, read: fn(&[u8])) {
    read(sample);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let edits = proptest::collection::vec((0..sample.len(), any::<u8>()), 0..4);
    let outcome =
        TestRunner::new_with_rng(config, rng).run(&(edits, 0..sample.len(), 0_u8..4), |(edits, at, kind)| {
            let mut octets = sample.to_vec();
            for (place, octet) in edits {
                octets[place] = octet;
            }
            match kind {
                0 => octets.truncate(at),
                1 => octets.extend_from_within(at..),
                _ => {}
            }
            prop_assert!(
                catch_unwind(AssertUnwindSafe(|| read(&octets))).is_ok(),
                "panicked on {}",
                hex::encode(&octets)
            );
            Ok(())
        });
    outcome.unwrap();
}

/// A card that answers with mutations of what a real one says does no harm.
#[test]
fn hostile_card_does_no_harm() {
    let said = recorded();
    assert!(said.len() > 300, "a real card said little");
    hammer(&said, 3_000, fuzz::session);
}

/// Objects and commands that are mutations of real ones are read or refused, and what is read is written as it was.
#[test]
fn damaged_objects_and_commands_do_no_harm() {
    use card::piv::{CardCapability, Chuid, Discovery, KeyHistory, PrintedInformation};

    let chuid = Chuid {
        fasc_n: Chuid::NOT_FEDERAL,
        guid: [1; 16],
        expires: *b"20291231",
        holder: Some([2; 16]),
        signature: vec![3; 70],
    };
    let certificate = card::tlv::tagged(0x70, &card::tlv::tagged(0x30, &[4; 200]));
    let printed = PrintedInformation { name: "A Name".to_owned(), ..PrintedInformation::default() };
    let samples = [
        chuid.to_content(),
        CardCapability::new([1; 14]).to_content(),
        certificate,
        Discovery { policy: [0x40, 0] }.to_content(),
        KeyHistory { on_card: 1, elsewhere: 2, address: Some("https://a.example".to_owned()) }.to_content(),
        printed.to_content().unwrap(),
        card::tlv::tagged(0x86, &[4; 65]),
    ];
    for sample in &samples {
        hammer(sample, 500, fuzz::objects);
    }
    let verify = hex::decode("0020008008313233343536ffff").unwrap();
    let put = hex::decode("10db3fff000003010203").unwrap();
    for sample in [&verify[..], &put, &[0, 0xC0, 0, 0, 0]] {
        hammer(sample, 500, fuzz::command);
    }
}
