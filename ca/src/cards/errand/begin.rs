//! Beginning an errand, and giving agents tickets for it.

use audit::Actor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use card::wire::relay::{Act, VERSION};
use directory::api::CardAct as May;
use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::uuid_text;
use platform::problem::Problem;

use super::Step;
use crate::api::{ErrandAct, ErrandInfo, NewErrand, RelayTicket};
use crate::cards::moving::Moving;
use crate::cards::{Answer, CardEvent, CardMove, CardRefused, CardState, Cards, Once};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::store::cards::{self, Card, ErrandRow, Passcode};

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
        let (now, actor) = (self.now(), Actor::from(caller));
        let until = Millis(now.0 + i64::from(self.settings().errand_minutes) * 60_000);
        let passcode = if new.locked || matches!(act, Act::Clear | Act::Repair) {
            Passcode::Withheld
        } else {
            Passcode::Chosen
        };
        let id = id.to_owned();
        self.do_once(once, now, move |tx| {
            Box::pin(async move {
                let card = cards::by_id_in(tx, &id).await?.ok_or(CardRefused::Unknown)?;
                if !goes_with(act, &card) {
                    return Err(CardRefused::NoSuchErrand { state: card.state, act: act.word() }.into());
                }
                let errand = ErrandRow {
                    errand_id: uuid_text(now),
                    card_id: card.card_id.clone(),
                    act,
                    state: "open".to_owned(),
                    step: Step::Begun,
                    passcode,
                    user_id: card.user_id.clone(),
                    key_9a: None,
                    key_9c: None,
                    authentication: None,
                    signature: None,
                    fault: None,
                    ticket_until: None,
                    run: 0,
                    actor: serde_json::to_string(&actor).map_err(Problem::internal)?,
                    until,
                    made_at: now,
                    changed_at: now,
                };
                if !cards::insert_errand(tx, &errand).await? {
                    return Err(CardRefused::ErrandOpen.into());
                }
                if act == Act::Renew {
                    Moving::by(CardMove::BeginRenewal).apply(tx, card, &actor, now).await?;
                }
                let event = CardEvent::CardErrandBegun {
                    errand: errand.errand_id.clone(),
                    card: errand.card_id.clone(),
                    act: act.word().to_owned(),
                };
                audit::record(tx, now, &actor, &event).await?;
                let location = format!("/ca/cards/{}/errands/{}", errand.card_id, errand.errand_id);
                Ok(Answer { location: Some(location), ..Answer::json(201, &info(errand))? })
            })
        })
        .await
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
        let ticket = fresh()?;
        let now = self.now();
        let until = Millis(now.0 + i64::from(self.settings().ticket_seconds) * 1000);
        let (hash, actor) = (sha256_hex(ticket.as_bytes()), Actor::from(caller));
        let event =
            CardEvent::CardTicketGiven { errand: errand.errand_id.clone(), card: errand.card_id.clone() };
        let id = errand.errand_id;
        let given = self
            .authority
            .desk()
            .db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let given = cards::set_ticket(tx, &id, &hash, until).await?;
                    if given {
                        audit::record(tx, now, &actor, &event).await?;
                    }
                    Ok::<_, Error>(given)
                })
            })
            .await?;
        if !given {
            return Err(CardRefused::ErrandUnknown.into());
        }
        let act = errand.act.word().to_owned();
        Ok(RelayTicket { version: VERSION, address, act, serial: card.serial, ticket, expires_at: until.0 })
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

    async fn errand_of(&self, caller: &Caller, card: &str, id: &str) -> Result<(Card, ErrandRow), Error> {
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

/// Whether a card as it is now can have this done.
fn goes_with(act: Act, card: &Card) -> bool {
    use CardState::{Active, Cancelled, IssuedLocked, PinLocked, Reserved};
    match act {
        Act::Issue => card.state == Reserved,
        Act::Renew => card.state == Active,
        Act::Unlock | Act::Repair => [IssuedLocked, Active, PinLocked].contains(&card.state),
        Act::Clear => card.state == Cancelled,
    }
}

/// 256 random bits as text.
fn fresh() -> Result<String, Error> {
    let mut octets = [0; 32];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Error::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

fn info(errand: ErrandRow) -> ErrandInfo {
    ErrandInfo {
        id: errand.errand_id,
        card: errand.card_id,
        act: errand.act.word().to_owned(),
        state: if errand.state == "ending" { "ended".to_owned() } else { errand.state },
        step: errand.step.word().to_owned(),
        fault: errand.fault,
        until: errand.until,
    }
}
