//! Identifiers of systems.

use std::fmt;
use std::str::FromStr;

use platform::db::Tx;
use platform::id::NotAnId;
use serde::{Deserialize, Serialize};

use super::content::folded;
use crate::api::SystemKind;
use crate::counter::Counter;
use crate::error::Error;
use crate::store::systems;

/// The longest identifier.
const LONGEST: usize = 64;
/// The ASIDs of this register begin after this number, as those of the national directory do.
const FIRST_ASID: u64 = 200_000_000_000;
/// How many numbers are passed over that imported systems have already.
const TRIES: usize = 1_000;

/// The identifier of a system: the ASID of an accredited system, any short name of a message handling system. Two that differ
/// in the case of letters only are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SystemId(String);

impl SystemId {
    /// The text as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A new identifier that no system has.
    pub(crate) async fn new(tx: &mut Tx, kind: SystemKind) -> Result<Self, Error> {
        match kind {
            SystemKind::Accredited => Self::new_asid(tx).await,
            SystemKind::MessageHandling => {
                let mut chance = [0u8; 10];
                aws_lc_rs::rand::fill(&mut chance).map_err(|_| Error::NoRandomness)?;
                Ok(Self(hex::encode(chance)))
            }
        }
    }

    async fn new_asid(tx: &mut Tx) -> Result<Self, Error> {
        for _ in 0..TRIES {
            let number = FIRST_ASID + Counter::AccreditedSystem.take(tx, 1).await?;
            let id = Self(format!("{number:012}"));
            if id.0.len() == 12 && systems::find(&mut *tx, &folded(&id.0)).await?.is_none() {
                return Ok(id);
            }
        }
        Err(Error::NumbersSpent { what: "accredited system" })
    }

    /// Whether it can be the identifier of a system of this kind that is registered here: ASIDs have twelve digits.
    pub(crate) fn suits(&self, kind: SystemKind) -> bool {
        kind == SystemKind::MessageHandling
            || self.0.len() == 12 && self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl FromStr for SystemId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(NotAnId { expected: "an identifier of at most 64 letters, digits, dots, lines and hyphens" })
    }
}

impl TryFrom<String> for SystemId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<SystemId> for String {
    fn from(id: SystemId) -> Self {
        id.0
    }
}

impl fmt::Display for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Identifiers are short and plain; an accredited system has twelve digits.
    #[test]
    fn identifiers_are_plain() {
        let id: SystemId = "S918999410559".parse().unwrap();
        assert!(id.suits(SystemKind::MessageHandling) && !id.suits(SystemKind::Accredited));
        assert!("200000000149".parse::<SystemId>().unwrap().suits(SystemKind::Accredited));
        for bad in ["", "a b", "a,b", "ü", &"x".repeat(65)] {
            assert!(bad.parse::<SystemId>().is_err(), "{bad}");
        }
    }
}
