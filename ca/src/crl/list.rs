//! Writes the to-be-signed part of a revocation list: lengths first, then octets that are hashed as they go. Nothing
//! holds the list as a tree, and a long one is never whole in memory.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS, ID_CE_DELTA_CRL_INDICATOR,
    ID_CE_FRESHEST_CRL, ID_CE_INVALIDITY_DATE, ID_CE_ISSUING_DISTRIBUTION_POINT,
};
use platform::clock::Millis;

use crate::api::Reason;
use crate::asn1::{
    BOOLEAN, ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, context, context_constructed,
    generalized_time, header, oid, put_header, put_time, size, time, tlv, unsigned,
};
use crate::intent::Identity;
use crate::joining::algorithm_identifier;
use crate::profile::Criticality::{self, Critical, NonCritical};
use crate::serial::Serial;

/// The first instant whose encoding is longer: RFC 5280 4.1.2.5.
pub(crate) const FIRST_OF_2050: i64 = 2_524_608_000_000;

/// One revocation list as we mean it.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) issuer: &'a Identity,
    pub(crate) number: i64,
    pub(crate) this_update: Millis,
    pub(crate) next_update: Millis,
    /// Where it is found, when it is of those certificates only that name this place.
    pub(crate) url: Option<&'a str>,
    pub(crate) covers: Covers,
    pub(crate) form: Form<'a>,
    pub(crate) entries: &'a [Entry],
}

/// Which kind of certificates a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Covers {
    /// All its issuer has signed.
    All,
    /// Certificates of authorities: an authority revocation list.
    Authorities,
}

/// Whether a list stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// It does, and may say where a delta list for it is found.
    Complete { freshest: Option<&'a str> },
    /// It says what has changed since this complete list.
    Delta { base: i64 },
}

/// One certificate of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) serial: Serial,
    pub(crate) revoked_at: Millis,
    pub(crate) cause: Cause,
    pub(crate) invalidity_date: Option<Millis>,
}

/// Why it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It is revoked or on hold.
    Revoked(Reason),
    /// In a delta list: its hold was lifted.
    Resumed,
}

impl Cause {
    /// The code on a list. RFC 5280 5.3.1: unspecified is said by leaving the reason out.
    pub(crate) fn code(self) -> Option<u8> {
        match self {
            Cause::Revoked(Reason::Unspecified) => None,
            Cause::Revoked(reason) => Some(reason.code()),
            Cause::Resumed => Some(8),
        }
    }
}

/// What stands before and after the entries of a list.
pub(crate) struct Frame {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Frame {
    /// RFC 5280 5.1.2 in order, without the revoked certificates.
    pub(crate) fn of(list: &List<'_>) -> Frame {
        let head = [
            unsigned(INTEGER, &[1]), // version 2
            algorithm_identifier(list.issuer.alg),
            list.issuer.name_der.clone(),
            time(list.this_update),
            time(list.next_update),
        ];
        Frame { head: head.concat(), tail: list_extensions(list) }
    }

    /// The octets before entries of this length.
    pub(crate) fn opening(&self, entries: usize) -> Vec<u8> {
        // RFC 5280 5.1.2.6: without revoked certificates the sequence is absent.
        let (listed, before) =
            if entries == 0 { (0, Vec::new()) } else { (size(entries), header(SEQUENCE, entries)) };
        let content = self.head.len() + listed + self.tail.len();
        [&header(SEQUENCE, content), &self.head, &before].map(Vec::as_slice).concat()
    }

    /// The octets after the entries.
    pub(crate) fn closing(&self) -> &[u8] {
        &self.tail
    }

    /// The whole with these entries.
    pub(crate) fn around(&self, entries: &[u8]) -> Vec<u8> {
        [&self.opening(entries.len()), entries, &self.tail].concat()
    }
}

/// Entries one after the other.
pub(crate) fn encoded(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.iter().map(entry_size).sum());
    // There are few reasons and many entries.
    let mut reasons: [Option<Vec<u8>>; 11] = Default::default();
    for entry in entries {
        put_entry(&mut out, entry, &mut reasons);
    }
    out
}

/// How many octets an entry takes, without writing it.
pub(crate) fn entry_size(entry: &Entry) -> usize {
    size(entry_length(entry))
}

fn entry_length(entry: &Entry) -> usize {
    size(entry.serial.octets().len()) + time_size(entry.revoked_at) + extensions_size(entry)
}

fn time_size(at: Millis) -> usize {
    if at.0 < FIRST_OF_2050 { 15 } else { 17 }
}

