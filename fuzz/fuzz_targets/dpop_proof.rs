//! Proofs of keys in the header `DPoP`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authn::fuzz::dpop_proof(bytes));
