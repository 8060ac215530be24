//! Names without templates: each field that the profile takes has its own place.

use super::attribute::{Attribute, AttributeKind, text};
use super::fields::{Facts, Field};
use super::{AlternativeName, Subject, SubjectRefused};
use crate::profile::{Presence, SubjectRules};

/// Where each field stands in a distinguished name.
const ATTRIBUTES: [(Field, AttributeKind); 7] = [
    (Field::CommonName, AttributeKind::CommonName),
    (Field::UserId, AttributeKind::SerialNumber),
    (Field::SystemId, AttributeKind::SerialNumber),
    (Field::GivenName, AttributeKind::GivenName),
    (Field::FamilyName, AttributeKind::Surname),
    (Field::Organisation, AttributeKind::Organisation),
    (Field::OrganisationId, AttributeKind::OrganisationIdentifier),
];

impl SubjectRules {
    pub(crate) fn presence(&self, field: Field) -> Presence {
        match field {
            Field::CommonName => Presence::Required,
            Field::UserId => self.user_id,
            Field::SystemId => self.system_id,
            Field::GivenName => self.given_name,
            Field::FamilyName => self.family_name,
            Field::Organisation => self.organisation,
            Field::OrganisationId => self.organisation_id,
            Field::DnsNames => self.dns_names,
            Field::IpAddresses => self.ip_addresses,
            Field::Upn => self.upn,
            _ => Presence::Forbidden,
        }
    }

    /// The attribute of the subject that is a field, if the profile takes it.
    pub(super) fn place(&self, field: Field) -> Option<AttributeKind> {
        let takes = self.presence(field) != Presence::Forbidden;
        ATTRIBUTES.into_iter().find(|one| takes && one.0 == field).map(|one| one.1)
    }
}

/// Makes the names, as the rules say.
pub(super) fn names(
    facts: &Facts,
    rules: &SubjectRules,
) -> Result<(Subject, Vec<AlternativeName>), SubjectRefused> {
    let mut attributes: Vec<Attribute> = Vec::new();
    if let Some(unit) = &rules.unit {
        attributes.push(text("unit", AttributeKind::Unit, unit)?);
    }
    for (field, kind) in ATTRIBUTES {
        if let Some(value) = facts.one(field) {
            attributes.push(text(field.name(), kind, value)?);
        }
    }
    attributes.sort_by_key(|attribute| attribute.kind);
    let dns = facts.all(Field::DnsNames).iter().cloned().map(AlternativeName::Dns);
    let addresses = facts.all(Field::IpAddresses).iter().filter_map(|text| text.parse().ok());
    let upn = facts.one(Field::Upn).map(|upn| AlternativeName::Upn(upn.to_owned()));
    let alternative = dns.chain(addresses.map(AlternativeName::Ip)).chain(upn).collect();
    Ok((Subject { attributes }, alternative))
}
