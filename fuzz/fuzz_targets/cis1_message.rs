//! Messages of agents of CIS1.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authn::fuzz::cis1_message(bytes));
