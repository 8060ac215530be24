//! OCSP: what is read, what is refused, and what an answer proves.

use pki::ocsp::{Answer, CertId, CheckError, Hash, Question, Refusal, Request, Response, Status, key_hash};
use pki::{Certificate, Serial};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, SigningKey as _, date_time_ymd,
};

/// 1 January 2027.
pub(crate) const NOW: i64 = 1_798_761_600_000;
const ECDSA_SHA256: &str = "300a06082a8648ce3d040302";

/// A CA and whom it lets answer.
pub(crate) struct Sample {
    pub(crate) issuer: Certificate,
    issuer_key: KeyPair,
    responder: Certificate,
    responder_key: KeyPair,
}

/// How a responder's certificate is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delegation {
    Good,
    WithoutPurpose,
    WithoutNoCheck,
    Ended,
    BySomebodyElse,
}

fn authority() -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params, KeyPair::generate().unwrap())
}

impl Sample {
    pub(crate) fn make() -> Sample {
        Sample::with(Delegation::Good)
    }

    fn with(delegation: Delegation) -> Sample {
        let (params, issuer_key) = authority();
        let issuer = Certificate::from_der(params.self_signed(&issuer_key).unwrap().der()).unwrap();
        let mut responder = CertificateParams::new(Vec::new()).unwrap();
        responder.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if delegation != Delegation::WithoutPurpose {
            responder.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        }
        if delegation != Delegation::WithoutNoCheck {
            let no_check = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]);
            responder.custom_extensions.push(no_check);
        }
        let year = if delegation == Delegation::Ended { 2026 } else { 2028 };
        responder.not_after = date_time_ymd(year, 6, 1);
        let responder_key = KeyPair::generate().unwrap();
        let signer = if delegation == Delegation::BySomebodyElse {
            let (params, key) = authority();
            Issuer::new(params, key)
        } else {
            Issuer::new(params, KeyPair::try_from(issuer_key.serialized_der()).unwrap())
        };
        let responder = responder.signed_by(&responder_key, &signer).unwrap();
        let responder = Certificate::from_der(responder.der()).unwrap();
        Sample { issuer, issuer_key, responder, responder_key }
    }

    pub(crate) fn id(&self, hash: Hash) -> CertId {
        CertId::new(hash, &self.issuer, Serial::from_content(&[0x12, 0x34]).unwrap()).unwrap()
    }

    /// A certificate with the serial number of [`Sample::id`].
    pub(crate) fn leaf(&self) -> Certificate {
        let (params, _) = authority();
        let issuer = Issuer::new(params, KeyPair::try_from(self.issuer_key.serialized_der()).unwrap());
        let mut leaf = CertificateParams::new(Vec::new()).unwrap();
        leaf.serial_number = Some(SerialNumber::from_slice(&[0x12, 0x34]));
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.distinguished_name.push(rcgen::DnType::OrganizationName, "Leaf");
        let key = KeyPair::generate().unwrap();
        Certificate::from_der(leaf.signed_by(&key, &issuer).unwrap().der()).unwrap()
    }

    fn question<'a>(&'a self, id: &'a CertId) -> Question<'a> {
        Question { id, issuer: &self.issuer, nonce: None, at_ms: NOW }
    }

    /// An answer about one certificate by the responder.
    pub(crate) fn answer(&self, id: &CertId, status: &[u8], extensions: &[u8]) -> Vec<u8> {
        self.signed(
            &Self::data(&self.responder, id, status, b"20270101000100Z", extensions),
            &self.responder_key,
        )
    }

    /// `ResponseData`.
    fn data(by: &Certificate, id: &CertId, status: &[u8], until: &[u8], extensions: &[u8]) -> Vec<u8> {
        let key_hash = key_hash(Hash::Sha1, by.spki_der()).unwrap();
        let time = |text: &[u8]| tlv(0x18, &[text]);
        let until = if until.is_empty() { Vec::new() } else { tlv(0xa0, &[&time(until)]) };
        let single = tlv(0x30, &[id.der(), status, &time(b"20270101000000Z"), &until]);
        let responder = tlv(0xa2, &[&tlv(0x04, &[&key_hash])]);
        tlv(0x30, &[&responder, &time(b"20270101000000Z"), &tlv(0x30, &[&single]), extensions])
    }

    fn signed(&self, data: &[u8], key: &KeyPair) -> Vec<u8> {
        let signature = tlv(0x03, &[&[0], &key.sign(data).unwrap()]);
        let certificates = tlv(0xa0, &[&tlv(0x30, &[self.responder.der()])]);
        let basic = tlv(0x30, &[data, &hex::decode(ECDSA_SHA256).unwrap(), &signature, &certificates]);
        let kind = hex::decode("06092b0601050507300101").unwrap();
        tlv(0x30, &[&[0x0a, 1, 0], &tlv(0xa0, &[&tlv(0x30, &[&kind, &tlv(0x04, &[&basic])])])])
    }
}

