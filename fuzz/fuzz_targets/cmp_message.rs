//! Messages of the certificate management protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pki::cmp::read_anything(octets));
