//! A unit that gives time-stamps below the root of a world, what the root says of revocation, and signatures with either.

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::{Any, Decode as _};
use hsm::Alg;
use pki::ocsp::{self, CertId, Response, key_hash};
use pki::path::OcspAnswer;
use pki::{Certificate, Crl};
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CustomExtension,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
    SigningKey as _, date_time_ymd,
};

use super::limits::{attribute, with_unsigned};
use super::world::{World, parameters};
use crate::cms::der::{
    BIT_STRING, CONTEXT_0, CONTEXT_1, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE,
    element, elements,
};
use crate::suite::{self, Hash};
use crate::time_stamp::{Certificates, Frame};

/// The serial number of the signer of a world, and that of a unit.
pub(super) const SIGNER: u64 = 2;
pub(super) const UNIT: u64 = 9;
/// `CertStatus` good.
pub(super) const GOOD: &[u8] = &[0x80, 0];

/// Who gives time-stamps.
pub(super) struct Unit {
    pub(super) certificate: Certificate,
    key: KeyPair,
}

impl Unit {
    pub(super) fn new(world: &World) -> Self {
        let key = KeyPair::generate().unwrap();
        let unit = parameters("Unit", UNIT, |it| {
            it.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            it.use_authority_key_identifier_extension = true;
            // id-kp-timeStamping alone.
            let purposes = vec![0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 8];
            let mut purposes = CustomExtension::from_oid_content(&[2, 5, 29, 37], purposes);
            purposes.set_criticality(true);
            it.custom_extensions = vec![purposes];
        });
        let unit = unit.signed_by(&key, &world.issuer).unwrap();
        Self { certificate: Certificate::from_der(unit.der()).unwrap(), key }
    }

    /// A token about these octets that says this time.
    pub(super) fn token(&self, octets: &[u8], at: &str) -> Vec<u8> {
        let digest = element(OCTET_STRING, &[&Hash::Sha256.digest(octets)]);
        let imprint = element(SEQUENCE, &[Hash::Sha256.identifier(), &digest]);
        let (version, serial) = ([INTEGER, 1, 1], [INTEGER, 1, 7]);
        let policy = [OBJECT_IDENTIFIER, 3, 0x2A, 3, 4];
        let info = element(SEQUENCE, &[&version, &policy, &imprint, &serial, &time(at)]);
        let frame = Frame::new(Alg::P256, self.certificate.der(), &[]).unwrap();
        let draft = frame.draft(info);
        let signature = self.key.sign(&draft.to_sign).unwrap();
        frame.join(&draft, &signature, Certificates::Wanted)
    }
}

fn time(at: &str) -> Vec<u8> {
    element(GENERALIZED_TIME, &[at.as_bytes()])
}

/// The signature with this around its value, which is given to what makes the token.
pub(super) fn stamped(cms: &[u8], token: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let data: SignedData = ContentInfo::from_der(cms).unwrap().content.decode_as().unwrap();
    let token = token(data.signer_infos.0.as_slice()[0].signature.as_bytes());
    let token = Any::from_der(&token).unwrap();
    with_unsigned(cms, vec![attribute("1.2.840.113549.1.9.16.2.14", vec![token])])
}

