//! The holder's passcode, the unblocking key, and how many tries are left.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::apdu::{Command, Response, Status};
use crate::transport::{Lengths, Transport};

use super::{Error, Piv, Secret};

/// VERIFY. NIST SP 800-73-5 part 2, 3.2.1.
const VERIFY: u8 = 0x20;
/// CHANGE REFERENCE DATA. NIST SP 800-73-5 part 2, 3.2.2.
const CHANGE_REFERENCE_DATA: u8 = 0x24;
/// RESET RETRY COUNTER. NIST SP 800-73-5 part 2, 3.2.3.
const RESET_RETRY_COUNTER: u8 = 0x2C;

/// How long a passcode and an unblocking key are, filled up. NIST SP 800-73-5 part 2, 2.4.3.
const LENGTH: usize = 8;

/// The holder's passcode: 6 to 8 digits. NIST SP 800-73-5 part 2, 2.4.3.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passcode([u8; LENGTH]);

/// The unblocking key: 8 digits.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Puk([u8; LENGTH]);

/// What was entered is no passcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a passcode has 6 to 8 digits, and nothing else")]
pub struct NotAPasscode;

/// What was entered is no unblocking key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an unblocking key has 8 digits, and nothing else")]
pub struct NotAPuk;

impl Passcode {
    /// What a card has from the factory.
    pub fn factory() -> Self {
        Self(*b"123456\xFF\xFF")
    }

    /// A passcode as it was entered.
    pub fn parse(digits: &[u8]) -> Result<Self, NotAPasscode> {
        if !(6..=LENGTH).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotAPasscode);
        }
        let mut filled = [0xFF; LENGTH];
        filled[..digits.len()].copy_from_slice(digits);
        Ok(Self(filled))
    }

    /// The command that enters it, for who carries commands to an application that somebody else has selected.
    pub(crate) fn entry(&self) -> Zeroizing<Vec<u8>> {
        let command = Command::new(VERIFY, 0x00, reference(Secret::Passcode)).with_data(self.0.to_vec());
        // What is so short is one piece.
        command.encode(Lengths::Short).swap_remove(0)
    }

    /// Whether it is among those that are tried first: one digit throughout, or digits in their order, upwards or downwards. What cards
    /// have from the factory is one of these.
    pub fn is_guessable(&self) -> bool {
        let length = self.0.iter().position(|digit| *digit == 0xFF).unwrap_or(LENGTH);
        // After 9 comes 0.
        let goes_by =
            |step: u8| self.0[..length].windows(2).all(|pair| (pair[1] + 10 - pair[0]) % 10 == step);
        [0, 1, 9].into_iter().any(goes_by)
    }

    /// Whether it has the digits of an unblocking key, which whoever told it knows too.
    pub fn is_same_as(&self, puk: &Puk) -> bool {
        self.0 == puk.0
    }

    /// A passcode as it goes to a card, filled up.
    pub(crate) fn of_octets(octets: &[u8]) -> Result<Self, NotAPasscode> {
        let filled = octets.iter().rev().take_while(|octet| **octet == 0xFF).count();
        Self::parse(&octets[..octets.len() - filled])
    }

    /// As it goes to a card.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl Puk {
    /// What a card has from the factory.
    pub fn factory() -> Self {
        Self(*b"12345678")
    }

    /// An unblocking key as it was made or entered.
    pub fn parse(digits: &[u8]) -> Result<Self, NotAPuk> {
        let digits: [u8; LENGTH] = digits.try_into().map_err(|_| NotAPuk)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(NotAPuk) }
    }

    /// Its digits, for the one person who is to type them.
    pub fn digits(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|digit| char::from(*digit)).collect())
    }
}

/// How a passcode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// It was entered, and holds.
    Verified,
    /// So many wrong entries lock it.
    Left(u8),
    /// It is locked.
    Locked,
}

const fn reference(secret: Secret) -> u8 {
    match secret {
        Secret::Passcode => 0x80,
        Secret::Puk => 0x81,
    }
}

fn two(first: &[u8], second: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([first, second].concat())
}

impl<T: Transport> Piv<T> {
    /// How many tries the passcode has left; the question spends none. NIST SP 800-73-5 part 2, 3.2.1.
    pub fn tries(&mut self) -> Result<Tries, Error> {
        let command = Command::new(VERIFY, 0x00, reference(Secret::Passcode));
        match self.exchange(&command)?.status {
            Status::Success => Ok(Tries::Verified),
            Status::Blocked | Status::WrongWithTries(0) => Ok(Tries::Locked),
            Status::WrongWithTries(tries) => Ok(Tries::Left(tries)),
            status => Err(Error::of("asking for the tries left", status)),
        }
    }

