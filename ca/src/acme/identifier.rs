//! What an order names: RFC 8555 9.7.7, RFC 8738, draft-acme-device-attest.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::subject::dns_fault;

/// The longest name of a device.
const LONGEST_DEVICE: usize = 48;

/// A name that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Identifier {
    /// A host name in lower case.
    Dns(String),
    /// An address, RFC 8738.
    Ip(IpAddr),
    /// The serial number of a device that attests its key.
    Device(DeviceKind, String),
}

/// Under which name the draft knows a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum DeviceKind {
    Permanent,
    Hardware,
}

/// Why text is no identifier of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A type that is not issued for.
    Type,
    /// A name that cannot be right.
    Value(String),
}

/// As it travels, RFC 8555 7.1.4.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wire {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: String,
}

impl Identifier {
    pub(crate) fn parse(wire: &Wire) -> Result<Identifier, Refused> {
        match wire.kind.as_str() {
            "dns" => {
                let name = wire.value.to_ascii_lowercase();
                match dns_fault(&name) {
                    None => Ok(Identifier::Dns(name)),
                    Some(fault) => Err(Refused::Value(fault)),
                }
            }
            "ip" => match wire.value.parse::<IpAddr>() {
                // RFC 8738 3: the text form of RFC 5952, so that one address has one name.
                // A mapped one is another name of an IPv4 address.
                Ok(address) if address.to_string() == wire.value && address.to_canonical() == address => {
                    Ok(Identifier::Ip(address))
                }
                _ => Err(Refused::Value("not an IPv4 or IPv6 address in its usual form".to_owned())),
            },
            "permanent-identifier" => device(DeviceKind::Permanent, &wire.value),
            "hardware-module" => device(DeviceKind::Hardware, &wire.value),
            _ => Err(Refused::Type),
        }
    }

    /// The type as it travels.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Identifier::Dns(_) => "dns",
            Identifier::Ip(_) => "ip",
            Identifier::Device(DeviceKind::Permanent, _) => "permanent-identifier",
            Identifier::Device(DeviceKind::Hardware, _) => "hardware-module",
        }
    }

    /// The value as it travels.
    pub(crate) fn value(&self) -> String {
        match self {
            Identifier::Dns(name) | Identifier::Device(_, name) => name.clone(),
            Identifier::Ip(address) => address.to_string(),
        }
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire { kind: self.kind().to_owned(), value: self.value() }
    }
}

fn device(kind: DeviceKind, value: &str) -> Result<Identifier, Refused> {
    let fits = (1..=LONGEST_DEVICE).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if fits {
        return Ok(Identifier::Device(kind, value.to_owned()));
    }
    Err(Refused::Value(
        "the name of a device has 1 to 48 letters, digits, dots, lines and hyphens".to_owned(),
    ))
}

/// The form in which it is kept: type and value with a colon between.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.value())
    }
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Identifier, String> {
        let (kind, value) = text.split_once(':').ok_or("not an identifier")?;
        Identifier::parse(&Wire { kind: kind.to_owned(), value: value.to_owned() })
            .map_err(|_| format!("\"{text}\" is not an identifier"))
    }
}

impl TryFrom<String> for Identifier {
    type Error = String;

    fn try_from(text: String) -> Result<Identifier, String> {
        text.parse()
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> String {
        identifier.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: &str, value: &str) -> Result<Identifier, Refused> {
        Identifier::parse(&Wire { kind: kind.to_owned(), value: value.to_owned() })
    }

    /// Host names are folded to lower case, addresses have one form, and the kept form comes back.
    #[test]
    fn identifiers_have_one_form() {
        assert_eq!(parsed("dns", "A.Example").unwrap().to_string(), "dns:a.example");
        for (kind, value) in [("dns", "a.example"), ("ip", "2001:db8::1"), ("permanent-identifier", "1234")] {
            let identifier = parsed(kind, value).unwrap();
            assert_eq!(identifier.to_string().parse(), Ok(identifier));
        }
        for (kind, value) in [
            ("dns", "*.a.example"),
            ("dns", "192.0.2.1"),
            ("ip", "2001:0db8::1"),
            ("ip", "a.example"),
            ("ip", "::ffff:192.0.2.1"),
            ("permanent-identifier", "a b"),
            ("permanent-identifier", ""),
        ] {
            assert!(matches!(parsed(kind, value), Err(Refused::Value(_))), "{kind} {value}");
        }
        assert_eq!(parsed("email", "a@b.example"), Err(Refused::Type));
    }
}
