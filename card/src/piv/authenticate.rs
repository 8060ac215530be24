//! GENERAL AUTHENTICATE: the card and the management key prove each other, and a private key is used. NIST SP 800-73-5 part 2, 3.2.4.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::apdu::{Answer, Command, Response, Status};
use crate::tlv;
use crate::transport::Transport;

use super::management::Direction;
use super::{Algorithm, Error, ManagementKey, Piv, Slot};

pub(super) const GENERAL_AUTHENTICATE: u8 = 0x87;

/// The management key's reference.
pub(crate) const MANAGEMENT: u8 = 0x9B;

/// The dynamic authentication template and what it may hold. NIST SP 800-73-5 part 2, table 7.
pub(super) const TEMPLATE: u32 = 0x7C;
const WITNESS: u32 = 0x80;
pub(super) const CHALLENGE: u32 = 0x81;
pub(super) const RESPONSE: u32 = 0x82;

const AUTHENTICATING: &str = "authenticating with the management key";

/// Sixteen random octets, for one proof.
pub struct Challenge(pub [u8; 16]);

/// What a card gave that only its management key opens, opened by ours: the proof, which has not gone to the card. Wiped when it goes.
pub struct Witness(Zeroizing<Vec<u8>>);

impl<T: Transport> Piv<T> {
    /// Proves to the card that we know its management key, and has it prove the same: mutual authentication, NIST SP 800-73-5
    /// part 2, appendix A.1. Only then may keys be made and objects written.
    ///
    /// A key that was refused must not be tried again.
    pub fn authenticate(&mut self, key: &ManagementKey, challenge: &Challenge) -> Result<(), Error> {
        let witness = self.witness(key)?;
        self.prove(key, witness, challenge)
    }

    /// The first half of [`Self::authenticate`], which tries no key: the card gives whoever asks a witness. The second half must be the next
    /// command. A card that has a key of another algorithm may say so here.
    pub fn witness(&mut self, key: &ManagementKey) -> Result<Witness, Error> {
        let act = AUTHENTICATING;
        let unreadable = || Error::Unreadable { act };
        let ask = tlv::tagged(TEMPLATE, &tlv::tagged(WITNESS, &[]));
        let Response { data, status } = self.management(key, ask.into())?;
        match status {
            Status::Success => {}
            // Some say so to a key of another algorithm than theirs.
            Status::IncorrectParameters => return Err(Error::ManagementKeyRefused),
            status => return Err(Error::of(act, status)),
        }
        let witness = part(&data, WITNESS).ok_or_else(unreadable)?;
        let witness = key.apply(Direction::Decrypt, witness).ok_or_else(unreadable)?;
        Ok(Witness(Zeroizing::new(witness)))
    }

    /// The second half of [`Self::authenticate`], which tries the key.
    pub fn prove(
        &mut self,
        key: &ManagementKey,
        witness: Witness,
        challenge: &Challenge,
    ) -> Result<(), Error> {
        let act = AUTHENTICATING;
        let unreadable = || Error::Unreadable { act };
        let Witness(witness) = witness;
        let challenge = &challenge.0[..key.algorithm().block_length()];
        let mut proof = tlv::tagged(WITNESS, &witness);
        tlv::append(&mut proof, CHALLENGE, challenge);
        let Response { data, status } = self.management(key, tlv::tagged(TEMPLATE, &proof).into())?;
        match status {
            Status::Success => {}
            Status::IncorrectData
            | Status::SecurityNotSatisfied
            | Status::VerificationFailed
            | Status::WrongWithTries(_)
            | Status::Blocked => return Err(Error::ManagementKeyRefused),
            status => return Err(Error::of(act, status)),
        }
        let answer = part(&data, RESPONSE).ok_or_else(unreadable)?;
        let expected = key.apply(Direction::Encrypt, challenge).ok_or_else(unreadable)?;
        if bool::from(answer.ct_eq(&expected)) { Ok(()) } else { Err(Error::CardNotProven) }
    }

