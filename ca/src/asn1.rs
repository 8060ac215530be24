//! The little DER that we write ourselves: extension values and revocation lists.
//!
//! It only writes. Reading is left to x509-cert, so that two decoders by different people must agree.

use const_oid::ObjectIdentifier;
use platform::clock::Millis;
use time::OffsetDateTime;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The tag `[number]`, primitive.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The tag `[number]`, constructed.
pub(crate) const fn context_constructed(number: u8) -> u8 {
    0xa0 | number
}

/// One value: tag, length, the contents one after the other.
pub(crate) fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let length = contents.iter().map(|content| content.len()).sum();
    let mut out = header(tag, length);
    for content in contents {
        out.extend_from_slice(content);
    }
    out
}

/// Tag and definite length, X.690 8.1.3 and 10.1.
pub(crate) fn header(tag: u8, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(10);
    put_header(&mut out, tag, length);
    out
}

/// The same behind what is there already, for what is written a million times.
pub(crate) fn put_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | significant.len().to_le_bytes()[0]);
            out.extend_from_slice(significant);
        }
    }
}

/// How many octets a value with contents of this length takes.
pub(crate) fn size(content: usize) -> usize {
    let significant = (usize::BITS - content.leading_zeros()).div_ceil(8) as usize;
    1 + if content < 0x80 { 1 } else { 1 + significant } + content
}

pub(crate) fn oid(oid: &ObjectIdentifier) -> Vec<u8> {
    tlv(OBJECT_IDENTIFIER, &[oid.as_bytes()])
}

/// A non-negative INTEGER or ENUMERATED from big-endian octets.
pub(crate) fn unsigned(tag: u8, big_endian: &[u8]) -> Vec<u8> {
    let significant = &big_endian[big_endian.iter().take_while(|byte| **byte == 0).count()..];
    match significant.first() {
        None => tlv(tag, &[&[0]]),
        Some(first) if first & 0x80 != 0 => tlv(tag, &[&[0], significant]),
        Some(_) => tlv(tag, &[significant]),
    }
}

/// A Time: `UTCTime` through 2049, `GeneralizedTime` after, both to the second and in Z (RFC 5280 4.1.2.5).
pub(crate) fn time(at: Millis) -> Vec<u8> {
    let mut out = Vec::with_capacity(17);
    put_time(&mut out, at);
    out
}

/// The same behind what is there already.
pub(crate) fn put_time(out: &mut Vec<u8>, at: Millis) {
    let moment = moment(at);
    if moment.year() < 2050 {
        put_header(out, UTC_TIME, 13);
        put_two_digits(out, moment.year().rem_euclid(100));
        put_month_to_second(out, moment);
    } else {
        put_header(out, GENERALIZED_TIME, 15);
        put_generalized(out, moment);
    }
}

/// A `GeneralizedTime` to the second and in Z.
pub(crate) fn generalized_time(tag: u8, at: Millis) -> Vec<u8> {
    let mut out = Vec::with_capacity(17);
    put_header(&mut out, tag, 15);
    put_generalized(&mut out, moment(at));
    out
}

/// The instant, cut to the second.
pub(crate) fn moment(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn put_generalized(out: &mut Vec<u8>, moment: OffsetDateTime) {
    put_two_digits(out, moment.year().div_euclid(100));
    put_two_digits(out, moment.year().rem_euclid(100));
    put_month_to_second(out, moment);
}

fn put_month_to_second(out: &mut Vec<u8>, moment: OffsetDateTime) {
    let (hour, minute, second) = moment.to_hms();
    for number in [u8::from(moment.month()), moment.day(), hour, minute, second] {
        put_two_digits(out, i32::from(number));
    }
    out.push(b'Z');
}

/// A number below 100 as two digits.
fn put_two_digits(out: &mut Vec<u8>, number: i32) {
    let digit = |value: i32| b'0' + value.rem_euclid(10).to_le_bytes()[0];
    out.extend_from_slice(&[digit(number / 10), digit(number)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths take the short form below 128 and the fewest octets above, and `size` agrees.
    #[test]
    fn lengths_are_minimal() {
        let cases = [(0usize, 2usize), (127, 2), (128, 3), (255, 3), (256, 4), (65_535, 4), (65_536, 5)];
        for (length, head) in cases {
            assert_eq!(header(SEQUENCE, length).len(), head, "{length}");
            assert_eq!(size(length), head + length, "{length}");
        }
    }

    /// Integers are minimal and never negative.
    #[test]
    fn integers_are_minimal_and_positive() {
        assert_eq!(unsigned(INTEGER, &[]), [2, 1, 0]);
        assert_eq!(unsigned(INTEGER, &[0, 0, 5]), [2, 1, 5]);
        assert_eq!(unsigned(INTEGER, &[0x80]), [2, 2, 0, 0x80]);
    }

    /// The form of a time changes with the year 2050.
    #[test]
    fn times_change_form_in_2050() {
        let last = Millis(2_524_607_999_999);
        assert_eq!(time(last), [&[UTC_TIME, 13][..], b"491231235959Z"].concat());
        assert_eq!(
            time(Millis(2_524_608_000_000)),
            [&[GENERALIZED_TIME, 15][..], b"20500101000000Z"].concat()
        );
    }
}
