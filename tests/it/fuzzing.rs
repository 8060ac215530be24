//! The targets of `fuzz/`, compiled here without a fuzzer and its toolchain, and run over what strangers' programs made: requests by
//! OpenSSL, GnuTLS, Bouncy Castle, certbot and lego, JWS by Authlib, XML by lxml, and what cards say, in `fuzz/seeds/`, and mutations of them with a fixed budget.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use platform::hammer::hammer;

/// How many mutations of each seed.
const CASES: u32 = 150;

/// What a target gives to the fuzzer, as a function. In `main.rs` this program stands for the crate with the macro of that name.
#[macro_export]
macro_rules! fuzz_target {
    (|$octets:ident: &[u8]| $body:expr) => {
        pub(super) fn run($octets: &[u8]) {
            $body;
        }
    };
}

#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/acme_request.rs"]
mod acme_request;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/card_command.rs"]
mod card_command;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/card_objects.rs"]
mod card_objects;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/card_session.rs"]
mod card_session;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/certificate.rs"]
mod certificate;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/certificate_request.rs"]
mod certificate_request;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/cis1_address.rs"]
mod cis1_address;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/cis1_message.rs"]
mod cis1_message;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/cis1_response.rs"]
mod cis1_response;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/client_assertion.rs"]
mod client_assertion;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/cmp_message.rs"]
mod cmp_message;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/dpop_proof.rs"]
mod dpop_proof;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/est_body.rs"]
mod est_body;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/fhir_parameters.rs"]
mod fhir_parameters;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/fhir_search.rs"]
mod fhir_search;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/ldap_message.rs"]
mod ldap_message;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/ldap_name.rs"]
mod ldap_name;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/ldap_search.rs"]
mod ldap_search;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/ocsp_request.rs"]
mod ocsp_request;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/ocsp_response.rs"]
mod ocsp_response;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/parts.rs"]
mod parts;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/prescription.rs"]
mod prescription;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/revocation_list.rs"]
mod revocation_list;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/signature.rs"]
mod signature;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/signing_request.rs"]
mod signing_request;
#[expect(unused_attributes, reason = "it says that the fuzzer has the main function")]
#[path = "../../fuzz/fuzz_targets/time_stamp_request.rs"]
mod time_stamp_request;

type Target = (&'static str, fn(&[u8]));

/// Each target by its name.
const TARGETS: [Target; 26] = [
    ("acme_request", acme_request::run),
    ("card_command", card_command::run),
    ("card_objects", card_objects::run),
    ("card_session", card_session::run),
    ("certificate", certificate::run),
    ("certificate_request", certificate_request::run),
    ("cis1_address", cis1_address::run),
    ("cis1_message", cis1_message::run),
    ("cis1_response", cis1_response::run),
    ("client_assertion", client_assertion::run),
    ("cmp_message", cmp_message::run),
    ("dpop_proof", dpop_proof::run),
    ("est_body", est_body::run),
    ("fhir_parameters", fhir_parameters::run),
    ("fhir_search", fhir_search::run),
    ("ldap_message", ldap_message::run),
    ("ldap_name", ldap_name::run),
    ("ldap_search", ldap_search::run),
    ("ocsp_request", ocsp_request::run),
    ("ocsp_response", ocsp_response::run),
    ("parts", parts::run),
    ("prescription", prescription::run),
    ("revocation_list", revocation_list::run),
    ("signature", signature::run),
    ("signing_request", signing_request::run),
    ("time_stamp_request", time_stamp_request::run),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names and octets of the files in a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

/// Every target that there is is compiled here and has seeds, and nothing else does.
#[test]
fn every_target_is_compiled() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let sources = files(&folder("fuzz_targets")).into_iter();
    let sources: BTreeSet<_> = sources.map(|(name, _)| name.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(sources, names);
    let seeds: BTreeSet<_> = std::fs::read_dir(folder("seeds"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(seeds, names);
}

/// What strangers' programs send is read, each by the reader that it is for: a seed that is refused at its first octet would
/// try nothing.
#[test]
fn strangers_requests_are_read() {
    type Reads = fn(&[u8]) -> bool;
    let readers: [(&str, Reads); 7] = [
        ("certificate", |der| pki::Certificate::from_der(der).is_ok()),
        ("certificate_request", |der| pki::Csr::from_der(der).is_ok()),
        ("cmp_message", |der| pki::cmp::Message::from_der(der).is_ok()),
        ("ocsp_request", |der| pki::ocsp::Request::from_der(der).is_ok()),
        ("ocsp_response", |der| pki::ocsp::Response::from_der(der).is_ok()),
        ("revocation_list", |der| pki::Crl::from_der(der).is_ok()),
        ("time_stamp_request", signer::time_stamp::reads),
    ];
    let mut refused = Vec::new();
    for (target, reads) in readers {
        let seeds = files(&folder("seeds").join(target));
        assert!(seeds.len() > 1, "{target}");
        let unread = seeds.into_iter().filter(|(_, octets)| !reads(octets));
        refused.extend(unread.map(|(name, _)| format!("{target}/{name}")));
    }
    assert_eq!(refused, [] as [String; 0]);
}

/// No target panics on what strangers made, nor on mutations of it.
#[test]
fn strangers_requests_and_mutations_do_no_harm() {
    for (target, run) in TARGETS {
        for (name, octets) in files(&folder("seeds").join(target)) {
            hammer(&octets, CASES, run).unwrap_or_else(|said| panic!("{target}/{name}: {said}"));
        }
    }
}
