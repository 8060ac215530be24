//! Secure messaging: card and server agree on keys, and what passes between them afterwards is encrypted and bears a code that nobody in
//! between can make. NIST SP 800-73-5 part 2, 4.
//!
//! [`Establishing`] is the question to a card, and its answer gives a [`Session`] where the card's certificate is one of a
//! [`ContentSigner`]'s. [`Piv::protect`] does both; from then on commands that bear a secret go to the card under protection, and after
//! an answer that is not right none goes at all. The standard has secure messaging for GET DATA, VERIFY, CHANGE REFERENCE DATA and GENERAL
//! AUTHENTICATE; whether a card takes it for RESET RETRY COUNTER, and for the command that sets a management key, is the card's.

pub(crate) mod blocks;
mod certificate;
mod establishing;
pub(crate) mod keys;
pub(crate) mod session;
mod suite;
#[cfg(test)]
mod vectors;

pub(crate) use establishing::REFERENCE;
pub(crate) use keys::SessionKeys;
pub(crate) use session::SECURED;

pub use certificate::{ContentSigner, NotBelieved};
pub use establishing::Establishing;
pub use session::{Session, Waiting};
pub use suite::Suite;

use std::mem;

use aws_lc_rs::error::Unspecified;

use super::{Error, Object, Piv};
use crate::apdu::{Command, Response, Status};
use crate::tlv;
use crate::transport::Transport;

/// Where an intermediate certificate stands in the object of the signer. NIST SP 800-73-5 part 1, 3.3.7.
const INTERMEDIATE: u32 = 0x7F21;

/// Why there is no conversation under protection, or none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecureError {
    /// The card names no cipher suite.
    #[error("the card offers no secure messaging")]
    NotOffered,
    /// The card's certificate is not believed.
    #[error(transparent)]
    Certificate(#[from] NotBelieved),
    /// The card has not proven that it has the key of its certificate.
    #[error("the card could not prove that it has the key of its certificate for secure messaging")]
    NotConfirmed,
    /// What came as an answer has no form.
    #[error("the card's answer under secure messaging cannot be read")]
    Unreadable,
    /// An answer came without protection.
    #[error("an answer without protection came to a protected command: {0}")]
    NotProtected(Status),
    /// An answer came that the card did not give to this command.
    #[error("an answer was changed, repeated or left out between the card and here")]
    Forged,
    /// The conversation ended before.
    #[error("secure messaging with the card has ended")]
    Ended,
    /// The computation failed.
    #[error("secure messaging could not be computed")]
    Uncomputed,
}

impl From<Unspecified> for SecureError {
    fn from(_: Unspecified) -> Self {
        Self::Uncomputed
    }
}

/// How commands that bear a secret go to the card.
pub(super) enum Protection {
    /// As they are.
    Bare,
    /// Under protection.
    Under(Session),
    /// Not at all: there was protection, or should have been.
    Ended,
}

impl<T: Transport> Piv<T> {
    /// Agrees with the card on keys, and gives the card's own identifier. Commands that bear a secret go to the card under protection
    /// from then on; if it fails, none goes.
    pub fn protect(&mut self, known: &[ContentSigner]) -> Result<[u8; 16], Error> {
        let act = "agreeing on keys";
        self.protection = Protection::Ended;
        let suite = Suite::of_application(self.application()).ok_or(SecureError::NotOffered)?;
        let object = self.read(Object::SecureMessagingSigner)?.unwrap_or_default();
        let intermediate = tlv::find(&object, INTERMEDIATE).map_err(Error::unreadable(act))?;
        let intermediate = intermediate.map(|value| tlv::tagged(INTERMEDIATE, value));
        let establishing = Establishing::begin(suite)?;
        let answer = self.obey(act, &establishing.command())?;
        let (session, identifier) = establishing.finish(&answer, intermediate.as_deref(), known)?;
        self.protection = Protection::Under(session);
        Ok(identifier)
    }

    /// Whether what bears a secret goes to the card under protection.
    pub fn is_protected(&self) -> bool {
        matches!(self.protection, Protection::Under(_))
    }

    /// Does something with what bears a secret in clear. Whoever is between sees it.
    pub fn in_clear<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        let before = mem::replace(&mut self.protection, Protection::Bare);
        let outcome = act(self);
        self.protection = before;
        outcome
    }

    /// Gives a command that bears a secret: under protection where there is one.
    pub(super) fn exchange_secret(&mut self, command: &Command) -> Result<Response, Error> {
        let session = match mem::replace(&mut self.protection, Protection::Ended) {
            Protection::Under(session) => session,
            Protection::Ended => return Err(SecureError::Ended.into()),
            Protection::Bare => {
                self.protection = Protection::Bare;
                return self.exchange(command);
            }
        };
        let (secured, waiting) = session.protect(command)?;
        let answer = self.exchange(&secured)?;
        let (response, session) = waiting.read(&answer)?;
        self.protection = Protection::Under(session);
        Ok(response)
    }

    /// The same for a command that the standard does not have under protection: a card that takes none there is told from one that
    /// refuses.
    pub(super) fn exchange_beyond(
        &mut self,
        act: &'static str,
        command: &Command,
    ) -> Result<Response, Error> {
        if matches!(self.protection, Protection::Bare) {
            return self.exchange(command);
        }
        let none = |status: Status| status.is_unsupported() || status == Status::SecureMessagingNotSupported;
        match self.exchange_secret(command) {
            Ok(Response { status, .. }) | Err(Error::Secure(SecureError::NotProtected(status)))
                if none(status) =>
            {
                Err(Error::NotUnderProtection { act })
            }
            outcome => outcome,
        }
    }
}
