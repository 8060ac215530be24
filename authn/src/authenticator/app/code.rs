//! The code of a moment.

use aws_lc_rs::hmac;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The code of a step. RFC 4226 5.3, with six digits.
pub(crate) fn code(seed: &[u8], step: i64) -> [u8; 6] {
    // HMAC with SHA-1 is what every app computes; nothing here rests on collisions.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]) % 1_000_000;
    let mut digits = [0; 6];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    digits
}

/// The step whose code was given: this one, the one before or the one after. RFC 6238 5.2 leaves room for clocks and for slow
/// fingers. It takes as long whatever was given.
pub(crate) fn step_of(seed: &[u8], given: [u8; 6], now: i64) -> Option<i64> {
    let (mut found, mut any) = (0_i64, Choice::from(0));
    for step in [now - 1, now, now + 1] {
        let right = code(seed, step).ct_eq(&given);
        found.conditional_assign(&step, right);
        any |= right;
    }
    bool::from(any).then_some(found)
}

/// What was typed as a code: six digits, in groups or not.
pub(crate) fn typed(text: &str) -> Option<[u8; 6]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).collect();
    let digits: [u8; 6] = digits.try_into().ok()?;
    digits.iter().all(u8::is_ascii_digit).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 6238, appendix B, for SHA-1: their last six digits.
    #[test]
    fn standard_vectors() {
        let seed = b"12345678901234567890";
        for (seconds, expected) in [
            (59_i64, b"287082"),
            (1_111_111_109, b"081804"),
            (1_111_111_111, b"050471"),
            (1_234_567_890, b"005924"),
            (2_000_000_000, b"279037"),
            (20_000_000_000, b"353130"),
        ] {
            assert_eq!(&code(seed, seconds / 30), expected, "{seconds}");
        }
    }

    /// A code is taken in its step and the ones beside it, and in no other.
    #[test]
    fn neighbours_are_taken() {
        let seed = b"12345678901234567890";
        let given = code(seed, 100);
        let found: Vec<Option<i64>> = (97..=103).map(|now| step_of(seed, given, now)).collect();
        assert_eq!(found, [None, None, Some(100), Some(100), Some(100), None, None]);
    }

    /// Codes are read as apps show them.
    #[test]
    fn codes_are_read() {
        assert_eq!(typed("123 456"), Some(*b"123456"));
        assert_eq!(typed(" 123-456 "), Some(*b"123456"));
        for wrong in ["12345", "1234567", "12345a", "", "１２３４５６"] {
            assert_eq!(typed(wrong), None, "{wrong}");
        }
    }
}
