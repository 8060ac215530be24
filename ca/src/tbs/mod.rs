//! Writes the to-be-signed part of a certificate, with rcgen.
//!
//! rcgen signs in the middle of building. It is given a key that keeps the bytes and answers a dummy
//! signature; the whole that rcgen then puts together is thrown away and only those bytes are used.

mod policies;
mod qualified;

use std::cell::RefCell;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_AD_CA_ISSUERS, ID_AD_OCSP, ID_CE_CERTIFICATE_POLICIES, ID_CE_EXT_KEY_USAGE, ID_CE_FRESHEST_CRL,
    ID_CE_NAME_CONSTRAINTS, ID_CE_PRIVATE_KEY_USAGE_PERIOD, ID_CE_SUBJECT_ALT_NAME,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_PE_AUTHORITY_INFO_ACCESS,
};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use der::Decode as _;
use hsm::Alg;
use platform::clock::Millis;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    DnValue, IsCa, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use spki::SubjectPublicKeyInfoRef;

use crate::asn1::{
    IA5_STRING, NULL, OCTET_STRING, PRINTABLE_STRING, SEQUENCE, context, context_constructed,
    generalized_time, moment, oid, tlv,
};
use crate::crl::list::distribution_points as named_points;
use crate::intent::Intent;
use crate::profile::constraints::{Base, NameConstraints, Subtrees};
use crate::profile::{Criticality, ExtendedUsage, KeyUsage, Kind, RevocationChecking};
use crate::subject::{AlternativeName, Subject};

/// qcStatements, RFC 3739 3.2.6.
pub(crate) const QC_STATEMENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.3");

/// The to-be-signed bytes of this certificate.
pub(crate) fn write(intent: &Intent) -> Result<Vec<u8>, rcgen::Error> {
    let capture = Capture {
        public_key: PublicKey::read(intent.issuer.alg, &intent.issuer.spki)?,
        taken: RefCell::default(),
    };
    let mut issuer_parameters = CertificateParams::default();
    issuer_parameters.distinguished_name = distinguished_name(&intent.issuer.subject)?;
    issuer_parameters.key_identifier_method = KeyIdMethod::PreSpecified(intent.issuer.key_id.clone());
    let issuer = rcgen::Issuer::from_params(&issuer_parameters, &capture);
    let subject_key = PublicKey::read(intent.key.alg(), intent.key.spki())?;
    parameters(intent)?.signed_by(&subject_key, &issuer)?;
    Ok(capture.taken.take())
}

/// A public key as rcgen writes it. Its own reader knows fewer algorithms than its writer.
struct PublicKey {
    algorithm: &'static SignatureAlgorithm,
    bits: Vec<u8>,
}

impl PublicKey {
    fn read(alg: Alg, spki: &[u8]) -> Result<PublicKey, rcgen::Error> {
        let unreadable = |_| rcgen::Error::X509("the public key".to_owned());
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(unreadable)?;
        let bits = info.subject_public_key.raw_bytes().to_vec();
        Ok(PublicKey { algorithm: rcgen_algorithm(alg), bits })
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// Keeps what it is given to sign.
struct Capture {
    public_key: PublicKey,
    taken: RefCell<Vec<u8>>,
}

impl PublicKeyData for Capture {
    fn der_bytes(&self) -> &[u8] {
        self.public_key.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public_key.algorithm
    }
}

impl SigningKey for Capture {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.taken.replace(message.to_vec());
        Ok(vec![0])
    }
}

fn rcgen_algorithm(alg: Alg) -> &'static SignatureAlgorithm {
    match alg {
        Alg::Rsa2048 | Alg::Rsa3072 | Alg::Rsa4096 => &rcgen::PKCS_RSA_SHA256,
        Alg::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Alg::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        Alg::Ed25519 => &rcgen::PKCS_ED25519,
        Alg::MlDsa44 => &rcgen::PKCS_ML_DSA_44,
        Alg::MlDsa65 => &rcgen::PKCS_ML_DSA_65,
        Alg::MlDsa87 => &rcgen::PKCS_ML_DSA_87,
    }
}

