//! What cards have signed for agents of CIS1: S/MIME, CMS.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| authn::fuzz::cis1_response(bytes));
