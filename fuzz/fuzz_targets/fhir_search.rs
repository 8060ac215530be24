//! Searches over FHIR.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| directory::fhir_fuzz::search(octets));
