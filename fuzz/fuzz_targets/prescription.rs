//! Prescriptions in FHIR and HL7 V3, and any XML.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| signer::fuzz::prescription(octets));
