//! What strangers can make a reader do is bounded, and told where it is.

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::{CertificateSet, SignedData, SignerInfos};
use der::asn1::{ObjectIdentifier, SetOfVec};
use der::{Any, Decode as _, Encode as _, Tag};
use x509_cert::Certificate;
use x509_cert::attr::Attribute;

use super::world::{DOCUMENT, Listed, SIGNED_MS};
use super::{good, holds, is};
use crate::verification::{Code, Document, Evidence, Trust, Verdict, Work};

/// A CMS of one signer with these unsigned attributes.
pub(super) fn with_unsigned(cms: &[u8], attributes: Vec<Attribute>) -> Vec<u8> {
    let info = ContentInfo::from_der(cms).unwrap();
    let mut data: SignedData = info.content.decode_as().unwrap();
    let mut signers = data.signer_infos.0.into_vec();
    signers[0].unsigned_attrs = Some(SetOfVec::try_from(attributes).unwrap());
    data.signer_infos = SignerInfos::try_from(signers).unwrap();
    let content = Any::encode_from(&data).unwrap();
    ContentInfo { content_type: info.content_type, content }.to_der().unwrap()
}

pub(super) fn attribute(oid: &str, values: Vec<Any>) -> Attribute {
    let values = SetOfVec::try_from(values).unwrap();
    Attribute { oid: ObjectIdentifier::new_unwrap(oid), values }
}

/// So many numbers of four octets, in the order of DER.
fn numbers(count: u32) -> Vec<Any> {
    let number = |it: u32| Any::new(Tag::Integer, (0x0100_0000 + it).to_be_bytes()).unwrap();
    (0..count).map(number).collect()
}

/// Unsigned attributes with more values than are looked at are refused before anything is held against each of them; with so many they are no harm.
#[test]
fn unsigned_values_are_bounded() {
    let world = good();
    let signature = world.sign_at(SIGNED_MS);
    let judge = |values: Vec<Any>| {
        let padded = with_unsigned(&signature, vec![attribute("1.3.6.1.4.1.32473.7", values)]);
        world.judge(&padded, Document::Beside(DOCUMENT))
    };
    holds(&judge(numbers(1_024)));
    for count in [1_025, 27_000] {
        let refused = judge(numbers(count));
        is(&refused, Verdict::Invalid, Code::Malformed);
        assert!(refused.signatures.is_empty(), "nothing of it is judged");
    }
}

/// Signers beyond those that are expected are told of, and none of them is judged.
#[test]
fn more_signers_than_expected_cost_nothing() {
    let world = good();
    let both = world.sign(&["-cades", "-signer", "second.pem", "-inkey", "second.key"]);
    let report = world.judge(&both, Document::Beside(DOCUMENT));
    is(&report, Verdict::Invalid, Code::SignaturesSeveral);
    assert_eq!(report.signatures.len(), 1, "{report:#?}");
    let two = Trust { signers: 2, ..world.trust() };
    let report = Evidence::cms(&both, Document::Beside(DOCUMENT)).judge(&two);
    assert_eq!((report.verdict, report.signatures.len()), (Verdict::Valid, 2), "{report:#?}");
}

/// Signers hold in whatever order they stand: that of X.690 is not the decoder's, and nothing is signed over them together.
#[test]
fn signers_have_no_order() {
    let world = good();
    let both = world.sign(&["-cades", "-signer", "second.pem", "-inkey", "second.key"]);
    let data: SignedData = ContentInfo::from_der(&both).unwrap().content.decode_as().unwrap();
    let at = |part: &[u8]| both.windows(part.len()).position(|window| window == part).unwrap();
    let mut signers: Vec<Vec<u8>> = data.signer_infos.0.iter().map(|one| one.to_der().unwrap()).collect();
    signers.sort_by_key(|one| at(one));
    let [first, second] = &signers[..] else { panic!("{} signers", signers.len()) };
    let swapped = [&both[..at(first)], second, first].concat();
    assert!(swapped.len() == both.len() && swapped != both, "they are the end of it");
    let two = Trust { signers: 2, ..world.trust() };
    for cms in [&both, &swapped] {
        let report = Evidence::cms(cms, Document::Beside(DOCUMENT)).judge(&two);
        assert_eq!((report.verdict, report.signatures.len()), (Verdict::Valid, 2), "{report:#?}");
    }
}

/// Certificates in the issuer's name that came with a signature do not keep it from holding: those that are known here are tried first, and the work
/// that is left is bounded.
#[test]
fn decoys_are_behind_what_is_known() {
    let world = good();
    let (top, below, list) = world.above(Listed::Not);
    let lists = [world.crl.clone(), list];
    let (anchors, extra) = ([top], [below]);
    let trust =
        |work| Trust { anchors: &anchors, extra: &extra, known: (&lists).into(), work, ..world.trust() };
    let info = ContentInfo::from_der(&world.sign_at(SIGNED_MS)).unwrap();
    let mut data: SignedData = info.content.decode_as().unwrap();
    let decoys = (0..60).map(|_| good().root.der().to_vec());
    let decoys = decoys.map(|der| CertificateChoices::Certificate(Certificate::from_der(&der).unwrap()));
    let mut certificates = data.certificates.take().unwrap().0.into_vec();
    certificates.extend(decoys);
    data.certificates = Some(CertificateSet(SetOfVec::try_from(certificates).unwrap()));
    let content = Any::encode_from(&data).unwrap();
    let padded = ContentInfo { content_type: info.content_type, content }.to_der().unwrap();
    let evidence = Evidence::cms(&padded, Document::Beside(DOCUMENT));
    holds(&evidence.judge(&trust(Work::default())));
    // As much as there is where very many are judged.
    holds(&evidence.judge(&trust(Work::default().shared_by(100))));
    let without = Trust { extra: &[], ..trust(Work::default()) };
    assert_eq!(evidence.judge(&without).verdict, Verdict::Invalid);
}
