//! A colleague vouches for whoever has a locked card, from afar: the holder reads a code out to them, and they approve with it.
//!
//! The code is shown to whoever asks, and the same whether or not there is such a card. It binds the approval to the request of the person
//! whom the colleague hears: another request for the same card has another code.

use std::num::NonZeroU32;

use audit::Actor;
use directory::api::CardAct as May;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::uuid_text;
use platform::message::code::{COUNTED_OVER, LIFETIME, SENDINGS};
use platform::problem::Problem;
use platform::web::{PeerAddress, Rate};

use super::self_unlock::{SWEPT, code, tried, unlockable};
use super::stock::{field, is_serial};
use super::{CardEvent, CardRefused, Cards, keys};
use crate::api::{AskColleague, ColleagueAsked, WaitingUnlock, WaitingUnlocks};
use crate::error::Error;
use crate::store::cards::{self, KnownBy, SentCode};

/// How many requests one network may make, for whatever cards: one a second, and ten at once.
pub(super) const RATE: Rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN.saturating_add(9) };
/// How many requests a colleague is shown.
const SHOWN: i64 = 50;
/// How many requests wait for one card, and how many of them from one network: older ones give way.
const MOST_WAITING: i64 = 20;
const MOST_OF_NETWORK: i64 = 2;

impl Cards {
    /// Makes a code for a holder to read out, if there is such a card in use; the answer is the same if there is not.
    pub(crate) async fn ask_colleague(
        &self,
        asked: AskColleague,
        from: Option<PeerAddress>,
    ) -> Result<ColleagueAsked, Error> {
        self.askings.check(from)?;
        if !is_serial(&asked.serial) {
            return Err(field("serial", "the serial number that the card says, in decimal"));
        }
        let now = self.now();
        let (id, code, until) = (uuid_text(now), code()?, now.plus(LIFETIME));
        let mark = keys::code_mark(self.authority.hsm(), self.settings().master_key, &id, &code).await?;
        let (serial, unlock_id) = (asked.serial, id.clone());
        let network = from.map(|from| from.counted().to_string()).unwrap_or_default();
        let db = &self.authority.desk().db;
        db.write(move |tx: &mut Tx| {
            Box::pin(async move { wait(tx, &serial, (unlock_id, mark, network), (now, until)).await })
        })
        .await?;
        Ok(ColleagueAsked { id, code, until })
    }

    /// The requests for a card that wait for a colleague. Of their codes nothing is shown: the holder reads one out.
    pub(crate) async fn waiting(&self, caller: &Caller, id: &str) -> Result<WaitingUnlocks, Error> {
        let card = self.found(id).await?;
        self.may(caller, May::Unlock, &card).await?;
        let rows = cards::waiting_unlocks(self.authority.desk().db.read(), id, self.now(), SHOWN).await?;
        let shown =
            |row: SentCode| WaitingUnlock { id: row.unlock_id, made_at: row.made_at, until: row.until };
        Ok(WaitingUnlocks { unlocks: rows.into_iter().map(shown).collect() })
    }

    /// A colleague who may unlock the card vouches for whoever read this code out to them.
    pub(crate) async fn vouch(&self, caller: &Caller, card: &str, id: &str, code: &str) -> Result<(), Error> {
        let card = self.found(card).await?;
        self.may(caller, May::Unlock, &card).await?;
        if caller.kind != CallerKind::Person {
            return Err(CardRefused::PeopleOnly.into());
        }
        let now = self.now();
        let asked = cards::unlock(self.authority.desk().db.read(), id, now).await?;
        let asked = asked.filter(|row| row.card_id == card.card_id && row.known_by == KnownBy::Colleague);
        let asked = asked.ok_or(CardRefused::CodeRefused)?;
        if asked.user_id == caller.subject {
            return Err(CardRefused::ApprovalByAnother.into());
        }
        let mark = keys::code_mark(self.authority.hsm(), self.settings().master_key, id, code).await?;
        let actor = Actor::from(caller);
        let approver = serde_json::to_string(&actor).map_err(Problem::internal)?;
        let id = id.to_owned();
        let db = &self.authority.desk().db;
        let right = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    if tried(tx, &id, &mark, now).await?.is_none() {
                        return Ok(false);
                    }
                    cards::approve_unlock(tx, &id, &approver).await?;
                    let event = CardEvent::CardUnlockApproved { unlock: id, card: card.card_id };
                    audit::record(tx, now, &actor, &event).await?;
                    Ok::<_, Error>(true)
                })
            })
            .await?;
        if right { Ok(()) } else { Err(CardRefused::CodeRefused.into()) }
    }
}

/// Stores a request, unless there is no such card in use, or colleagues have vouched often enough.
async fn wait(
    tx: &mut Tx,
    serial: &str,
    (unlock_id, code_mark, network): (String, String, String),
    (now, until): (Millis, Millis),
) -> Result<(), Error> {
    cards::sweep_unlocks(tx, now.minus(COUNTED_OVER), SWEPT).await?;
    let Some(card) = unlockable(tx, serial).await? else { return Ok(()) };
    let Some(user_id) = card.user_id else { return Ok(()) };
    let since = now.minus(COUNTED_OVER);
    if cards::vouchings_since(tx, &user_id, since).await? >= i64::from(SENDINGS) {
        return Ok(());
    }
    // Whoever asks again and again takes the place of what they asked for before, and hardly that of what others did.
    cards::keep_newest_waiting(tx, &card.card_id, Some(&network), MOST_OF_NETWORK - 1, now).await?;
    cards::keep_newest_waiting(tx, &card.card_id, None, MOST_WAITING - 1, now).await?;
    let unlock = SentCode {
        unlock_id,
        card_id: card.card_id,
        user_id,
        code_mark,
        tries: 0,
        known_by: KnownBy::Colleague,
        approver: None,
        errand_id: None,
        network,
        until,
        made_at: now,
    };
    cards::insert_unlock(tx, &unlock).await?;
    let (id, card, user_id) = (unlock.unlock_id, unlock.card_id, unlock.user_id);
    let event = CardEvent::CardUnlockAsked { unlock: id, card, user_id };
    audit::record(tx, now, &Actor::system("ca"), &event).await?;
    Ok(())
}
