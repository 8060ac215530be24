//! Unlocking a card where no server is reached: its holder enters the unblocking key that they were told, and a passcode of their own.
//!
//! Whoever may unlock the card has identified them and was told the key, once; the server changes it at the card's next contact before
//! anything else is done with it. Key and passcode go from the agent's own dialog to the card, and nowhere else. What is clearly
//! mistyped does not reach the card; the first that the card refuses is the last that is tried.

use std::time::Duration;

use card::piv::{Error, Passcode, Piv, Puk, Secret};

use crate::cards::{self, CardPresent};
use crate::passcode::{self, NoPasscode};
use crate::readers::{CardInReader, ReaderError, Readers};
use crate::settings::Settings;

/// How long each entry may take: the key is heard by telephone, or read from a note.
const PATIENCE: Duration = Duration::from_mins(5);

/// Why a card is not unlocked.
#[derive(Debug, thiserror::Error)]
pub enum NotUnlocked {
    /// There is no card.
    #[error("no smartcard is in a reader")]
    NoCard,
    /// There is more than one.
    #[error(
        "more than one smartcard is in a reader: take out all but the one, or name its serial number by --serial"
    )]
    ManyCards,
    /// There is another than the one that was named.
    #[error("the smartcard with the serial number {0} is in no reader")]
    NotThere(u32),
    /// There is another than when the question was asked.
    #[error("the smartcard was changed for another, which was left as it was")]
    OtherCard,
    /// The key is wrong.
    #[error(
        "this is not the card's unblocking key (tries left: {0}), and the passcode is as it was: compare what you entered with what you \
         were told, before you begin again"
    )]
    WrongKey(u8),
    /// The key is wrong, and the card does not count.
    #[error(
        "this is not the card's unblocking key, and the passcode is as it was: compare what you entered with what you were told, before \
         you begin again"
    )]
    WrongKeyUncounted,
    /// The key is locked.
    #[error(
        "the card's unblocking key is locked after too many wrong entries, so nobody can unlock this card any more: go to your \
         registration authority, which cancels it as damaged and issues another"
    )]
    KeyLocked,
    /// Nothing was entered.
    #[error(transparent)]
    NoEntry(#[from] NoPasscode),
    /// The reader failed.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The card failed.
    #[error("the card did not do it")]
    Card(#[source] Error),
}

impl From<Error> for NotUnlocked {
    fn from(error: Error) -> Self {
        match error {
            Error::Wrong { secret: Secret::Puk, tries } => Self::WrongKey(tries),
            Error::WrongUncounted(Secret::Puk) => Self::WrongKeyUncounted,
            Error::Locked(Secret::Puk) => Self::KeyLocked,
            error => Self::Card(error),
        }
    }
}

/// Asks for key and passcode, and unlocks the one card that is in a reader, or the one with this serial number. It needs no network.
pub fn unlock(settings: &Settings, serial: Option<u32>) -> Result<CardPresent, NotUnlocked> {
    let readers = Readers::open()?;
    let card = only(cards::present(&readers)?, serial)?;
    if card.key_tries == Some(0) {
        return Err(NotUnlocked::KeyLocked);
    }
    let key = passcode::ask_key(&settings.pinentry, &question(&card), PATIENCE)?;
    let text = format!("Choose the new passcode of {}: 6 to 8 digits.", named(&card));
    let chosen = passcode::choose_beside(&settings.pinentry, &text, PATIENCE, &key)?;
    readers.with_card(&card.reader, |transport| enter(transport, card.serial, &key, &chosen))??;
    Ok(card)
}

/// The card, if it is the one that was there, and only it.
fn only(mut present: Vec<CardPresent>, serial: Option<u32>) -> Result<CardPresent, NotUnlocked> {
    if let Some(serial) = serial {
        present.retain(|card| card.serial == Some(serial));
    }
    match (present.pop(), present.is_empty(), serial) {
        (Some(card), true, _) => Ok(card),
        (Some(_), false, _) => Err(NotUnlocked::ManyCards),
        (None, _, Some(serial)) => Err(NotUnlocked::NotThere(serial)),
        (None, _, None) => Err(NotUnlocked::NoCard),
    }
}

fn enter(
    transport: &mut CardInReader<'_>,
    serial: Option<u32>,
    key: &Puk,
    chosen: &Passcode,
) -> Result<(), NotUnlocked> {
    let mut piv = Piv::select(transport)?;
    if cards::serial(&mut piv)? != serial {
        return Err(NotUnlocked::OtherCard);
    }
    Ok(piv.unlock(key, chosen)?)
}

fn question(card: &CardPresent) -> String {
    let tries = card.key_tries.map(|tries| format!(" Tries left: {tries}.")).unwrap_or_default();
    format!(
        "Enter the unblocking key that you were told for {}: 8 digits. Enter it with care: too many wrong ones lock the card for good.{tries}",
        named(card)
    )
}

/// The card, as a person knows it.
fn named(card: &CardPresent) -> String {
    match (card.serial, &card.holder) {
        (Some(serial), _) => format!("the card with the serial number {serial}"),
        (None, Some(holder)) => format!("the card of {holder}"),
        (None, None) => format!("the card in {}", card.reader),
    }
}
