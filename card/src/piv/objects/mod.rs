//! Data objects: what is written on the card. NIST SP 800-73-5 part 1, 3 and appendix A.

mod capability;
mod certificate;
mod chuid;
mod discovery;
mod history;
mod printed;

pub use capability::CardCapability;
pub use certificate::CertificateObject;
pub use chuid::Chuid;
pub use discovery::Discovery;
pub use history::KeyHistory;
pub use printed::PrintedInformation;

use crate::apdu::{Answer, Command, Response, Status};
use crate::tlv;
use crate::transport::Transport;

use super::{Error, Piv, Slot};

/// GET DATA. NIST SP 800-73-5 part 2, 3.1.2.
const GET_DATA: u8 = 0xCB;
/// PUT DATA. NIST SP 800-73-5 part 2, 3.3.1.
const PUT_DATA: u8 = 0xDB;

/// Names an object.
const TAG_LIST: u32 = 0x5C;
/// Holds an object.
const DATA: u32 = 0x53;
/// Ends the values of an object.
const CHECK: u32 = 0xFE;

/// An object by what it is. NIST SP 800-73-5 part 1, table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// The card capability container.
    CardCapability,
    /// The cardholder unique identifier.
    Chuid,
    /// The certificate to a key.
    Certificate(Slot),
    /// What is printed on the card. Reading it wants the passcode.
    PrintedInformation,
    /// The discovery object, which stands by itself and not in a tag 53.
    Discovery,
    /// The key history.
    KeyHistory,
    /// The security object.
    Security,
    /// The facial image. Reading it wants the passcode.
    FacialImage,
    /// The certificate of who signed the card's own for secure messaging, and an intermediate one.
    SecureMessagingSigner,
}

impl Object {
    /// Its tag.
    fn tag(self) -> Vec<u8> {
        match self {
            Self::CardCapability => vec![0x5F, 0xC1, 0x07],
            Self::Chuid => vec![0x5F, 0xC1, 0x02],
            Self::Certificate(slot) => slot.certificate_tag().to_vec(),
            Self::PrintedInformation => vec![0x5F, 0xC1, 0x09],
            Self::Discovery => vec![0x7E],
            Self::KeyHistory => vec![0x5F, 0xC1, 0x0C],
            Self::Security => vec![0x5F, 0xC1, 0x06],
            Self::FacialImage => vec![0x5F, 0xC1, 0x08],
            Self::SecureMessagingSigner => vec![0x5F, 0xC1, 0x22],
        }
    }

    /// What it is called to people.
    pub fn name(self) -> &'static str {
        match self {
            Self::CardCapability => "card capability container",
            Self::Chuid => "cardholder unique identifier",
            Self::Certificate(_) => "certificate",
            Self::PrintedInformation => "printed information",
            Self::Discovery => "discovery object",
            Self::KeyHistory => "key history",
            Self::Security => "security object",
            Self::FacialImage => "facial image",
            Self::SecureMessagingSigner => "certificate of the signer for secure messaging",
        }
    }
}

/// What a card holds does not read as what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} on the card cannot be read")]
pub struct MalformedObject(pub &'static str);

impl MalformedObject {
    pub(super) fn of(object: Object) -> impl Fn(tlv::Malformed) -> Self {
        move |_| Self(object.name())
    }
}

/// The one value of a tag that must be there.
fn required(octets: &[u8], tag: u32) -> Result<&[u8], tlv::Malformed> {
    tlv::find(octets, tag)?.ok_or(tlv::Malformed)
}

impl<T: Transport> Piv<T> {
    /// What an object holds; nothing where the card has none, or an empty one.
    pub fn read(&mut self, object: Object) -> Result<Option<Vec<u8>>, Error> {
        let act = "reading from the card";
        let command = Command::new(GET_DATA, 0x3F, 0xFF);
        let command = command.with_data(tlv::tagged(TAG_LIST, &object.tag())).expecting(Answer::ANY);
        let Response { data, status } = self.exchange(&command)?;
        match status {
            Status::Success => {}
            Status::NotFound => return Ok(None),
            status => return Err(Error::of(act, status)),
        }
        let holder = if object == Object::Discovery { 0x7E } else { DATA };
        let content = tlv::only(&data, holder).map_err(Error::unreadable(act))?;
        // NIST SP 800-73-5 part 2, 3.3.1: an object that was taken away is empty.
        Ok(Some(content.to_vec()).filter(|content| !content.is_empty()))
    }

    /// Writes what an object holds, in place of what it held. Needs the management key.
    pub fn write(&mut self, object: Object, content: &[u8]) -> Result<(), Error> {
        let data = if object == Object::Discovery {
            tlv::tagged(0x7E, content)
        } else {
            let mut data = tlv::tagged(TAG_LIST, &object.tag());
            tlv::append(&mut data, DATA, content);
            data
        };
        let command = Command::new(PUT_DATA, 0x3F, 0xFF).with_data(data);
        self.obey("writing to the card", &command).map(drop)
    }

    /// Takes an object away: it is empty afterwards. Needs the management key.
    pub fn erase(&mut self, object: Object) -> Result<(), Error> {
        self.write(object, &[])
    }

    /// The cardholder unique identifier.
    pub fn chuid(&mut self) -> Result<Option<Chuid>, Error> {
        self.parsed(Object::Chuid, Chuid::parse)
    }

    /// The card capability container.
    pub fn card_capability(&mut self) -> Result<Option<CardCapability>, Error> {
        self.parsed(Object::CardCapability, CardCapability::parse)
    }

    /// The certificate to a key.
    pub fn certificate(&mut self, slot: Slot) -> Result<Option<CertificateObject>, Error> {
        self.parsed(Object::Certificate(slot), CertificateObject::parse)
    }

    /// What is printed on the card. Needs the passcode.
    pub fn printed_information(&mut self) -> Result<Option<PrintedInformation>, Error> {
        self.parsed(Object::PrintedInformation, PrintedInformation::parse)
    }

    /// The discovery object, which says which passcodes there are.
    pub fn discovery(&mut self) -> Result<Option<Discovery>, Error> {
        self.parsed(Object::Discovery, Discovery::parse)
    }

    /// The key history, which says how many retired keys there are.
    pub fn key_history(&mut self) -> Result<Option<KeyHistory>, Error> {
        self.parsed(Object::KeyHistory, KeyHistory::parse)
    }

    fn parsed<V>(
        &mut self,
        object: Object,
        parse: impl Fn(&[u8]) -> Result<V, MalformedObject>,
    ) -> Result<Option<V>, Error> {
        let content = self.read(object)?;
        Ok(content.as_deref().map(parse).transpose()?)
    }
}
