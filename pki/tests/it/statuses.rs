//! Paths whose revocation is told by OCSP answers, most of them made by `openssl ocsp`.

use std::path::Path;
use std::process::Command;

use pki::ocsp::{Answer, CertId, CheckError, Hash, Request, Response};
use pki::path::{self, Error, Known, OcspAnswer, Policy, Proof, Unknown};
use pki::{Certificate, Crl, Reason, Serial};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::ocsp::{Sample, tlv};

/// What openssl's responder knows: 40 is good, 41 revoked; it has never heard of others. 2 is the issuing authority.
const INDEX: &str = "V\t491231235959Z\t\t28\tunknown\t/CN=good\n\
    R\t491231235959Z\t260201000000Z,keyCompromise\t29\tunknown\t/CN=revoked\n\
    V\t491231235959Z\t\t02\tunknown\t/CN=issuing\n";
const MINUTE: i64 = 60_000;

/// A certificate with its key, in files too.
struct Party {
    name: &'static str,
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// Two authorities, each with somebody it lets answer, and openssl's place of work.
struct House {
    dir: tempfile::TempDir,
    root: Party,
    issuing: Party,
}

impl House {
    fn build() -> House {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.txt"), INDEX).unwrap();
        let root = party(&dir, "root", None, authority("root", 1));
        let issuing = party(&dir, "issuing", Some(&root), authority("issuing", 2));
        House { dir, root, issuing }
    }

    fn leaf(&self, serial: u8) -> Certificate {
        let mut params = named("leaf", serial);
        params.key_usages = vec![KeyUsagePurpose::ContentCommitment];
        party(&self.dir, "leaf", Some(&self.issuing), params).certificate
    }

    fn responder(
        &self,
        name: &'static str,
        by: &Party,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Party {
        let mut params = named(name, 90);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        let no_check = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]);
        params.custom_extensions.push(no_check);
        change(&mut params);
        party(&self.dir, name, Some(by), params)
    }

    /// openssl answers about a certificate of this authority, signed by this party.
    fn ask(&self, authority: &Party, by: &Party, serial: Serial, nonce: Option<Vec<u8>>) -> OcspAnswer {
        let id = CertId::new(Hash::Sha256, &authority.certificate, serial).unwrap();
        let request = Request::new(vec![id], nonce.clone()).unwrap();
        std::fs::write(self.dir.path().join("request"), request.to_der()).unwrap();
        let output = Command::new("openssl")
            .args(["ocsp", "-index", "index.txt", "-reqin", "request", "-respout", "response", "-nmin", "5"])
            .args(["-CA", &format!("{}.pem", authority.name)])
            .args(["-rsigner", &format!("{}.pem", by.name), "-rkey", &format!("{}.key", by.name)])
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let der = std::fs::read(self.dir.path().join("response")).unwrap();
        OcspAnswer { answer: read(&der), nonce }
    }

    fn check(&self, leaf: &Certificate, answers: &[OcspAnswer], at_ms: i64) -> Result<Proof, Error> {
        self.check_with(leaf, Known { crls: &[], answers }, at_ms)
    }

    fn check_with(&self, leaf: &Certificate, known: Known<'_>, at_ms: i64) -> Result<Proof, Error> {
        let (extra, anchors) = ([self.issuing.certificate.clone()], [self.root.certificate.clone()]);
        path::check(leaf, &extra, &anchors, known, at_ms, &Policy::default())
    }

    /// The authority's own word about the issuing authority, which each path needs besides.
    fn above(&self) -> OcspAnswer {
        self.ask(&self.root, &self.root, self.issuing.certificate.serial(), None)
    }
}

