//! A card that was unlocked where no server is reached: the register has it as locked until the card itself says otherwise.

use card::piv::{Error as PivError, Tries};
use platform::db::Tx;

use super::fault::Fault;
use super::run::Run;
use crate::cards::moving::Moving;
use crate::cards::{CardMove, CardState};
use crate::error::Error;
use crate::store::cards::{self, Card};

impl Run {
    /// The move by which the register follows a card that it has as locked, and that its holder has unlocked with the key that was told. It is
    /// asked for when the card has got another key, and written with that.
    ///
    /// An unlock at a workstation that was given up is none: it leaves a passcode that nobody knows, and a counter that says as much. A card
    /// whose key went by a workstation and was told after that stays locked, whoever unlocked it: its holder unlocks it once at the server.
    pub(super) async fn unlocked_elsewhere(&mut self) -> Result<Option<Moving>, Fault> {
        // Where the key went by a workstation too, the counter may tell of an unlock there.
        let was_told_alone = self.card.puk_exposed_at.is_some() && self.card.puk_seen_at.is_none();
        if self.card.state != CardState::PinLocked || !was_told_alone {
            return Ok(None);
        }
        let said = self.hand.with(|piv| match piv.tries() {
            // A card that does not say stays what the register has.
            Err(PivError::Unsupported { .. } | PivError::Refused { .. }) => Ok(Tries::Locked),
            said => said,
        });
        if said.await? == Tries::Locked {
            return Ok(None);
        }
        let note = "The card's own counter says that it is not locked any more: it was unlocked with the key that was told";
        Ok(Some(Moving { note: Some(note.to_owned()), ..Moving::by(CardMove::Unlock) }))
    }
}

/// Moves a card that is still locked, in the transaction that writes its keys, and gives the state that it is in.
pub(super) async fn follow(
    tx: &mut Tx,
    moving: &Moving,
    card: &Card,
    (actor, now): (&audit::Actor, platform::clock::Millis),
) -> Result<CardState, Error> {
    let found = cards::by_id_in(tx, &card.card_id).await?;
    match found {
        Some(found) if found.state == CardState::PinLocked => {
            Ok(moving.apply(tx, found, actor, now).await?.state)
        }
        // Somebody moved it meanwhile, with whom the errand goes on or does not.
        found => Ok(found.map_or(card.state, |found| found.state)),
    }
}
