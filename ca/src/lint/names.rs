//! Lints on the subject and its alternative names.

use std::net::IpAddr;

use der::Tag;
use der::asn1::Utf8StringRef;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use super::{Case, Lint, Outcome, must};
use crate::asn1::{IA5_STRING, PRINTABLE_STRING};
use crate::subject::{AlternativeName, Attribute, AttributeKind, Subject, UPN, text_fault};

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "subject_not_empty", clause: "RFC 5280 4.1.2.6", check: subject_not_empty },
    Lint { id: "subject_one_attribute_each", clause: "docs/cps.md 3.1", check: one_attribute_each },
    Lint { id: "subject_string_types", clause: "RFC 5280 4.1.2.4, A.1", check: string_types },
    Lint { id: "subject_text", clause: "RFC 5280 A.1, docs/cps.md 3.1", check: subject_text },
    Lint { id: "subject_as_meant", clause: "docs/cps.md 3.1", check: subject_as_meant },
    Lint { id: "alternative_names_syntax", clause: "RFC 5280 4.2.1.6", check: alternative_names_syntax },
    Lint { id: "alternative_names_as_meant", clause: "docs/cps.md 3.1", check: alternative_names_as_meant },
];

fn subject_not_empty(case: &Case<'_>) -> Outcome {
    must(!case.tbs.subject().is_empty(), || "empty".to_owned())
}

fn one_attribute_each(case: &Case<'_>) -> Outcome {
    must(case.tbs.subject().iter_rdn().all(|part| part.len() == 1), || {
        "a part with several attributes".to_owned()
    })
}

fn string_types(case: &Case<'_>) -> Outcome {
    let directories = names(case)?.into_iter().filter_map(|name| match name {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    });
    string_types_of(case.tbs.subject())?;
    directories.into_iter().try_for_each(|name| string_types_of(&name))
}

fn string_types_of(name: &Name) -> Outcome {
    for attribute in name.iter() {
        let (expected, tag) = (tag(kind(attribute)?), der::Tagged::tag(&attribute.value));
        must(expected == tag, || format!("{} is {tag}, not {expected}", attribute.oid))?;
    }
    Ok(())
}

fn tag(kind: AttributeKind) -> Tag {
    match kind.tag() {
        PRINTABLE_STRING => Tag::PrintableString,
        IA5_STRING => Tag::Ia5String,
        _ => Tag::Utf8String,
    }
}

fn subject_text(case: &Case<'_>) -> Outcome {
    for attribute in case.tbs.subject().iter() {
        let read = read(attribute)?;
        if let Some(fault) = text_fault(read.kind, &read.text) {
            return Err(format!("{:?} {fault}", read.kind));
        }
    }
    Ok(())
}

fn subject_as_meant(case: &Case<'_>) -> Outcome {
    let read = case.tbs.subject().iter().map(read).collect::<Result<Vec<_>, _>>()?;
    must(read == case.intent.subject.attributes, || "not the subject that was decided".to_owned())
}

fn kind(attribute: &AttributeTypeAndValue) -> Result<AttributeKind, String> {
    AttributeKind::ALL
        .into_iter()
        .find(|kind| kind.oid() == attribute.oid)
        .ok_or_else(|| format!("attribute {} has no place here", attribute.oid))
}

fn read(attribute: &AttributeTypeAndValue) -> Result<Attribute, String> {
    let text =
        std::str::from_utf8(attribute.value.value()).map_err(|_| "text that is not UTF-8".to_owned())?;
    Ok(Attribute { kind: kind(attribute)?, text: text.to_owned() })
}

fn alternative_names_syntax(case: &Case<'_>) -> Outcome {
    for name in alternative_names(case)? {
        if let Some(fault) = name.fault() {
            return Err(fault);
        }
    }
    Ok(())
}

fn alternative_names_as_meant(case: &Case<'_>) -> Outcome {
    must(alternative_names(case)? == case.intent.names, || "not the names that were decided".to_owned())
}

fn alternative_names(case: &Case<'_>) -> Result<Vec<AlternativeName>, String> {
    names(case)?.iter().map(alternative_name).collect()
}

pub(super) fn names(case: &Case<'_>) -> Result<Vec<GeneralName>, String> {
    let Some((_, names)) = case.tbs.get_extension::<SubjectAltName>().map_err(|error| error.to_string())?
    else {
        return Ok(Vec::new());
    };
    // RFC 5280 4.2.1.6: the extension holds at least one name.
    must(!names.0.is_empty(), || "an empty list of names".to_owned())?;
    Ok(names.0)
}

fn alternative_name(name: &GeneralName) -> Result<AlternativeName, String> {
    match name {
        GeneralName::DnsName(name) => Ok(AlternativeName::Dns(name.as_str().to_owned())),
        GeneralName::Rfc822Name(mailbox) => Ok(AlternativeName::Email(mailbox.as_str().to_owned())),
        GeneralName::UniformResourceIdentifier(uri) => Ok(AlternativeName::Uri(uri.as_str().to_owned())),
        GeneralName::DirectoryName(name) => {
            let attributes = name.iter().map(read).collect::<Result<_, _>>()?;
            Ok(AlternativeName::Directory(Subject { attributes }))
        }
        GeneralName::IpAddress(octets) => address(octets.as_bytes()).map(AlternativeName::Ip),
        GeneralName::OtherName(other) if other.type_id == UPN => other
            .value
            .decode_as::<Utf8StringRef<'_>>()
            .map(|upn| AlternativeName::Upn(upn.as_str().to_owned()))
            .map_err(|error| format!("a user principal name that is not UTF-8: {error}")),
        _ => Err("a kind of name that we do not issue".to_owned()),
    }
}

fn address(octets: &[u8]) -> Result<IpAddr, String> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .map_err(|_| "an address of neither 4 nor 16 octets".to_owned())
}