fn party(
    dir: &tempfile::TempDir,
    name: &'static str,
    by: Option<&Party>,
    params: CertificateParams,
) -> Party {
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        Some(by) => params.signed_by(&key, &by.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let file = |ending: &str| dir.path().join(Path::new(name).with_extension(ending));
    std::fs::write(file("pem"), certificate.pem()).unwrap();
    std::fs::write(file("key"), key.serialize_pem()).unwrap();
    let certificate = Certificate::from_der(certificate.der()).unwrap();
    Party { name, certificate, issuer: Issuer::new(params, key) }
}

fn named(name: &str, serial: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str, serial: u8) -> CertificateParams {
    let mut params = named(name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn read(der: &[u8]) -> Answer {
    match Response::from_der(der).unwrap() {
        Response::Answered(answer) => *answer,
        Response::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// The moment of an answer, which is openssl's now.
fn moment(answer: &OcspAnswer) -> i64 {
    answer.answer.singles()[0].this_update_ms
}

/// Answers by a delegated responder and by the authority itself take the place of lists, with a nonce and without; one
/// for each certificate is needed.
#[test]
fn openssl_answers_prove_a_path() {
    let house = House::build();
    let leaf = house.leaf(40);
    let delegated = house.responder("responder", &house.issuing, |_| {});
    let above = house.above();
    for by in [&delegated, &house.issuing] {
        for nonce in [None, Some(vec![7; 32])] {
            let answer = house.ask(&house.issuing, by, leaf.serial(), nonce);
            let at_ms = moment(&answer);
            let answers = [above.clone(), answer];
            assert_eq!(house.check(&leaf, &answers, at_ms).unwrap().chain().len(), 3);
            for missing in [0, 1] {
                let why = Error::RevocationUnknown {
                    serial: [&leaf, &house.issuing.certificate][missing].serial(),
                    why: Unknown::NoCrl,
                };
                let only = std::slice::from_ref(&answers[missing]);
                assert_eq!(house.check(&leaf, only, at_ms), Err(why));
            }
        }
    }
}

/// What must not be believed is not: wrong responders, other times, other certificates, other nonces, altered answers.
#[test]
fn answers_that_prove_nothing() {
    let house = House::build();
    let (leaf, above) = (house.leaf(40), house.above());
    let good = house.responder("responder", &house.issuing, |_| {});
    let unfit: [Party; 5] = [
        house.responder("of-the-root", &house.root, |_| {}),
        house.responder("no-purpose", &house.issuing, |it| it.extended_key_usages.clear()),
        house.responder("tls", &house.issuing, |it| {
            it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }),
        house.responder("to-be-checked", &house.issuing, |it| it.custom_extensions.clear()),
        house.responder("ended", &house.issuing, |it| it.not_after = date_time_ymd(2021, 1, 1)),
    ];
    let why = |answer: OcspAnswer, at_ms: i64| {
        // The authority's own answer is made to hold whenever this one is looked at.
        let crl = house.root.crl(&[]);
        let known = Known { crls: std::slice::from_ref(&crl), answers: std::slice::from_ref(&answer) };
        match house.check_with(&leaf, known, at_ms) {
            Err(Error::RevocationUnknown { serial, why }) if serial == leaf.serial() => why,
            other => panic!("{other:?}"),
        }
    };
    for responder in &unfit {
        let answer = house.ask(&house.issuing, responder, leaf.serial(), None);
        let at_ms = moment(&answer);
        assert_eq!(
            why(answer, at_ms),
            Unknown::AnswerNotBelieved(CheckError::SignerNotAllowed),
            "{}",
            responder.name
        );
    }
    let answer = house.ask(&house.issuing, &good, leaf.serial(), None);
    let at_ms = moment(&answer);
    assert!(house.check(&leaf, &[above.clone(), answer.clone()], at_ms).is_ok());
    assert_eq!(why(answer.clone(), at_ms - 1_000), Unknown::AnswerStale, "it is from the future");
    assert_eq!(why(answer.clone(), at_ms + 5 * MINUTE + 1_000), Unknown::AnswerStale, "it has run out");
    let asked = OcspAnswer { nonce: Some(vec![1; 32]), ..answer.clone() };
    assert_eq!(why(asked, at_ms), Unknown::AnswerNotBelieved(CheckError::OtherNonce));
    let other = house.ask(&house.issuing, &good, house.leaf(42).serial(), None);
    assert_eq!(why(other, at_ms), Unknown::NoCrl, "it is about another certificate");
    let other = house.ask(&house.root, &house.root, leaf.serial(), None);
    assert_eq!(why(other, at_ms), Unknown::NoCrl, "it is about another authority's certificate");
    let _ = house.ask(&house.issuing, &house.issuing, leaf.serial(), None);
    let mut altered = std::fs::read(house.dir.path().join("response")).unwrap();
    let data = read(&altered).data_der().to_vec();
    let data_at = altered.windows(data.len()).position(|part| part == data).unwrap();
    // Behind the data come 12 octets of algorithm and some of headers, and then the numbers of the signature.
    let at = data_at + data.len();
    altered[at + 40] ^= 1;
    let altered = OcspAnswer { answer: read(&altered), nonce: None };
    let at_ms = moment(&altered);
    assert_eq!(why(altered, at_ms), Unknown::AnswerNotBelieved(CheckError::BadSignature));
    let unheard = house.leaf(43);
    let answers = [above, house.ask(&house.issuing, &good, unheard.serial(), None)];
    let unknown = Error::RevocationUnknown { serial: unheard.serial(), why: Unknown::UnknownToResponder };
    assert_eq!(house.check(&unheard, &answers, moment(&answers[1])), Err(unknown));
}

impl Party {
    /// A list that holds whenever these tests look.
    fn crl(&self, revoked: &[u8]) -> Crl {
        let entry = |serial: &u8| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2026, 5, 1),
            reason_code: Some(RevocationReason::Superseded),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2049, 1, 1),
            crl_number: SerialNumber::from_slice(&[7]),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Crl::from_der(params.signed_by(&self.issuer).unwrap().der()).unwrap()
    }
}

/// Revoked by an answer or by a list is revoked, whatever the other says.
#[test]
fn the_worse_word_counts() {
    let house = House::build();
    let responder = house.responder("responder", &house.issuing, |_| {});
    let (good, revoked) = (house.leaf(40), house.leaf(41));
    let answers = [&good, &revoked].map(|leaf| house.ask(&house.issuing, &responder, leaf.serial(), None));
    let at_ms = moment(&answers[1]);
    let lists = |serials: &[u8]| [house.root.crl(&[]), house.issuing.crl(serials)];
    let check = |leaf, crls: &[Crl], answers: &[OcspAnswer]| {
        house.check_with(leaf, Known { crls, answers }, at_ms).map(|_| ())
    };
    assert_eq!(check(&good, &lists(&[]), &answers), Ok(()));
    assert_eq!(check(&revoked, &lists(&[]), &[]), Ok(()), "the list does not know yet");
    match check(&revoked, &lists(&[]), &answers) {
        Err(Error::Revoked { serial, at_ms: 1_769_904_000_000, reason, .. }) => {
            assert_eq!((serial, reason), (revoked.serial(), Some(Reason::KeyCompromise)));
        }
        other => panic!("{other:?}"),
    }
    match check(&good, &lists(&[40]), &answers) {
        Err(Error::Revoked { reason: Some(Reason::Superseded), .. }) => {}
        other => panic!("{other:?}"),
    }
    // A list that cannot be used does not spoil an answer that can.
    let stranger = House::build();
    let crls = [house.root.crl(&[]), stranger.issuing.crl(&[40])];
    assert_eq!(check(&good, &crls, &answers), Ok(()));
}

/// By the extended meaning of revoked a certificate was never issued; without the extension that says so it is on hold.
#[test]
fn never_issued_is_told_apart() {
    let sample = Sample::make();
    let id = sample.id(Hash::Sha1);
    let leaf = sample.leaf();
    let hold = tlv(0xa1, &[&tlv(0x18, &[b"19700101000000Z"]), &[0xa0, 3, 0x0a, 1, 6]]);
    let extension = tlv(0x30, &[&tlv(0x06, &[&[0x2b, 6, 1, 5, 5, 7, 48, 1, 9]]), &tlv(0x04, &[&[5, 0]])]);
    let says_so = tlv(0xa1, &[&tlv(0x30, &[&extension])]);
    let judge = |extensions: &[u8]| {
        let answer = OcspAnswer { answer: read(&sample.answer(&id, &hold, extensions)), nonce: None };
        let known = Known { crls: &[], answers: std::slice::from_ref(&answer) };
        let anchors = [sample.issuer.clone()];
        path::check(&leaf, &[], &anchors, known, crate::ocsp::NOW, &Policy::default()).map(|_| ())
    };
    assert_eq!(judge(&says_so), Err(Error::NeverIssued { serial: leaf.serial() }));
    match judge(&[]) {
        Err(Error::Revoked { at_ms: 0, reason: Some(Reason::CertificateHold), .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// No number of answers that call a certificate good hides one that says revoked, and of several that do the worst counts, in whatever order.
#[test]
fn answers_that_say_revoked_are_not_hidden() {
    let sample = Sample::make();
    let (id, leaf) = (sample.id(Hash::Sha1), sample.leaf());
    let answer = |status: &[u8]| OcspAnswer { answer: read(&sample.answer(&id, status, &[])), nonce: None };
    let revoked =
        |code: u8| answer(&tlv(0xa1, &[&tlv(0x18, &[b"20260101000000Z"]), &[0xa0, 3, 0x0a, 1, code]]));
    let good = vec![answer(&[0x80, 0]); 8];
    let judge = |answers: &[OcspAnswer]| {
        let known = Known { crls: &[], answers };
        let anchors = [sample.issuer.clone()];
        path::check(&leaf, &[], &anchors, known, crate::ocsp::NOW, &Policy::default()).map(|_| ())
    };
    assert_eq!(judge(&good), Ok(()));
    let (hold, compromise) = (revoked(6), revoked(1));
    let mut answers = [good, vec![hold, compromise]].concat();
    for _ in 0..2 {
        match judge(&answers) {
            Err(Error::Revoked { reason: Some(Reason::KeyCompromise), .. }) => {}
            other => panic!("{other:?}"),
        }
        answers.reverse();
    }
}
