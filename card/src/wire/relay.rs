//! The relay: the server composes what goes to a card, and the agent carries it there and back over a WebSocket.
//!
//! The page of the registration authority asks the server for an [`Errand`] and gives it to the agent, which looks at where the page
//! comes from. The agent connects to [`Errand::address`], shows [`Errand::ticket`], which is good once, in the header
//! [`TICKET_HEADER`], and says [`FromAgent::Ready`]. From then on the server speaks and the agent answers each [`ToAgent`] with one
//! [`FromAgent`] of the same number, until [`ToAgent::End`]. Numbers begin with 1 and grow by one: whoever gets another than the next
//! one ends the conversation. Each message is one text frame of JSON.
//!
//! What goes to a card may be a key or an unblocking key; what the holder chooses as passcode, or enters, never goes to the server.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// The version of these messages.
/// 2: the agent enters the passcode of a renewal itself, and PIV is all that is selected.
pub const VERSION: u32 = 2;
/// The header that bears the ticket.
pub const TICKET_HEADER: &str = "lanyard-relay-ticket";
/// The longest message, in octets: the longest command in hexadecimal, and what stands around it.
pub const LONGEST_MESSAGE: usize = 140_000;
/// So long somebody has at the agent to choose a passcode, entering it again and all. After that none is chosen any more.
pub const CHOOSING: Duration = Duration::from_mins(2);
/// So long the server waits for what somebody does at the agent: what was entered just in time must still reach the card.
pub const ENTERED: Duration = Duration::from_secs(150);

/// What is to be done with a card. The agent refuses commands that it does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Keys are changed and made, and certificates written.
    Issue,
    /// The same for a card that has an owner already, who enters their passcode at the agent and keeps it.
    Renew,
    /// A new passcode takes the place of a locked one.
    Unlock,
    /// What was written is written again, where it is damaged.
    Repair,
    /// Keys and certificates are taken away.
    Clear,
}

impl Act {
    /// Each.
    pub const ALL: [Self; 5] = [Self::Issue, Self::Renew, Self::Unlock, Self::Repair, Self::Clear];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Renew => "renew",
            Self::Unlock => "unlock",
            Self::Repair => "repair",
            Self::Clear => "clear",
        }
    }
}

/// What a page gives the agent so that it connects.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errand {
    /// [`VERSION`].
    pub version: u32,
    /// Where to: an address beginning with `wss://`.
    pub address: String,
    /// What is to be done: what the agent asks its user to agree to, and the rule by which it lets commands through.
    pub act: Act,
    /// The serial number that the card says of itself, in decimal: the agent takes the one card that says it, whichever reader it is in.
    pub serial: String,
    /// Shown once, at that address.
    pub ticket: String,
    /// Until when it is taken, in milliseconds since 1970.
    pub expires_at: i64,
}

/// Octets that may be secret: wiped when they go, not printed, and in hexadecimal on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Octets(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let octets = hex::decode(text.as_str()).map_err(serde::de::Error::custom)?;
        Ok(Self(Zeroizing::new(octets)))
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum ToAgent {
    /// One piece of a command for the card.
    Apdu {
        /// Its number.
        number: u64,
        /// The piece as it goes to the card.
        octets: Octets,
    },
    /// The holder chooses a passcode, which takes the place of the one that the last RESET RETRY COUNTER of this conversation set.
    ChoosePasscode {
        /// Its number.
        number: u64,
        /// The one that was set, as it went to the card, where it went under secure messaging and the agent has not seen it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        own: Option<Octets>,
    },
    /// The holder's own passcode goes to the card. The agent asks for it once, and enters it again when it is told so again.
    EnterPasscode {
        /// Its number.
        number: u64,
    },
    /// It is over, and how it went.
    End {
        /// Its number.
        number: u64,
        /// Whether all was done.
        done: bool,
        /// What to tell the user.
        words: String,
    },
}

