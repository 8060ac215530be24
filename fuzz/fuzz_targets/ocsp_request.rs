//! Questions that anybody may send to `/ocsp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pki::ocsp::fuzz::request(bytes));