    fn management(&mut self, key: &ManagementKey, data: Zeroizing<Vec<u8>>) -> Result<Response, Error> {
        let command = Command::new(GENERAL_AUTHENTICATE, key.algorithm().identifier(), MANAGEMENT);
        self.exchange(&command.with_data(data).expecting(Answer::ANY))
    }

    /// Has a private key transform what it is given: the one operation behind every signature. NIST SP 800-73-5 part 2, appendix A.4.
    pub(crate) fn transform(
        &mut self,
        slot: Slot,
        algorithm: Algorithm,
        input: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let act = "signing";
        let mut template = tlv::tagged(RESPONSE, &[]);
        tlv::append(&mut template, CHALLENGE, input);
        let command = Command::new(GENERAL_AUTHENTICATE, algorithm.identifier(), slot.reference());
        let command = command.with_data(tlv::tagged(TEMPLATE, &template)).expecting(Answer::ANY);
        let data = self.obey(act, &command)?;
        part(&data, RESPONSE).map(<[u8]>::to_vec).ok_or(Error::Unreadable { act })
    }
}

/// One part of a template that holds nothing unreadable.
fn part(octets: &[u8], tag: u32) -> Option<&[u8]> {
    tlv::find(tlv::only(octets, TEMPLATE).ok()?, tag).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Script;
    use crate::piv::ManagementAlgorithm;

    const SELECTED: &str = "61114f0600001000010079074f05a0000003089000";

    fn card(said: &[&str]) -> Piv<Script> {
        let said = [&[SELECTED], said].concat();
        let said = said.iter().map(|said| hex::decode(said).unwrap()).collect();
        Piv::select(Script::new(said)).unwrap()
    }

    fn factory() -> ManagementKey {
        ManagementKey::factory(ManagementAlgorithm::TripleDes).unwrap()
    }

    /// A card that accepts the key and cannot prove that it knows it, is not the card that it seems.
    #[test]
    fn card_that_echoes_is_found_out() {
        let witness = "7c0a800811111111111111119000";
        let echo = "7c0a820800000000000000009000";
        let outcome = card(&[witness, echo]).authenticate(&factory(), &Challenge([0; 16]));
        assert!(matches!(outcome, Err(Error::CardNotProven)));
    }

    /// A refused key is known as such, whichever way the card says it, and is not tried twice.
    #[test]
    fn refused_key_is_not_tried_twice() {
        let witness = "7c0a800811111111111111119000";
        for refusal in ["6a80", "6982", "6300", "63c1", "6983"] {
            let mut card = card(&[witness, refusal, witness]);
            let outcome = card.authenticate(&factory(), &Challenge([0; 16]));
            assert!(matches!(outcome, Err(Error::ManagementKeyRefused)), "{refusal}");
            assert_eq!(card.into_transport().heard.len(), 3, "{refusal}");
        }
    }

    /// Asking for a witness tries no key; the proof goes with the second half alone.
    #[test]
    fn key_is_tried_by_the_second_half() {
        let mut card = card(&["7c0a800811111111111111119000", "6982"]);
        let witness = card.witness(&factory()).unwrap();
        let outcome = card.prove(&factory(), witness, &Challenge([0; 16]));
        assert!(matches!(outcome, Err(Error::ManagementKeyRefused)));
        let heard = card.into_transport().heard;
        assert!(heard[1].windows(4).any(|window| window == [0x7C, 2, 0x80, 0]), "{heard:02X?}");
        assert_eq!(heard.len(), 3);
    }

    /// A witness of another length than a block is not decrypted.
    #[test]
    fn strange_witness_is_refused() {
        for witness in ["7c028000", "7c0480020000", "7c00", "80020000", ""] {
            let outcome = card(&[&format!("{witness}9000")]).authenticate(&factory(), &Challenge([0; 16]));
            assert!(matches!(outcome, Err(Error::Unreadable { .. })), "{witness}");
        }
    }
}
