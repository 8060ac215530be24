//! What a fuzzer does with octets that a card could say, or a server could have relayed. A test runs the same functions over mutations
//! with a fixed budget.

use crate::apdu::{Command, Response};
use crate::piv::{
    Algorithm, CardCapability, CertificateObject, Challenge, Chuid, Digest, Discovery, KeyHistory,
    ManagementAlgorithm, ManagementKey, Object, Passcode, Piv, PrintedInformation, PublicKey, Puk, Slot,
};
use crate::transport::{Lengths, Transport, TransportError};

/// A card that says what it was told to say, whatever it hears, and is gone after it.
#[derive(Debug, Default)]
pub struct Script {
    answers: std::vec::IntoIter<Vec<u8>>,
    /// What it heard.
    pub heard: Vec<Vec<u8>>,
}

impl Script {
    /// A card with these answers.
    pub fn new(answers: Vec<Vec<u8>>) -> Self {
        Self { answers: answers.into_iter(), heard: Vec::new() }
    }

    /// A card whose answers stand behind each other, each behind two octets of length.
    fn of_octets(mut octets: &[u8]) -> Self {
        let mut answers = Vec::new();
        while let [high, low, rest @ ..] = octets {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            answers.push(rest[..length].to_vec());
            octets = &rest[length..];
        }
        Self::new(answers)
    }
}

impl Transport for Script {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.heard.push(command.to_vec());
        self.answers.next().ok_or(TransportError::Removed)
    }
}

/// Reads octets as everything that a card holds.
///
/// # Panics
///
/// When a reader does, or when what was read does not read back once it is written.
pub fn objects(octets: &[u8]) {
    let _ = Response::parse(octets.to_vec());
    if let Ok(chuid) = Chuid::parse(octets) {
        assert_eq!(Chuid::parse(&chuid.to_content()).as_ref(), Ok(&chuid));
    }
    if let Ok(capability) = CardCapability::parse(octets) {
        assert_eq!(CardCapability::parse(&capability.to_content()).as_ref(), Ok(&capability));
    }
    if let Ok(certificate) = CertificateObject::parse(octets) {
        assert_eq!(CertificateObject::parse(&certificate.to_content()).as_ref(), Ok(&certificate));
    }
    if let Ok(discovery) = Discovery::parse(octets) {
        assert_eq!(Discovery::parse(&discovery.to_content()), Ok(discovery));
    }
    if let Ok(history) = KeyHistory::parse(octets) {
        assert_eq!(KeyHistory::parse(&history.to_content()).as_ref(), Ok(&history));
    }
    if let Ok(printed) = PrintedInformation::parse(octets) {
        let content = printed.to_content().expect("what was read fits");
        assert_eq!(PrintedInformation::parse(&content).as_ref(), Ok(&printed));
    }
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Rsa2048] {
        if let Ok(key) = PublicKey::parse(algorithm, octets) {
            assert!(!key.to_der().is_empty());
        }
    }
}

/// Reads octets as a command that is to be relayed.
///
/// # Panics
///
/// When the reader does, or when a command changes on its way.
pub fn command(octets: &[u8]) {
    let Ok(command) = Command::parse(octets) else { return };
    for lengths in [Lengths::Short, Lengths::Extended] {
        let pieces = command.encode(lengths);
        let data = pieces.iter().flat_map(|piece| {
            let piece = Command::parse(piece).expect("what was written reads back");
            piece.data().to_vec()
        });
        assert!(data.eq(command.data().iter().copied()), "the data changed on their way");
    }
}

/// Has a card with these answers do all that it can be asked.
///
/// # Panics
///
/// When an act does, or when a card that says what it likes is taken for proven.
pub fn session(octets: &[u8]) {
    let Ok(mut piv) = Piv::select(Script::of_octets(octets)) else { return };
    let Ok(key) = ManagementKey::factory(ManagementAlgorithm::TripleDes) else { return };
    let _ = piv.tries();
    let _ = piv.serial().is_ok() | piv.version().is_ok();
    let _ = piv.puk_metadata().is_ok() | piv.management_metadata().is_ok();
    let _ = piv.authenticate(&key, &Challenge([0x5A; 16]));
    let _ =
        piv.verify(&Passcode::factory()).is_ok() | piv.unlock(&Puk::factory(), &Passcode::factory()).is_ok();
    for algorithm in [Algorithm::P256, Algorithm::Rsa2048] {
        let _ = piv.generate(Slot::Authentication, algorithm, None);
        let _ = piv.sign(Slot::Signature, algorithm, &Digest::Sha256([0; 32]));
    }
    let _ = piv.key_metadata(Slot::Authentication).is_ok() | piv.attest(Slot::Authentication).is_ok();
    let _ = piv.chuid().is_ok() | piv.card_capability().is_ok() | piv.discovery().is_ok();
    let _ = piv.certificate(Slot::Signature).is_ok() | piv.printed_information().is_ok();
    let _ = piv.key_history().is_ok() | piv.write(Object::Chuid, &[]).is_ok();
    assert!(piv.protect(&[]).is_err(), "nobody vouches for it");
}
