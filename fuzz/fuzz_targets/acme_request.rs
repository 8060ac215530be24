//! Requests and attestations of ACME clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ca::acme::read_anything(octets));
