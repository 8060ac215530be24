//! Messages of LDAP, with their controls and filters.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| directory::ldap::fuzz::message(octets));