/// What the agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum FromAgent {
    /// A card is in the reader and nobody else's.
    Ready {
        /// [`VERSION`].
        version: u32,
    },
    /// The card's answer, status and all.
    Answer {
        /// The number that it answers.
        number: u64,
        /// What the card said.
        octets: Octets,
    },
    /// The holder chose a passcode, and the card has taken it.
    PasscodeChosen {
        /// The number that it answers.
        number: u64,
    },
    /// The holder's own passcode was entered, and the card has taken it.
    PasscodeEntered {
        /// The number that it answers.
        number: u64,
    },
    /// It was not done.
    Failed {
        /// The number that it answers.
        number: u64,
        /// Why.
        why: Why,
    },
}

/// Why the agent did not do what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The card was taken out.
    Removed,
    /// Another program reset the card.
    Reset,
    /// The card did not answer in time.
    TimedOut,
    /// The reader failed.
    Reader,
    /// The act that the user agreed to needs no such command.
    NotExpected,
    /// No passcode was chosen, or entered.
    NoPasscode,
    /// The card did not take the passcode.
    PasscodeRefused,
}

impl ToAgent {
    /// Its number.
    pub fn number(&self) -> u64 {
        let (Self::Apdu { number, .. }
        | Self::ChoosePasscode { number, .. }
        | Self::EnterPasscode { number }
        | Self::End { number, .. }) = self;
        *number
    }
}

impl FromAgent {
    /// The number that it answers; none of the first.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Ready { .. } => None,
            Self::Answer { number, .. }
            | Self::PasscodeChosen { number }
            | Self::PasscodeEntered { number }
            | Self::Failed { number, .. } => Some(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets that may be secret are not printed.
    #[test]
    fn octets_are_not_printed() {
        let octets = Octets(Zeroizing::new(vec![0x31; 8]));
        let said = ToAgent::Apdu { number: 7, octets };
        assert_eq!(format!("{said:?}"), "Apdu { number: 7, octets: 8 octets }");
        assert_eq!((said.number(), FromAgent::PasscodeChosen { number: 3 }.number()), (7, Some(3)));
    }

    /// Messages have one form on the wire, and what is not one is refused.
    #[test]
    fn messages_have_their_form() {
        let said = ToAgent::Apdu { number: 1, octets: Octets(Zeroizing::new(vec![0, 0xA4])) };
        let text = serde_json::to_string(&said).unwrap();
        assert_eq!(text, r#"{"say":"apdu","number":1,"octets":"00a4"}"#);
        assert_eq!(serde_json::from_str::<ToAgent>(&text).unwrap(), said);
        let choose = r#"{"say":"choose-passcode","number":3}"#;
        let said = ToAgent::ChoosePasscode { number: 3, own: None };
        assert_eq!(serde_json::to_string(&said).unwrap(), choose, "as agents of before know it");
        assert_eq!(serde_json::from_str::<ToAgent>(choose).unwrap(), said);
        let failed = r#"{"say":"failed","number":2,"why":"no-passcode"}"#;
        let read: FromAgent = serde_json::from_str(failed).unwrap();
        assert_eq!(read, FromAgent::Failed { number: 2, why: Why::NoPasscode });
        for bad in [r#"{"say":"apdu","number":1,"octets":"0"}"#, r#"{"say":"else","number":1}"#, "[]"] {
            assert!(serde_json::from_str::<ToAgent>(bad).is_err(), "{bad}");
        }
    }

    /// What the agent is told to enter is none of the server's business.
    #[test]
    fn entries_bear_no_passcode() {
        let said = ToAgent::EnterPasscode { number: 4 };
        assert_eq!(serde_json::to_string(&said).unwrap(), r#"{"say":"enter-passcode","number":4}"#);
        let entered = FromAgent::PasscodeEntered { number: 4 };
        assert_eq!(serde_json::to_string(&entered).unwrap(), r#"{"say":"passcode-entered","number":4}"#);
        assert_eq!((said.number(), entered.number()), (4, Some(4)));
    }

    /// Every act has a word, and no two have the same.
    #[test]
    fn acts_have_words() {
        let words: std::collections::HashSet<_> = Act::ALL.iter().map(|act| act.word()).collect();
        assert_eq!(words.len(), Act::ALL.len());
    }
}
