//! Cases of the lints on names by template, policies, qualified statements and name constraints.

use super::*;
use crate::profile::constraints::{NameConstraints, Subtrees};
use crate::profile::policies::Statement;
use crate::profile::qualified::{Qualified, Semantics, statement};
use crate::tbs::QC_STATEMENTS;

/// Profiles that use what the built-in ones do not.
const CLINICIANS: &str = include_str!("../../../../docs/examples/clinicians.toml");

/// A profile of either file. The issuing authorities' own is "constrained" in the second.
pub(super) fn profile(id: &str) -> Arc<Profile> {
    let clinicians = Profiles::parse(CLINICIANS).unwrap();
    let found = if id == "constrained" { Some(&clinicians.issuing) } else { clinicians.find(id) };
    found.map_or_else(|| super::profile(id), Arc::clone)
}

fn clinician(names: Vec<AlternativeName>) -> Intent {
    let mut intent = intent(&profile("clinician-signing"));
    intent.subject = subject("SD:GB-555021942107");
    intent.names = names;
    intent
}

fn subject(serial_number: &str) -> Subject {
    Subject {
        attributes: vec![
            attribute(AttributeKind::Country, "GB"),
            attribute(AttributeKind::Organisation, "NHS"),
            attribute(AttributeKind::SerialNumber, serial_number),
            attribute(AttributeKind::Title, "Nurse"),
            attribute(AttributeKind::CommonName, "Zoë O’Neill"),
        ],
    }
}

fn every_name() -> Vec<AlternativeName> {
    let entry = vec![
        attribute(AttributeKind::DomainComponent, "nhs"),
        attribute(AttributeKind::Unit, "People"),
        attribute(AttributeKind::Unit, "Nurses"),
        attribute(AttributeKind::UserIdentifier, "555021942107"),
    ];
    vec![
        AlternativeName::Email("zoe@nhs.example".to_owned()),
        AlternativeName::Uri("https://a.nhs.example/b".to_owned()),
        AlternativeName::Dns("xn--caf-dma.example".to_owned()),
        AlternativeName::Ip("192.0.2.1".parse().unwrap()),
        AlternativeName::Upn("zoe@nhs.example".to_owned()),
        AlternativeName::Directory(Subject { attributes: entry }),
    ]
}

/// A certificate with every kind of name, several policies, a notice and every statement makes no lint fire, and one
/// of an authority under constraints neither.
#[test]
fn good_names_and_statements_are_silent() {
    let intent = clinician(every_name());
    assert_eq!(check(&intent, &tbs::write(&intent).unwrap()), []);
    let authority = super::intent(&profile("constrained"));
    assert_eq!(check(&authority, &tbs::write(&authority).unwrap()), []);
}

/// A name of a kind that is cut short, or another text, is found in each kind of alternative name.
#[test]
fn each_kind_of_name_is_compared() {
    let intent = clinician(every_name());
    let bytes = tbs::write(&intent).unwrap();
    for at in 0..intent.names.len() {
        let mut meant = intent.clone();
        meant.names.remove(at);
        let fired: Vec<_> = check(&meant, &bytes).into_iter().map(|finding| finding.lint).collect();
        assert_eq!(fired, ["alternative_names_as_meant"], "{at}");
    }
}

fn qualified(intent: &mut Intent, with: fn(&mut Qualified)) {
    with(Arc::make_mut(&mut intent.profile).qualified.as_mut().unwrap());
}

fn stated(id: &ObjectIdentifier, info: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(id), info])
}

/// Puts these statements in the place of the certificate's own.
fn state(parts: &mut Parts, statements: &[Vec<u8>]) {
    let id = oid(&QC_STATEMENTS);
    let place = parts.0.iter().position(|part| content(part).1.starts_with(&id));
    let value = tlv(SEQUENCE, &[&statements.concat()]);
    parts.0[place.unwrap()] = extension(&QC_STATEMENTS.to_string(), &value);
}

fn under(intent: &mut Intent, constraints: &str) {
    let permitted = constraints
        .split(' ')
        .map(|domain| pki::Subtree { base: pki::AlternativeName::Dns(domain.to_owned()) });
    let constraints = pki::NameConstraints { permitted: permitted.collect(), excluded: Vec::new() };
    Arc::make_mut(&mut intent.issuer).constraints = vec![constraints];
}