fn parameters(intent: &Intent) -> Result<CertificateParams, rcgen::Error> {
    let profile = &intent.profile;
    let mut parameters = CertificateParams::default();
    parameters.serial_number = Some(SerialNumber::from_slice(intent.serial.octets()));
    parameters.not_before = moment(intent.period.not_before);
    parameters.not_after = moment(intent.period.not_after);
    parameters.distinguished_name = distinguished_name(&intent.subject)?;
    parameters.key_usages = profile.key_usage.iter().map(|usage| key_usage(*usage)).collect();
    parameters.is_ca = match profile.kind {
        Kind::Root => IsCa::Ca(BasicConstraints::Unconstrained),
        // Issuing authorities make no further authorities: docs/cps.md 2.1
        Kind::Issuing => IsCa::Ca(BasicConstraints::Constrained(0)),
        // One authority stands below the root that is certified: docs/cps.md 2.5
        Kind::Cross => IsCa::Ca(BasicConstraints::Constrained(1)),
        Kind::EndEntity { .. } => IsCa::NoCa,
    };
    parameters.key_identifier_method = KeyIdMethod::PreSpecified(intent.key.key_id().to_vec());
    // RFC 5280 4.2.1.1: a self-signed certificate may leave it out.
    parameters.use_authority_key_identifier_extension = !intent.is_self_signed();
    parameters.crl_distribution_points = distribution_points(intent);
    parameters.custom_extensions = further_extensions(intent);
    Ok(parameters)
}

fn distribution_points(intent: &Intent) -> Vec<CrlDistributionPoint> {
    if intent.is_self_signed() || intent.profile.revocation_checking == RevocationChecking::NoCheck {
        return Vec::new();
    }
    vec![CrlDistributionPoint { uris: vec![intent.places.crl.clone()] }]
}

/// What rcgen has no type for. For authorities it writes the subject key identifier itself.
fn further_extensions(intent: &Intent) -> Vec<CustomExtension> {
    let profile = &intent.profile;
    let mut extensions = Vec::new();
    if !intent.is_authority() {
        let value = tlv(OCTET_STRING, &[intent.key.key_id()]);
        extensions.push(extension(&ID_CE_SUBJECT_KEY_IDENTIFIER, value, Criticality::NonCritical));
    }
    if let Some(extended) = &profile.extended {
        extensions.push(extension(&ID_CE_EXT_KEY_USAGE, extended_key_usage(extended), extended.criticality));
    }
    if !intent.names.is_empty() {
        let names: Vec<u8> = intent.names.iter().flat_map(AlternativeName::to_der).collect();
        let value = tlv(SEQUENCE, &[&names]);
        extensions.push(extension(&ID_CE_SUBJECT_ALT_NAME, value, Criticality::NonCritical));
    }
    if let Some(constraints) = &profile.name_constraints {
        let value = name_constraints(constraints);
        // RFC 5280 4.2.1.10: always critical.
        extensions.push(extension(&ID_CE_NAME_CONSTRAINTS, value, Criticality::Critical));
    }
    if !profile.policies.is_empty() {
        let value = policies::write(&profile.policies, &intent.places.practice_statement);
        extensions.push(extension(&ID_CE_CERTIFICATE_POLICIES, value, Criticality::NonCritical));
    }
    if let Some(qualified) = &profile.qualified {
        let value = qualified::write(qualified);
        extensions.push(extension(&QC_STATEMENTS, value, Criticality::NonCritical));
    }
    if !intent.is_self_signed() {
        let value = authority_information(intent);
        extensions.push(extension(&ID_PE_AUTHORITY_INFO_ACCESS, value, Criticality::NonCritical));
    }
    if let Some(url) = &intent.places.freshest {
        // RFC 5280 4.2.1.15
        extensions.push(extension(&ID_CE_FRESHEST_CRL, named_points(url), Criticality::NonCritical));
    }
    if let Some(until) = intent.private_key_until() {
        let value = private_key_usage_period(intent.period.not_before, until);
        extensions.push(extension(&ID_CE_PRIVATE_KEY_USAGE_PERIOD, value, Criticality::NonCritical));
    }
    if profile.revocation_checking == RevocationChecking::NoCheck {
        // RFC 6960 4.2.2.2.1
        extensions.push(extension(&ID_PKIX_OCSP_NOCHECK, tlv(NULL, &[]), Criticality::NonCritical));
    }
    extensions
}