const GOOD: &[u8] = &[0x80, 0];
/// The nonce 0102 as the extensions of a request or an answer.
const NONCE: &str = "3013301106092b06010505073001020404040201 02";

fn nonce(tag: u8) -> Vec<u8> {
    tlv(tag, &[&hex::decode(NONCE.replace(' ', "")).unwrap()])
}

pub(crate) fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let content = contents.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=0x7f => out.push(u8::try_from(short).unwrap()),
        medium @ 0x80..=0xff => out.extend([0x81, u8::try_from(medium).unwrap()]),
        long => out.extend([&[0x82][..], &u16::try_from(long).unwrap().to_be_bytes()].concat()),
    }
    out.extend(content);
    out
}

fn read(der: &[u8]) -> Answer {
    match Response::from_der(der).unwrap() {
        Response::Answered(answer) => *answer,
        Response::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// A question reads back as it was made, with and without a nonce and by both hashes.
#[test]
fn questions_read_back() {
    let sample = Sample::make();
    for hash in Hash::ALL {
        for nonce in [None, Some(vec![1]), Some(vec![2; 128])] {
            let request = Request::new(vec![sample.id(hash), sample.id(Hash::Sha1)], nonce.clone()).unwrap();
            let again = Request::from_der(&request.to_der()).unwrap();
            assert_eq!(again, request);
            assert_eq!(again.nonce(), nonce.as_deref());
            assert!(again.ids()[0].is_of(&sample.issuer) && again.ids()[0].hash() == Some(hash));
            assert!(!again.ids()[0].is_of(&sample.responder));
        }
    }
    assert!(Request::new(Vec::new(), None).is_err());
    assert!(Request::new(vec![sample.id(Hash::Sha1); 17], None).is_err());
    assert!(Request::new(vec![sample.id(Hash::Sha1)], Some(vec![0; 129])).is_err());
}

/// What is no DER of a question, asks for too much, or needs something unknown is refused.
#[test]
fn bad_questions_are_refused() {
    let id = Sample::make().id(Hash::Sha1);
    let single = tlv(0x30, &[id.der()]);
    let request = |parts: &[&[u8]]| tlv(0x30, &[&tlv(0x30, parts)]);
    let list = tlv(0x30, &[&single]);
    assert!(Request::from_der(&request(&[&list])).is_ok());
    assert!(Request::from_der(&request(&[&list, &nonce(0xa2)])).is_ok());
    assert!(Request::from_der(&request(&[&tlv(0x30, &[&single.repeat(16)])])).is_ok());
    // Who asks is passed over: a name as [1].
    assert!(Request::from_der(&request(&[&hex::decode("a104a4023000").unwrap(), &list])).is_ok());
    let extension = |text: &str| tlv(0xa2, &[&tlv(0x30, &[&hex::decode(text).unwrap()])]);
    let cases = [
        ("no certificates", request(&[&tlv(0x30, &[])])),
        ("seventeen", request(&[&tlv(0x30, &[&single.repeat(17)])])),
        ("the default version written out", request(&[&[0xa0, 3, 2, 1, 0], &list])),
        ("something behind", [request(&[&list]), vec![0]].concat()),
        ("an empty nonce", request(&[&list, &extension("300f06092b060105050730010204020400")])),
        (
            "a nonce that is no string",
            request(&[&list, &extension("301106092b0601050507300102040405000500")]),
        ),
        ("a critical stranger", request(&[&list, &extension("300b06022a030101ff04020500")])),
        (
            "two nonces",
            request(&[
                &list,
                &tlv(0xa2, &[&[&[0x30, 38][..], &nonce(0x31)[4..], &nonce(0x31)[4..]].concat()]),
            ]),
        ),
        ("a serial with a needless zero", request(&[&tlv(0x30, &[&tlv(0x30, &[&long_serial(&id)])])])),
        ("too long", vec![0x30; 17 * 1024]),
    ];
    for (what, der) in cases {
        assert!(Request::from_der(&der).is_err(), "{what}");
    }
}

/// The same name of a certificate with its serial number written as 00 12 34.
fn long_serial(id: &CertId) -> Vec<u8> {
    let mut der = id.der().to_vec();
    let at = der.len() - 3;
    der[at] = 3;
    der.insert(at + 1, 0);
    der[1] += 1;
    der
}

/// Each refusal reads as itself; codes that RFC 6960 does not have are no responses.
#[test]
fn refusals_read_back() {
    for refusal in Refusal::ALL {
        assert_eq!(Response::from_der(&refusal.to_der()), Ok(Response::Refused(refusal)));
    }
    for code in [4, 7, 255] {
        assert!(Response::from_der(&[0x30, 3, 0x0a, 1, code]).is_err(), "{code}");
    }
    assert!(Response::from_der(&[0x30, 3, 0x0a, 1, 0]).is_err(), "successful without an answer");
}

/// A good answer proves each status, by both hashes, from the responder and from the issuer itself.
#[test]
fn good_answers_are_evidence() {
    let sample = Sample::make();
    let revoked = [&[0xa1, 22, 0x18, 15][..], b"20260101000000Z", &[0xa0, 3, 0x0a, 1, 1]].concat();
    let reason = Some(pki::Reason::KeyCompromise);
    let statuses = [
        (GOOD.to_vec(), Status::Good),
        (revoked, Status::Revoked { at_ms: 1_767_225_600_000, reason }),
        (vec![0x82, 0], Status::Unknown),
    ];
    for (der, status) in statuses {
        for hash in Hash::ALL {
            let id = sample.id(hash);
            let evidence = read(&sample.answer(&id, &der, &[])).check(&sample.question(&id)).unwrap();
            assert_eq!((evidence.status(), evidence.this_update_ms()), (status, NOW));
            assert_eq!(evidence.until_ms(), NOW + 60_000);
        }
    }
    let id = sample.id(Hash::Sha1);
    let data = Sample::data(&sample.issuer, &id, GOOD, b"20270101000100Z", &[]);
    let by_issuer = read(&sample.signed(&data, &sample.issuer_key));
    assert_eq!(by_issuer.check(&sample.question(&id)).unwrap().status(), Status::Good);
}

/// An answer about another certificate or issuer, without the nonce, of another time or with a strange extension
/// proves nothing.
#[test]
fn answers_to_other_questions_are_refused() {
    let sample = Sample::make();
    let (id, other) = (sample.id(Hash::Sha1), sample.id(Hash::Sha256));
    let answer = read(&sample.answer(&id, GOOD, &nonce(0xa1)));
    let question = sample.question(&id);
    assert!(answer.check(&question).is_ok());
    assert!(answer.check(&Question { nonce: Some(&[1, 2]), ..question }).is_ok());
    let refused = |question: Question<'_>| answer.check(&question).unwrap_err();
    assert_eq!(refused(Question { nonce: Some(&[1, 3]), ..question }), CheckError::OtherNonce);
    assert_eq!(refused(Question { id: &other, ..question }), CheckError::OtherCertificate);
    let stranger = Sample::make();
    assert_eq!(refused(Question { issuer: &stranger.issuer, ..question }), CheckError::OtherCertificate);
    assert_eq!(refused(Question { at_ms: NOW - 1, ..question }), CheckError::NotCurrent);
    assert!(answer.check(&Question { at_ms: NOW + 60_000, ..question }).is_ok());
    assert_eq!(refused(Question { at_ms: NOW + 60_001, ..question }), CheckError::NotCurrent);
    let strange = tlv(0xa1, &[&hex::decode("300d300b06022a030101ff04020500").unwrap()]);
    let strange = read(&sample.answer(&id, GOOD, &strange));
    assert_eq!(strange.check(&question), Err(CheckError::UnknownCriticalExtension));
}

/// An answer that does not say how long it holds is of its moment: it proves what was then, and nothing later.
#[test]
fn answers_without_an_end_are_of_their_moment() {
    let sample = Sample::make();
    let id = sample.id(Hash::Sha1);
    let data = Sample::data(&sample.responder, &id, GOOD, b"", &[]);
    let answer = read(&sample.signed(&data, &sample.responder_key));
    let check = |at_ms| answer.check(&Question { at_ms, ..sample.question(&id) });
    for at_ms in [NOW, NOW + 240_000] {
        let evidence = check(at_ms).unwrap();
        assert_eq!((evidence.status(), evidence.until_ms()), (Status::Good, NOW + 300_000));
    }
    for at_ms in [NOW - 1, NOW + 360_000] {
        assert_eq!(check(at_ms), Err(CheckError::NotCurrent));
    }
}

/// Who is not delegated, or not any more, proves nothing, and neither does a changed answer.
#[test]
fn answers_by_others_are_refused() {
    use Delegation::{BySomebodyElse, Ended, WithoutNoCheck, WithoutPurpose};
    for delegation in [WithoutPurpose, WithoutNoCheck, Ended, BySomebodyElse] {
        let sample = Sample::with(delegation);
        let id = sample.id(Hash::Sha1);
        let refused = read(&sample.answer(&id, GOOD, &[])).check(&sample.question(&id));
        assert_eq!(refused, Err(CheckError::SignerNotAllowed));
    }
    let sample = Sample::make();
    let id = sample.id(Hash::Sha1);
    let data = Sample::data(&sample.responder, &id, GOOD, b"20270101000100Z", &[]);
    let forged = read(&sample.signed(&data, &KeyPair::generate().unwrap()));
    assert_eq!(forged.check(&sample.question(&id)), Err(CheckError::BadSignature));
    let nobody = Sample::data(&Sample::make().responder, &id, GOOD, b"20270101000100Z", &[]);
    let nobody = read(&sample.signed(&nobody, &sample.responder_key));
    assert_eq!(nobody.check(&sample.question(&id)), Err(CheckError::SignerMissing));
}

/// Every octet of an answer changed in turn: it does not read, or proves nothing.
#[test]
fn no_changed_answer_is_evidence() {
    let sample = Sample::make();
    let id = sample.id(Hash::Sha256);
    let der = sample.answer(&id, GOOD, &[]);
    let certificates = sample.responder.der().len();
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        let proved = match Response::from_der(&changed) {
            Ok(Response::Answered(answer)) => answer.check(&sample.question(&id)).is_ok(),
            _ => false,
        };
        // A changed certificate of the responder fails by the issuer's signature on it.
        assert!(
            !proved,
            "octet {at} of {}, the last {certificates} are the responder's certificate",
            der.len()
        );
    }
}
