//! A card in front of a card: it has secure messaging, unwraps what comes under it, gives it to the card behind as it would be given bare,
//! and wraps the answer. NIST SP 800-73-5 part 2, 4.
//!
//! No card with PIV secure messaging was at hand, and the virtual card has none, so this half is our own too. What both halves compute
//! is held against another implementation by the transcripts of `piv::secure`.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use subtle::ConstantTimeEq;

use crate::apdu::{Answer, Command, Response, Status, exchange};
use crate::piv::Suite;
use crate::piv::secure::blocks::{self, BLOCK, CODE, CODE_LENGTH, ENCRYPTED, EXPECTED, STATUS};
use crate::piv::secure::keys::{self, Parties, SessionKeys};
use crate::piv::secure::session::head;
use crate::piv::secure::{REFERENCE, SECURED};
use crate::tlv;
use crate::transport::{Transport, TransportError};

/// What a card answers at once.
const LONGEST: usize = 256;

/// Which commands a card takes under secure messaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Every one.
    All,
    /// Those for which the standard has it. NIST SP 800-73-5 part 2, 4.2.
    Standard,
}

/// What makes a card one with secure messaging: its key, and the certificate of it.
#[derive(Clone)]
pub struct SecureIdentity {
    suite: Suite,
    key: Vec<u8>,
    certificate: Vec<u8>,
    /// What the object of the signer holds.
    object: Vec<u8>,
    takes: Takes,
}

