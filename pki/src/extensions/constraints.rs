//! Whether names lie within the limits that a CA was given (RFC 5280 4.2.1.10).
//!
//! [`crate::path::check`] leaves this to `certval`; an issuer asks here before it signs, so that two readers by
//! different people agree on every name it certifies.

use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use super::names::{AlternativeName, NameConstraints, Subtree};
use crate::Name;

/// emailAddress, which an rfc822Name constraint is of as well (RFC 5280 4.2.1.10).
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// A name that a CA above may not certify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {why}")]
pub struct NameOutside {
    name: String,
    why: &'static str,
}

impl NameOutside {
    /// Names that cannot be read are within nothing.
    pub fn unreadable() -> NameOutside {
        NameOutside { name: "a name".to_owned(), why: "cannot be read" }
    }
}

const EXCLUDED: &str = "lies in a branch that is excluded";
const NOT_PERMITTED: &str = "lies in none of the branches that are permitted";
const NOT_COMPARABLE: &str = "is of a kind that is constrained and cannot be compared";

impl NameConstraints {
    /// Whether a subject and its alternative names are within these constraints; if not, which is not.
    pub fn check(&self, subject: &Name, alternative: &[AlternativeName]) -> Result<(), NameOutside> {
        let directory = (!subject.is_empty()).then(|| AlternativeName::Directory(subject.clone()));
        let has_mail = alternative.iter().any(|name| matches!(name, AlternativeName::Email(_)));
        // Mail addresses of the subject count where there is no alternative name of that kind.
        let mail = subject.attributes().into_iter().filter(|(oid, _)| !has_mail && *oid == EMAIL_ADDRESS);
        let mail = mail.map(|(_, address)| AlternativeName::Email(address));
        directory
            .into_iter()
            .chain(mail)
            .chain(alternative.iter().cloned())
            .try_for_each(|name| self.check_one(&name))
    }

    fn check_one(&self, name: &AlternativeName) -> Result<(), NameOutside> {
        let outside = |why| Err(NameOutside { name: told(name), why });
        let of_kind = |trees: &[Subtree]| {
            trees.iter().filter(|tree| same_kind(&tree.base, name)).cloned().collect::<Vec<_>>()
        };
        let (permitted, excluded) = (of_kind(&self.permitted), of_kind(&self.excluded));
        if permitted.is_empty() && excluded.is_empty() {
            return Ok(());
        }
        if !is_comparable(name) {
            return outside(NOT_COMPARABLE);
        }
        if excluded.iter().any(|tree| within(name, &tree.base)) {
            return outside(EXCLUDED);
        }
        if !permitted.is_empty() && !permitted.iter().any(|tree| within(name, &tree.base)) {
            return outside(NOT_PERMITTED);
        }
        Ok(())
    }
}

/// The name in a message; what kind it is, where it has no short text.
fn told(name: &AlternativeName) -> String {
    match name {
        AlternativeName::Dns(text) | AlternativeName::Email(text) | AlternativeName::Uri(text) => {
            format!("\"{}\"", text.chars().filter(|c| !c.is_control()).take(80).collect::<String>())
        }
        AlternativeName::Directory(name) => format!("\"{name}\""),
        AlternativeName::Ip(_) => {
            name.ip_address().map_or_else(|| "an address".to_owned(), |address| address.to_string())
        }
        AlternativeName::Upn(_)
        | AlternativeName::Other { .. }
        | AlternativeName::RegisteredId(_)
        | AlternativeName::EdiParty(_) => "another name".to_owned(),
    }
}

fn same_kind(base: &AlternativeName, name: &AlternativeName) -> bool {
    let is_other =
        |name: &AlternativeName| matches!(name, AlternativeName::Upn(_) | AlternativeName::Other { .. });
    std::mem::discriminant(base) == std::mem::discriminant(name) || (is_other(base) && is_other(name))
}

