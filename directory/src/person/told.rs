//! Telling people what other modules have to say, by message, at addresses that were shown to be theirs.

use platform::clock::Millis;
use platform::db::{self, Tx};
use platform::id::UserId;
use platform::message::{self, Message, Posted};

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
    /// What a text message says, to whoever has no e-mail address.
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

/// Tells somebody, in the transaction of what it tells of: at every e-mail address that was shown to be theirs, or at every
/// mobile number where there is no such address. For modules that share the register's database. The holder and the registration
/// authority read in the register what became of it, and it is erased with what else the register knows of them.
///
/// `Full` posts nothing.
pub async fn tell(tx: &mut Tx, user: &UserId, letter: &Letter, now: Millis) -> Result<Told, db::Error> {
    let addresses = people_contacts::verified_of_open(tx, user).await?;
    let by = |wanted: Channel| addresses.iter().filter(move |(channel, _)| *channel == wanted);
    let channel = if by(Channel::Email).next().is_some() { Channel::Email } else { Channel::Mobile };
    let mut many = 0;
    for (_, address) in by(channel) {
        let message = Message {
            module: MODULE,
            kind: letter.kind,
            about: user.to_string(),
            channel: way(channel),
            address: address.clone(),
            subject: letter.subject.clone(),
            text: match channel {
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
