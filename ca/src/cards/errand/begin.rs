//! Beginning an errand, and giving agents tickets for it.

use audit::Actor;
use card::wire::relay::Act;
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;

use super::opening::{Opening, Ticket, demand_goes_on, passcode_of};
use crate::api::{ErrandAct, ErrandInfo, NewErrand, RelayTicket};
use crate::cards::{Answer, CardRefused, Cards, Once};
use crate::error::Error;
use crate::store::cards::{self, Card, ErrandRow};

impl Cards {
    /// Begins an errand of a card. Nothing is done with the card before an agent goes on with it.
    pub(crate) async fn begin(
        &self,
        caller: &Caller,
        id: &str,
        once: Once,
        new: NewErrand,
    ) -> Result<Answer, Error> {
        let card = self.found(id).await?;
        let act = act_of(new.act);
        self.may(caller, right(act), &card).await?;
        if new.locked && act != Act::Issue {
            return Err(
                CardRefused::Incomplete("\"locked\" stands with \"issue\" and no other errand").into()
            );
        }
        if act == Act::Renew {
            self.demand_window(caller, &card).await?;
        }
        let opening = self.opening(act, new.locked, Actor::from(caller));
        let id = id.to_owned();
        self.do_once(once, opening.now, move |tx| {
            Box::pin(async move {
                let card = cards::by_id_in(tx, &id).await?.ok_or(CardRefused::Unknown)?;
                began(opening.open(tx, card).await?)
            })
        })
        .await
    }

    /// An errand that is begun now.
    pub(in crate::cards) fn opening(&self, act: Act, locked: bool, actor: Actor) -> Opening {
        let now = self.now();
        let until = Millis(now.0 + i64::from(self.settings().errand_minutes) * 60_000);
        Opening { act, passcode: passcode_of(act, locked), actor, now, until, batch_id: None }
    }

    /// How an errand stands.
    pub(crate) async fn errand(&self, caller: &Caller, card: &str, id: &str) -> Result<ErrandInfo, Error> {
        let (_, errand) = self.errand_of(caller, card, id).await?;
        Ok(info(errand))
    }

    /// A new ticket for an open errand, shown this once; the one before is good for nothing.
    pub(crate) async fn ticket(&self, caller: &Caller, card: &str, id: &str) -> Result<RelayTicket, Error> {
        let address = self.settings().relay_address().ok_or(CardRefused::NoAddress)?;
        let (card, errand) = self.errand_of(caller, card, id).await?;
        demand_goes_on(&errand, &card)?;
        self.demand_approved(&errand)?;
        let (now, actor) = (self.now(), Actor::from(caller));
        let ticket = Ticket::new(now, self.settings().ticket_seconds)?;
        let (kept, act, id) = (ticket.clone(), errand.act, (errand.errand_id, errand.card_id));
        let db = &self.authority.desk().db;
        let given = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move { kept.give(tx, (id.0.as_str(), id.1.as_str()), &actor, now).await })
            })
            .await?;
        if !given {
            return Err(CardRefused::ErrandUnknown.into());
        }
        Ok(ticket.show(address, act, card.serial))
    }

    /// Gives an errand up: its certificates are revoked.
    pub(crate) async fn give_up(&self, caller: &Caller, card: &str, id: &str) -> Result<ErrandInfo, Error> {
        let (_, errand) = self.errand_of(caller, card, id).await?;
        if errand.state != "open" && errand.state != "ending" {
            return Err(CardRefused::ErrandUnknown.into());
        }
        self.authority.end_errand(errand.clone(), Actor::from(caller)).await?;
        let ended = cards::errand(self.authority.desk().db.read(), card, id).await?;
        Ok(info(ended.unwrap_or(errand)))
    }

    pub(super) async fn errand_of(
        &self,
        caller: &Caller,
        card: &str,
        id: &str,
    ) -> Result<(Card, ErrandRow), Error> {
        let card = self.found(card).await?;
        let found = cards::errand(self.authority.desk().db.read(), &card.card_id, id).await?;
        let errand = found.ok_or(CardRefused::ErrandUnknown)?;
        self.may(caller, right(errand.act), &card).await?;
        Ok((card, errand))
    }
}

fn act_of(act: ErrandAct) -> Act {
    match act {
        ErrandAct::Issue => Act::Issue,
        ErrandAct::Renew => Act::Renew,
        ErrandAct::Unlock => Act::Unlock,
        ErrandAct::Repair => Act::Repair,
        ErrandAct::Clear => Act::Clear,
    }
}

/// What the register is asked for.
fn right(act: Act) -> May {
    match act {
        Act::Issue => May::Issue,
        Act::Renew => May::Renew,
        Act::Unlock => May::Unlock,
        Act::Repair => May::Repair,
        Act::Clear => May::Clear,
    }
}

/// An errand that was begun, as it is answered.
pub(in crate::cards) fn began(errand: ErrandRow) -> Result<Answer, Error> {
    let location = format!("/ca/cards/{}/errands/{}", errand.card_id, errand.errand_id);
    Ok(Answer { location: Some(location), ..Answer::json(201, &info(errand))? })
}

pub(super) fn info(errand: ErrandRow) -> ErrandInfo {
    ErrandInfo {
        id: errand.errand_id,
        card: errand.card_id,
        act: errand.act.word().to_owned(),
        state: if errand.state == "ending" { "ended".to_owned() } else { errand.state },
        step: errand.step.word().to_owned(),
        fault: errand.fault,
        approved_by: errand.approved_by,
        until: errand.until,
    }
}