/// RFC 5280 4.2.1.10: a URI without a host name is refused by any constraint on URIs, and a form that is not
/// processed here by any constraint on it.
fn is_comparable(name: &AlternativeName) -> bool {
    match name {
        AlternativeName::Uri(uri) => uri_host(uri).is_some(),
        AlternativeName::Ip(octets) => matches!(octets.len(), 4 | 16),
        AlternativeName::Email(mailbox) => mailbox.contains('@'),
        AlternativeName::Dns(_) | AlternativeName::Directory(_) => true,
        _ => false,
    }
}

fn within(name: &AlternativeName, base: &AlternativeName) -> bool {
    match (name, base) {
        (AlternativeName::Dns(name), AlternativeName::Dns(base)) => is_under(name, base),
        (AlternativeName::Email(name), AlternativeName::Email(base)) => is_mail_of(name, base),
        (AlternativeName::Uri(name), AlternativeName::Uri(base)) => {
            uri_host(name).is_some_and(|host| is_host_of(host, base))
        }
        (AlternativeName::Ip(address), AlternativeName::Ip(network)) => is_in(address, network),
        (AlternativeName::Directory(name), AlternativeName::Directory(base)) => begins_with(name, base),
        _ => false,
    }
}

/// The name itself or one with labels before it; an empty base is every name.
fn is_under(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    let before = name.strip_suffix(base.as_str());
    before.is_some_and(|before| {
        before.is_empty() || base.is_empty() || base.starts_with('.') || before.ends_with('.')
    })
}

/// A host, or with a leading dot every host below a domain, but not the domain.
fn is_host_of(host: &str, base: &str) -> bool {
    if base.starts_with('.') {
        return host.len() > base.len() && is_under(host, base);
    }
    host.eq_ignore_ascii_case(base)
}

/// A mailbox by itself, or one at a host. Only the part after the @ is compared without regard to case.
fn is_mail_of(mailbox: &str, base: &str) -> bool {
    let Some((local, host)) = mailbox.rsplit_once('@') else { return false };
    match base.rsplit_once('@') {
        Some((base_local, base_host)) => local == base_local && host.eq_ignore_ascii_case(base_host),
        None => is_host_of(host, base),
    }
}

/// The host name of a URI. An address is none (RFC 5280 4.2.1.10).
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_name = !host.is_empty()
        && host.parse::<std::net::Ipv4Addr>().is_err()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    is_name.then_some(host)
}

/// Address and mask of the same width (RFC 4632).
fn is_in(address: &[u8], network: &[u8]) -> bool {
    if network.len() != 2 * address.len() {
        return false;
    }
    let (first, mask) = network.split_at(address.len());
    address.iter().zip(first).zip(mask).all(|((octet, first), mask)| octet & mask == first & mask)
}

/// Whether a name has all parts of the base, in order, at its beginning (RFC 5280 7.1).
fn begins_with(name: &Name, base: &Name) -> bool {
    let (Some(name), Some(parts)) = (relative_names(name), relative_names(base)) else { return false };
    if name.len() < parts.len() {
        return false;
    }
    let beginning = RdnSequence::from(name[..parts.len()].to_vec());
    let beginning = beginning.to_der().ok().and_then(|der| Name::from_der(&der).ok());
    beginning.is_some_and(|beginning| beginning.matches(base))
}

