//! The qcStatements extension: RFC 3739 3.2.6, ETSI EN 319 412-5 4.

use const_oid::ObjectIdentifier;

use crate::asn1::{IA5_STRING, INTEGER, PRINTABLE_STRING, SEQUENCE, context, oid, tlv, unsigned};
use crate::profile::qualified::{Qualified, statement};

/// The extension's value, statements in the order of their numbers.
pub(super) fn write(qualified: &Qualified) -> Vec<u8> {
    let mut statements = Vec::new();
    let mut push = |id: &ObjectIdentifier, info: &[u8]| statements.extend(tlv(SEQUENCE, &[&oid(id), info]));
    if let Some(semantics) = qualified.semantics {
        push(
            &statement::SEMANTICS,
            &semantics_information(&semantics.oid(), &qualified.registration_authorities),
        );
    }
    if qualified.compliance {
        push(&statement::COMPLIANCE, &[]);
    }
    if let Some(limit) = &qualified.limit {
        let currency = tlv(PRINTABLE_STRING, &[limit.currency.0.as_bytes()]);
        let amount = unsigned(INTEGER, &limit.amount.to_be_bytes());
        push(&statement::LIMIT, &tlv(SEQUENCE, &[&currency, &amount, &unsigned(INTEGER, &[limit.exponent])]));
    }
    if let Some(years) = qualified.retention_years {
        push(&statement::RETENTION, &unsigned(INTEGER, &years.to_be_bytes()));
    }
    if qualified.secure_device {
        push(&statement::SECURE_DEVICE, &[]);
    }
    if !qualified.disclosures.is_empty() {
        let places: Vec<u8> = qualified
            .disclosures
            .iter()
            .flat_map(|disclosure| {
                let url = tlv(IA5_STRING, &[disclosure.url.as_bytes()]);
                tlv(SEQUENCE, &[&url, &tlv(PRINTABLE_STRING, &[disclosure.language.0.as_bytes()])])
            })
            .collect();
        push(&statement::DISCLOSURES, &tlv(SEQUENCE, &[&places]));
    }
    if let Some(kind) = qualified.kind {
        push(&statement::TYPE, &tlv(SEQUENCE, &[&oid(&kind.oid())]));
    }
    if !qualified.legislation.is_empty() {
        let countries: Vec<u8> = qualified
            .legislation
            .iter()
            .flat_map(|country| tlv(PRINTABLE_STRING, &[country.0.as_bytes()]))
            .collect();
        push(&statement::LEGISLATION, &tlv(SEQUENCE, &[&countries]));
    }
    tlv(SEQUENCE, &[&statements])
}

/// RFC 3739 3.2.6.1; each authority is a uniformResourceIdentifier `[6]`.
fn semantics_information(semantics: &ObjectIdentifier, authorities: &[String]) -> Vec<u8> {
    let names: Vec<u8> = authorities.iter().flat_map(|uri| tlv(context(6), &[uri.as_bytes()])).collect();
    let names = if names.is_empty() { names } else { tlv(SEQUENCE, &[&names]) };
    tlv(SEQUENCE, &[&oid(semantics), &names])
}
