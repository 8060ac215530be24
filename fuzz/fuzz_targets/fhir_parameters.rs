//! `Parameters` of operations over FHIR, in JSON or XML.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| directory::fhir_fuzz::parameters(octets));
