//! Signed attributes that openssl does not write.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerInfos};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode as _, Encode as _};
use rcgen::SigningKey as _;
use x509_cert::attr::Attribute;

use super::world::{DOCUMENT, SIGNED_MS, World};
use super::{good, holds, is};
use crate::cms::der::{OCTET_STRING, SEQUENCE, element};
use crate::verification::cms::{Inner, read_inner};
use crate::verification::{Code, Document, Verdict};

/// A signature of this world with further signed attributes.
fn signed_with(world: &World, further: Vec<Attribute>) -> Vec<u8> {
    let info = ContentInfo::from_der(&world.sign_at(SIGNED_MS)).unwrap();
    let mut data: SignedData = info.content.decode_as().unwrap();
    let mut signers = data.signer_infos.0.into_vec();
    let mut attributes = signers[0].signed_attrs.take().unwrap().into_vec();
    attributes.extend(further);
    let attributes = SetOfVec::try_from(attributes).unwrap();
    let signature = world.key.sign(&attributes.to_der().unwrap()).unwrap();
    signers[0].signature = OctetString::new(signature).unwrap();
    signers[0].signed_attrs = Some(attributes);
    data.signer_infos = SignerInfos::try_from(signers).unwrap();
    let content = Any::encode_from(&data).unwrap();
    ContentInfo { content_type: info.content_type, content }.to_der().unwrap()
}

/// signing-certificate (RFC 5035 5) of a certificate.
fn signing_certificate(certificate: &[u8]) -> Attribute {
    let hash = digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
    let named = element(SEQUENCE, &[&element(OCTET_STRING, &[hash.as_ref()])]);
    let value = element(SEQUENCE, &[&element(SEQUENCE, &[&named])]);
    let values = SetOfVec::try_from(vec![Any::from_der(&value).unwrap()]).unwrap();
    Attribute { oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12"), values }
}

/// A signature says once for which certificate it was made: the older attribute beside the newer is refused, whatever it names. In a time-stamp it may
/// stand, and must name the same certificate.
#[test]
fn the_signing_certificate_is_named_once() {
    let world = good();
    holds(&world.judge(&signed_with(&world, Vec::new()), Document::Beside(DOCUMENT)));
    for (named, names_its_own) in [(world.signer.der(), true), (world.root.der(), false)] {
        let both = signed_with(&world, vec![signing_certificate(named)]);
        is(&world.judge(&both, Document::Beside(DOCUMENT)), Verdict::Invalid, Code::AttributesWrong);
        let token = read_inner(&both, Document::Beside(DOCUMENT), Inner::TimeStamp).unwrap();
        assert_eq!(token.signatures[0].as_ref().unwrap().names_its_certificate(), names_its_own);
    }
}
