//! Names of LDAP.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| directory::ldap::fuzz::name(octets));
