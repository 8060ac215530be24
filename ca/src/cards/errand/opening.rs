//! The row of an errand and its tickets, in the transaction of whatever begins it.

use audit::Actor;
use aws_lc_rs::rand::SystemRandom;
use card::wire::relay::{Act, VERSION};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::uuid_text;
use platform::problem::Problem;
use platform::secret::Secret;

use super::Step;
use super::giving_way::make_way;
use crate::api::RelayTicket;
use crate::cards::moving::Moving;
use crate::cards::{CardEvent, CardMove, CardRefused, CardState, ManagementName, PukName};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::store::cards::{self, Card, ErrandRow, Passcode};

/// An errand that is to be begun.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) act: Act,
    pub(crate) passcode: Passcode,
    /// Who begins it.
    pub(crate) actor: Actor,
    pub(crate) now: Millis,
    /// When it ends by itself.
    pub(crate) until: Millis,
    /// The batch that it belongs to.
    pub(crate) batch_id: Option<String>,
}

impl Opening {
    /// Begins it for a card as it was read: the row, the move and the record, or nothing of them. For an unlock a renewal gives way that
    /// stopped before anything was done.
    pub(crate) async fn open(&self, tx: &mut Tx, card: Card) -> Result<ErrandRow, Error> {
        let card =
            if self.act == Act::Unlock { make_way(tx, card, &self.actor, self.now).await? } else { card };
        if !goes_with(self.act, card.state) || (self.act == Act::Repair && is_blank(&card)) {
            return Err(CardRefused::NoSuchErrand { state: card.state, act: self.act.word() }.into());
        }
        if self.act == Act::Repair && card.keys_changed_at.is_some() {
            return Err(CardRefused::KeysChanged.into());
        }
        let errand = ErrandRow {
            errand_id: uuid_text(self.now),
            card_id: card.card_id.clone(),
            act: self.act,
            state: "open".to_owned(),
            step: Step::Begun,
            passcode: self.passcode,
            user_id: card.user_id.clone(),
            key_9a: None,
            key_9c: None,
            attested: Vec::new(),
            authentication: None,
            signature: None,
            fault: None,
            ticket_until: None,
            run: 0,
            actor: serde_json::to_string(&self.actor).map_err(Problem::internal)?,
            approved_by: None,
            batch_id: self.batch_id.clone(),
            ended_for: None,
            until: self.until,
            made_at: self.now,
            changed_at: self.now,
        };
        if !cards::insert_errand(tx, &errand).await? {
            return Err(CardRefused::ErrandOpen.into());
        }
        if self.act == Act::Renew {
            Moving::by(CardMove::BeginRenewal).apply(tx, card, &self.actor, self.now).await?;
        }
        let event = CardEvent::CardErrandBegun {
            errand: errand.errand_id.clone(),
            card: errand.card_id.clone(),
            act: self.act.word().to_owned(),
        };
        audit::record(tx, self.now, &self.actor, &event).await?;
        Ok(errand)
    }
}

/// Whether the holder chooses a passcode in an act. In a renewal they enter the one that they have.
pub(crate) fn passcode_of(act: Act, locked: bool) -> Passcode {
    let chosen = !locked && matches!(act, Act::Issue | Act::Unlock);
    if chosen { Passcode::Chosen } else { Passcode::Withheld }
}

/// Whether a card in this state can have this done.
fn goes_with(act: Act, state: CardState) -> bool {
    use CardState::{Active, Cancelled, Cleared, InStock, IssuedLocked, PinLocked, Reserved};
    match act {
        Act::Issue => state == Reserved,
        Act::Renew => state == Active,
        Act::Unlock => [IssuedLocked, Active, PinLocked].contains(&state),
        // Before it is issued a card has keys of ours, where it was issued before, and nothing else to be repaired.
        Act::Repair => [InStock, Reserved, Cleared, IssuedLocked, Active, PinLocked].contains(&state),
        Act::Clear => state == Cancelled,
    }
}

/// Whether a card is as from the factory: its first issue gives it keys, and whatever else that takes.
fn is_blank(card: &Card) -> bool {
    card.management == ManagementName::Factory && card.puk == PukName::Factory
}

/// Whether an errand that was begun still goes with its card: it is of the same holder, and in a state in which this is done.
pub(in crate::cards) fn goes_on(errand: &ErrandRow, card: &Card) -> bool {
    let in_state = match errand.act {
        // It was moved when the errand was begun.
        Act::Renew => card.state == CardState::Renewing,
        act => goes_with(act, card.state),
    };
    in_state && errand.user_id == card.user_id
}

/// Refuses an errand that does not go with its card any more.
pub(in crate::cards) fn demand_goes_on(errand: &ErrandRow, card: &Card) -> Result<(), CardRefused> {
    if goes_on(errand, card) { Ok(()) } else { Err(CardRefused::ErrandOfBefore) }
}

/// A ticket that is to be given: what is shown once, and what is kept.
#[derive(Clone)]
pub(crate) struct Ticket {
    shown: String,
    hash: String,
    until: Millis,
}

impl Ticket {
    /// 256 random bits, good for so many seconds.
    pub(crate) fn new(now: Millis, seconds: u32) -> Result<Self, Error> {
        let secret = Secret::generate(&SystemRandom::new()).map_err(|_| Error::NoRandomness)?;
        let shown = secret.text().to_string();
        let hash = sha256_hex(shown.as_bytes());
        Ok(Self { shown, hash, until: Millis(now.0 + i64::from(seconds) * 1000) })
    }

    /// Gives it to an errand, whose ticket before is good for nothing from then on; false if the errand is over.
    pub(crate) async fn give(
        &self,
        tx: &mut Tx,
        (errand, card): (&str, &str),
        actor: &Actor,
        now: Millis,
    ) -> Result<bool, Error> {
        let given = cards::set_ticket(tx, errand, &self.hash, self.until).await?;
        if given {
            let event = CardEvent::CardTicketGiven { errand: errand.to_owned(), card: card.to_owned() };
            audit::record(tx, now, actor, &event).await?;
        }
        Ok(given)
    }

    /// What the agent is given.
    pub(crate) fn show(self, address: String, act: Act, serial: String) -> RelayTicket {
        RelayTicket {
            version: VERSION,
            address,
            act: act.word().to_owned(),
            serial,
            ticket: self.shown,
            expires_at: self.until.0,
        }
    }
}
