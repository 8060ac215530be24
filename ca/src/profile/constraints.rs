//! Which names may stand below an authority, RFC 5280 4.2.1.10.

use platform::network::{Network, NotANetwork};
use serde::{Deserialize, Serialize};

use crate::asn1::{context, context_constructed, tlv};
use crate::subject::template::NameTemplate;
use crate::subject::{Subject, dns_fault, email_fault};

/// The name constraints of an authority: `[authority.issuing.name_constraints]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NameConstraints {
    /// Names of a kind that is here must lie in one of these.
    #[serde(skip_serializing_if = "Subtrees::is_empty")]
    pub(crate) permitted: Subtrees,
    /// Names must lie in none of these.
    #[serde(skip_serializing_if = "Subtrees::is_empty")]
    pub(crate) excluded: Subtrees,
}

impl NameConstraints {
    /// What makes no sense in them.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.permitted.is_empty() && self.excluded.is_empty() {
            // RFC 5280 4.2.1.10: there is always one of the two.
            return Some("name_constraints permits and excludes nothing; leave it out");
        }
        let fields = self.permitted.directory.iter().chain(&self.excluded.directory);
        let constant =
            fields.into_iter().all(|name| name.constant().is_some_and(|name| !name.attributes.is_empty()));
        (!constant).then_some("name_constraints: a directory name is not empty and has no fields in braces")
    }
}

/// Branches of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Subtrees {
    /// A host name and all below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<Domain>,
    /// A mailbox, a host, or with a leading dot every host below a domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email: Vec<Mail>,
    /// The host of a URI, or with a leading dot every host below a domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uri: Vec<Host>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ip: Vec<Addresses>,
    /// Names that begin with this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directory: Vec<NameTemplate>,
}

/// The root of one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Dns(String),
    Email(String),
    Uri(String),
    /// An address and its mask.
    Ip(Vec<u8>),
    Directory(Subject),
}

impl Subtrees {
    pub(crate) fn is_empty(&self) -> bool {
        self.bases().next().is_none() && self.directory.is_empty()
    }

    /// The roots of the branches, in the order in which they are written.
    pub(crate) fn bases(&self) -> impl Iterator<Item = Base> {
        let dns = self.dns.iter().map(|domain| Base::Dns(domain.0.clone()));
        let email = self.email.iter().map(|mail| Base::Email(mail.0.clone()));
        let uri = self.uri.iter().map(|host| Base::Uri(host.0.clone()));
        let ip = self.ip.iter().map(|addresses| Base::Ip(addresses.0.with_mask()));
        let directory = self.directory.iter().filter_map(NameTemplate::constant).map(Base::Directory);
        dns.chain(email).chain(uri).chain(ip).chain(directory)
    }
}

impl Base {
    /// The `GeneralName` in DER, in the forms that RFC 5280 4.2.1.10 gives the roots of branches.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        match self {
            Base::Email(text) => tlv(context(1), &[text.as_bytes()]),
            Base::Dns(text) => tlv(context(2), &[text.as_bytes()]),
            Base::Directory(name) => tlv(context_constructed(4), &[&name.to_der()]),
            Base::Uri(text) => tlv(context(6), &[text.as_bytes()]),
            Base::Ip(octets) => tlv(context(7), &[octets]),
        }
    }
}

/// Text that a check admits, kept as it is written.
macro_rules! checked {
    ($name:ident, $about:literal, $fault:expr) => {
        #[doc = $about]
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String", into = "String")]
        struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                let fault: fn(&str) -> Option<String> = $fault;
                match fault(&text) {
                    Some(fault) => Err(format!("not {}: {fault}", $about)),
                    None => Ok($name(text)),
                }
            }
        }

        impl From<$name> for String {
            fn from(checked: $name) -> String {
                checked.0
            }
        }
    };
}

checked!(Domain, "a host name without a dot in front", dns_fault);
checked!(Host, "a host name, or one with a dot in front for all below it", host_fault);
checked!(Mail, "a mailbox, a host name, or one with a dot in front for all below it", |text| {
    if text.contains('@') { email_fault(text) } else { host_fault(text) }
});

fn host_fault(text: &str) -> Option<String> {
    dns_fault(text.strip_prefix('.').unwrap_or(text))
}

/// Addresses that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
struct Addresses(Network);

impl TryFrom<String> for Addresses {
    type Error = String;

    fn try_from(text: String) -> Result<Addresses, String> {
        text.parse().map(Addresses).map_err(|refused: NotANetwork| refused.to_string())
    }
}

impl From<Addresses> for String {
    fn from(addresses: Addresses) -> String {
        addresses.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NameConstraints, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Every form is written as RFC 5280 has it, addresses with their mask.
    #[test]
    fn every_form_is_written() {
        let text = "[permitted]\ndns = [\"a.example\"]\nemail = [\"a@b.example\", \".b.example\"]\nuri = [\".c.example\"]\n\
                    ip = [\"10.0.0.0/8\"]\ndirectory = [[\"C=GB\"]]\n";
        let constraints = read(text).unwrap();
        assert_eq!(constraints.fault(), None);
        let bases: Vec<_> = constraints.permitted.bases().map(|base| hex::encode(base.to_der())).collect();
        assert_eq!(
            bases,
            [
                format!("8209{}", hex::encode("a.example")),
                format!("810b{}", hex::encode("a@b.example")),
                format!("810a{}", hex::encode(".b.example")),
                format!("860a{}", hex::encode(".c.example")),
                "87080a000000ff000000".to_owned(),
                "a40f300d310b3009060355040613024742".to_owned(),
            ]
        );
        let content = serde_json::to_value(&constraints).unwrap();
        assert_eq!(content["permitted"]["ip"][0], "10.0.0.0/8");
        assert!(content.get("excluded").is_none());
    }

    /// What is no branch of names is refused.
    #[test]
    fn mistakes_are_refused() {
        for wrong in [
            "permitted = { dns = [\".a.example\"] }",
            "permitted = { dns = [\"*.a.example\"] }",
            "permitted = { email = [\"@a.example\"] }",
            "permitted = { uri = [\"https://a.example\"] }",
            "permitted = { ip = [\"10.0.0.1/8\"] }",
            "permitted = { directory = [[\"CN={persn}\"]] }",
            "permitted = { upn = [\"a.example\"] }",
            "permit = {}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for senseless in
            ["", "permitted = { directory = [[\"CN={user_id}\"]] }", "excluded = { directory = [[]] }"]
        {
            assert!(read(senseless).unwrap().fault().is_some(), "{senseless}");
        }
    }
}
