//! Questions that anybody may send to `/tsa`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::time_stamp::read_anything(bytes));
