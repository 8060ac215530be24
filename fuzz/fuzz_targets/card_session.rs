//! A card that says what it likes, in a whole session.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| card::fuzz::session(octets));
