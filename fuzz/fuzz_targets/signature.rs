//! CMS signatures.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| lanyard::verification::read_anything(octets));
