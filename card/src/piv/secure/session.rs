//! A conversation under protection: a command goes out, its answer comes in, and the next command follows that.
//!
//! Each step takes the one before: whoever gets an answer that is not right has no conversation any more, and its keys are wiped.

use subtle::ConstantTimeEq;

use super::blocks::{self, BLOCK, CODE, CODE_LENGTH, ENCRYPTED, EXPECTED, STATUS};
use super::{SecureError, SessionKeys};
use crate::apdu::{Answer, Command, Response, Status};
use crate::tlv;

/// The class of a command under protection. NIST SP 800-73-5 part 2, 4.2.
pub(crate) const SECURED: u8 = 0x0C;

/// How many octets a code has in its tag.
const TAGGED_CODE: usize = 2 + CODE_LENGTH;

/// A conversation in which the next command may be given.
pub struct Session {
    keys: SessionKeys,
    /// The next command's number.
    number: u128,
    /// The whole code of the command before, and of the answer before.
    command: [u8; BLOCK],
    answer: [u8; BLOCK],
}

/// A conversation in which a command was given.
pub struct Waiting(Session);

impl Session {
    pub(super) fn new(keys: SessionKeys) -> Self {
        Self { keys, number: 1, command: [0; BLOCK], answer: [0; BLOCK] }
    }

    /// A command as it goes to the card. NIST SP 800-73-5 part 2, 4.2.3 and 4.2.4.
    pub fn protect(mut self, command: &Command) -> Result<(Command, Waiting), SecureError> {
        let mut body = Vec::new();
        if !command.data().is_empty() {
            body = blocks::encrypted(&self.keys, self.number, command.data())?;
        }
        if command.answer() != Answer::Nothing {
            // Any length: it is 00 wherever it is there.
            tlv::append(&mut body, EXPECTED, &[0]);
        }
        let (p1, p2) = command.parameters();
        let head = head(command);
        let parts: [&[u8]; 3] = [&self.command, &head, &body];
        self.command = blocks::code(self.keys.suite, &self.keys.command, &parts)?;
        tlv::append(&mut body, CODE, &self.command[..CODE_LENGTH]);
        let secured = Command::new(command.instruction(), p1, p2).of_class(SECURED);
        // An answer is always expected: status and code.
        Ok((secured.with_data(body).expecting(Answer::ANY), Waiting(self)))
    }

    /// The answer in what was found to be the card's.
    fn plain(&self, body: &[u8]) -> Option<Response> {
        let mut values = tlv::values(body);
        let (mut tag, mut value) = values.next()?.ok()?;
        let mut data = Vec::new();
        if tag == ENCRYPTED {
            data = blocks::decrypted(&self.keys, blocks::of_answer(self.number), value)?.to_vec();
            (tag, value) = values.next()?.ok()?;
        }
        let (STATUS, &[high, low]) = (tag, value) else { return None };
        let status = Status::from_word(u16::from_be_bytes([high, low]));
        values.next().is_none().then_some(Response { data, status })
    }
}

/// What of a command's head goes into its code.
pub(crate) fn head(command: &Command) -> [u8; BLOCK] {
    let (p1, p2) = command.parameters();
    let mut head = [0; BLOCK];
    head[..5].copy_from_slice(&[SECURED, command.instruction(), p1, p2, 0x80]);
    head
}

impl Waiting {
    /// What the card answered. NIST SP 800-73-5 part 2, 4.2.5 and 4.2.6.
    pub fn read(self, answer: &Response) -> Result<(Response, Session), SecureError> {
        let Self(mut session) = self;
        if answer.status != Status::Success {
            return Err(SecureError::NotProtected(answer.status));
        }
        let (body, code) = answer.data.split_last_chunk::<TAGGED_CODE>().ok_or(SecureError::Unreadable)?;
        let parts: [&[u8]; 2] = [&session.answer, body];
        session.answer = blocks::code(session.keys.suite, &session.keys.answer, &parts)?;
        let expected = tlv::tagged(CODE, &session.answer[..CODE_LENGTH]);
        if !bool::from(expected.ct_eq(&code[..])) {
            return Err(SecureError::Forged);
        }
        let response = session.plain(body).ok_or(SecureError::Unreadable)?;
        session.number += 1;
        Ok((response, session))
    }
}
