//! What `YubiKeys` can besides, and cards that follow them. <https://docs.yubico.com/yesdk/users-manual/application-piv/commands.html>
//!
//! A card that does not know a command says so: each of these answers [`Error::Unsupported`] then.

mod metadata;
mod policies;

pub use metadata::{Metadata, Origin, RetryCounts};
pub use policies::{PinPolicy, Policies, TouchPolicy};

use crate::apdu::{Answer, Command, Response, Status};
use crate::tlv;
use crate::transport::Transport;

use super::authenticate::MANAGEMENT;
use super::{Error, ManagementKey, Piv, Slot};

const GET_METADATA: u8 = 0xF7;
const GET_SERIAL: u8 = 0xF8;
const ATTEST: u8 = 0xF9;
const SET_TRIES: u8 = 0xFA;
const RESET: u8 = 0xFB;
const GET_VERSION: u8 = 0xFD;
const SET_MANAGEMENT_KEY: u8 = 0xFF;

/// The version of a card's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u8, pub u8, pub u8);

/// What metadata are asked of.
#[derive(Clone, Copy)]
enum Reference {
    Key(Slot),
    Passcode,
    Puk,
    Management,
}

impl<T: Transport> Piv<T> {
    /// Sets the management key. Needs the one before. Some cards then want a touch before each use, which ours never do.
    pub fn set_management_key(&mut self, key: &ManagementKey) -> Result<(), Error> {
        let octets = key.octets();
        // The longest has 32 octets.
        let [.., length] = octets.len().to_be_bytes();
        // All at once: a vector that grows leaves copies of what it holds.
        let mut data = Vec::with_capacity(3 + octets.len());
        data.extend([key.algorithm().identifier(), MANAGEMENT, length]);
        data.extend_from_slice(octets);
        // P2 FE would ask for a touch.
        let act = "setting the management key";
        let command = Command::new(SET_MANAGEMENT_KEY, 0xFF, 0xFF).with_data(data);
        match self.exchange_beyond(act, &command)?.status {
            Status::Success => Ok(()),
            status => Err(Error::of(act, status)),
        }
    }

    /// Sets how many wrong entries lock passcode and unblocking key. Both are as from the factory afterwards. Needs management key and
    /// passcode.
    pub fn set_tries(&mut self, passcode: u8, puk: u8) -> Result<(), Error> {
        self.obey("setting the numbers of tries", &Command::new(SET_TRIES, passcode, puk)).map(drop)
    }

    /// The card's serial number.
    pub fn serial(&mut self) -> Result<u32, Error> {
        let act = "reading the serial number";
        let data = self.obey(act, &Command::new(GET_SERIAL, 0, 0).expecting(Answer::ANY))?;
        data.try_into().map(u32::from_be_bytes).map_err(|_| Error::Unreadable { act })
    }

    /// The version of the card's firmware.
    pub fn version(&mut self) -> Result<Version, Error> {
        let act = "reading the version";
        let data = self.obey(act, &Command::new(GET_VERSION, 0, 0).expecting(Answer::ANY))?;
        match data[..] {
            [major, minor, patch] => Ok(Version(major, minor, patch)),
            _ => Err(Error::Unreadable { act }),
        }
    }

    /// A certificate, in DER, by which the card says that the key was made on it. Whether to believe it is for whoever checks the chain,
    /// which ends in the certificate of [`Slot::Attestation`].
    pub fn attest(&mut self, slot: Slot) -> Result<Vec<u8>, Error> {
        let act = "attesting a key";
        let command = Command::new(ATTEST, slot.reference(), 0).expecting(Answer::ANY);
        let data = self.obey(act, &command)?;
        tlv::only(&data, 0x30).map_err(Error::unreadable(act))?;
        Ok(data)
    }

    /// What the card knows of a key; nothing where there is none.
    pub fn key_metadata(&mut self, slot: Slot) -> Result<Option<Metadata>, Error> {
        self.metadata(Reference::Key(slot))
    }

    /// What the card knows of the passcode.
    pub fn passcode_metadata(&mut self) -> Result<Option<Metadata>, Error> {
        self.metadata(Reference::Passcode)
    }

    /// What the card knows of the unblocking key: the one way to learn its tries without spending one.
    pub fn puk_metadata(&mut self) -> Result<Option<Metadata>, Error> {
        self.metadata(Reference::Puk)
    }

    /// What the card knows of the management key.
    pub fn management_metadata(&mut self) -> Result<Option<Metadata>, Error> {
        self.metadata(Reference::Management)
    }

    fn metadata(&mut self, of: Reference) -> Result<Option<Metadata>, Error> {
        let act = "reading metadata";
        let (reference, management) = match of {
            Reference::Key(slot) => (slot.reference(), false),
            Reference::Passcode => (0x80, false),
            Reference::Puk => (0x81, false),
            Reference::Management => (MANAGEMENT, true),
        };
        let command = Command::new(GET_METADATA, 0, reference).expecting(Answer::ANY);
        let Response { data, status } = self.exchange(&command)?;
        match status {
            // Some cards know the command and nothing to say.
            Status::Success if data.is_empty() => Ok(None),
            Status::Success if management => {
                Metadata::of_management(&data).map(Some).map_err(Error::unreadable(act))
            }
            Status::Success => Metadata::parse(&data).map(Some).map_err(Error::unreadable(act)),
            Status::ReferenceNotFound | Status::NotFound => Ok(None),
            status => Err(Error::of(act, status)),
        }
    }

    /// Makes the card what it was in the factory. It does so only when passcode and unblocking key are both locked.
    pub fn reset_to_factory(&mut self) -> Result<(), Error> {
        self.obey("resetting the card", &Command::new(RESET, 0, 0)).map(drop)
    }
}
