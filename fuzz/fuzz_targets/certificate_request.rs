//! PKCS#10 requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pki::fuzz::csr(octets));
