//! What a request says once, and of which version; and how it is answered.

use platform::caller::Caller;
use platform::clock::Millis;
use platform::db::Tx;
use serde::Serialize;

use super::CardRefused;
use crate::error::Error;
use crate::store::cards::{self, Card};

/// How many kept answers are swept away at once.
const SWEPT: i64 = 100;

/// A request that is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Once {
    /// Who asks: a key of somebody else's is another key.
    pub(crate) caller: String,
    pub(crate) key: String,
    /// SHA-256 over what is asked and in what role, in hexadecimal.
    pub(crate) fingerprint: String,
}

impl Once {
    pub(crate) fn new(caller: &Caller, key: String, fingerprint: String) -> Self {
        Self { caller: format!("{} {}", caller.client, caller.subject), key, fingerprint }
    }

    /// What was answered before, in the transaction that would do it again.
    pub(crate) async fn before(&self, tx: &mut Tx, now: Millis, hours: u32) -> Result<Option<Answer>, Error> {
        cards::sweep(tx, Millis(now.0 - i64::from(hours) * 3_600_000), SWEPT).await?;
        match cards::find(tx, self).await? {
            Some((fingerprint, _)) if fingerprint != self.fingerprint => Err(CardRefused::KeyReused.into()),
            found => Ok(found.map(|(_, answer)| answer)),
        }
    }

    /// Keeps the answer with the act. Where another node did the same meanwhile, the act is undone.
    pub(crate) async fn keep(&self, tx: &mut Tx, answer: &Answer, now: Millis) -> Result<(), Error> {
        if cards::keep(tx, self, answer, now).await? { Ok(()) } else { Err(CardRefused::Changed.into()) }
    }
}

/// What is answered, as it is stored and given again. Nothing secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
}

impl Answer {
    pub(crate) fn json<T: Serialize>(status: u16, body: &T) -> Result<Self, Error> {
        let body = serde_json::to_string(body)
            .map_err(|error| Error::Platform(platform::problem::Problem::internal(error)))?;
        Ok(Self { status, body, etag: None, location: None })
    }
}

/// Which version a caller means. RFC 9110 13.1.1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever it is now.
    Any,
    /// This one.
    This(i64),
}

impl Expected {
    /// Reads the value of If-Match: `*`, or one entity tag as we give it. Another form is of no version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Any);
        }
        let number = text.strip_prefix('"')?.strip_suffix('"')?;
        let version: i64 = number.parse().ok()?;
        (version.to_string() == number && version > 0).then_some(Self::This(version))
    }

    pub(crate) fn demand(self, card: &Card) -> Result<(), Error> {
        match self {
            Self::This(version) if version != card.version => Err(CardRefused::Changed.into()),
            Self::Any | Self::This(_) => Ok(()),
        }
    }
}

/// The entity tag of a version.
pub(crate) fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// One entity tag as it was given, or a star; nothing else.
#[test]
fn versions_are_read_to_the_letter() {
    assert_eq!(Expected::parse(" \"7\" "), Some(Expected::This(7)));
    assert_eq!(Expected::parse("*"), Some(Expected::Any));
    for bad in ["", "7", "W/\"7\"", "\"07\"", "\"-1\"", "\"7\", \"8\"", "\"\""] {
        assert_eq!(Expected::parse(bad), None, "{bad}");
    }
}
