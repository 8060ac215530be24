//! How card and server come to keys: one question with a point that is good for it alone, one answer that only the card can give. NIST
//! SP 800-73-5 part 2, 4.1.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, agree};
use subtle::ConstantTimeEq;

use super::blocks::BLOCK;
use super::certificate::{self, ContentSigner};
use super::keys::{self, NAME_LENGTH, Parties};
use super::{SecureError, Session, Suite};
use crate::apdu::{Answer, Command};
use crate::piv::authenticate::{CHALLENGE, GENERAL_AUTHENTICATE, RESPONSE, TEMPLATE};
use crate::tlv;

/// The reference of a card's key for secure messaging. NIST SP 800-73-5 part 2, 4.1.8.
pub(crate) const REFERENCE: u8 = 0x04;

/// How we call ourselves.
const HOST: [u8; NAME_LENGTH] = *b"lanyard\0";

/// A question that was not answered yet, with the key that is good for its answer alone.
pub struct Establishing {
    suite: Suite,
    key: PrivateKey,
    point: Vec<u8>,
}

impl Establishing {
    /// Makes the key for a question.
    pub fn begin(suite: Suite) -> Result<Self, SecureError> {
        Self::with_key(suite, PrivateKey::generate(suite.agreement())?)
    }

    pub(super) fn with_key(suite: Suite, key: PrivateKey) -> Result<Self, SecureError> {
        let point = key.compute_public_key()?.as_ref().to_vec();
        Ok(Self { suite, key, point })
    }

    /// The question: neither end keeps keys for later, who we are, and our point.
    pub fn command(&self) -> Command {
        let mut template = tlv::tagged(CHALLENGE, &[&[0][..], &HOST[..], &self.point[..]].concat());
        tlv::append(&mut template, RESPONSE, &[]);
        let command = Command::new(GENERAL_AUTHENTICATE, self.suite.identifier(), REFERENCE);
        command.with_data(tlv::tagged(TEMPLATE, &template)).expecting(Answer::ANY)
    }

    /// The conversation that begins with an answer, and the identifier of the card that gave it: one whose certificate a known signer has
    /// signed, and that has the key of it.
    pub fn finish(
        self,
        answer: &[u8],
        intermediate: Option<&[u8]>,
        known: &[ContentSigner],
    ) -> Result<(Session, [u8; 16]), SecureError> {
        let said = Said::parse(answer, self.suite).ok_or(SecureError::Unreadable)?;
        let believed = certificate::believe(said.certificate, intermediate, known, self.suite)?;
        let parties = Parties {
            host: HOST,
            point: &self.point,
            card: keys::name_of(said.certificate),
            nonce: said.nonce,
        };
        let theirs = UnparsedPublicKey::new(self.suite.agreement(), &believed.point);
        let (keys, proof) = agree(&self.key, theirs, SecureError::NotConfirmed, |secret| {
            keys::derive(self.suite, secret, &parties).map_err(SecureError::from)
        })?;
        if !bool::from(proof[..].ct_eq(said.proof)) {
            return Err(SecureError::NotConfirmed);
        }
        Ok((Session::new(keys), believed.identifier))
    }
}

/// What a card answers.
struct Said<'a> {
    nonce: &'a [u8],
    proof: &'a [u8],
    certificate: &'a [u8],
}

impl<'a> Said<'a> {
    fn parse(answer: &'a [u8], suite: Suite) -> Option<Self> {
        let said = tlv::find(tlv::only(answer, TEMPLATE).ok()?, RESPONSE).ok()??;
        // NIST SP 800-73-5 part 2, 4.1.1, H4: the card keeps nothing either.
        let (&0, said) = said.split_first()? else { return None };
        let (nonce, said) = said.split_at_checked(suite.nonce_length())?;
        let (proof, certificate) = said.split_at_checked(BLOCK)?;
        Some(Self { nonce, proof, certificate })
    }
}
