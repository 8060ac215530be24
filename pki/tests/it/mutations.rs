//! What the parsers do with damaged input: refuse or read it, and never panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pki::ocsp::{self, Hash};
use pki::{Certificate, Csr, fuzz};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rcgen::{CertificateParams, CertificateRevocationListParams, CustomExtension, KeyIdMethod, KeyPair};

use crate::ocsp::Sample;

/// A certificate, a CRL and a request that use much of what can be read.
struct Samples {
    certificate: Vec<u8>,
    crl: Vec<u8>,
    csr: Vec<u8>,
}

impl Samples {
    fn make() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(vec!["a.example.org".to_owned(), "192.0.2.1".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(3));
        params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign, rcgen::KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        params.crl_distribution_points =
            vec![rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/1.crl".to_owned()] }];
        params.use_authority_key_identifier_extension = true;
        // Policy 1.2.3 with a CPS, and a private-key usage period.
        let policies = decoded("3020301e06022a033018301606082b06010505070201160a687474703a2f2f782f79");
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 32], policies));
        let period = [&decoded("3011810f")[..], b"20270101000000Z"].concat();
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 16], period));
        let csr_key = KeyPair::generate().unwrap();
        let csr = CertificateParams::new(vec!["b.example.org".to_owned()])
            .unwrap()
            .serialize_request(&csr_key)
            .unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        let issuer = rcgen::Issuer::new(params, key);
        Self { certificate, crl: crl(&issuer), csr: csr.der().to_vec() }
    }
}

fn crl(issuer: &rcgen::Issuer<'_, KeyPair>) -> Vec<u8> {
    let entry = |serial: u8| rcgen::RevokedCertParams {
        serial_number: rcgen::SerialNumber::from_slice(&[serial]),
        revocation_time: rcgen::date_time_ymd(2027, 1, 1),
        reason_code: Some(rcgen::RevocationReason::Superseded),
        invalidity_date: Some(rcgen::date_time_ymd(2026, 1, 1)),
    };
    let params = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2027, 1, 1),
        next_update: rcgen::date_time_ymd(2027, 1, 8),
        crl_number: rcgen::SerialNumber::from_slice(&[1]),
        issuing_distribution_point: Some(rcgen::CrlIssuingDistributionPoint {
            distribution_point: rcgen::CrlDistributionPoint {
                uris: vec!["http://crl.example/1.crl".to_owned()],
            },
            scope: None,
        }),
        revoked_certs: (1..6).map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().der().to_vec()
}

/// Reads bytes as everything there is, by what the fuzz targets call.
fn read_all(bytes: &[u8]) {
    fuzz::certificate(bytes);
    fuzz::crl(bytes);
    fuzz::csr(bytes);
    fuzz::parts(bytes);
}

