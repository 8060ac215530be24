//! A renewal of which nothing is done yet gives way: where it has stopped, to an unlock and to the telling of the unblocking key; and to its
//! holder, who gives it up. So whoever mistypes their passcode in a renewal can unlock the card, and does not wait until its time is over.
//!
//! Nothing is certified before a key is made, so there is nothing to be revoked: it is closed, it has ended, and the card is in use again,
//! all in the transaction of what comes in its place.

use audit::Actor;
use card::wire::relay::Act;
use platform::clock::Millis;
use platform::db::Tx;

use super::Step;
use super::ending::close;
use crate::cards::moving::Moving;
use crate::cards::{CardEvent, CardMove, CardRefused, CardState};
use crate::error::Error;
use crate::store::cards::{self, Card, ErrandRow};

/// Whether an errand gives way to an unlock: a renewal that stopped before anything was done, as where the card did not take the passcode.
pub(in crate::cards) fn gives_way(errand: &ErrandRow) -> bool {
    errand.act == Act::Renew && errand.step == Step::Begun && errand.fault.is_some()
}

/// The errand of a card that is being renewed, if it gives way.
pub(in crate::cards) async fn stopped_renewal(tx: &mut Tx, card: &Card) -> Result<Option<ErrandRow>, Error> {
    if card.state != CardState::Renewing {
        return Ok(None);
    }
    Ok(cards::open_errand(tx, &card.card_id).await?.filter(gives_way))
}

/// Ends the renewal of a card if it gives way, and gives the card as it is then.
pub(super) async fn make_way(tx: &mut Tx, card: Card, actor: &Actor, now: Millis) -> Result<Card, Error> {
    match stopped_renewal(tx, &card).await? {
        Some(errand) => end_untouched(tx, &errand.errand_id, actor, now).await,
        None => Ok(card),
    }
}

/// Ends a renewal of which nothing is done, and gives its card. One that has gone on since it was read is left as it is: the transaction comes
/// to nothing.
pub(in crate::cards) async fn end_untouched(
    tx: &mut Tx,
    errand: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Card, Error> {
    // Before the card is read, as an errand writes: none of it writes anything after that.
    let closed = close(tx, errand, None, now).await?.filter(|closed| closed.step == Step::Begun);
    let closed = closed.ok_or(CardRefused::ErrandOpen)?;
    if !cards::mark_ended(tx, &closed.errand_id, now).await? {
        return Err(CardRefused::ErrandOpen.into());
    }
    let card = cards::by_id_in(tx, &closed.card_id).await?.ok_or(CardRefused::Unknown)?;
    let card = Moving::by(CardMove::AbandonRenewal).apply(tx, card, actor, now).await?;
    let event =
        CardEvent::CardErrandEnded { errand: closed.errand_id, card: closed.card_id, revoked: Vec::new() };
    audit::record(tx, now, actor, &event).await?;
    Ok(card)
}