fn relative_names(name: &Name) -> Option<Vec<RelativeDistinguishedName>> {
    Vec::<RelativeDistinguishedName>::from_der(name.der()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlternativeName::{Dns, Email, Ip, Uri};

    fn constraints(permitted: &[AlternativeName], excluded: &[AlternativeName]) -> NameConstraints {
        let trees =
            |names: &[AlternativeName]| names.iter().map(|base| Subtree { base: base.clone() }).collect();
        NameConstraints { permitted: trees(permitted), excluded: trees(excluded) }
    }

    fn admits(base: &AlternativeName, name: &AlternativeName) -> bool {
        let subject: Name = "CN=a".parse().unwrap();
        let names = std::slice::from_ref(name);
        let inside = constraints(std::slice::from_ref(base), &[]).check(&subject, names).is_ok();
        let outside = constraints(&[], std::slice::from_ref(base)).check(&subject, names).is_ok();
        assert!(!(inside && outside), "{name:?} is in {base:?} and not");
        inside
    }

    /// Each kind of name is within its branches as RFC 5280 4.2.1.10 says, and not within others.
    #[test]
    fn names_are_within_their_branches() {
        let text = str::to_owned;
        let cases: [(AlternativeName, &[AlternativeName], &[AlternativeName]); 8] = [
            (
                Dns(text("a.example")),
                &[Dns(text("a.example")), Dns(text("b.A.example"))],
                &[Dns(text("xa.example")), Dns(text("example"))],
            ),
            (Dns(text("")), &[Dns(text("a.example"))], &[]),
            (
                Email(text("a.example")),
                &[Email(text("x@a.example")), Email(text("x@A.EXAMPLE"))],
                &[Email(text("x@b.a.example")), Email(text("a.example"))],
            ),
            (Email(text(".a.example")), &[Email(text("x@b.a.example"))], &[Email(text("x@a.example"))]),
            (Email(text("x@a.example")), &[Email(text("x@a.example"))], &[Email(text("X@a.example"))]),
            (
                Uri(text(".a.example")),
                &[Uri(text("https://b.a.example:1/c")), Uri(text("ldap://x@b.a.example"))],
                &[
                    Uri(text("https://a.example/")),
                    Uri(text("urn:a")),
                    Uri(text("http://192.0.2.1/")),
                    Uri(text("http://[::1]/")),
                ],
            ),
            (
                Ip(vec![10, 1, 0, 0, 255, 255, 0, 0]),
                &[Ip(vec![10, 1, 2, 3])],
                &[Ip(vec![10, 2, 2, 3]), Ip(vec![0; 16]), Ip(vec![10])],
            ),
            (
                Ip([&[0x20, 1, 0x0d, 0xb8][..], &[0; 12], &[255; 4], &[0; 12]].concat()),
                &[Ip([&[0x20, 1, 0x0d, 0xb8][..], &[7; 12]].concat())],
                &[Ip([&[0x20, 1, 0x0d, 0xb9][..], &[7; 12]].concat()), Ip(vec![10, 1, 2, 3])],
            ),
        ];
        for (base, goods, bads) in cases {
            for good in goods {
                assert!(admits(&base, good), "{good:?} in {base:?}");
            }
            for bad in bads {
                assert!(!admits(&base, bad), "{bad:?} in {base:?}");
            }
        }
    }

    /// A subject is within a branch when it begins with it; its mail address counts when there is no other.
    #[test]
    fn subjects_are_constrained_too() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        let people = constraints(&[AlternativeName::Directory(name("OU=People,O=nhs"))], &[]);
        assert_eq!(people.check(&name("CN=a,OU=people,O=NHS"), &[]), Ok(()));
        for outside in ["CN=a,O=nhs", "O=nhs", "CN=a,O=nhs,OU=People", "CN=a,OU=Systems,O=nhs"] {
            let refused = people.check(&name(outside), &[]).unwrap_err();
            assert!(refused.to_string().contains("none of the branches"), "{refused}");
        }
        let mail = constraints(&[Email("a.example".to_owned())], &[]);
        let with_mail = name("1.2.840.113549.1.9.1=#160b7840622e6578616d706c65,CN=a");
        assert!(mail.check(&with_mail, &[]).is_err());
        assert_eq!(mail.check(&with_mail, &[Email("x@a.example".to_owned())]), Ok(()));
        assert_eq!(mail.check(&name("CN=a"), &[]), Ok(()));
    }

    /// A constraint on a form that cannot be compared refuses every name of that form.
    #[test]
    fn forms_that_cannot_be_compared_are_refused() {
        let upn = constraints(&[], &[AlternativeName::Upn("a.example".to_owned())]);
        let subject: Name = "CN=a".parse().unwrap();
        assert!(upn.check(&subject, &[AlternativeName::Upn("x@b.example".to_owned())]).is_err());
        assert_eq!(upn.check(&subject, &[Dns("a.example".to_owned())]), Ok(()));
    }
}
