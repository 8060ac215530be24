//! What a request may say of a subject: typed fields, each checked for itself before a name is made of them.

use std::collections::BTreeMap;

use platform::id::{OdsCode, UserId};

use super::attribute::{AttributeKind, text_fault};
use super::syntax::{dns_fault, email_fault, upn_fault, uri_fault};
use super::{SubjectRefused, refused};
use crate::api::SubjectData;
use crate::profile::Presence;

/// A field of [`SubjectData`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    CommonName,
    // A person
    UserId,
    GivenName,
    FamilyName,
    Email,
    Upn,
    // The organisation
    Organisation,
    OrganisationId,
    // What the person is there
    RoleProfileId,
    RoleCode,
    RoleName,
    // A system
    SystemId,
    DnsNames,
    IpAddresses,
    Uris,
    // A device
    DeviceSerial,
    DeviceModel,
}

impl Field {
    pub(crate) const ALL: [Field; 17] = [
        Field::CommonName,
        Field::UserId,
        Field::GivenName,
        Field::FamilyName,
        Field::Email,
        Field::Upn,
        Field::Organisation,
        Field::OrganisationId,
        Field::RoleProfileId,
        Field::RoleCode,
        Field::RoleName,
        Field::SystemId,
        Field::DnsNames,
        Field::IpAddresses,
        Field::Uris,
        Field::DeviceSerial,
        Field::DeviceModel,
    ];

    /// Its name on the wire and in templates.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::CommonName => "common_name",
            Field::UserId => "user_id",
            Field::GivenName => "given_name",
            Field::FamilyName => "family_name",
            Field::Email => "email",
            Field::Upn => "upn",
            Field::Organisation => "organisation",
            Field::OrganisationId => "organisation_id",
            Field::RoleProfileId => "role_profile_id",
            Field::RoleCode => "role_code",
            Field::RoleName => "role_name",
            Field::SystemId => "system_id",
            Field::DnsNames => "dns_names",
            Field::IpAddresses => "ip_addresses",
            Field::Uris => "uris",
            Field::DeviceSerial => "device_serial",
            Field::DeviceModel => "device_model",
        }
    }

    /// Whether it holds several values.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Field::DnsNames | Field::IpAddresses | Field::Uris)
    }

    fn given(self, data: &SubjectData) -> Vec<&str> {
        let optional = match self {
            Field::CommonName => {
                return Some(data.common_name.as_str()).filter(|name| !name.is_empty()).into_iter().collect();
            }
            Field::DnsNames => return data.dns_names.iter().map(String::as_str).collect(),
            Field::IpAddresses => return data.ip_addresses.iter().map(String::as_str).collect(),
            Field::Uris => return data.uris.iter().map(String::as_str).collect(),
            Field::UserId => &data.user_id,
            Field::GivenName => &data.given_name,
            Field::FamilyName => &data.family_name,
            Field::Email => &data.email,
            Field::Upn => &data.upn,
            Field::Organisation => &data.organisation,
            Field::OrganisationId => &data.organisation_id,
            Field::RoleProfileId => &data.role_profile_id,
            Field::RoleCode => &data.role_code,
            Field::RoleName => &data.role_name,
            Field::SystemId => &data.system_id,
            Field::DeviceSerial => &data.device_serial,
            Field::DeviceModel => &data.device_model,
        };
        optional.as_deref().into_iter().collect()
    }

    /// Whether a certificate can have this value of the field.
    pub(crate) fn takes(self, value: &str) -> bool {
        self.fault(value).is_none()
    }

    /// What is wrong with a value of this field, whatever name is made of it.
    fn fault(self, value: &str) -> Option<String> {
        match self {
            Field::CommonName
            | Field::GivenName
            | Field::FamilyName
            | Field::Organisation
            | Field::RoleName
            | Field::DeviceModel => text_fault(AttributeKind::CommonName, value),
            Field::UserId => unless(value.parse::<UserId>().is_ok(), "not a 12-digit number"),
            Field::OrganisationId => unless(value.parse::<OdsCode>().is_ok(), "not an ODS code"),
            Field::RoleProfileId => unless(has_twelve_digits(value), "not a 12-digit number"),
            Field::SystemId => {
                // As a PrintableString has them, in which the number of a thing stands.
                let is_other = value.len() > 12 && is_code(value, "-.");
                let sentence = "not the 12 digits of an accredited system, nor the 13 to 64 letters, digits, \"-\" and \".\" of a message \
                                handling system";
                unless(has_twelve_digits(value) || is_other, sentence)
            }
            Field::RoleCode => unless(is_code(value, ":"), "not a role code such as S8000:G8000:R8000"),
            Field::DeviceSerial => {
                unless(is_code(value, "-.:/"), "not 1 to 64 letters, digits and \"-\", \".\", \":\", \"/\"")
            }
            Field::Email => email_fault(value),
            Field::Upn => upn_fault(value),
            Field::DnsNames => dns_fault(value),
            Field::Uris => uri_fault(value),
            Field::IpAddresses => {
                let address = value.parse::<std::net::IpAddr>().is_ok();
                (!address).then(|| {
                    format!("\"{}\" is not an IPv4 or IPv6 address", super::syntax::printable_start(value))
                })
            }
        }
    }
}

fn unless(holds: bool, sentence: &str) -> Option<String> {
    (!holds).then(|| sentence.to_owned())
}

fn has_twelve_digits(value: &str) -> bool {
    value.len() == 12 && value.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_code(value: &str, further: &str) -> bool {
    (1..=64).contains(&value.len()) && value.chars().all(|c| c.is_ascii_alphanumeric() || further.contains(c))
}

/// The most values of one list.
const MOST: usize = 100;

/// The fields of a request, each right for itself and with a place in the profile.
#[derive(Clone, Debug)]
pub(crate) struct Facts(BTreeMap<Field, Vec<String>>);

impl Facts {
    /// Reads what a request says; `presence` is what the profile says of each field.
    pub(super) fn read(
        data: &SubjectData,
        presence: impl Fn(Field) -> Presence,
    ) -> Result<Facts, SubjectRefused> {
        let mut facts = BTreeMap::new();
        for field in Field::ALL {
            let values = field.given(data);
            match (presence(field), values.is_empty()) {
                (Presence::Required, true) => return refused(field.name(), "is needed for this profile"),
                (Presence::Forbidden, false) => return refused(field.name(), "has no place in this profile"),
                (_, true) => continue,
                (_, false) => {}
            }
            if values.len() > MOST {
                return refused(field.name(), format!("{MOST} at most"));
            }
            if let Some(sentence) = values.iter().find_map(|value| field.fault(value)) {
                return refused(field.name(), sentence);
            }
            facts.insert(field, values.into_iter().map(str::to_owned).collect());
        }
        Ok(Facts(facts))
    }

    /// The value of a field that holds one.
    pub(super) fn one(&self, field: Field) -> Option<&str> {
        self.all(field).first().map(String::as_str)
    }

    /// Every value of a field.
    pub(super) fn all(&self, field: Field) -> &[String] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }
}
