//! Commands that a server wants relayed to a card.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| card::fuzz::command(octets));
