//! Answers of a responder that is not ours.

#![no_main]

use std::sync::LazyLock;

use pki::Certificate;

static ISSUER: LazyLock<Certificate> = LazyLock::new(|| {
    Certificate::from_pem(include_str!("../issuer.pem")).expect("the sample is a certificate")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pki::ocsp::fuzz::response(bytes, &ISSUER));
