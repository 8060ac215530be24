//! What a card holds, and the keys that it makes.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| card::fuzz::objects(octets));
