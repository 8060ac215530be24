//! Cases of the lints on fields, subject, key and the extensions that every profile has.

use super::*;

/// Lint, profile, and what is wrong.
pub(super) const CASES: Cases = &[
    ("parses", "system-tls-client", Bytes(|parts| parts.0.truncate(3))),
    // BOOLEAN FALSE is the default and must be left out: X.690 11.5.
    (
        "encoding_is_canonical",
        "system-tls-client",
        Extensions(|parts| {
            parts.0[1] = tlv(SEQUENCE, &[&[6, 3, 0x55, 0x1d, 0x0f], &[1, 1, 0], &[4, 4, 3, 2, 7, 128]]);
        }),
    ),
    (
        "version_is_3",
        "system-tls-client",
        Bytes(|parts| parts.0[0] = tlv(context_constructed(0), &[&[2, 1, 1]])),
    ),
    ("serial_size", "system-tls-client", Bytes(|parts| parts.0[1] = unsigned(INTEGER, &[0]))),
    (
        "serial_is_random",
        "system-tls-client",
        Both(|intent| intent.serial = Serial::new(Instance::FIRST, [7; 17])),
    ),
    (
        "serial_is_reserved",
        "system-tls-client",
        Meant(|intent| intent.serial = Serial::new(Instance::FIRST, [8; 17])),
    ),
    (
        "signature_algorithm",
        "system-tls-client",
        Meant(|intent| Arc::make_mut(&mut intent.issuer).alg = Alg::P384),
    ),
    (
        "issuer_name_bytes",
        "system-tls-client",
        Meant(|intent| *Arc::make_mut(&mut intent.issuer).name_der.last_mut().unwrap() = b'X'),
    ),
    (
        "time_form",
        "system-tls-client",
        Bytes(|parts| {
            let late = tlv(0x18, &[b"20300101000000Z"]);
            parts.0[4] = tlv(SEQUENCE, &[&tlv(0x17, &[b"270115075900Z"]), &late]);
        }),
    ),
    (
        "validity_order",
        "system-tls-client",
        Both(|intent| intent.period.not_after = Millis(intent.period.not_before.0 - 1000)),
    ),
    ("validity_as_meant", "system-tls-client", Meant(|intent| intent.period.not_after.0 -= 1000)),
    ("validity_length", "system-tls-client", Both(|intent| intent.period.not_after.0 += 1000)),
    (
        "validity_inside_issuer",
        "system-tls-client",
        Meant(|intent| Arc::make_mut(&mut intent.issuer).period.not_after = Millis(NOW.0 + DAY)),
    ),
    ("not_backdated", "system-tls-client", Meant(|intent| intent.now.0 += 241_000)),
    ("not_backdated", "system-tls-client", Meant(|intent| intent.now.0 -= 31 * DAY)),
    ("no_unique_identifiers", "system-tls-client", Bytes(|parts| parts.0.insert(7, vec![0x81, 2, 0, 1]))),
    ("subject_not_empty", "system-tls-client", Bytes(|parts| parts.0[5] = tlv(SEQUENCE, &[]))),
    (
        "subject_one_attribute_each",
        "system-tls-client",
        Bytes(|parts| {
            let value = |id: u8| tlv(SEQUENCE, &[&[6, 3, 0x55, 4, id], &tlv(0x0c, &[b"a"])]);
            parts.0[5] = tlv(SEQUENCE, &[&tlv(0x31, &[&value(3), &value(10)])]);
        }),
    ),
    ("subject_string_types", "system-tls-client", Bytes(|parts| parts.0[5] = subject_of(0x13, b"Zoe"))),
    ("subject_text", "system-tls-client", Bytes(|parts| parts.0[5] = subject_of(0x0c, b"a  b"))),
    ("subject_as_meant", "system-tls-client", Meant(|intent| intent.subject.attributes.truncate(2))),
    (
        "alternative_names_syntax",
        "system-tls-server",
        Both(|intent| intent.names = vec![AlternativeName::Dns("*.example".to_owned())]),
    ),
    ("alternative_names_as_meant", "system-tls-server", Meant(|intent| intent.names.truncate(1))),
    ("key_as_given", "system-tls-client", Meant(|intent| intent.key = key())),
    (
        "key_policy",
        "system-tls-client",
        Bytes(|parts| {
            // A point that is not on the curve.
            let last = parts.0[6].len() - 1;
            parts.0[6][last] ^= 1;
        }),
    ),
    ("key_fits_profile", "system-tls-client", Both(|intent| change(intent, |p| p.keys = vec![Alg::Rsa2048]))),
    (
        "key_usage_fits_key",
        "time-stamp",
        Both(|intent| {
            intent.key = ml_dsa_key();
            change(intent, |p| p.key_usage = vec![KeyUsage::KeyAgreement]);
        }),
    ),
    (
        "key_usage_fits_key",
        "system-tls-client",
        Both(|intent| change(intent, |p| p.key_usage = vec![KeyUsage::KeyEncipherment])),
    ),
    (
        "key_is_not_the_issuers",
        "system-tls-client",
        Both(|intent| intent.key = SubjectKey::parse(&intent.issuer.spki).ok().unwrap()),
    ),
    (
        "extensions_unique",
        "system-tls-client",
        Extensions(|parts| {
            let twice = parts.0[0].clone();
            parts.0.push(twice);
        }),
    ),
    (
        "freshest_crl",
        "system-tls-client",
        Extensions(|parts| {
            let points = crate::crl::list::distribution_points("http://pki.example/crl/systems/9-delta.crl");
            parts.0.push(extension("2.5.29.46", &points));
        }),
    ),
    ("extensions_exact", "system-tls-client", Extensions(|parts| parts.0.truncate(4))),
    (
        "extensions_exact",
        "system-tls-client",
        Extensions(|parts| parts.0.push(extension("1.2.3.4", &[5, 0]))),
    ),
    (
        "extensions_exact",
        "time-stamp",
        Meant(|intent| {
            change(intent, |p| {
                let purposes = vec![Purpose::TimeStamping];
                p.extended =
                    Some(ExtendedUsage { purposes, criticality: crate::profile::Criticality::NonCritical });
            });
        }),
    ),
    (
        "key_usage",
        "card-signing",
        Meant(|intent| change(intent, |p| p.key_usage = vec![KeyUsage::DigitalSignature])),
    ),
    (
        "extended_key_usage",
        "system-tls-client",
        Meant(|intent| change(intent, |p| p.extended.as_mut().unwrap().purposes = vec![Purpose::ServerAuth])),
    ),
    ("basic_constraints", "authority-issuing", Meant(|intent| change(intent, |p| p.kind = Kind::Root))),
    (
        "authority_key_identifier",
        "system-tls-client",
        Meant(|intent| Arc::make_mut(&mut intent.issuer).key_id[0] ^= 1),
    ),
    ("subject_key_identifier", "system-tls-client", Meant(|intent| intent.key = key())),
    (
        "policies",
        "system-tls-client",
        Meant(|intent| change(intent, |p| p.policies[0].id = ObjectIdentifier::new_unwrap("1.2.3"))),
    ),
    (
        "policies",
        "system-tls-client",
        Meant(|intent| intent.places.practice_statement = "https://other.example/cps".to_owned()),
    ),
    (
        "crl_distribution_points",
        "system-tls-client",
        Meant(|intent| intent.places.crl = "http://pki.example/crl/card.crl".to_owned()),
    ),
    (
        "authority_information",
        "system-tls-client",
        Meant(|intent| intent.places.issuer_certificate = "http://pki.example/aia/card.cer".to_owned()),
    ),
    ("authority_information", "system-tls-client", Meant(|intent| intent.places.ocsp = None)),
    (
        "authority_information",
        "ocsp-responder",
        Meant(|intent| change(intent, |p| p.revocation_checking = RevocationChecking::Crl)),
    ),
    (
        "places_are_plain_http",
        "system-tls-client",
        Both(|intent| intent.places.ocsp = Some("https://pki.example/ocsp".to_owned())),
    ),
    (
        "private_key_usage_period",
        "card-signing",
        Meant(|intent| change(intent, |p| p.private_key_usage_percent = Some(71))),
    ),
    (
        "ocsp_no_check",
        "ocsp-responder",
        Extensions(|parts| {
            let last = parts.0.len() - 1;
            parts.0[last] = extension("1.3.6.1.5.5.7.48.1.5", &[1, 1, 255]);
        }),
    ),
    (
        "places_are_plain_http",
        "system-tls-client",
        Both(|intent| intent.places.crl = "https://pki.example/crl/systems.crl".to_owned()),
    ),
];
