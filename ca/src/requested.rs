//! The extensions that a PKCS#10 request asks for: each must be one that the certificate will have anyway.
//!
//! The profile decides what a certificate says. A request that asks for more is refused with what is too
//! much, because somebody who gets another certificate than they asked for finds out too late.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280 as oids;
use pki::AlternativeName as Asked;

use crate::profile::{KeyUsage, Profile};
use crate::subject::AlternativeName;

/// What is asked for and not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certification request asks for {what}, which {why}")]
pub struct ExtensionRefused {
    what: String,
    why: &'static str,
}

const NOT_IN_PROFILE: &str = "this profile does not give; leave it out of the request";

/// Refuses extensions outside of the profile and names outside of the request.
pub(crate) fn check(
    asked: &pki::Extensions,
    profile: &Profile,
    names: &[AlternativeName],
) -> Result<(), ExtensionRefused> {
    for extension in &asked.all {
        match extension.oid {
            oids::ID_CE_KEY_USAGE => key_usage(asked, profile)?,
            oids::ID_CE_EXT_KEY_USAGE => purposes(asked, profile)?,
            oids::ID_CE_SUBJECT_ALT_NAME => alternative_names(asked, names)?,
            oids::ID_CE_CERTIFICATE_POLICIES => policies(asked, profile)?,
            oids::ID_CE_BASIC_CONSTRAINTS => {
                if asked.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca) {
                    return refuse("an authority's certificate (basicConstraints CA)", NOT_IN_PROFILE);
                }
            }
            // Every certificate has one, and it is ours to say how it is made.
            oids::ID_CE_SUBJECT_KEY_IDENTIFIER => {}
            other => return refuse(format!("the extension {other}"), NOT_IN_PROFILE),
        }
    }
    Ok(())
}

fn refuse(what: impl Into<String>, why: &'static str) -> Result<(), ExtensionRefused> {
    Err(ExtensionRefused { what: what.into(), why })
}

/// Every bit, what it is called, and ours of that meaning if we give it. RFC 5280 4.2.1.3
const USAGES: [(pki::KeyUsage, &str, Option<KeyUsage>); 9] = [
    (pki::KeyUsage::DIGITAL_SIGNATURE, "digitalSignature", Some(KeyUsage::DigitalSignature)),
    (pki::KeyUsage::NON_REPUDIATION, "nonRepudiation", Some(KeyUsage::ContentCommitment)),
    (pki::KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment", Some(KeyUsage::KeyEncipherment)),
    (pki::KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment", None),
    (pki::KeyUsage::KEY_AGREEMENT, "keyAgreement", Some(KeyUsage::KeyAgreement)),
    (pki::KeyUsage::KEY_CERT_SIGN, "keyCertSign", Some(KeyUsage::KeyCertSign)),
    (pki::KeyUsage::CRL_SIGN, "cRLSign", Some(KeyUsage::CrlSign)),
    (pki::KeyUsage::ENCIPHER_ONLY, "encipherOnly", None),
    (pki::KeyUsage::DECIPHER_ONLY, "decipherOnly", None),
];

fn key_usage(asked: &pki::Extensions, profile: &Profile) -> Result<(), ExtensionRefused> {
    let Some(usage) = asked.key_usage else { return Ok(()) };
    let given = |ours: Option<KeyUsage>| ours.is_some_and(|ours| profile.key_usage.contains(&ours));
    match USAGES.into_iter().find(|(bit, _, ours)| usage.contains(*bit) && !given(*ours)) {
        Some((_, name, _)) => refuse(format!("the key usage {name}"), NOT_IN_PROFILE),
        None => Ok(()),
    }
}

fn purposes(asked: &pki::Extensions, profile: &Profile) -> Result<(), ExtensionRefused> {
    let given: Vec<ObjectIdentifier> = profile
        .extended
        .iter()
        .flat_map(|extended| &extended.purposes)
        .map(|purpose| purpose.oid())
        .collect();
    let extra = asked.extended_key_usage.iter().flatten().find(|purpose| !given.contains(purpose));
    match extra {
        Some(purpose) => refuse(format!("the extended key usage {purpose}"), NOT_IN_PROFILE),
        None => Ok(()),
    }
}

fn policies(asked: &pki::Extensions, profile: &Profile) -> Result<(), ExtensionRefused> {
    let extra = asked
        .policies
        .iter()
        .flatten()
        .find(|policy| !profile.policies.iter().any(|given| given.id == policy.oid));
    match extra {
        Some(policy) => refuse(format!("the policy {}", policy.oid), NOT_IN_PROFILE),
        None => Ok(()),
    }
}

fn alternative_names(asked: &pki::Extensions, names: &[AlternativeName]) -> Result<(), ExtensionRefused> {
    let extra =
        asked.subject_alternative_names.iter().find(|asked| !names.iter().any(|name| same(asked, name)));
    match extra {
        Some(_) => refuse(
            "an alternative name",
            "\"subject\" beside it does not name; a certificate names what \"subject\" says",
        ),
        None => Ok(()),
    }
}

fn same(asked: &Asked, name: &AlternativeName) -> bool {
    match (asked, name) {
        (Asked::Dns(asked), AlternativeName::Dns(name)) => asked.eq_ignore_ascii_case(name),
        (Asked::Ip(asked), AlternativeName::Ip(address)) => match address {
            std::net::IpAddr::V4(address) => asked.as_slice() == address.octets(),
            std::net::IpAddr::V6(address) => asked.as_slice() == address.octets(),
        },
        (Asked::Upn(asked), AlternativeName::Upn(name))
        | (Asked::Email(asked), AlternativeName::Email(name))
        | (Asked::Uri(asked), AlternativeName::Uri(name)) => asked == name,
        (Asked::Directory(asked), AlternativeName::Directory(name)) => asked.der() == name.to_der(),
        _ => false,
    }
}
