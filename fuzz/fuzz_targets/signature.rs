//! Signatures of every sort: CMS, and prescriptions in FHIR and HL7 V3.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| signer::verification::read_anything(octets));
