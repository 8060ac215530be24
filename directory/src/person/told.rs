//! Telling people what other modules have to say, by message, at addresses that were shown to be theirs.

use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::UserId;
use platform::message::{self, Message, Posted};

use super::contact;
use super::letters::{MODULE, way};
use crate::api::Channel;
use crate::store::people_contacts;

/// What somebody is to be told.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What kind of message it is, in a word: it is shown with what became of the message.
    pub kind: &'static str,
    /// The subject of the e-mail; no secret stands in it.
    pub subject: String,
    /// What the e-mail says.
    pub text: String,
    /// What a text message says.
    pub short: String,
    /// From when on it is of no use. What is of use for an hour at most is urgent: see [`platform::message`].
    pub until: Millis,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is on its way to this many addresses.
    Posted(u32),
    /// The register knows no address that was shown to be theirs, or they have left.
    Nowhere,
    /// So many messages wait that this one is not taken now.
    Full,
}

/// An address that was shown to be somebody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// How it is reached.
    pub channel: Channel,
    /// The address in its one form.
    pub address: String,
    /// When it was shown to be theirs.
    pub verified_at: Millis,
}

/// An address in its one form, however it was typed; none where it is no address.
pub fn address(channel: Channel, text: &str) -> Option<String> {
    contact::checked(channel, text).ok()
}

/// Every address that was shown to be that of a person whose profile is open, oldest first. For modules that share the register's
/// database.
pub async fn ways_to(tx: &mut Tx, user: &UserId) -> Result<Vec<Way>, db::Error> {
    let rows = people_contacts::verified_of_open(tx, user).await?;
    Ok(rows
        .into_iter()
        .map(|(channel, address, verified_at)| Way { channel, address, verified_at })
        .collect())
}

/// Tells somebody, in the transaction of what it tells of: at every e-mail address that was shown to be theirs, or at every
/// mobile number where there is no such address. For modules that share the register's database. The holder and the registration
/// authority read in the register what became of it, and it is erased with what else the register knows of them.
///
/// `Full` posts nothing.
pub async fn tell(tx: &mut Tx, user: &UserId, letter: &Letter, now: Millis) -> Result<Told, db::Error> {
    let mut ways = ways_to(tx, user).await?;
    let mailed = ways.iter().any(|way| way.channel == Channel::Email);
    ways.retain(|way| (way.channel == Channel::Email) == mailed);
    tell_at(tx, user, &ways, letter, now).await
}

/// The same at these addresses of theirs.
pub async fn tell_at(
    tx: &mut Tx,
    user: &UserId,
    ways: &[Way],
    letter: &Letter,
    now: Millis,
) -> Result<Told, db::Error> {
    let mut many = 0;
    for to in ways {
        let message = Message {
            module: MODULE,
            kind: letter.kind,
            about: user.to_string(),
            channel: way(to.channel),
            address: to.address.clone(),
            subject: letter.subject.clone(),
            text: match to.channel {
                Channel::Email => letter.text.clone(),
                Channel::Mobile => letter.short.clone(),
            },
            until: letter.until,
        };
        match message::post(tx, &message, now).await? {
            Posted::Taken(_) => many += 1,
            // Whoever is told at one address is told.
            Posted::Full if many == 0 => return Ok(Told::Full),
            Posted::Full => break,
        }
    }
    Ok(if many == 0 { Told::Nowhere } else { Told::Posted(many) })
}

/// An e-mail address that is to be shown to be somebody's, and how many letters of a kind go there.
#[derive(Debug, Clone)]
pub struct Unproved {
    /// The address.
    pub address: String,
    /// How many go there at most, whoever says that it is theirs.
    pub most: u32,
    /// From when on they are counted.
    pub since: Millis,
}

/// What came of a letter to an address that is not shown to be theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldThere {
    /// It is on its way, in the place of one of its kind that was not sent yet.
    Posted,
    /// As many went there already as may.
    Enough,
    /// So many messages wait that this one is not taken now.
    Full,
}

/// Sends somebody a letter at an e-mail address that they say is theirs, in the transaction of what it tells of: it says nothing of them,
/// since it may be anybody's. Otherwise it is as [`tell`].
pub async fn tell_there(
    tx: &mut Tx,
    user: &UserId,
    to: &Unproved,
    letter: &Letter,
    now: Millis,
) -> Result<ToldThere, db::Error> {
    let kind = (MODULE, letter.kind);
    // Whoever says that it is theirs: nobody fills somebody's mailbox in the names of several.
    if message::posted_since(tx, kind, &to.address, to.since).await? >= to.most {
        return Ok(ToldThere::Enough);
    }
    message::withdraw(tx, kind, user.as_str(), &to.address, now).await?;
    let message = Message {
        module: MODULE,
        kind: letter.kind,
        about: user.to_string(),
        channel: way(Channel::Email),
        address: to.address.clone(),
        subject: letter.subject.clone(),
        text: letter.text.clone(),
        until: letter.until,
    };
    Ok(match message::post(tx, &message, now).await? {
        Posted::Taken(_) => ToldThere::Posted,
        Posted::Full => ToldThere::Full,
    })
}
