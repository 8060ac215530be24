//! Names, serials, keys and text.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| pki::fuzz::parts(octets));
