//! A locked card gets a passcode of its holder's choice.

use card::wire::relay::Act;

use super::Step;
use super::fault::Fault;
use super::run::Run;
use crate::cards::keys::KeyVersion;
use crate::cards::{CardMove, PukName};
use crate::failpoint;

impl Run {
    /// The unblocking key sets a passcode that nobody knows, the agent has the holder choose another at once, and the unblocking key,
    /// which has been on a workstation, gives way to its next version.
    pub(super) async fn unlock(&mut self) -> Result<(), Fault> {
        debug_assert_eq!(self.errand.act, Act::Unlock);
        self.meet().await?;
        if self.errand.step < Step::Keyed {
            if self.card.puk_next.is_some() {
                // Which key the card has is found out first: the mark is of that one.
                self.take_puk(self.next_puk()).await?;
            }
            self.show_puk().await?;
            let _own = self.set_own_passcode().await?;
            self.hand.choose_passcode().await?;
            self.advance(Step::Keyed).await?;
            failpoint::pass("ca.card-unlocked");
        }
        // An agent that goes on after the holder chose has changed it when it met the card.
        if self.card.puk_must_go() {
            self.take_puk(self.next_puk()).await?;
        }
        self.finish(Some(CardMove::Unlock)).await
    }

    /// Writes that the unblocking key goes to a workstation, before it does: an unlock that is given up leaves a card that gets another one
    /// at its next contact. Nobody was told it, so where the network stays away it can be told once.
    async fn show_puk(&mut self) -> Result<(), Fault> {
        self.card.puk_seen_at = Some(self.now());
        self.write(Vec::new()).await
    }

    /// The one after that which the card has. An errand that is gone on with has written it before.
    pub(super) fn next_puk(&self) -> PukName {
        let master = self.cards.settings().master_key;
        self.card.puk_next.unwrap_or(PukName::Derived(match self.card.puk {
            PukName::Factory => KeyVersion { master, version: 1 },
            PukName::Derived(version) => version.next(master),
        }))
    }
}