/// A CMS, or a token, with these OCSP answers in it (RFC 5940 2.1).
pub(super) fn with_answers(cms: &[u8], answers: &[Vec<u8>]) -> Vec<u8> {
    let [outer] = elements(cms).unwrap()[..] else { panic!("one structure") };
    let [kind, content] = elements(outer.content).unwrap()[..] else { panic!("a kind and a content") };
    let [data] = elements(content.content).unwrap()[..] else { panic!("signed data") };
    let fields = elements(data.content).unwrap();
    let (signers, before) = fields.split_last().unwrap();
    let form = [OBJECT_IDENTIFIER, 8, 0x2B, 6, 1, 5, 5, 7, 0x10, 2];
    let members: Vec<Vec<u8>> = answers.iter().map(|answer| element(CONTEXT_1, &[&form, answer])).collect();
    let crls = element(CONTEXT_1, &members.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let parts: Vec<&[u8]> =
        before.iter().map(|field| field.whole).chain([crls.as_slice(), signers.whole]).collect();
    element(SEQUENCE, &[kind.whole, &element(CONTEXT_0, &[&element(SEQUENCE, &parts)])])
}

/// `CertStatus` revoked at a time, because the key is in other hands.
pub(super) fn compromised(at: &str) -> Vec<u8> {
    revoked(at, Some(1))
}

/// The same for the reason of this number, or for none that is said.
pub(super) fn revoked(at: &str, reason: Option<u8>) -> Vec<u8> {
    let reason = reason.map(|reason| vec![0xA0, 3, 0x0A, 1, reason]).unwrap_or_default();
    element(CONTEXT_1, &[&time(at), &reason])
}

/// What the root answers about a certificate (RFC 6960 4.2), from a time on, until another where it says so.
pub(super) fn response(
    world: &World,
    about: &Certificate,
    status: &[u8],
    (at, until): (&str, Option<&str>),
) -> Vec<u8> {
    let id = CertId::new(ocsp::Hash::Sha1, &world.root, about.serial()).unwrap();
    let until = until.map(|until| element(CONTEXT_0, &[&time(until)])).unwrap_or_default();
    let single = element(SEQUENCE, &[id.der(), status, &time(at), &until]);
    let by = key_hash(ocsp::Hash::Sha1, world.root.spki_der()).unwrap();
    let by = element(0xA2, &[&element(OCTET_STRING, &[&by])]);
    let data = element(SEQUENCE, &[&by, &time(at), &element(SEQUENCE, &[&single])]);
    let signature = element(BIT_STRING, &[&[0], &world.issuer.key().sign(&data).unwrap()]);
    let algorithm = suite::of(Alg::P256).unwrap().signature_algorithm;
    let basic = element(SEQUENCE, &[&data, algorithm, &signature]);
    let kind = [OBJECT_IDENTIFIER, 9, 0x2B, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let bytes = element(SEQUENCE, &[&kind, &element(OCTET_STRING, &[&basic])]);
    element(SEQUENCE, &[&[0x0A, 1, 0], &element(CONTEXT_0, &[&bytes])])
}

/// A response as it is known.
pub(super) fn known(response: &[u8]) -> OcspAnswer {
    match Response::from_der(response).unwrap() {
        Response::Answered(answer) => OcspAnswer { answer: *answer, nonce: None },
        Response::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// A list of the root of one day of July 2026, of a place where one is named, which has these with their reasons.
pub(super) fn list(
    world: &World,
    day: u8,
    place: Option<&str>,
    revoked: &[(u64, Option<RevocationReason>)],
) -> Crl {
    list_by(&world.issuer, day, place, revoked)
}

/// The same by this issuer.
pub(super) fn list_by(
    issuer: &Issuer<'_, KeyPair>,
    day: u8,
    place: Option<&str>,
    revoked: &[(u64, Option<RevocationReason>)],
) -> Crl {
    let entry = |(serial, reason): &(u64, Option<RevocationReason>)| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 7, 1),
        reason_code: *reason,
        invalidity_date: None,
    };
    let place = place.map(|place| CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint { uris: vec![place.to_owned()] },
        scope: None,
    });
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 7, day),
        next_update: date_time_ymd(2026, 7, day + 1),
        crl_number: SerialNumber::from(u64::from(day)),
        issuing_distribution_point: place,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Crl::from_der(list.signed_by(issuer).unwrap().der()).unwrap()
}

/// A list of the root by its number, with that of the complete list from which on it is a delta list, from a time until another, which has those whose
/// key is in other hands.
pub(super) fn numbered(
    world: &World,
    (number, base): (u8, Option<u8>),
    (from, until): (&str, &str),
    compromised: &[u8],
) -> Crl {
    let extension = |last: u8, critical: &[u8], value: &[u8]| {
        let form = [OBJECT_IDENTIFIER, 3, 0x55, 0x1D, last];
        element(SEQUENCE, &[&form, critical, &element(OCTET_STRING, &[value])])
    };
    let reason = element(SEQUENCE, &[&extension(21, &[], &[0x0A, 1, 1])]);
    let entry = |serial: &u8| element(SEQUENCE, &[&[INTEGER, 1, *serial], &time(from), &reason]);
    let entries = compromised.iter().map(entry).collect::<Vec<_>>().concat();
    let entries = if entries.is_empty() { entries } else { element(SEQUENCE, &[&entries]) };
    let number = extension(20, &[], &[INTEGER, 1, number]);
    // Critical, as it has to be.
    let base = base.map(|base| extension(27, &[1, 1, 0xFF], &[INTEGER, 1, base])).unwrap_or_default();
    let extensions = element(CONTEXT_0, &[&element(SEQUENCE, &[&number, &base])]);
    let algorithm = suite::of(Alg::P256).unwrap().signature_algorithm;
    let issuer = world.root.subject().der();
    let list = element(
        SEQUENCE,
        &[&[INTEGER, 1, 1], algorithm, issuer, &time(from), &time(until), &entries, &extensions],
    );
    let signature = element(BIT_STRING, &[&[0], &world.issuer.key().sign(&list).unwrap()]);
    Crl::from_der(&element(SEQUENCE, &[&list, algorithm, &signature])).unwrap()
}
