//! `PKIHeader` (RFC 9810 5.1.1).

use const_oid::ObjectIdentifier;
use der::Decode;

use super::InfoTypeAndValue;
use super::body::read_info;
use crate::tlv::{self, Reader, Tlv};
use crate::{Error, Name, times};

const WHAT: &str = "CMP header";
/// The longest transaction id and nonce that are read; RFC 9483 3.1 asks for 16 octets.
const LONGEST_ID: usize = 64;

/// The header of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `pvno`: 2 for RFC 4210, 3 for what RFC 9480 added.
    pub version: u8,
    /// The sender, a `GeneralName` in DER.
    pub sender: Vec<u8>,
    /// The sender, if it is a distinguished name that is not empty.
    pub sender_name: Option<Name>,
    /// The recipient, a `GeneralName` in DER.
    pub recipient: Vec<u8>,
    /// When it was written, milliseconds since 1970.
    pub message_time_ms: Option<i64>,
    /// The `AlgorithmIdentifier` of the protection, in DER.
    pub protection_algorithm: Option<Vec<u8>>,
    /// Which key the sender protected it with.
    pub sender_key_id: Option<Vec<u8>>,
    /// The same in every message of a transaction.
    pub transaction_id: Option<Vec<u8>>,
    /// Fresh in each message.
    pub sender_nonce: Option<Vec<u8>>,
    /// The sender nonce of the message that this one answers.
    pub recipient_nonce: Option<Vec<u8>>,
    /// What else the sender says.
    pub general_info: Vec<InfoTypeAndValue>,
}

/// id-it-implicitConfirm.
const IMPLICIT_CONFIRM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.13");
/// id-it-certProfile.
const CERTIFICATE_PROFILE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.21");

impl Header {
    /// Whether the sender asks that the certificate need not be confirmed (RFC 9810 5.1.1.1).
    pub fn asks_implicit_confirmation(&self) -> bool {
        self.general_info.iter().any(|info| info.kind == IMPLICIT_CONFIRM)
    }

    /// The profile that is asked for by name (RFC 9810 5.1.1.4): one, if any.
    pub fn certificate_profile(&self) -> Result<Option<String>, Error> {
        let Some(info) = self.general_info.iter().find(|info| info.kind == CERTIFICATE_PROFILE) else {
            return Ok(None);
        };
        let mut outer = Reader::new(info.value.as_deref().unwrap_or_default(), WHAT);
        let mut names = outer.enter(tlv::SEQUENCE)?;
        outer.finish()?;
        let name = names.expect(UTF8_STRING)?;
        names.finish()?;
        String::from_utf8(name.value.to_vec()).map(Some).map_err(|_| Error::malformed(WHAT))
    }

    pub(super) fn read(header: Tlv<'_>) -> Result<Self, Error> {
        let mut fields = Reader::new(header.value, WHAT);
        let version = small(fields.expect(tlv::INTEGER)?)?;
        let sender = fields.any()?;
        let recipient = fields.any()?;
        let time = fields.optional(tlv::context(0))?.map(time).transpose()?;
        let algorithm = fields.optional(tlv::context(1))?.map(algorithm).transpose()?;
        let [sender_key, _recipient_key, transaction, sender_nonce, recipient_nonce] =
            [2, 3, 4, 5, 6].map(|number| {
                fields.optional(tlv::context(number)).and_then(|field| field.map(octets).transpose())
            });
        let header = Self {
            version,
            sender: general_name(sender)?,
            sender_name: directory_name(sender)?,
            recipient: general_name(recipient)?,
            message_time_ms: time,
            protection_algorithm: algorithm,
            sender_key_id: sender_key?,
            transaction_id: transaction?,
            sender_nonce: sender_nonce?,
            recipient_nonce: recipient_nonce?,
            general_info: {
                fields.optional(tlv::context(7))?;
                match fields.optional(tlv::context(8))? {
                    Some(field) => read_info(field.value)?,
                    None => Vec::new(),
                }
            },
        };
        fields.finish()?;
        Ok(header)
    }
}

const UTF8_STRING: u8 = 0x0c;
/// directoryName, `[4]`.
const DIRECTORY_NAME: u8 = tlv::context(4);

/// A number from 0 to 127.
fn small(field: Tlv<'_>) -> Result<u8, Error> {
    match field.value {
        [number @ 0..=127] => Ok(*number),
        _ => Err(Error::malformed(WHAT)),
    }
}

fn time(field: Tlv<'_>) -> Result<i64, Error> {
    let mut inner = Reader::new(field.value, WHAT);
    let time = inner.expect(tlv::GENERALIZED_TIME)?;
    inner.finish()?;
    times::read(time, WHAT)
}

fn algorithm(field: Tlv<'_>) -> Result<Vec<u8>, Error> {
    let mut inner = Reader::new(field.value, WHAT);
    let algorithm = inner.expect(tlv::SEQUENCE)?;
    inner.finish()?;
    Ok(algorithm.whole.to_vec())
}

fn octets(field: Tlv<'_>) -> Result<Vec<u8>, Error> {
    let mut inner = Reader::new(field.value, WHAT);
    let octets = inner.expect(tlv::OCTET_STRING)?;
    inner.finish()?;
    if octets.value.len() > LONGEST_ID {
        return Err(Error::malformed(WHAT));
    }
    Ok(octets.value.to_vec())
}

fn general_name(field: Tlv<'_>) -> Result<Vec<u8>, Error> {
    x509_cert::ext::pkix::name::GeneralName::from_der(field.whole).map_err(|_| Error::malformed(WHAT))?;
    Ok(field.whole.to_vec())
}

fn directory_name(field: Tlv<'_>) -> Result<Option<Name>, Error> {
    if field.tag != DIRECTORY_NAME {
        return Ok(None);
    }
    Name::from_der(field.value).map(|name| Some(name).filter(|name| !name.is_empty()))
}
