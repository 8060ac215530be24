//! Certification requests: they name exactly what was ordered (RFC 8555 7.4).

use std::collections::BTreeSet;
use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use der::asn1::Utf8StringRef;
use der::{Decode, Sequence};
use pki::{AlternativeName, Csr};

use super::identifier::Identifier;
use super::jwk::Jwk;
use super::problem::{Kind, Problem};
use crate::api::SubjectData;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::possession;

/// id-on-permanentIdentifier, RFC 4043 2.
const PERMANENT_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.3");
/// Longest common name, RFC 5280 A.1.
const LONGEST_COMMON_NAME: usize = 64;

/// RFC 4043 2, the part that has a value of its own.
#[derive(Sequence)]
struct PermanentIdentifier<'a> {
    value: Option<Utf8StringRef<'a>>,
    assigner: Option<ObjectIdentifier>,
}

/// Reads a request and holds it to the names that were ordered and shown.
///
/// `attested` is the SHA-256 of the key that a device has attested, which must then be the one that is certified.
pub(super) fn check(
    der: &[u8],
    names: &[Identifier],
    account: &Jwk,
    attested: Option<&str>,
) -> Result<Csr, Problem> {
    let csr = possession::proven(der).map_err(|error| match error {
        Error::Key(refused) => bad(&refused.to_string()),
        _ => bad("the certification request cannot be read or is not signed by its own key"),
    })?;
    // RFC 8555 11.1: an account's key is for requests and nothing else.
    if csr.spki_der() == account.spki() {
        return Err(bad("this is the account's key; a certificate needs one of its own"));
    }
    if attested.is_some_and(|attested| sha256_hex(csr.spki_der()) != attested) {
        return Err(bad("the key is not the one that the device has attested"));
    }
    match names {
        [Identifier::Device(_, serial)] => check_device(&csr, serial)?,
        _ => check_names(&csr, names)?,
    }
    Ok(csr)
}

fn check_names(csr: &Csr, names: &[Identifier]) -> Result<(), Problem> {
    let mut asked = BTreeSet::new();
    for name in &csr.extensions().subject_alternative_names {
        asked.insert(match name {
            AlternativeName::Dns(name) => Identifier::Dns(name.to_ascii_lowercase()),
            AlternativeName::Ip(octets) => Identifier::Ip(address(octets)?),
            _ => return Err(bad("the request asks for a kind of name that was not ordered")),
        });
    }
    if let Some(common_name) = csr.subject().common_name() {
        let name = common_name
            .parse()
            .map_or_else(|_| Identifier::Dns(common_name.to_ascii_lowercase()), Identifier::Ip);
        asked.insert(name);
    }
    let ordered: BTreeSet<_> = names.iter().cloned().collect();
    if asked == ordered { Ok(()) } else { Err(bad("the request must name exactly what was ordered")) }
}

/// A device is named in the common name, as a permanent identifier, or both; and at least once.
fn check_device(csr: &Csr, serial: &str) -> Result<(), Problem> {
    let mut named: Vec<String> = csr.subject().common_name().into_iter().collect();
    for name in &csr.extensions().subject_alternative_names {
        match name {
            AlternativeName::Other { oid, value } if *oid == PERMANENT_IDENTIFIER => {
                let identifier = PermanentIdentifier::from_der(value).ok();
                let text = identifier.and_then(|identifier| Some(identifier.value?.as_str().to_owned()));
                named.push(text.unwrap_or_default());
            }
            _ => return Err(bad("the request asks for a kind of name that was not ordered")),
        }
    }
    let exact = !named.is_empty() && named.iter().all(|name| name == serial);
    if exact { Ok(()) } else { Err(bad("the request must name exactly the device that was ordered")) }
}

fn address(octets: &[u8]) -> Result<IpAddr, Problem> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .map_err(|_| bad("the request has an address of neither 4 nor 16 octets"))
}

/// Whom the certificate names. A device's common name is none that a client of this service could have, and holds a
/// space for that reason.
pub(super) fn subject(names: &[Identifier]) -> Result<SubjectData, Problem> {
    let mut subject = SubjectData::default();
    for name in names {
        match name {
            Identifier::Dns(name) => subject.dns_names.push(name.clone()),
            Identifier::Ip(address) => subject.ip_addresses.push(address.to_string()),
            Identifier::Device(_, serial) => subject.common_name = format!("Device {serial}"),
        }
    }
    if subject.common_name.is_empty() {
        let mut short = subject.dns_names.iter().chain(&subject.ip_addresses);
        let short = short.find(|name| name.len() <= LONGEST_COMMON_NAME).ok_or_else(|| {
            Problem::new(Kind::RejectedIdentifier, "one name of 64 characters at most is needed")
        })?;
        subject.common_name = short.clone();
    }
    Ok(subject)
}

fn bad(detail: &str) -> Problem {
    Problem::new(Kind::BadCSR, detail)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, OtherNameValue, SanType};

    use super::*;

    fn account() -> Jwk {
        Jwk::Ed25519 { x: vec![7; 32] }
    }

    fn request(names: &[&str], common_name: Option<&str>) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.serialize_request(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn ordered(names: &[&str]) -> Vec<Identifier> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// One name more or less, in the extension or in the subject, and the request is refused.
    #[test]
    fn requests_name_exactly_what_was_ordered() {
        let check = |der: &[u8], names: &[&str]| check(der, &ordered(names), &account(), None).is_ok();
        assert!(check(&request(&["a.example", "10.0.0.1"], None), &["dns:a.example", "ip:10.0.0.1"]));
        assert!(check(&request(&["A.Example"], Some("a.example")), &["dns:a.example"]));
        assert!(check(&request(&[], Some("10.0.0.1")), &["ip:10.0.0.1"]));
        assert!(!check(&request(&["a.example"], None), &["dns:a.example", "dns:b.example"]));
        assert!(!check(&request(&["a.example", "b.example"], None), &["dns:a.example"]));
        assert!(!check(&request(&["a.example"], Some("b.example")), &["dns:a.example"]));
        assert!(!check(&request(&[], None), &["dns:a.example"]));
        assert!(!check(&request(&["x@a.example"], None), &["dns:a.example"]));
        assert!(!check(b"nonsense", &["dns:a.example"]));
    }

    /// A device is named by its serial number only, and only its attested key is taken.
    #[test]
    fn devices_are_named_by_their_serial_number() {
        let names = ordered(&["permanent-identifier:1234"]);
        let by = |der: &[u8]| check(der, &names, &account(), None).is_ok();
        assert!(by(&request(&[], Some("1234"))));
        assert!(!by(&request(&[], Some("1235"))));
        assert!(!by(&request(&["a.example"], Some("1234"))));
        assert!(!by(&request(&[], None)));
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.subject_alt_names.push(SanType::OtherName((
            vec![1, 3, 6, 1, 5, 5, 7, 8, 3],
            OtherNameValue::Utf8String("1234".to_owned()),
        )));
        let bare = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        assert!(!by(bare.der()), "a value that is not the sequence of RFC 4043");
        let wrong = Some("00");
        assert!(check(&request(&[], Some("1234")), &names, &account(), wrong).is_err());
    }

    /// A device's common name cannot be a client's, which has no space.
    #[test]
    fn devices_are_no_clients() {
        let subject = subject(&ordered(&["permanent-identifier:1234"])).unwrap();
        assert_eq!(subject.common_name, "Device 1234");
        assert!(subject.common_name.parse::<platform::id::ClientId>().is_err());
    }
}
