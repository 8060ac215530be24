//! An authenticator app, written anew from the standard.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use platform::clock::Millis;

/// The code of an app with this seed at a time. RFC 6238
pub(crate) fn code(seed: &str, now: Millis) -> String {
    let mut bits = String::new();
    for letter in seed.chars() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
        write!(bits, "{value:05b}").unwrap();
    }
    let octets = bits.as_bytes().chunks_exact(8);
    let key: Vec<u8> =
        octets.map(|octet| u8::from_str_radix(std::str::from_utf8(octet).unwrap(), 2).unwrap()).collect();
    let step = u64::try_from(now.0 / 30_000).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
