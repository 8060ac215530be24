//! The entries of a CRL: an index over the DER, and one entry as a value.

use std::cmp::Ordering;
use std::ops::Range;

use const_oid::db::rfc5912;
use der::Decode;

use super::{Reason, read_extension};
use crate::extensions::AlternativeName;
use crate::tlv::{self, Reader};
use crate::{Error, Name, Serial, times};

/// One entry of a CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrlEntry {
    /// The serial number of the certificate.
    pub serial: Serial,
    /// When it was revoked.
    pub revoked_at_ms: i64,
    /// Why, if the entry says.
    pub reason: Option<Reason>,
    /// Since when it should not be trusted, if the entry says (RFC 5280 5.3.2).
    pub invalidity_date_ms: Option<i64>,
}

/// Where each entry lies, in the order of the serial numbers. The bytes stay in the CRL's DER.
pub(super) struct Entries {
    index: Vec<Place>,
    issuers: Vec<Name>,
    unknown_critical: bool,
}

/// Where one entry lies, and which of the issuers its certificate has.
#[derive(Clone, Copy)]
struct Place {
    offset: u32,
    issuer: u32,
}

/// An entry's extensions as far as they matter.
#[derive(Default)]
struct Details {
    reason: Option<Reason>,
    invalidity_date_ms: Option<i64>,
    issuer: Option<Name>,
    unknown_critical: bool,
}

impl Entries {
    /// Checks and indexes the entries in `list`, a range of `der`.
    pub(super) fn read(der: &[u8], list: Range<usize>, issuer: &Name) -> Result<Self, Error> {
        let mut entries = Self { index: Vec::new(), issuers: vec![issuer.clone()], unknown_critical: false };
        // An entry takes at least 20 octets: two headers, a serial, a time.
        entries.index.reserve(list.len() / 24);
        let mut reader = Reader::new(&der[list], "CRL entry");
        while !reader.is_empty() {
            let entry = reader.expect(tlv::SEQUENCE)?;
            let (_, _, details) = read_entry(entry.whole)?;
            entries.unknown_critical |= details.unknown_critical;
            // RFC 5280 5.3.3: the issuer holds for the entries that follow, too.
            if let Some(issuer) = details.issuer {
                entries.issuers.push(issuer);
            }
            let offset = entry.whole.as_ptr().addr() - der.as_ptr().addr();
            let offset = u32::try_from(offset).map_err(|_| reader.error())?;
            let issuer = u32::try_from(entries.issuers.len() - 1).map_err(|_| reader.error())?;
            entries.index.push(Place { offset, issuer });
        }
        entries.index.sort_by(|one, two| serial_at(der, *one).cmp(serial_at(der, *two)));
        Ok(entries)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn has_unknown_critical(&self) -> bool {
        self.unknown_critical
    }

    /// The entry for this issuer and serial number.
    pub(super) fn find(&self, der: &[u8], issuer: &Name, serial: &[u8]) -> Option<CrlEntry> {
        let first = self.index.partition_point(|place| serial_at(der, *place).cmp(serial) == Ordering::Less);
        self.index[first..]
            .iter()
            .take_while(|place| serial_at(der, **place) == serial)
            .find(|place| self.issuers.get(place.issuer as usize).is_some_and(|name| name.matches(issuer)))
            .and_then(|place| entry_at(der, *place))
    }

    pub(super) fn iter<'a>(&'a self, der: &'a [u8]) -> impl Iterator<Item = CrlEntry> + 'a {
        self.index.iter().filter_map(|place| entry_at(der, *place))
    }
}

fn serial_at(der: &[u8], place: Place) -> &[u8] {
    let bytes = der.get(place.offset as usize..).unwrap_or_default();
    let mut reader = Reader::new(bytes, "CRL entry");
    let serial = reader.enter(tlv::SEQUENCE).and_then(|mut fields| fields.expect(tlv::INTEGER));
    serial.map_or(&[], |tlv| tlv.value)
}

fn entry_at(der: &[u8], place: Place) -> Option<CrlEntry> {
    let bytes = der.get(place.offset as usize..)?;
    let whole = Reader::new(bytes, "CRL entry").any().ok()?.whole;
    let (serial, revoked_at_ms, details) = read_entry(whole).ok()?;
    let Details { reason, invalidity_date_ms, .. } = details;
    Some(CrlEntry { serial, revoked_at_ms, reason, invalidity_date_ms })
}

fn read_entry(whole: &[u8]) -> Result<(Serial, i64, Details), Error> {
    let mut fields = Reader::new(whole, "CRL entry").enter(tlv::SEQUENCE)?;
    let serial = Serial::from_content(fields.expect(tlv::INTEGER)?.value)?;
    let revoked_at_ms = times::read(fields.any()?, "CRL entry")?;
    let extensions = fields.optional(tlv::SEQUENCE)?;
    fields.finish()?;
    let details = extensions.map_or_else(|| Ok(Details::default()), |tlv| read_details(tlv.value))?;
    Ok((serial, revoked_at_ms, details))
}

/// Reads an entry's extensions (RFC 5280 5.3).
fn read_details(list: &[u8]) -> Result<Details, Error> {
    let mut details = Details::default();
    let mut reader = Reader::new(list, "CRL entry extension");
    while !reader.is_empty() {
        let (oid, critical, value) = read_extension(&mut reader)?;
        let mut value = Reader::new(value, "CRL entry extension");
        match der::asn1::ObjectIdentifier::from_der(oid).map_err(|_| reader.error())? {
            rfc5912::ID_CE_CRL_REASONS => {
                // ENUMERATED
                let [code] = value.expect(0x0a)?.value else { return Err(reader.error()) };
                details.reason = Some(Reason::from_code(*code).ok_or_else(|| reader.error())?);
            }
            rfc5912::ID_CE_INVALIDITY_DATE => {
                details.invalidity_date_ms =
                    Some(times::read(value.expect(tlv::GENERALIZED_TIME)?, "CRL entry")?);
            }
            rfc5912::ID_CE_CERTIFICATE_ISSUER => {
                let names = AlternativeName::read_each(value.expect(tlv::SEQUENCE)?.value)?;
                let name = names.into_iter().find_map(directory).ok_or_else(|| reader.error())?;
                details.issuer = Some(name);
            }
            _ => details.unknown_critical |= critical,
        }
    }
    Ok(details)
}

fn directory(name: AlternativeName) -> Option<Name> {
    if let AlternativeName::Directory(name) = name { Some(name) } else { None }
}
