//! Messages to people: e-mail, and text messages to telephones; and to programs that asked to be told when something changes.
//!
//! Whoever has something to say [`post`]s it in the transaction of the act that it tells of: it is said exactly when the act
//! is done. A [`Sender`] takes it from there, tries again with growing pauses, and gives up when it is of no use any more or was
//! refused for good. What is said leaves the database as soon as it was sent; what became of it can be read ([`of`]).
//!
//! A process that stops between the sending and the note of it sends the same once more, under the same id: whoever gets it
//! can know it again. Nothing is said twice otherwise, however many machines send.
//!
//! What is said lies in the database encrypted to a public key, if there is one ([`keep_key`]): a copy of the database tells no code
//! and no link. A server with a token makes the key before anything is posted; where there was never a token, there is none.
//!
//! What is of use for an hour at most, such as a code to sign in, never waits for what is not: it has places of its own among
//! those that may wait ([`RESERVED`]), and is sent by itself, beside the others.

mod carrier;
pub mod code;
mod config;
mod hook;
mod key;
mod key_store;
mod mailbox;
mod rest_hook;
mod sender;
mod smtp;
mod store;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

pub use carrier::Carriers;
pub use config::{Config, Error, HookConfig, RestHookConfig, SmtpConfig, SmtpTls};
pub use key::{KeyError, NewKey, Unseal};
pub use key_store::{SealedKey, keep_key, replace_sealed_key, sealed, sealed_key};
pub use rest_hook::attached;
pub use sender::Sender;
pub use store::{MOST_WAITING, RESERVED, URGENT_WITHIN, erase, of, post, posted_since, withdraw};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(String);

crate::text_id_impl!(MessageId);

/// How a message reaches somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By e-mail.
    Email,
    /// As a text message to a telephone.
    Text,
    /// As a POST without content to a program: not to a person.
    Hook,
}

impl Channel {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::Email, Self::Text, Self::Hook];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Text => "text",
            Self::Hook => "hook",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

/// What is to be said to somebody.
#[derive(Clone)]
pub struct Message {
    /// The module that says it.
    pub module: &'static str,
    /// What kind of message it is, in a word of the module's.
    pub kind: &'static str,
    /// Whom or what it is about, as the module knows it.
    pub about: String,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes: a mailbox, a telephone number with a plus and its country, or an address that begins with `https://`.
    pub address: String,
    /// The subject of an e-mail; it is kept, so no secret stands in it.
    pub subject: String,
    /// What is said; to a program, the headers that go with it ([`attached`]), or nothing.
    pub text: String,
    /// From when on it is of no use.
    pub until: Millis,
}

/// What came of posting a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It is on its way.
    Taken(MessageId),
    /// So many wait that no more are taken: nothing can be sent, or somebody sends without end. Of what is not urgent fewer may
    /// wait.
    Full,
}

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits to be sent.
    Due,
    /// Whoever carries it has taken it.
    Sent,
    /// It was refused for good, or too often.
    GivenUp,
    /// It was of no use any more before it could be sent.
    OutOfDate,
    /// Another one took its place.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Due, Self::Sent, Self::GivenUp, Self::OutOfDate, Self::Withdrawn];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Sent => "sent",
            Self::GivenUp => "given-up",
            Self::OutOfDate => "out-of-date",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What became of a message. What it said is not shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub id: MessageId,
    /// What kind of message it is.
    pub kind: String,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes.
    pub address: String,
    /// Where it is in its life.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last try.
    pub outcome: Option<String>,
    /// When it was posted.
    pub made_at: Millis,
    /// When it was settled.
    pub settled_at: Option<Millis>,
}
