//! A holder unlocks their own card, with a code that was sent to an address of theirs and the card in a reader.
//!
//! Whoever asks is nobody yet: they learn nothing of whether there is such a card or such an address. What is known of a code is what
//! the token makes of it. A right code begins the errand, or goes on with the one that it began, and gives a ticket; the card is
//! unlocked through the relay as any other.

use std::time::Duration;

use audit::Actor;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use card::wire::relay::Act;
use directory::api::{Channel, Told, Way, tell_at, ways_to};
use platform::caller::CallerKind;
use platform::clock::Millis;
use platform::db::Tx;
use platform::id::{UserId, uuid_text};
use platform::message::code::{COUNTED_OVER, LIFETIME, SENDINGS, TRIES, six_digits};
use platform::problem::Problem;

use super::errand::{Opening, Ticket, gives_way, goes_on, stopped_renewal};
use super::stock::{field, is_serial};
use super::{CardEvent, CardRefused, CardState, Cards, keys, letters};
use crate::api::{AskUnlock, RelayTicket, UnlockAsked};
use crate::error::Error;
use crate::store::cards::{self, Card, KnownBy, SentCode};

/// How many rows are swept away at once.
pub(super) const SWEPT: i64 = 100;

/// What is asked, and the code that would be sent.
struct Wish {
    serial: String,
    channel: Channel,
    address: String,
    /// An address that was shown to be theirs after this gets no code yet.
    rested: Millis,
    id: String,
    code: String,
    mark: String,
    until: Millis,
}

/// What came of it; whoever asked is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Sent,
    /// There is no such card in use, or its holder has no such address.
    Unmatched,
    /// The address is theirs since too short a time.
    Resting,
    /// They were sent too many.
    Limited,
    /// Too many messages wait to be sent.
    Full,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unmatched => "unmatched",
            Self::Resting => "resting",
            Self::Limited => "limited",
            Self::Full => "full",
        }
    }
}

impl Cards {
    /// Sends a code to an address, if it is one of the holder's; the answer is the same if it is not.
    pub(crate) async fn ask_unlock(&self, asked: AskUnlock) -> Result<UnlockAsked, Error> {
        if !is_serial(&asked.serial) {
            return Err(field("serial", "the serial number that the card says, in decimal"));
        }
        let address = directory::api::address(asked.channel, &asked.address)
            .ok_or_else(|| field("address", "an e-mail address, or a mobile number"))?;
        let now = self.now();
        let (id, code, until) = (uuid_text(now), code()?, now.plus(LIFETIME));
        let settings = self.settings();
        let mark = keys::code_mark(self.authority.hsm(), settings.master_key, &id, &code).await?;
        let rested = now.minus(Duration::from_secs(u64::from(settings.contact_rest_hours) * 3600));
        let (serial, channel) = (asked.serial, asked.channel);
        let wish = Wish { serial, channel, address, rested, id: id.clone(), code, mark, until };
        let db = &self.authority.desk().db;
        let outcome =
            db.write(move |tx: &mut Tx| Box::pin(async move { send(tx, &wish, now).await })).await?;
        metrics::counter!("ca_card_unlock_codes_total", "outcome" => outcome.word()).increment(1);
        Ok(UnlockAsked { id, until })
    }

    /// A ticket for the agent, for whoever has the code.
    pub(crate) async fn unlock_ticket(&self, id: &str, code: &str) -> Result<RelayTicket, Error> {
        let address = self.settings().relay_address().ok_or(CardRefused::NoAddress)?;
        let now = self.now();
        let asked = cards::unlock(self.authority.desk().db.read(), id, now).await?;
        // For whom nobody has vouched it is as if there were no such card, and that is no try.
        let asked = asked.filter(|row| row.known_by == KnownBy::Code || row.approver.is_some());
        let asked = asked.ok_or(CardRefused::CodeRefused)?;
        let master = self.settings().master_key;
        let mark = keys::code_mark(self.authority.hsm(), master, id, code).await?;
        let card = self.found(&asked.card_id).await?;
        let ended = self.certificates_end(&card).await? <= now;
        let actor = match &asked.approver {
            Some(actor) => serde_json::from_str(actor).map_err(Problem::internal)?,
            None => holder(&asked.user_id),
        };
        let opening = self.opening(Act::Unlock, false, actor);
        let ticket = Ticket::new(now, self.settings().ticket_seconds)?;
        let (kept, id) = (ticket.clone(), id.to_owned());
        let db = &self.authority.desk().db;
        let given = db
            .write(move |tx: &mut Tx| {
                Box::pin(async move {
                    let Some(unlock) = tried(tx, &id, &mark, now).await? else { return Ok(false) };
                    if ended {
                        return Err(CardRefused::CertificatesEnded.into());
                    }
                    let errand = errand_of(tx, &unlock, &opening).await?;
                    let errand = (errand.as_str(), unlock.card_id.as_str());
                    if !kept.give(tx, errand, &opening.actor, now).await? {
                        return Err(CardRefused::CodeRefused.into());
                    }
                    Ok::<_, Error>(true)
                })
            })
            .await?;
        if !given {
            return Err(CardRefused::CodeRefused.into());
        }
        Ok(ticket.show(address, Act::Unlock, card.serial))
    }
}