pub(super) const CASES: Cases = &[
    (
        "subject_string_types",
        "clinician-signing",
        Extensions(|parts| {
            // A domain component that is a UTF8String.
            let component = oid(&AttributeKind::DomainComponent.oid());
            let part = tlv(0x31, &[&tlv(SEQUENCE, &[&component, &tlv(0x0c, &[b"nhs"])])]);
            let name = tlv(context_constructed(4), &[&tlv(SEQUENCE, &[&part])]);
            parts.0.push(extension("2.5.29.17", &tlv(SEQUENCE, &[&name])));
        }),
    ),
    (
        "alternative_names_syntax",
        "clinician-signing",
        Both(|intent| intent.names = vec![AlternativeName::Email("Zoë <zoe@nhs.example>".to_owned())]),
    ),
    (
        "alternative_names_syntax",
        "clinician-signing",
        Both(|intent| intent.names = vec![AlternativeName::Uri("/relative".to_owned())]),
    ),
    (
        "alternative_names_syntax",
        "clinician-signing",
        Both(|intent| intent.names = vec![AlternativeName::Dns("xn--abc.example".to_owned())]),
    ),
    (
        "alternative_names_syntax",
        "clinician-signing",
        Both(|intent| {
            let attributes = vec![attribute(AttributeKind::CommonName, &"x".repeat(65))];
            intent.names = vec![AlternativeName::Directory(Subject { attributes })];
        }),
    ),
    ("policies", "clinician-signing", Meant(|intent| change(intent, |p| p.policies.truncate(2)))),
    (
        "policies",
        "clinician-signing",
        Meant(|intent| change(intent, |p| p.policies[2].notice = Some("Other".to_owned()))),
    ),
    (
        "policies",
        "clinician-signing",
        Meant(|intent| change(intent, |p| p.policies[2].statement = Statement::Configured)),
    ),
    (
        "policies_unique",
        "clinician-signing",
        Both(|intent| {
            change(intent, |p| {
                let twice = p.policies[1].clone();
                p.policies.push(twice);
            });
        }),
    ),
    (
        "policy_notice_text",
        "clinician-signing",
        Both(|intent| change(intent, |p| p.policies[2].notice = Some("x".repeat(201)))),
    ),
    ("qc_statements", "clinician-signing", Meant(|intent| qualified(intent, |q| q.secure_device = false))),
    (
        "qc_statements",
        "clinician-signing",
        Meant(|intent| qualified(intent, |q| q.retention_years = Some(16))),
    ),
    (
        "qc_statements",
        "clinician-signing",
        Meant(|intent| qualified(intent, |q| q.limit.as_mut().unwrap().amount = 6)),
    ),
    (
        "qc_statements",
        "clinician-signing",
        Extensions(|parts| state(parts, &[stated(&statement::RETENTION, &[5, 0])])),
    ),
    (
        "qc_statements",
        "clinician-signing",
        Extensions(|parts| state(parts, &[stated(&ObjectIdentifier::new_unwrap("1.2.3"), &[])])),
    ),
    (
        "qc_statements_unique",
        "clinician-signing",
        Extensions(|parts| {
            state(parts, &[stated(&statement::COMPLIANCE, &[]), stated(&statement::COMPLIANCE, &[])]);
        }),
    ),
    (
        "qc_disclosures",
        "clinician-signing",
        Both(|intent| qualified(intent, |q| q.disclosures[0].url = "http://pki.example/pds.pdf".to_owned())),
    ),
    (
        "qc_disclosures",
        "clinician-signing",
        Both(|intent| qualified(intent, |q| drop(q.disclosures.remove(0)))),
    ),
    ("qc_identifier", "clinician-signing", Both(|intent| intent.subject = subject("555021942107"))),
    (
        "qc_identifier",
        "clinician-signing",
        Both(|intent| qualified(intent, |q| q.semantics = Some(Semantics::Legal))),
    ),
    (
        "qc_identifier",
        "clinician-signing",
        Both(|intent| {
            intent.subject = subject("SD:GB-555021942107");
            qualified(intent, |q| q.registration_authorities.clear());
        }),
    ),
    ("qc_legislation", "clinician-signing", Both(|intent| qualified(intent, |q| q.compliance = false))),
    (
        "name_constraints",
        "constrained",
        Meant(|intent| {
            change(intent, |p| p.name_constraints.as_mut().unwrap().excluded = Subtrees::default());
        }),
    ),
    (
        "name_constraints",
        "constrained",
        Meant(|intent| change(intent, |p| p.kind = Kind::EndEntity { issuers: Vec::new() })),
    ),
    (
        "name_constraints",
        "constrained",
        Both(|intent| change(intent, |p| p.name_constraints = Some(NameConstraints::default()))),
    ),
    ("extensions_exact", "constrained", Meant(|intent| change(intent, |p| p.name_constraints = None))),
    ("extensions_exact", "clinician-signing", Meant(|intent| change(intent, |p| p.qualified = None))),
    ("names_within_constraints", "system-tls-server", Meant(|intent| under(intent, "b.example c.example"))),
];
