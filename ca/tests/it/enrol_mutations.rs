//! What the readers of CMP and EST do with damaged input: refuse or read it, never panic, and never believe it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::caller::{Caller, CallerKind};
use platform::clock::Clock;
use platform::hammer::{hammer, runner};
use proptest::prelude::*;
use rcgen::{DnType, KeyPair};

use crate::cmp_client::{Message, sequence, tlv};
use crate::roads::{System, csr};

fn system() -> System {
    let key = KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "larkfield");
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let no_acts: [&str; 0] = [];
    let caller = Caller::new(CallerKind::System, "larkfield", "larkfield".parse().unwrap(), no_acts);
    System { name: "larkfield".to_owned(), key, certificate, caller, clock: Clock::system() }
}

/// A message of each kind that is read, and the body of an enrolment.
fn samples(system: &System) -> Vec<Vec<u8>> {
    let own = pki::Certificate::from_der(&system.certificate).unwrap();
    let confirmation = sequence(&[&sequence(&[&tlv(4, &[7; 32]), &[2, 1, 0]])]);
    let request = csr(&system.key, &[(DnType::CommonName, "larkfield")], &["larkfield.example"]);
    vec![
        Message::request(system, 0, &system.key, "larkfield").encode(),
        Message::update(system, &system.key, system).encode(),
        Message::revocation(system, &own, 1).encode(),
        Message::new(system, 24, confirmation).encode(),
        Message::new(system, 4, request.clone()).encode(),
        STANDARD.encode(&request).into_bytes(),
        request,
    ]
}

fn read_all(octets: &[u8]) {
    pki::cmp::read_anything(octets);
    ca::read_est_body(octets);
    ca::read_est_body(STANDARD.encode(octets).as_bytes());
}

/// Octets changed, the end cut off, or a piece doubled: no reader panics.
#[test]
fn damaged_requests_never_panic() {
    for sample in samples(&system()) {
        hammer(&sample, 600, read_all).unwrap();
    }
}

/// Arbitrary octets, and deep nesting of every kind of element: no reader panics or runs out of stack.
#[test]
fn arbitrary_input_never_panics() {
    runner(3000)
        .run(&proptest::collection::vec(any::<u8>(), 0..200), |octets| {
            read_all(&octets);
            Ok(())
        })
        .unwrap();
    for tag in [0x30_u8, 0x31, 0xa0, 0xa4] {
        let mut nested = vec![5, 0];
        while nested.len() < 60_000 {
            nested = tlv(tag, &nested);
        }
        read_all(&nested);
        read_all(&sequence(&[&sequence(&[&[2, 1, 2], &tlv(0xa4, &nested[..50_000])]), &[0xb3, 2, 5, 0]]));
    }
}

/// Every octet changed in turn: a message that still reads has its protection broken, unless the change is in the
/// certificates beside it.
#[test]
fn no_changed_message_verifies() {
    let system = system();
    let good = Message::request(&system, 0, &system.key, "larkfield").encode();
    let own = pki::Certificate::from_der(&system.certificate).unwrap();
    let verifies = |octets: &[u8]| {
        let Ok(message) = pki::cmp::Message::from_der(octets) else { return false };
        let (Some(algorithm), Some(signature)) =
            (message.header().protection_algorithm.clone(), message.protection())
        else {
            return false;
        };
        pki::verify_signature(own.spki_der(), &algorithm, message.protected_part(), signature).is_ok()
    };
    assert!(verifies(&good));
    let certificates = good.len() - system.certificate.len();
    for at in 0..certificates {
        let mut octets = good.clone();
        octets[at] ^= 0x01;
        assert!(!verifies(&octets), "octet {at}");
    }
}
