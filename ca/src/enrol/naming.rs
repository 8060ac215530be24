//! From the subject and the extensions that a request asks for to what the authority is asked.

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc4519, rfc5912};
use der::{Decode as _, Tag, Tagged as _};
use pki::{AlternativeName, Extensions, Name};

use super::Refused;
use crate::api::SubjectData;
use crate::profile::{KeyUsage, Presence, Profile};
use crate::subject::{AttributeKind, Field};

/// The subject as the authority takes it. Whatever has no place in it is refused: nothing is left out in silence.
pub(super) fn subject(
    name: &Name,
    alternative: &[AlternativeName],
    profile: &Profile,
) -> Result<SubjectData, Refused> {
    let refused = |sentence: String| Err(Refused::Subject(sentence));
    let parsed = x509_cert::name::Name::from_der(name.der());
    let parsed = parsed.map_err(|_| Refused::Subject("it cannot be read".to_owned()))?;
    let mut subject = SubjectData::default();
    for attribute in parsed.iter() {
        let text = match attribute.value.tag() {
            Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
                String::from_utf8(attribute.value.value().to_vec()).ok()
            }
            _ => None,
        };
        let Some(text) = text else { return refused(format!("the value of {}", attribute.oid)) };
        set(&mut subject, attribute.oid, text, profile)?;
    }
    if subject.common_name.is_empty() {
        return refused("a common name is needed".to_owned());
    }
    for name in alternative {
        match name {
            AlternativeName::Dns(host) => subject.dns_names.push(host.clone()),
            AlternativeName::Upn(upn) if subject.upn.is_none() => subject.upn = Some(upn.clone()),
            other => match other.ip_address() {
                Some(address) => subject.ip_addresses.push(address.to_string()),
                None => return refused("an alternative name of a kind that is not certified".to_owned()),
            },
        }
    }
    Ok(subject)
}

fn set(
    subject: &mut SubjectData,
    oid: ObjectIdentifier,
    text: String,
    profile: &Profile,
) -> Result<(), Refused> {
    let twice = || Err(Refused::Subject(format!("the attribute {oid} stands there twice")));
    let place = match oid {
        rfc4519::CN if subject.common_name.is_empty() => {
            subject.common_name = text;
            return Ok(());
        }
        rfc4519::CN => return twice(),
        // The profile writes its own unit; what it would write may be asked for.
        rfc4519::OU if profile.naming.unit() == Some(text.as_str()) => return Ok(()),
        rfc4519::OU => {
            return Err(Refused::Subject("the organisational unit is the profile's own".to_owned()));
        }
        rfc4519::SERIAL_NUMBER if profile.naming.presence(Field::SystemId) != Presence::Forbidden => {
            &mut subject.system_id
        }
        rfc4519::SERIAL_NUMBER => &mut subject.user_id,
        rfc4519::GIVEN_NAME => &mut subject.given_name,
        rfc4519::SN => &mut subject.family_name,
        rfc4519::O => &mut subject.organisation,
        oid if oid == AttributeKind::OrganisationIdentifier.oid() => &mut subject.organisation_id,
        _ => return Err(Refused::Subject(format!("the attribute {oid} has no place in it"))),
    };
    if place.is_some() {
        return twice();
    }
    *place = Some(text);
    Ok(())
}

/// Whether every extension that is asked for is one that the profile writes anyway, or a name.
pub(super) fn check_extensions(asked: &Extensions, profile: &Profile) -> Result<(), Refused> {
    for extension in &asked.all {
        let fits = match extension.oid {
            // The names are looked at one by one; the key identifier is ours to choose.
            rfc5912::ID_CE_SUBJECT_ALT_NAME | rfc5912::ID_CE_SUBJECT_KEY_IDENTIFIER => true,
            rfc5912::ID_CE_BASIC_CONSTRAINTS => asked.basic_constraints.is_some_and(|it| !it.ca),
            rfc5912::ID_CE_KEY_USAGE => {
                asked.key_usage.is_some_and(|usage| usages(&profile.key_usage).contains(usage))
            }
            rfc5912::ID_CE_EXT_KEY_USAGE => purposes_fit(asked, profile),
            _ => false,
        };
        if !fits {
            return Err(Refused::Extension(extension.oid.to_string()));
        }
    }
    Ok(())
}

fn purposes_fit(asked: &Extensions, profile: &Profile) -> bool {
    let granted = profile.extended.as_ref().map(|usage| usage.purposes.as_slice()).unwrap_or_default();
    let asked = asked.extended_key_usage.as_deref().unwrap_or_default();
    asked.iter().all(|purpose| granted.iter().any(|granted| granted.oid() == *purpose))
}

fn usages(usages: &[KeyUsage]) -> pki::KeyUsage {
    usages.iter().fold(pki::KeyUsage::NONE, |all, usage| {
        all | match usage {
            KeyUsage::DigitalSignature => pki::KeyUsage::DIGITAL_SIGNATURE,
            KeyUsage::ContentCommitment => pki::KeyUsage::NON_REPUDIATION,
            KeyUsage::KeyEncipherment => pki::KeyUsage::KEY_ENCIPHERMENT,
            KeyUsage::KeyAgreement => pki::KeyUsage::KEY_AGREEMENT,
            KeyUsage::KeyCertSign => pki::KeyUsage::KEY_CERT_SIGN,
            KeyUsage::CrlSign => pki::KeyUsage::CRL_SIGN,
        }
    })
}

/// Whether two lists hold the same names, in whatever order.
pub(super) fn same_names(one: &[AlternativeName], two: &[AlternativeName]) -> bool {
    one.len() == two.len() && one.iter().all(|name| two.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profiles;

    fn read(text: &str) -> Result<SubjectData, Refused> {
        let profiles = Profiles::built_in().unwrap();
        let profile = profiles.find("system-tls-server").unwrap();
        subject(&text.parse().unwrap(), &[AlternativeName::Dns("a.example".to_owned())], profile)
    }

    /// Each attribute finds its place; one that has none, stands there twice or is not ours to write is refused.
    #[test]
    fn attributes_find_their_place() {
        let read_back = read("CN=larkfield,OU=Systems,O=Larkfield Surgery").unwrap();
        assert_eq!(read_back.common_name, "larkfield");
        assert_eq!(read_back.organisation.as_deref(), Some("Larkfield Surgery"));
        assert_eq!(read_back.dns_names, ["a.example"]);
        for wrong in ["O=x", "CN=a,CN=b", "CN=a,OU=People", "CN=a,L=Leeds", "CN=a,C=GB", "CN=a,O=b,O=c"] {
            assert!(matches!(read(wrong), Err(Refused::Subject(_))), "{wrong}");
        }
    }
}
