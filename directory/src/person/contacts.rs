//! Addresses of people: added, shown to be theirs by a code, taken away.
//!
//! A code goes out as a message of the transaction that makes it; every other address that is the holder's is told of changes.

use platform::db::Tx;
use platform::id::UserId;
use platform::message::code::{LIFETIME, SENDINGS, six_digits};

use super::allowed::not_asked;
use super::contact::{self, MOST, Tried, code_hash, tried};
use super::events::Event;
use super::letters::{self, Changed};
use super::note::note;
use super::profile::{Profile, open};
use crate::acting::Doing;
use crate::api::{ChangeKind, Channel, CodeSent, Contact};
use crate::authority::Act;
use crate::error::Error;
use crate::ids::RecordId;
use crate::request::{self, Ask, ContactChange};
use crate::store::people_contacts::{self, Address};
use crate::version::Expected;

/// What a try came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The code was right.
    Verified(Box<Profile>),
    /// It was another one; so many tries are left.
    Wrong {
        /// Tries that are left.
        left: u32,
    },
    /// No code can be used.
    Spent,
}

/// A profile whose addresses may be changed by whoever asks: its holder, or somebody with the rank.
async fn ready(tx: &mut Tx, doing: &Doing, user: &UserId) -> Result<Profile, Error> {
    let profile = open(tx, user, Expected::Any).await?;
    let act = if is_own(doing, user) { Act::ChangeOwnContact } else { Act::ChangePerson };
    doing.demand_on(tx, act, &profile).await?;
    profile.state.demand_open()?;
    Ok(profile)
}

fn is_own(doing: &Doing, user: &UserId) -> bool {
    doing.person() == Some(user)
}

/// Notes what somebody did to an address of their own as a request of theirs that is done.
async fn note_own(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, contact): (Channel, &str),
    change: ContactChange,
) -> Result<(), Error> {
    if !is_own(doing, user) {
        return Ok(());
    }
    let (person, contact) = (user.to_string(), contact.to_owned());
    request::note_own(tx, doing, Ask::ChangeOwnContact { person, channel, contact, change }).await
}

/// Adds an address and sends it a code.
pub(crate) async fn add(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, value): (Channel, &str),
    random: [u8; 8],
) -> Result<Profile, Error> {
    let profile = ready(tx, doing, user).await?;
    let (profile, contact) = add_silently(tx, doing, profile, channel, value).await?;
    post_code(tx, doing, user, (channel, &contact), random).await?;
    letters::post_notices(tx, doing, user, (channel, &contact), Changed::Added).await?;
    note_own(tx, doing, user, (channel, &contact.id), ContactChange::Added).await?;
    Ok(profile)
}

/// Adds an address that was asked for. No code goes out: whoever it belongs to has one sent, and the others that are theirs are told.
pub(crate) async fn add_asked(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    (channel, value): (Channel, &str),
) -> Result<Profile, Error> {
    let profile = ready(tx, doing, user).await?;
    if !expected.holds(profile.version) {
        return Err(Error::Changed { what: "person", present: profile.version });
    }
    let (profile, contact) = add_silently(tx, doing, profile, channel, value).await?;
    letters::post_notices(tx, doing, user, (channel, &contact), Changed::Added).await?;
    Ok(profile)
}

/// Adds an address.
pub(super) async fn add_silently(
    tx: &mut Tx,
    doing: &Doing,
    profile: Profile,
    channel: Channel,
    value: &str,
) -> Result<(Profile, Contact), Error> {
    let user = profile.user_id.clone();
    let value = contact::checked(channel, value)?;
    let present = people_contacts::of(&mut *tx, &user).await?;
    if present.iter().filter(|address| address.channel == channel).count() >= MOST {
        return Err(Error::conflict(
            "contacts-full",
            format!("Nobody has more than {MOST}. Take one away first."),
        ));
    }
    let contact = Contact { id: RecordId::new(doing.now).to_string(), value, verified_at: None };
    if !people_contacts::add(tx, &user, channel, &contact, doing.now).await? {
        return Err(Error::conflict("contact-there", "The profile has this address already."));
    }
    let event = Event::ContactAdded { user_id: user.to_string(), contact: contact.id.clone(), channel };
    let profile = note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
    Ok((profile, contact))
}

