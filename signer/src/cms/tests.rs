//! The template against the `cms` crate, which reads and writes the same structure in its own way.

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use const_oid::db::{fips204, rfc5911, rfc5912};
use der::asn1::{OctetString, OctetStringRef, SetOfVec, UtcTime};
use der::{Any, Decode as _, Encode as _, Tag, Tagged as _};
use hsm::Alg;
use platform::clock::Millis;
use spki::AlgorithmIdentifierOwned;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;

use super::Template;
use crate::digest::Digest;
use crate::suite;

const AT: Millis = Millis(1_795_540_800_123);
const ALGORITHM_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

fn certificates() -> (Vec<u8>, Vec<u8>) {
    let issuer_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut issuer = rcgen::CertificateParams::new([]).unwrap();
    issuer.distinguished_name.push(rcgen::DnType::CommonName, "Example issuing CA");
    let issuer = rcgen::CertifiedIssuer::self_signed(issuer, issuer_key).unwrap();
    let mut leaf = rcgen::CertificateParams::new([]).unwrap();
    leaf.distinguished_name.push(rcgen::DnType::CommonName, "Example prescriber");
    leaf.serial_number = Some(vec![0x8A, 1, 2, 3, 4, 5, 6, 7, 8].into());
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    (leaf.signed_by(&key, &issuer).unwrap().der().to_vec(), issuer.der().to_vec())
}

fn hash_algorithm(alg: Alg) -> AlgorithmIdentifierOwned {
    let oid = match alg {
        Alg::P384 => rfc5912::ID_SHA_384,
        Alg::MlDsa65 | Alg::MlDsa87 => rfc5912::ID_SHA_512,
        _ => rfc5912::ID_SHA_256,
    };
    AlgorithmIdentifierOwned { oid, parameters: None }
}

fn signature_algorithm(alg: Alg) -> AlgorithmIdentifierOwned {
    let (oid, parameters) = match alg {
        Alg::Rsa2048 | Alg::Rsa3072 => (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, Some(Any::null())),
        Alg::P256 => (rfc5912::ECDSA_WITH_SHA_256, None),
        Alg::P384 => (rfc5912::ECDSA_WITH_SHA_384, None),
        Alg::MlDsa44 => (fips204::ID_ML_DSA_44, None),
        Alg::MlDsa65 => (fips204::ID_ML_DSA_65, None),
        _ => (fips204::ID_ML_DSA_87, None),
    };
    AlgorithmIdentifierOwned { oid, parameters }
}

fn attribute(oid: ObjectIdentifier, value: Any) -> Attribute {
    Attribute { oid, values: SetOfVec::from_iter([value]).unwrap() }
}

/// The same signature put together from the crate's own types.
fn expected(alg: Alg, document: &[u8], signature: &[u8], content: Option<&[u8]>) -> Vec<u8> {
    let (leaf_der, issuer_der) = fixed();
    let leaf = Certificate::from_der(&leaf_der).unwrap();
    let protection = [
        hash_algorithm(alg).to_der().unwrap(),
        signature_algorithm(alg)
            .to_der()
            .map(|mut der| {
                der[0] = 0xA1;
                der
            })
            .unwrap(),
    ]
    .concat();
    let hash = OctetString::new(Digest::of(&leaf_der).0.to_vec()).unwrap().to_der().unwrap();
    let sequence = |value: Vec<u8>| Any::new(Tag::Sequence, value).unwrap().to_der().unwrap();
    let identifiers = sequence(sequence(hash));
    let seconds = u64::try_from(AT.0 / 1000).unwrap();
    let time = UtcTime::from_unix_duration(std::time::Duration::from_secs(seconds)).unwrap();
    let signed_attrs = SetOfVec::from_iter([
        attribute(rfc5911::ID_CONTENT_TYPE, Any::encode_from(&rfc5911::ID_DATA).unwrap()),
        attribute(rfc5911::ID_SIGNING_TIME, Any::encode_from(&time).unwrap()),
        attribute(
            rfc5911::ID_MESSAGE_DIGEST,
            Any::encode_from(&OctetStringRef::new(document).unwrap()).unwrap(),
        ),
        attribute(ALGORITHM_PROTECTION, Any::new(Tag::Sequence, protection).unwrap()),
        attribute(SIGNING_CERTIFICATE_V2, Any::new(Tag::Sequence, identifiers).unwrap()),
    ])
    .unwrap();
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: leaf.tbs_certificate().issuer().clone(),
            serial_number: leaf.tbs_certificate().serial_number().clone(),
        }),
        digest_alg: hash_algorithm(alg),
        signed_attrs: Some(signed_attrs),
        signature_algorithm: signature_algorithm(alg),
        signature: OctetString::new(signature.to_vec()).unwrap(),
        unsigned_attrs: None,
    };
    let signed_data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::from_iter([hash_algorithm(alg)]).unwrap(),
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: rfc5911::ID_DATA,
            econtent: content
                .map(|content| Any::encode_from(&OctetStringRef::new(content).unwrap()).unwrap()),
        },
        certificates: Some(CertificateSet(
            SetOfVec::from_iter([
                CertificateChoices::Certificate(leaf),
                CertificateChoices::Certificate(Certificate::from_der(&issuer_der).unwrap()),
            ])
            .unwrap(),
        )),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::from_iter([signer]).unwrap()),
    };
    let info = ContentInfo {
        content_type: rfc5911::ID_SIGNED_DATA,
        content: Any::encode_from(&signed_data).unwrap(),
    };
    info.to_der().unwrap()
}

