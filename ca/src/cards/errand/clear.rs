//! Keys and certificates are taken away from a cancelled card, so that it can be issued again.

use card::piv::{Object, Slot};

use super::Step;
use super::fault::Fault;
use super::run::Run;
use crate::cards::CardMove;
use crate::failpoint;

/// What is emptied.
const EMPTIED: [Object; 4] = [
    Object::Certificate(Slot::Authentication),
    Object::Certificate(Slot::Signature),
    Object::PrintedInformation,
    Object::Chuid,
];

impl Run {
    /// A key cannot be deleted on every card, so new ones that nobody certifies take the place of the old; then the certificates go.
    /// The card's own keys stay ours: it does not go back to what everybody knows.
    pub(super) async fn clear(&mut self) -> Result<(), Fault> {
        self.meet().await?;
        self.take_management().await?;
        self.take_puk(self.wanted_puk()).await?;
        if self.errand.step < Step::Keyed {
            self.advance(Step::Keyed).await?;
            failpoint::pass("ca.card-keyed");
        }
        // The holder's passcode opens nothing any more.
        let own = self.set_own_passcode().await?;
        let algorithm = self.cards.settings().key.0;
        for slot in [Slot::Authentication, Slot::Signature] {
            self.hand.with(move |piv| piv.generate(slot, algorithm, None).map(drop)).await?;
        }
        for object in EMPTIED {
            self.hand.with(move |piv| piv.erase(object)).await?;
        }
        // The printed information is not read without a passcode.
        self.hand.with(move |piv| piv.verify(&own)).await?;
        for object in EMPTIED {
            let left = self.hand.with(move |piv| piv.read(object)).await?;
            if left.is_some() {
                return Err(Fault::NotAsWritten(object.name()));
            }
        }
        self.finish(Some(CardMove::Clear)).await
    }
}