/// Sends another code to an address; the one before it is no longer good.
pub(crate) async fn send_code(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, id): (Channel, &str),
    random: [u8; 8],
) -> Result<CodeSent, Error> {
    ready(tx, doing, user).await.map_err(not_asked)?;
    let address = address(tx, user, channel, id).await?;
    if address.contact.verified_at.is_some() {
        return Err(Error::conflict(
            "contact-verified",
            "This address was verified before. No code is needed.",
        ));
    }
    post_code(tx, doing, user, (channel, &address.contact), random).await
}

/// Goes on if the profile has such an address.
pub(crate) async fn demand_address(
    tx: &mut Tx,
    user: &UserId,
    channel: Channel,
    id: &str,
) -> Result<(), Error> {
    address(tx, user, channel, id).await.map(|_| ())
}

async fn address(tx: &mut Tx, user: &UserId, channel: Channel, id: &str) -> Result<Address, Error> {
    let found = people_contacts::find(tx, user, id).await?.filter(|address| address.channel == channel);
    found.ok_or_else(|| Error::unknown("address", id))
}

async fn post_code(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, contact): (Channel, &Contact),
    random: [u8; 8],
) -> Result<CodeSent, Error> {
    let left = letters::codes_left(tx, doing, &contact.value).await?;
    if left == 0 {
        return Err(Error::conflict(
            "codes-spent",
            format!(
                "This address was sent {SENDINGS} codes within a day. Try again tomorrow, or use another address."
            ),
        ));
    }
    let code = six_digits(random);
    let until = doing.now.plus(LIFETIME);
    let hash = code_hash(doing.key(), &contact.id, &code);
    people_contacts::expect_code(tx, &contact.id, &hash, until).await?;
    let message = letters::post_code(tx, doing, user, (channel, contact), &code).await?;
    Ok(CodeSent { contact: contact.id.clone(), message: message.to_string(), until, sendings_left: left - 1 })
}

/// Tries a code. A wrong one is no error of the transaction: that it was tried must stay.
pub(crate) async fn try_code(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    (channel, id): (Channel, &str),
    code: &str,
) -> Result<Outcome, Error> {
    let profile = ready(tx, doing, user).await.map_err(not_asked)?;
    let address = address(tx, user, channel, id).await?;
    if address.contact.verified_at.is_some() {
        return Ok(Outcome::Verified(Box::new(profile)));
    }
    let hash = code_hash(doing.key(), id, code.trim());
    match tried(address.pending.as_ref(), &hash, doing.now) {
        Tried::Right => {
            people_contacts::mark_verified(tx, id, doing.now).await?;
            let event = Event::ContactVerified { user_id: user.to_string(), contact: id.to_owned() };
            let profile = note(tx, doing, profile, ChangeKind::PersonChanged, &event).await?;
            letters::post_notices(tx, doing, user, (channel, &address.contact), Changed::Verified).await?;
            Ok(Outcome::Verified(Box::new(profile)))
        }
        Tried::Wrong { left } => {
            people_contacts::count_try(tx, id).await?;
            Ok(Outcome::Wrong { left })
        }
        Tried::Spent => Ok(Outcome::Spent),
    }
}

/// Takes an address away.
pub(crate) async fn remove(
    tx: &mut Tx,
    doing: &Doing,
    user: &UserId,
    expected: Expected,
    (channel, id): (Channel, &str),
) -> Result<Profile, Error> {
    let profile = ready(tx, doing, user).await?;
    if !expected.holds(profile.version) {
        return Err(Error::Changed { what: "person", present: profile.version });
    }
    let address = address(tx, user, channel, id).await?;
    let profile = remove_address(tx, doing, profile, &address).await?;
    letters::post_notices(tx, doing, user, (channel, &address.contact), Changed::Removed).await?;
    note_own(tx, doing, user, (channel, id), ContactChange::Removed).await?;
    Ok(profile)
}

pub(super) async fn remove_address(
    tx: &mut Tx,
    doing: &Doing,
    profile: Profile,
    address: &Address,
) -> Result<Profile, Error> {
    people_contacts::remove(tx, &address.contact.id).await?;
    let event = Event::ContactRemoved {
        user_id: profile.user_id.to_string(),
        contact: address.contact.id.clone(),
        channel: address.channel,
    };
    note(tx, doing, profile, ChangeKind::PersonChanged, &event).await
}