fn fixed() -> (Vec<u8>, Vec<u8>) {
    static CERTIFICATES: std::sync::LazyLock<(Vec<u8>, Vec<u8>)> = std::sync::LazyLock::new(certificates);
    CERTIFICATES.clone()
}

/// Octet for octet the template writes what the `cms` crate encodes, DER order of both SETs included.
#[test]
fn template_equals_the_crate() {
    let (leaf, issuer) = fixed();
    let large = vec![0x42; 70_000];
    for alg in [Alg::P256, Alg::Rsa2048, Alg::Rsa3072, Alg::P384, Alg::MlDsa44, Alg::MlDsa65, Alg::MlDsa87] {
        let template = Template::new(alg, &leaf, &issuer).unwrap();
        for (signature, content) in [
            (vec![1; 70], None),
            (vec![2; 256], None),
            (vec![3; 72], Some(&b""[..])),
            (vec![4; 71], Some(&b"a prescription"[..])),
            (vec![5; 4_627], Some(&large[..])),
        ] {
            let document = suite::of(alg).unwrap().hash.digest(content.unwrap_or_default());
            let attributes = template.attributes(&document, AT).unwrap();
            let encoded = template.assemble(&attributes, &signature, content);
            assert_eq!(
                hex::encode(&encoded),
                hex::encode(expected(alg, &document, &signature, content)),
                "{alg}"
            );
        }
    }
}

/// The bytes under the signature are the SET OF, and they are ordered whatever time and digest are.
#[test]
fn signed_attributes_stay_in_der_order() {
    let (leaf, issuer) = fixed();
    let times = [(0x00, 0), (0xFF, 1_795_540_800_000), (0x31, 2_524_607_999_999), (0xA0, 2_524_608_000_000)];
    for (alg, (byte, at)) in [(Alg::P256, 32), (Alg::P384, 48), (Alg::MlDsa87, 64)]
        .into_iter()
        .flat_map(|alg| times.map(|time| (alg, time)))
    {
        let (alg, length) = alg;
        let template = Template::new(alg, &leaf, &issuer).unwrap();
        let attributes = template.attributes(&vec![byte; length], Millis(at)).unwrap();
        let cms = template.assemble(&attributes, &[0; 70], None);
        let info = ContentInfo::from_der(&cms).unwrap();
        let data: SignedData = info.content.decode_as().unwrap();
        let signer = data.signer_infos.0.get(0).unwrap();
        let set = signer.signed_attrs.as_ref().unwrap().to_der().unwrap();
        assert_eq!(set, attributes.to_sign());
        let time =
            signer.signed_attrs.as_ref().unwrap().iter().find(|a| a.oid == rfc5911::ID_SIGNING_TIME).unwrap();
        // RFC 5652 11.3: UTCTime through 2049, GeneralizedTime from 2050.
        let tag = if at < 2_524_608_000_000 { Tag::UtcTime } else { Tag::GeneralizedTime };
        assert_eq!(time.values.get(0).unwrap().tag(), tag);
    }
}

/// A digest of the wrong length, a key that is not meant for documents has no template, nor has a certificate that does not parse.
#[test]
fn template_refuses_what_it_cannot_sign_for() {
    let (leaf, issuer) = fixed();
    assert!(Template::new(Alg::Ed25519, &leaf, &issuer).is_err());
    let template = Template::new(Alg::MlDsa65, &leaf, &issuer).unwrap();
    assert!(template.attributes(&[7; 32], AT).is_err(), "a digest of another hash");
    assert!(Template::new(Alg::P256, &leaf[1..], &issuer).is_err());
}