/// A holder who is known by a code.
fn holder(user: &str) -> Actor {
    let mut actor = Actor::system("ca");
    actor.kind = CallerKind::Person.to_string();
    user.clone_into(&mut actor.subject);
    actor
}

async fn send(tx: &mut Tx, wish: &Wish, now: Millis) -> Result<Outcome, Error> {
    cards::sweep_unlocks(tx, now.minus(COUNTED_OVER), SWEPT).await?;
    let Some(card) = unlockable(tx, &wish.serial).await? else {
        return Ok(Outcome::Unmatched);
    };
    let Some(user) = card.user_id.as_deref().and_then(|user| user.parse::<UserId>().ok()) else {
        return Ok(Outcome::Unmatched);
    };
    let ways = ways_to(tx, &user).await?;
    let (this, others): (Vec<Way>, Vec<Way>) =
        ways.into_iter().partition(|way| way.channel == wish.channel && way.address == wish.address);
    let Some(way) = this.first() else { return Ok(Outcome::Unmatched) };
    if way.verified_at > wish.rested {
        return Ok(Outcome::Resting);
    }
    let sent = cards::sendings_since(tx, user.as_str(), now.minus(COUNTED_OVER)).await?;
    if sent >= i64::from(SENDINGS) {
        return Ok(Outcome::Limited);
    }
    if !matches!(
        tell_at(tx, &user, &this, &letters::code(&wish.code, wish.until), now).await?,
        Told::Posted(_)
    ) {
        return Ok(Outcome::Full);
    }
    letters::tell(tx, &user, &others, &letters::asked(now), now).await?;
    // Of several codes the last one is good.
    cards::end_unlocks(tx, user.as_str(), now).await?;
    let unlock = SentCode {
        unlock_id: wish.id.clone(),
        card_id: card.card_id,
        user_id: user.to_string(),
        code_mark: wish.mark.clone(),
        tries: 0,
        known_by: KnownBy::Code,
        approver: None,
        errand_id: None,
        network: String::new(),
        until: wish.until,
        made_at: now,
    };
    cards::insert_unlock(tx, &unlock).await?;
    let event = CardEvent::CardUnlockCodeSent {
        unlock: unlock.unlock_id,
        card: unlock.card_id,
        user_id: unlock.user_id,
        channel: wish.channel.word().to_owned(),
    };
    audit::record(tx, now, &Actor::system("ca"), &event).await?;
    Ok(Outcome::Sent)
}

/// The card with a serial number, if it can be unlocked: one in use, or whose renewal gives way.
pub(super) async fn unlockable(tx: &mut Tx, serial: &str) -> Result<Option<Card>, Error> {
    let Some(card) = cards::by_serial_in(tx, serial).await? else { return Ok(None) };
    let in_use = [CardState::IssuedLocked, CardState::Active, CardState::PinLocked].contains(&card.state);
    let can = in_use || stopped_renewal(tx, &card).await?.is_some();
    Ok(can.then_some(card))
}

/// Counts a try, and gives the code's row if it is right. A wrong one is in the record.
pub(super) async fn tried(tx: &mut Tx, id: &str, mark: &str, now: Millis) -> Result<Option<SentCode>, Error> {
    let unlock = cards::try_unlock(tx, id, i64::from(TRIES), now).await?.ok_or(CardRefused::CodeRefused)?;
    if verify_slices_are_equal(unlock.code_mark.as_bytes(), mark.as_bytes()).is_ok() {
        return Ok(Some(unlock));
    }
    let (card, tries) = (unlock.card_id, unlock.tries);
    let event = CardEvent::CardUnlockCodeRefused { unlock: unlock.unlock_id, card, tries };
    audit::record(tx, now, &Actor::system("ca"), &event).await?;
    Ok(None)
}

/// The errand of a right code: the one that it began, an unlock that is open, or a new one, for which a renewal that stopped gives way.
async fn errand_of(tx: &mut Tx, unlock: &SentCode, opening: &Opening) -> Result<String, Error> {
    if let Some(errand) = &unlock.errand_id {
        return Ok(errand.clone());
    }
    let card = cards::by_id_in(tx, &unlock.card_id).await?.ok_or(CardRefused::Unknown)?;
    // It may have got another holder since.
    if card.user_id.as_deref() != Some(unlock.user_id.as_str()) {
        return Err(CardRefused::CodeRefused.into());
    }
    let errand = match cards::open_errand(tx, &unlock.card_id).await? {
        Some(open) if open.act == Act::Unlock && goes_on(&open, &card) => open,
        Some(open) if !gives_way(&open) => return Err(CardRefused::ErrandOpen.into()),
        Some(_) | None => opening.open(tx, card).await?,
    };
    cards::set_unlock_errand(tx, &unlock.unlock_id, &errand.errand_id).await?;
    Ok(errand.errand_id)
}

/// Six digits, each as likely as the others.
pub(super) fn code() -> Result<String, Error> {
    let mut chance = zeroize::Zeroizing::new([0_u8; 8]);
    aws_lc_rs::rand::fill(&mut *chance).map_err(|_| Error::NoRandomness)?;
    Ok(six_digits(*chance))
}

/// Codes are six digits, and not always the same.
#[test]
fn codes_are_six_digits() {
    let codes: std::collections::HashSet<String> = (0..50).map(|_| code().unwrap()).collect();
    assert!(codes.len() > 40, "{codes:?}");
    assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit())));
}
