//! Who may do what with a card: the register's one function decides, for its holder, or where nobody holds it for the organisation in
//! whose stock it is.

use directory::api::CardAct;
use platform::caller::{Caller, CallerKind};
use platform::problem::Problem;

use super::Cards;
use crate::api::CARDS;
use crate::store::cards::Card;

impl Cards {
    /// Demands that the caller may do this with a card.
    pub(super) async fn may(&self, caller: &Caller, act: CardAct, card: &Card) -> Result<(), Problem> {
        match &card.user_id {
            Some(person) => self.may_to(caller, act, person).await,
            None => self.may_in(caller, act, &card.organisation).await,
        }
    }

    /// Demands that the caller may do this with the card of a person.
    pub(super) async fn may_to(&self, caller: &Caller, act: CardAct, person: &str) -> Result<(), Problem> {
        if is_system(caller)? {
            return Ok(());
        }
        self.register.may_card(caller, act, Some(person), None).await
    }

    /// Demands that the caller may see a card: their own they may.
    pub(super) async fn may_see(&self, caller: &Caller, card: &Card) -> Result<(), Problem> {
        match &card.user_id {
            Some(person) => self.may_see_of(caller, person).await,
            None => self.may(caller, CardAct::Unlock, card).await,
        }
    }

    /// Demands that the caller may see the cards of a person: their own they may.
    pub(super) async fn may_see_of(&self, caller: &Caller, person: &str) -> Result<(), Problem> {
        if caller.kind == CallerKind::Person && caller.subject == person {
            return Ok(());
        }
        self.may_to(caller, CardAct::Unlock, person).await
    }

    /// Demands that the caller may do this with cards that an organisation has in stock.
    pub(super) async fn may_in(
        &self,
        caller: &Caller,
        act: CardAct,
        organisation: &str,
    ) -> Result<(), Problem> {
        if is_system(caller)? {
            return Ok(());
        }
        self.register.may_card(caller, act, None, Some(organisation)).await
    }
}

/// A program may, if it was granted to manage cards; of a person the register is asked.
fn is_system(caller: &Caller) -> Result<bool, Problem> {
    if caller.kind == CallerKind::Person {
        caller.may(directory::api::ACT)?;
        return Ok(false);
    }
    caller.may(CARDS)?;
    Ok(true)
}
