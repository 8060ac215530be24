//! What carries commands to a card.

use std::error::Error;

/// A way to one card: a reader on this machine, the relay of a workstation's agent, or a card that is a process.
///
/// It carries one command at a time. That an answer was returned promises that it is the card's answer to this very command; after an
/// error the card may or may not have obeyed.
pub trait Transport {
    /// Gives one command to the card and waits for its answer, whose last two octets are the status.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError>;

    /// How long a command the way takes.
    fn lengths(&self) -> Lengths {
        Lengths::Short
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        (**self).transmit(command)
    }

    fn lengths(&self) -> Lengths {
        (**self).lengths()
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        (**self).transmit(command)
    }

    fn lengths(&self) -> Lengths {
        (**self).lengths()
    }
}

/// How the lengths of a command are written. ISO/IEC 7816-4, 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lengths {
    /// In one octet; what is longer goes as a chain. Every PIV card takes it.
    Short,
    /// In two octets.
    Extended,
}

/// Why a command was not answered.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The card is no longer in the reader.
    #[error("the card was taken out of the reader")]
    Removed,
    /// Somebody else reset the card, so that nothing that it was told holds.
    #[error("another program reset the card")]
    Reset,
    /// The card did not answer in time.
    #[error("the card did not answer in time")]
    TimedOut,
    /// The way itself failed.
    #[error("the card could not be reached")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
