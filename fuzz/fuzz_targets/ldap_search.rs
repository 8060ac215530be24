//! Searches over LDAP, through plan and statements, in a small register.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| directory::ldap::fuzz::search(octets));