    /// Enters the passcode. It holds until the card is reset or another application selected; for the signing key, for one signature.
    pub fn verify(&mut self, passcode: &Passcode) -> Result<(), Error> {
        let command = Command::new(VERIFY, 0x00, reference(Secret::Passcode)).with_data(passcode.0.to_vec());
        entered(Secret::Passcode, "entering the passcode", &self.exchange_secret(&command)?)
    }

    /// Takes the entered passcode back. NIST SP 800-73-5 part 2, 3.2.1.
    pub fn forget_passcode(&mut self) -> Result<(), Error> {
        let command = Command::new(VERIFY, 0xFF, reference(Secret::Passcode));
        self.obey("taking the passcode back", &command).map(drop)
    }

    /// Changes the passcode to another.
    pub fn change_passcode(&mut self, from: &Passcode, to: &Passcode) -> Result<(), Error> {
        let command = Command::new(CHANGE_REFERENCE_DATA, 0x00, reference(Secret::Passcode));
        let command = command.with_data(two(&from.0, &to.0));
        entered(Secret::Passcode, "changing the passcode", &self.exchange_secret(&command)?)
    }

    /// Changes the unblocking key to another.
    pub fn change_puk(&mut self, from: &Puk, to: &Puk) -> Result<(), Error> {
        let command = Command::new(CHANGE_REFERENCE_DATA, 0x00, reference(Secret::Puk));
        let command = command.with_data(two(&from.0, &to.0));
        entered(Secret::Puk, "changing the unblocking key", &self.exchange_secret(&command)?)
    }

    /// Unlocks the passcode and sets a new one.
    pub fn unlock(&mut self, puk: &Puk, passcode: &Passcode) -> Result<(), Error> {
        let act = "unlocking the passcode";
        let command = Command::new(RESET_RETRY_COUNTER, 0x00, reference(Secret::Passcode));
        let command = command.with_data(two(&puk.0, &passcode.0));
        entered(Secret::Puk, act, &self.exchange_beyond(act, &command)?)
    }
}

/// What a card said to a secret that was entered.
fn entered(secret: Secret, act: &'static str, response: &Response) -> Result<(), Error> {
    match response.status {
        Status::Success => Ok(()),
        Status::Blocked | Status::WrongWithTries(0) => Err(Error::Locked(secret)),
        Status::WrongWithTries(tries) => Err(Error::Wrong { secret, tries }),
        Status::VerificationFailed => Err(Error::WrongUncounted(secret)),
        status => Err(Error::of(act, status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six to eight digits are a passcode and eight an unblocking key; nothing else is.
    #[test]
    fn entries_are_read() {
        for good in [&b"123456"[..], b"1234567", b"00000000"] {
            assert!(Passcode::parse(good).is_ok());
        }
        for bad in [&b""[..], b"12345", b"123456789", b"12345a", b"123456\xFF\xFF", "１２３４５６".as_bytes()]
        {
            assert!(Passcode::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Puk::parse(b"12345678").is_ok());
        assert!(Puk::parse(b"1234567").is_err() && Puk::parse(b"1234567x").is_err());
    }

    /// Passcodes that are tried first are told from others, short ones too; and one that is the unblocking key from one that is not.
    #[test]
    fn guessable_passcodes_are_told() {
        let passcode = |digits: &[u8]| Passcode::parse(digits).unwrap();
        for bad in [&b"123456"[..], b"12345678", b"000000", b"7777777", b"87654321", b"567890", b"3210987"] {
            assert!(passcode(bad).is_guessable(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(Passcode::factory().is_guessable());
        for good in [&b"123457"[..], b"24681012", b"112233", b"98765431"] {
            assert!(!passcode(good).is_guessable(), "{}", String::from_utf8_lossy(good));
        }
        let puk = Puk::parse(b"90817263").unwrap();
        assert!(passcode(b"90817263").is_same_as(&puk));
        assert!(!passcode(b"9081726").is_same_as(&puk) && !passcode(b"90817264").is_same_as(&puk));
    }

    /// A short passcode is filled up as the standard has it.
    #[test]
    fn short_passcode_is_filled_up() {
        let passcode = Passcode::parse(b"123456").unwrap();
        assert_eq!(passcode.0, Passcode::factory().0);
    }
}
