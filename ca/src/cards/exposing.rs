//! Telling the unblocking key of a card, once, to whoever identified its holder where no server is reached.
//!
//! Whoever was told it may have kept it. So the card bears a mark from then on, and gets another unblocking key at its next contact
//! before anything else is done with it (`errand::Run::meet`).
//!
//! An unlock that is open, since its network went away, ends in the same act: whoever is still at work on it writes nothing more, so that
//! the card keeps the key that is told. That this key went by a workstation is another mark, and keeps nobody from being told it. A
//! renewal that stopped before anything was done, as where the card did not take its holder's passcode, ends with that too.

use audit::Actor;
use card::piv::Puk;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::UserId;

use super::stock::{LONGEST_NOTE, field, line};
use super::{CardEvent, CardRefused, CardState, Cards, PukName};
use super::{errand, keys, letters};
use crate::api::{PukReleased, ReleasePuk};
use crate::error::Error;
use crate::store::cards::{self, Card, CardAct};

/// What stands in a card's history.
const RELEASED: &str = "release-unblocking-key";

impl Cards {
    /// Tells the unblocking key of a card that somebody has. The mark is written before it is told: a process that dies in between has
    /// told nobody, and the key is told to nobody any more.
    pub(crate) async fn release_puk(
        &self,
        caller: &Caller,
        id: &str,
        asked: ReleasePuk,
    ) -> Result<PukReleased, Error> {
        let card = self.found(id).await?;
        self.may(caller, May::Unlock, &card).await?;
        if caller.kind != CallerKind::Person {
            return Err(CardRefused::PeopleOnly.into());
        }
        let identified = line("identified", &asked.identified, LONGEST_NOTE)?;
        if identified.is_empty() {
            return Err(field("identified", "how you know that the card's holder is before you"));
        }
        // Whether a renewal gives way is seen where it is ended.
        let name = if card.state == CardState::Renewing { key_to_tell(&card)? } else { can_be_told(&card)? };
        let puk = keys::puk(self.authority.hsm(), &card.serial, name).await?;
        let (now, actor, card_id) = (self.now(), Actor::from(caller), card.card_id.clone());
        let by = actor.clone();
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move {
                // Before the card is read, as an errand writes: none of it writes another key after that.
                make_way(tx, &card_id, &actor, now).await?;
                let read = cards::by_id_in(tx, &card_id).await?.ok_or(CardRefused::Unknown)?;
                // What was derived is the key of the card as it was read.
                if read.puk != card.puk {
                    return Err(CardRefused::Changed.into());
                }
                can_be_told(&read)?;
                if !cards::expose_puk(tx, &read, now).await? {
                    return Err(CardRefused::Changed.into());
                }
                cards::insert_act(tx, &history(&read, &actor, &identified, now)).await?;
                let holder = read.user_id.as_deref().and_then(|user| user.parse::<UserId>().ok());
                let event =
                    CardEvent::CardPukReleased { card: read.card_id, puk: read.puk.to_string(), identified };
                audit::record(tx, now, &actor, &event).await?;
                if let Some(holder) = holder {
                    letters::tell_key_released(tx, &holder, now).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
        self.authority.end_closed_errands(id, &by).await;
        Ok(shown(&puk))
    }
}

/// Closes an unlock that is open: it is done off line from here on. A renewal that stopped before anything was done ends. With any other
/// errand the card is being worked on.
async fn make_way(tx: &mut Tx, card: &str, actor: &Actor, now: Millis) -> Result<(), Error> {
    match cards::open_errand(tx, card).await? {
        None => Ok(()),
        Some(open) if open.act == Act::Unlock => {
            errand::close(tx, &open.errand_id, None, now).await.map(drop)
        }
        Some(open) if errand::gives_way(&open) => {
            errand::end_untouched(tx, &open.errand_id, actor, now).await.map(drop)
        }
        Some(_) => Err(CardRefused::ErrandOpen.into()),
    }
}

/// The key that may be told: one of ours, that the card certainly has, and that nobody was told.
fn can_be_told(card: &Card) -> Result<PukName, CardRefused> {
    use CardState::{Active, IssuedLocked, PinLocked};
    if ![IssuedLocked, Active, PinLocked].contains(&card.state) {
        return Err(CardRefused::PukNotTold("the card is not in use, so there is nothing to unlock"));
    }
    key_to_tell(card)
}

/// The key that may be told of a card in use.
fn key_to_tell(card: &Card) -> Result<PukName, CardRefused> {
    if card.puk_exposed_at.is_some() {
        return Err(CardRefused::PukNotTold(
            "the card's unblocking key was told before, and is told once: the card needs contact with the server first",
        ));
    }
    match card.puk {
        PukName::Derived(_) if card.puk_next.is_none() => Ok(card.puk),
        _ => Err(CardRefused::PukNotTold(
            "it is not certain which unblocking key the card has: unlock it with contact to the server",
        )),
    }
}

fn history(card: &Card, actor: &Actor, identified: &str, now: Millis) -> CardAct {
    CardAct {
        act_id: format!("{}-{:010}", card.card_id, card.version + 1),
        card_id: card.card_id.clone(),
        act: RELEASED.to_owned(),
        state: card.state.word().to_owned(),
        subject: actor.subject.clone(),
        client: actor.client.clone().unwrap_or_default(),
        user_id: card.user_id.clone(),
        location_id: card.location_id.clone(),
        reason: None,
        witness: None,
        note: Some(identified.to_owned()),
        at: now,
    }
}

fn shown(puk: &Puk) -> PukReleased {
    PukReleased { unblocking_key: puk.digits().as_str().to_owned() }
}
