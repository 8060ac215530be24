//! Further names of a subject, RFC 5280 4.2.1.6.

use std::net::IpAddr;

use const_oid::ObjectIdentifier;

use super::Subject;
use super::syntax::{dns_fault, email_fault, upn_fault, uri_fault};
use crate::asn1::{UTF8_STRING, context, context_constructed, oid, tlv};

/// A further name of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AlternativeName {
    Dns(String),
    Ip(IpAddr),
    /// Microsoft's user principal name, an otherName.
    Upn(String),
    /// A mailbox, an rfc822Name.
    Email(String),
    Uri(String),
    /// A directoryName: the subject's entry in the directory.
    Directory(Subject),
}

/// The otherName type of a user principal name.
pub(crate) const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

impl AlternativeName {
    /// The `GeneralName` in DER.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        match self {
            AlternativeName::Upn(upn) => {
                let value = tlv(context_constructed(0), &[&tlv(UTF8_STRING, &[upn.as_bytes()])]);
                tlv(context_constructed(0), &[&oid(&UPN), &value])
            }
            AlternativeName::Email(mailbox) => tlv(context(1), &[mailbox.as_bytes()]),
            AlternativeName::Dns(name) => tlv(context(2), &[name.as_bytes()]),
            AlternativeName::Directory(name) => tlv(context_constructed(4), &[&name.to_der()]),
            AlternativeName::Uri(uri) => tlv(context(6), &[uri.as_bytes()]),
            AlternativeName::Ip(IpAddr::V4(address)) => tlv(context(7), &[&address.octets()]),
            AlternativeName::Ip(IpAddr::V6(address)) => tlv(context(7), &[&address.octets()]),
        }
    }

    /// What is wrong with its syntax; the lints ask the same of what was written.
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            AlternativeName::Dns(name) => dns_fault(name),
            AlternativeName::Upn(upn) => upn_fault(upn),
            AlternativeName::Email(mailbox) => email_fault(mailbox),
            AlternativeName::Uri(uri) => uri_fault(uri),
            AlternativeName::Directory(name) => name.fault(),
            AlternativeName::Ip(_) => None,
        }
    }
}
