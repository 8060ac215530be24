//! Bodies of EST enrolments.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ca::read_est_body(octets));
