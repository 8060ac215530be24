//! The way to a card in a reader.

use card::transport::{Transport, TransportError};
use pcsc::{Disposition, Transaction};

/// A card in a reader, in a transaction: no other program talks to it meanwhile.
pub struct CardInReader<'card> {
    transaction: Transaction<'card>,
}

impl<'card> CardInReader<'card> {
    pub(super) fn new(transaction: Transaction<'card>) -> Self {
        Self { transaction }
    }

    pub(super) fn end(self) {
        // A card that was pulled has no transaction to end.
        drop(self.transaction.end(Disposition::ResetCard));
    }
}

impl Transport for CardInReader<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        let mut buffer = [0; pcsc::MAX_BUFFER_SIZE];
        let answer = self.transaction.transmit(command, &mut buffer).map_err(|error| match error {
            pcsc::Error::RemovedCard
            | pcsc::Error::NoSmartcard
            | pcsc::Error::ReaderUnavailable
            | pcsc::Error::UnknownReader
            | pcsc::Error::NoService => TransportError::Removed,
            pcsc::Error::ResetCard => TransportError::Reset,
            pcsc::Error::Timeout => TransportError::TimedOut,
            error => TransportError::Failed(Box::new(error)),
        })?;
        Ok(answer.to_vec())
    }
}
