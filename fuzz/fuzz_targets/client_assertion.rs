//! Assertions by which clients prove who they are at the token endpoint.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authn::fuzz::client_assertion(bytes));