/// Octets of the entry extensions: a reason takes 12, an invalidity date 26, the sequence around them 2.
fn extensions_size(entry: &Entry) -> usize {
    match (entry.cause.code(), entry.invalidity_date) {
        (None, None) => 0,
        (Some(_), None) => 2 + 12,
        (None, Some(_)) => 2 + 26,
        (Some(_), Some(_)) => 2 + 12 + 26,
    }
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry, reasons: &mut [Option<Vec<u8>>]) {
    put_header(out, SEQUENCE, entry_length(entry));
    match entry.serial.octets() {
        // A serial of ours begins with its instance: it is a positive INTEGER as it stands.
        octets @ [1..=127, ..] => {
            put_header(out, INTEGER, octets.len());
            out.extend_from_slice(octets);
        }
        octets => out.extend(unsigned(INTEGER, octets)),
    }
    put_time(out, entry.revoked_at);
    let extensions = extensions_size(entry);
    if extensions > 0 {
        put_header(out, SEQUENCE, extensions - 2);
    }
    if let Some(code) = entry.cause.code() {
        let write = || extension(&ID_CE_CRL_REASONS, NonCritical, &unsigned(ENUMERATED, &[code]));
        match reasons.get_mut(usize::from(code)) {
            Some(known) => out.extend_from_slice(known.get_or_insert_with(write)),
            None => out.extend(write()),
        }
    }
    if let Some(date) = entry.invalidity_date {
        // RFC 5280 5.3.2
        let date = generalized_time(GENERALIZED_TIME, date);
        out.extend(extension(&ID_CE_INVALIDITY_DATE, NonCritical, &date));
    }
}

/// RFC 5280 5.2: which key signed it, its number, what it is of, and what it builds on or where more is found.
fn list_extensions(list: &List<'_>) -> Vec<u8> {
    let key = tlv(SEQUENCE, &[&tlv(context(0), &[&list.issuer.key_id])]);
    let number = unsigned(INTEGER, &list.number.to_be_bytes());
    let mut extensions = vec![
        extension(&ID_CE_AUTHORITY_KEY_IDENTIFIER, NonCritical, &key),
        extension(&ID_CE_CRL_NUMBER, NonCritical, &number),
    ];
    if let Form::Delta { base } = list.form {
        // RFC 5280 5.2.4
        let base = unsigned(INTEGER, &base.to_be_bytes());
        extensions.push(extension(&ID_CE_DELTA_CRL_INDICATOR, Critical, &base));
    }
    let point = issuing_distribution_point(list.url, list.covers);
    extensions.extend(point.map(|point| extension(&ID_CE_ISSUING_DISTRIBUTION_POINT, Critical, &point)));
    if let Form::Complete { freshest: Some(url) } = list.form {
        extensions.push(extension(&ID_CE_FRESHEST_CRL, NonCritical, &distribution_points(url)));
    }
    tlv(context_constructed(0), &[&tlv(SEQUENCE, &[&extensions.concat()])])
}

/// What a list is of, if it is not of everything: RFC 5280 5.2.5.
pub(crate) fn issuing_distribution_point(url: Option<&str>, covers: Covers) -> Option<Vec<u8>> {
    if url.is_none() && covers == Covers::All {
        return None;
    }
    let place = url.map(place).unwrap_or_default();
    // onlyContainsCACerts is [2]; what is FALSE is left out.
    let authorities = if covers == Covers::Authorities { tlv(context(2), &[&[0xff]]) } else { Vec::new() };
    Some(tlv(SEQUENCE, &[&place, &authorities]))
}

/// One distribution point by its address, in a sequence: RFC 5280 4.2.1.13, and 4.2.1.15 and 5.2.6 for delta lists.
pub(crate) fn distribution_points(url: &str) -> Vec<u8> {
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&place(url)])])
}

/// The name of a distribution point. RFC 5280 5.2.5: the same octets in a list and in the certificates it is of.
fn place(url: &str) -> Vec<u8> {
    let name = tlv(context(6), &[url.as_bytes()]);
    tlv(context_constructed(0), &[&tlv(context_constructed(0), &[&name])])
}

fn extension(id: &ObjectIdentifier, criticality: Criticality, value: &[u8]) -> Vec<u8> {
    // X.690 11.5: FALSE is the default and left out.
    let critical = if criticality.is_critical() { tlv(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    tlv(SEQUENCE, &[&oid(id), &critical, &tlv(OCTET_STRING, &[value])])
}
