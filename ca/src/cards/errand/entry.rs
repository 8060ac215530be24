//! Whose passcode a card has while keys are made on it.

use card::piv::Passcode;
use card::wire::relay::Act;

use super::fault::Fault;
use super::run::Run;

/// The passcode by which new keys sign.
pub(super) enum Entry {
    /// One that nobody knows but this conversation.
    Own(Passcode),
    /// Its holder's, which the agent asked for: it is never told to us, and stays as it is.
    Holders,
}

impl Run {
    /// The passcode with which this errand works from here on.
    pub(super) async fn entry(&mut self) -> Result<Entry, Fault> {
        if self.errand.act == Act::Renew {
            return Ok(Entry::Holders);
        }
        Ok(Entry::Own(self.set_own_passcode().await?))
    }

    /// Enters it. It holds until the signing key has signed once.
    pub(super) async fn enter(&mut self, entry: &Entry) -> Result<(), Fault> {
        match entry {
            Entry::Own(own) => {
                let own = own.clone();
                self.hand.with(move |piv| piv.verify(&own)).await
            }
            Entry::Holders => self.hand.enter_passcode().await,
        }
    }
}