/// RFC 5280 4.2.1.12
fn extended_key_usage(extended: &ExtendedUsage) -> Vec<u8> {
    let purposes: Vec<_> = extended.purposes.iter().flat_map(|purpose| oid(&purpose.oid())).collect();
    tlv(SEQUENCE, &[&purposes])
}

/// RFC 5280 4.2.1.10; `minimum` is 0 and left out, and there is no `maximum`.
fn name_constraints(constraints: &NameConstraints) -> Vec<u8> {
    let trees = |number: u8, trees: &Subtrees| {
        let written: Vec<u8> =
            trees.bases().flat_map(|base: Base| tlv(SEQUENCE, &[&base.to_der()])).collect();
        if written.is_empty() { written } else { tlv(context_constructed(number), &[&written]) }
    };
    tlv(SEQUENCE, &[&trees(0, &constraints.permitted), &trees(1, &constraints.excluded)])
}

/// RFC 5280 4.2.2.1: where the status is asked for, and where the issuer's certificate is. `[6]` is a
/// uniformResourceIdentifier.
fn authority_information(intent: &Intent) -> Vec<u8> {
    let description = |method: &ObjectIdentifier, uri: &str| {
        tlv(SEQUENCE, &[&oid(method), &tlv(context(6), &[uri.as_bytes()])])
    };
    let ocsp = intent.ocsp().map_or_else(Vec::new, |uri| description(&ID_AD_OCSP, uri));
    tlv(SEQUENCE, &[&ocsp, &description(&ID_AD_CA_ISSUERS, &intent.places.issuer_certificate)])
}

/// RFC 3280 4.2.1.4
fn private_key_usage_period(from: Millis, until: Millis) -> Vec<u8> {
    tlv(SEQUENCE, &[&generalized_time(context(0), from), &generalized_time(context(1), until)])
}

fn extension(id: &ObjectIdentifier, value: Vec<u8>, criticality: Criticality) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&arcs(id), value);
    extension.set_criticality(criticality.is_critical());
    extension
}

fn arcs(id: &ObjectIdentifier) -> Vec<u64> {
    id.arcs().map(u64::from).collect()
}

fn distinguished_name(subject: &Subject) -> Result<DistinguishedName, rcgen::Error> {
    let mut name = DistinguishedName::new();
    for attribute in &subject.attributes {
        let text = attribute.text.as_str();
        let value = match attribute.kind.tag() {
            PRINTABLE_STRING => DnValue::PrintableString(text.try_into()?),
            IA5_STRING => DnValue::Ia5String(text.try_into()?),
            _ => DnValue::Utf8String(text.to_owned()),
        };
        name.push(DnType::from_oid(&arcs(&attribute.kind.oid())), value);
    }
    Ok(name)
}

fn key_usage(usage: KeyUsage) -> KeyUsagePurpose {
    match usage {
        KeyUsage::DigitalSignature => KeyUsagePurpose::DigitalSignature,
        KeyUsage::ContentCommitment => KeyUsagePurpose::ContentCommitment,
        KeyUsage::KeyEncipherment => KeyUsagePurpose::KeyEncipherment,
        KeyUsage::KeyAgreement => KeyUsagePurpose::KeyAgreement,
        KeyUsage::KeyCertSign => KeyUsagePurpose::KeyCertSign,
        KeyUsage::CrlSign => KeyUsagePurpose::CrlSign,
    }
}
