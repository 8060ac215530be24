//! Card readers, by PC/SC.

mod card_in_reader;
mod watch;

pub use card_in_reader::CardInReader;
pub use watch::{Event, Watch};

use std::ffi::CString;

use pcsc::{Context, Disposition, Protocols, Scope, ShareMode, State};

/// What the system knows of readers.
pub struct Readers {
    context: Context,
}

/// A reader by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderName(CString);

#[cfg(test)]
impl ReaderName {
    /// That of a reader that is nowhere.
    pub(crate) fn of(name: &str) -> Self {
        Self(CString::new(name).expect("no name has a zero in it"))
    }
}

impl std::fmt::Display for ReaderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

/// Why readers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The system's service for card readers does not run.
    #[error("the system's service for card readers does not run")]
    NoService(#[source] pcsc::Error),
    /// The user may not use readers.
    #[error("this user may not use card readers")]
    NotAllowed(#[source] pcsc::Error),
    /// There is no card.
    #[error("there is no card in the reader")]
    NoCard,
    /// The reader is gone.
    #[error("the card reader was taken away")]
    NoReader,
    /// Another program has the card for itself.
    #[error("another program is using the card")]
    Busy,
    /// The card does not answer to being given power.
    #[error("the card does not answer: it is put in the wrong way round, dirty or broken")]
    Mute,
    /// Something else.
    #[error("the card reader failed")]
    Failed(#[source] pcsc::Error),
}

impl From<pcsc::Error> for ReaderError {
    fn from(error: pcsc::Error) -> Self {
        match error {
            pcsc::Error::NoService | pcsc::Error::ServiceStopped => Self::NoService(error),
            pcsc::Error::SecurityViolation => Self::NotAllowed(error),
            pcsc::Error::NoSmartcard | pcsc::Error::RemovedCard => Self::NoCard,
            pcsc::Error::UnknownReader | pcsc::Error::ReaderUnavailable | pcsc::Error::NoReadersAvailable => {
                Self::NoReader
            }
            pcsc::Error::SharingViolation => Self::Busy,
            pcsc::Error::UnresponsiveCard | pcsc::Error::UnpoweredCard | pcsc::Error::UnsupportedCard => {
                Self::Mute
            }
            error => Self::Failed(error),
        }
    }
}

/// A reader now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderState {
    /// Its name.
    pub name: ReaderName,
    /// What is in it.
    pub content: Content,
}

/// What is in a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// A card.
    Card,
    /// A card that does not answer.
    MuteCard,
}

impl Content {
    fn of(state: State) -> Self {
        if !state.contains(State::PRESENT) {
            Self::Nothing
        } else if state.contains(State::MUTE) {
            Self::MuteCard
        } else {
            Self::Card
        }
    }
}

impl Readers {
    /// Asks the system's service.
    pub fn open() -> Result<Self, ReaderError> {
        Ok(Self { context: Context::establish(Scope::User)? })
    }

    fn names(&self) -> Result<Vec<CString>, ReaderError> {
        match self.context.list_readers_owned() {
            Ok(names) => Ok(names),
            Err(pcsc::Error::NoReadersAvailable) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The readers and what is in them, without waiting.
    pub fn now(&self) -> Result<Vec<ReaderState>, ReaderError> {
        let names = self.names()?;
        let unaware = |name: CString| pcsc::ReaderState::new(name, State::UNAWARE);
        let mut states: Vec<_> = names.into_iter().map(unaware).collect();
        if states.is_empty() {
            return Ok(Vec::new());
        }
        match self.context.get_status_change(std::time::Duration::ZERO, &mut states) {
            Ok(()) | Err(pcsc::Error::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
        let state = |state: &pcsc::ReaderState| ReaderState {
            name: ReaderName(state.name().to_owned()),
            content: Content::of(state.event_state()),
        };
        Ok(states.iter().map(state).collect())
    }

    /// Does something with the card in a reader, which is nobody else's meanwhile. Afterwards the card is reset, so that a passcode that
    /// was entered does not stay good for the next program.
    pub fn with_card<R>(
        &self,
        reader: &ReaderName,
        act: impl FnOnce(&mut CardInReader<'_>) -> R,
    ) -> Result<R, ReaderError> {
        let mut card = self.context.connect(&reader.0, ShareMode::Shared, Protocols::ANY)?;
        // Somebody reset it before; that is nothing to us, who have entered nothing yet.
        if matches!(card.transaction().map(drop), Err(pcsc::Error::ResetCard)) {
            card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard)?;
        }
        let outcome = {
            let mut transport = CardInReader::new(card.transaction()?);
            let outcome = act(&mut transport);
            transport.end();
            outcome
        };
        // A card that was pulled meanwhile is not there to be let go of; what was done was done.
        drop(card.disconnect(Disposition::ResetCard));
        Ok(outcome)
    }
}
