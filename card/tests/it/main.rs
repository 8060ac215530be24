//! The PIV application of a real firmware, as a process, driven by ours.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod hostile;
mod keys;
mod management;
mod objects;
mod passcodes;
mod secure;

use card::piv::{Challenge, Error, ManagementAlgorithm, ManagementKey, Passcode, Piv, Puk};
use card::testing::VirtualCard;
use zeroize::Zeroizing;

/// A card as from the factory, in its reader.
fn new_card() -> Piv<VirtualCard> {
    Piv::select(VirtualCard::insert(None)).unwrap()
}

/// A card as from the factory that has accepted its management key.
fn open_card() -> Piv<VirtualCard> {
    let mut piv = new_card();
    piv.authenticate(&factory_key(), &challenge()).unwrap();
    piv
}

fn factory_key() -> ManagementKey {
    key(ManagementAlgorithm::TripleDes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3))
}

fn key(algorithm: ManagementAlgorithm, octets: &[u8]) -> ManagementKey {
    ManagementKey::new(algorithm, Zeroizing::new(octets.to_vec())).unwrap()
}

fn challenge() -> Challenge {
    let mut octets = [0; 16];
    aws_lc_rs::rand::fill(&mut octets).unwrap();
    Challenge(octets)
}

fn passcode(digits: &str) -> Passcode {
    Passcode::parse(digits.as_bytes()).unwrap()
}

fn puk(digits: &str) -> Puk {
    Puk::parse(digits.as_bytes()).unwrap()
}

/// Resets the card, and selects anew.
fn reset(piv: Piv<VirtualCard>) -> Piv<VirtualCard> {
    let mut card = piv.into_transport();
    card.reset();
    Piv::select(card).unwrap()
}

fn is_not_authorised<V>(outcome: &Result<V, Error>) -> bool {
    matches!(outcome, Err(Error::NotAuthorised { .. }))
}
