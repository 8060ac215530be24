//! Revocation lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pki::fuzz::crl(octets));
