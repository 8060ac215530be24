//! Requests of applications to have something signed, each a JWS.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| signer::fuzz::signing_request(octets));