/// A fixed sequence of changes: the same on every run, so a failure can be seen again.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// So many times octets of a sample changed, its end cut off or a piece doubled: an error when the reader panics.
fn hammer(sample: &[u8], cases: u32, read: impl Fn(&[u8])) -> Result<(), String> {
    read(sample);
    let edits = proptest::collection::vec((0..sample.len(), any::<u8>()), 0..4);
    let outcome = runner(cases).run(&(edits, 0..sample.len(), 0_u8..8), |(edits, at, kind)| {
        let mut bytes = sample.to_vec();
        for (place, octet) in edits {
            bytes[place] = octet;
        }
        match kind {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_within(at..),
            _ => {}
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
        prop_assert!(outcome.is_ok(), "panicked on {}", hex::encode(&bytes));
        Ok(())
    });
    outcome.map_err(|error| error.to_string())
}

/// Damaged certificates, lists and requests: no parser panics.
#[test]
fn damaged_structures_never_panic() {
    let Samples { certificate, crl, csr } = Samples::make();
    for sample in [certificate, crl, csr] {
        hammer(&sample, 1500, read_all).unwrap();
    }
}

/// Damaged questions and answers: what a fuzzer calls does not panic.
#[test]
fn damaged_questions_and_answers_never_panic() {
    let sample = Sample::make();
    let ids = vec![sample.id(Hash::Sha1), sample.id(Hash::Sha256)];
    let question = ocsp::Request::new(ids.clone(), Some(vec![3; 32])).unwrap().to_der();
    let revoked = [&[0xa1, 22, 0x18, 15][..], b"20260101000000Z", &[0xa0, 3, 0x0a, 1, 1]].concat();
    let corpus = [question, sample.answer(&ids[0], &[0x80, 0], &[]), sample.answer(&ids[1], &revoked, &[])];
    for damaged in corpus {
        let read = |bytes: &[u8]| {
            ocsp::fuzz::request(bytes);
            ocsp::fuzz::response(bytes, &sample.issuer);
        };
        hammer(&damaged, 2500, read).unwrap();
    }
}

/// The damage finds a reader that is careless: one that believes a length, and one that takes something to be there.
#[test]
fn careless_readers_are_found() {
    let Samples { certificate, .. } = Samples::make();
    let believes_a_length = |bytes: &[u8]| {
        if let [0x30, 0x82, high, low, rest @ ..] = bytes {
            let length = usize::from(*high) << 8 | usize::from(*low);
            assert!(!rest[..length].is_empty());
        }
    };
    let needs_names = |bytes: &[u8]| {
        if let Ok(certificate) = Certificate::from_der(bytes) {
            assert!(!certificate.subject_alternative_names().is_empty());
        }
    };
    assert!(hammer(&certificate, 1500, believes_a_length).is_err());
    assert!(hammer(&certificate, 1500, needs_names).is_err());
    assert!(hammer(&certificate, 1500, |_| {}).is_ok());
}

/// Deep nesting of every kind of element, alone and where a name, a key or an extension stands: no parser runs out of
/// stack.
#[test]
fn deep_nesting_is_survived() {
    let wrapped = |tag: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x83], &length[1..], content].concat()
    };
    let Samples { certificate, crl, csr } = Samples::make();
    for tag in [0x30_u8, 0x31, 0x24, 0xa0, 0xa3] {
        let mut nested = vec![5, 0];
        while nested.len() < 60_000 {
            nested = wrapped(tag, &nested);
        }
        read_all(&nested);
        for sample in [&certificate, &crl, &csr] {
            // In the place of everything after the outer two headers.
            read_all(&wrapped(0x30, &wrapped(0x30, &[&sample[8..12], nested.as_slice()].concat())));
        }
    }
}

/// Arbitrary bytes and arbitrary text: no parser panics.
#[test]
fn arbitrary_input_never_panics() {
    runner(3000)
        .run(&proptest::collection::vec(any::<u8>(), 0..200), |bytes| {
            read_all(&bytes);
            ocsp::fuzz::request(&bytes);
            Ok(())
        })
        .unwrap();
    runner(1000)
        .run(&"\\PC{0,60}", |text| {
            read_all(text.as_bytes());
            Ok(())
        })
        .unwrap();
}

/// Every octet changed in turn: the certificate does not parse or does not verify.
#[test]
fn no_changed_certificate_verifies() {
    let Samples { certificate, .. } = Samples::make();
    let good = Certificate::from_der(&certificate).unwrap();
    assert_eq!(good.verify_signed_by(&good), Ok(()));
    for at in 0..certificate.len() {
        let mut bytes = certificate.clone();
        bytes[at] ^= 0x01;
        if let Ok(changed) = Certificate::from_der(&bytes) {
            assert!(changed.verify_with_key(good.spki_der()).is_err(), "octet {at}");
        }
    }
}

/// A request proves possession: the same request with another key or another subject is refused.
#[test]
fn a_request_without_possession_is_refused() {
    let Samples { csr, .. } = Samples::make();
    let good = Csr::from_der(&csr).unwrap();
    assert_eq!(
        good.extensions().subject_alternative_names,
        [pki::AlternativeName::Dns("b.example.org".to_owned())]
    );
    assert_eq!(Csr::from_pem(&pki::to_pem(Csr::PEM_LABEL, &csr)).unwrap().spki_der(), good.spki_der());
    let other = Csr::from_der(&Samples::make().csr).unwrap();
    let replaced = replace(&csr, good.spki_der(), other.spki_der());
    assert!(matches!(Csr::from_der(&replaced), Err(pki::Error::Signature(_))));
    let renamed = replace(&csr, b"b.example.org", b"c.example.org");
    assert!(matches!(Csr::from_der(&renamed), Err(pki::Error::Signature(_))));
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

fn decoded(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}
