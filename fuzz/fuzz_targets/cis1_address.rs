//! Addresses of the broker of CIS1 with tickets in them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authn::fuzz::cis1_address(bytes));