impl SecureIdentity {
    /// One whose certificate names its issuer and the card's identifier and is signed with ECDSA, in DER, by whoever signs.
    ///
    /// # Panics
    ///
    /// When there is no randomness.
    pub fn new(
        suite: Suite,
        issuer: [u8; 8],
        identifier: [u8; 16],
        sign: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Self {
        let key = private_octets(suite);
        let certificate = certificate(suite, (&issuer, &identifier, 0x00), &point_of(suite, &key), sign);
        Self { suite, key, certificate, object: Vec::new(), takes: Takes::All }
    }

    /// The same, which takes these commands.
    #[must_use]
    pub fn taking(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    /// The same with an intermediate certificate in the object of the signer.
    #[must_use]
    pub fn with_intermediate(self, certificate: &[u8]) -> Self {
        let object = [&tlv::tagged(0x70, &[0x30, 0x00])[..], &[0x71, 1, 0], certificate, &[0xFE, 0]].concat();
        Self { object, ..self }
    }

    /// The same with another key than the certificate's.
    ///
    /// # Panics
    ///
    /// When there is no randomness.
    #[must_use]
    pub fn with_another_key(self) -> Self {
        Self { key: private_octets(self.suite), ..self }
    }
}

/// A certificate of a point for issuer, subject and role.
pub fn certificate(
    suite: Suite,
    (issuer, subject, role): (&[u8], &[u8], u8),
    point: &[u8],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let mut key = tlv::tagged(0x06, suite.curve());
    tlv::append(&mut key, 0x86, point);
    let mut body = tlv::tagged(0x5F29, &[0x80]);
    tlv::append(&mut body, 0x42, issuer);
    tlv::append(&mut body, 0x5F20, subject);
    tlv::append(&mut body, 0x7F49, &key);
    tlv::append(&mut body, 0x5F4C, &[role]);
    let algorithm: &[u8] = match suite {
        Suite::P256 => &[0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2],
        Suite::P384 => &[0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3],
    };
    let mut signature = tlv::tagged(0x30, algorithm);
    tlv::append(&mut signature, 0x03, &[&[0][..], &sign(&body)[..]].concat());
    tlv::append(&mut body, 0x5F37, &tlv::tagged(0x30, &signature));
    tlv::tagged(0x7F21, &body)
}

/// A private key: so few octet strings are none that another one is not looked for.
fn private_octets(suite: Suite) -> Vec<u8> {
    let mut octets = vec![0_u8; (suite.point_length() - 1) / 2];
    aws_lc_rs::rand::fill(&mut octets).expect("there is randomness");
    // Below the order of either curve.
    octets[0] &= 0x7F;
    octets
}

fn private_key(suite: Suite, octets: &[u8]) -> PrivateKey {
    PrivateKey::from_private_key(suite.agreement(), octets).expect("a number below the order is a key")
}

fn point_of(suite: Suite, octets: &[u8]) -> Vec<u8> {
    let point = private_key(suite, octets).compute_public_key().expect("a key has a point");
    point.as_ref().to_vec()
}

/// A card with secure messaging.
pub struct SecuredCard<T> {
    inner: T,
    identity: SecureIdentity,
    conversation: Option<Conversation>,
    /// The data of a chain that has not come to its end.
    chain: Vec<u8>,
    /// What of an answer was not fetched yet.
    rest: Vec<u8>,
}

/// A conversation as the card has it.
struct Conversation {
    keys: SessionKeys,
    number: u128,
    command: [u8; BLOCK],
    answer: [u8; BLOCK],
}

impl<T: Transport> SecuredCard<T> {
    /// Puts secure messaging in front of a card.
    pub fn new(inner: T, identity: &SecureIdentity) -> Self {
        Self { inner, identity: identity.clone(), conversation: None, chain: Vec::new(), rest: Vec::new() }
    }

    /// The card behind.
    pub fn into_inner(self) -> T {
        self.inner
    }

    fn selected(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        let answer = self.inner.transmit(octets)?;
        let Some(data) = answer.strip_suffix(&[0x90, 0x00]) else { return Ok(answer) };
        let Ok(template) = tlv::only(data, 0x61) else { return Ok(answer) };
        let mut template = template.to_vec();
        tlv::append(&mut template, 0xAC, &[0x80, 1, self.identity.suite.identifier(), 0x06, 1, 0]);
        Ok([&tlv::tagged(0x61, &template)[..], &[0x90, 0x00]].concat())
    }

    /// Begins a conversation. NIST SP 800-73-5 part 2, 4.1.2.
    fn establish(&mut self, command: &Command) -> Result<Vec<u8>, Status> {
        self.conversation = None;
        let (suite, certificate) = (self.identity.suite, &self.identity.certificate);
        if command.parameters().0 != suite.identifier() {
            return Err(Status::IncorrectParameters);
        }
        let asked = tlv::only(command.data(), 0x7C).and_then(|template| tlv::find(template, 0x81));
        let asked = asked.ok().flatten().ok_or(Status::IncorrectData)?;
        let (&0, rest) = asked.split_first().ok_or(Status::IncorrectData)? else {
            return Err(Status::IncorrectData);
        };
        let (host, point) = rest.split_first_chunk::<8>().ok_or(Status::IncorrectData)?;
        let mut nonce = vec![0_u8; suite.nonce_length()];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Status::MemoryFailure)?;
        let parties = Parties { host: *host, point, card: keys::name_of(certificate), nonce: &nonce };
        let key = private_key(suite, &self.identity.key);
        let theirs = UnparsedPublicKey::new(suite.agreement(), point);
        let agreed = agree(&key, theirs, Unspecified, |secret| keys::derive(suite, secret, &parties));
        let (keys, proof) = agreed.map_err(|_| Status::IncorrectData)?;
        let said = [&[0][..], &nonce[..], &proof[..], &certificate[..]].concat();
        self.conversation = Some(Conversation { keys, number: 1, command: [0; BLOCK], answer: [0; BLOCK] });
        Ok(tlv::tagged(0x7C, &tlv::tagged(0x82, &said)))
    }

    /// Unwraps a command, has the card behind obey it, and wraps what that answers. A conversation ends with whatever is not right.
    fn secured(&mut self, command: &Command) -> Result<Result<Vec<u8>, Status>, TransportError> {
        let Some(mut conversation) = self.conversation.take() else {
            return Ok(Err(Status::SecurityNotSatisfied));
        };
        let standard = [0xCB, 0x20, 0x24, 0x87].contains(&command.instruction());
        if self.identity.takes == Takes::Standard && !standard {
            return Ok(Err(Status::SecureMessagingNotSupported));
        }
        let Some(plain) = conversation.unwrap_command(command) else {
            return Ok(Err(Status::SecureMessagingFailed));
        };
        let response = match exchange(&mut self.inner, &plain) {
            Ok(response) => response,
            Err(crate::apdu::ExchangeError::Transport(error)) => return Err(error),
            Err(other) => return Err(TransportError::Failed(Box::new(other))),
        };
        let wrapped = conversation.wrap_answer(&response).expect("what the card computes does not fail");
        self.conversation = Some(conversation);
        Ok(Ok(wrapped))
    }

    /// The next piece of an answer.
    fn piece(&mut self) -> Vec<u8> {
        let mut piece: Vec<u8> = self.rest.drain(..self.rest.len().min(LONGEST)).collect();
        let left = u8::try_from(self.rest.len()).unwrap_or(0);
        piece.extend(if self.rest.is_empty() { [0x90, 0x00] } else { [0x61, left] });
        piece
    }

    fn say(&mut self, outcome: Result<Vec<u8>, Status>) -> Vec<u8> {
        match outcome {
            Ok(answer) => {
                self.rest = answer;
                self.piece()
            }
            Err(status) => word(status).to_be_bytes().to_vec(),
        }
    }
}

impl<T: Transport> Transport for SecuredCard<T> {
    fn transmit(&mut self, octets: &[u8]) -> Result<Vec<u8>, TransportError> {
        let Ok(command) = Command::parse(octets) else { return self.inner.transmit(octets) };
        let (instruction, (_, p2)) = (command.instruction(), command.parameters());
        if instruction == 0xC0 && !self.rest.is_empty() {
            return Ok(self.piece());
        }
        self.rest.clear();
        if command.class() & SECURED == SECURED {
            self.chain.extend_from_slice(command.data());
            if command.is_chained() {
                return Ok(vec![0x90, 0x00]);
            }
            let whole = std::mem::take(&mut self.chain);
            let (p1, p2) = command.parameters();
            let outcome = self.secured(&Command::new(instruction, p1, p2).with_data(whole))?;
            return Ok(self.say(outcome));
        }
        match (instruction, p2) {
            (0xA4, _) => self.selected(octets),
            (0x87, REFERENCE) => {
                let outcome = self.establish(&command);
                Ok(self.say(outcome))
            }
            (0xCB, _) if command.data() == [0x5C, 3, 0x5F, 0xC1, 0x22] => {
                let object = Some(self.identity.object.clone()).filter(|object| !object.is_empty());
                let outcome = object.map(|object| tlv::tagged(0x53, &object)).ok_or(Status::NotFound);
                Ok(self.say(outcome))
            }
            _ => self.inner.transmit(octets),
        }
    }
}

impl Conversation {
    /// The command that came under protection; nothing where its code is not right.
    fn unwrap_command(&mut self, command: &Command) -> Option<Command> {
        let (body, code) = command.data().split_last_chunk::<{ 2 + CODE_LENGTH }>()?;
        self.command =
            blocks::code(self.keys.suite, &self.keys.command, &[&self.command, &head(command), body]).ok()?;
        let expected = tlv::tagged(CODE, &self.command[..CODE_LENGTH]);
        if !bool::from(expected.ct_eq(&code[..])) {
            return None;
        }
        let (p1, p2) = command.parameters();
        let mut plain = Command::new(command.instruction(), p1, p2);
        for value in tlv::values(body) {
            plain = match value.ok()? {
                (ENCRYPTED, value) => plain.with_data(blocks::decrypted(&self.keys, self.number, value)?),
                (EXPECTED, [0]) => plain.expecting(Answer::ANY),
                _ => return None,
            };
        }
        Some(plain)
    }

    fn wrap_answer(&mut self, response: &Response) -> Result<Vec<u8>, Unspecified> {
        let mut body = Vec::new();
        if !response.data.is_empty() {
            body = blocks::encrypted(&self.keys, blocks::of_answer(self.number), &response.data)?;
        }
        tlv::append(&mut body, STATUS, &word(response.status).to_be_bytes());
        self.answer = blocks::code(self.keys.suite, &self.keys.answer, &[&self.answer, &body])?;
        tlv::append(&mut body, CODE, &self.answer[..CODE_LENGTH]);
        self.number += 1;
        Ok(body)
    }
}

/// The word of a status, as far as cards say one here.
fn word(status: Status) -> u16 {
    if status == Status::SecureMessagingFailed {
        return 0x6988;
    }
    (0..=u16::MAX).find(|word| Status::from_word(*word) == status).expect("every status has a word")
}
