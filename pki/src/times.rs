//! Times of DER as milliseconds since the epoch.

use der::DateTime;
use der::asn1::{GeneralizedTime, UtcTime};
use der::{Decode, Encode};

use crate::Error;
use crate::tlv::{GENERALIZED_TIME, Tlv, UTC_TIME};

/// Milliseconds since the epoch of a calendar time.
pub(crate) fn from_date_time(time: DateTime) -> i64 {
    i64::try_from(time.unix_duration().as_millis()).unwrap_or(i64::MAX)
}

/// Reads a `Time` (RFC 5280 4.1.2.5) from its element.
pub(crate) fn read(tlv: Tlv<'_>, what: &'static str) -> Result<i64, Error> {
    let malformed = || Error::malformed(what);
    if is_early(&tlv) {
        let mut moved = tlv.whole.to_vec();
        let year = moved.len() - tlv.value.len();
        move_year(&mut moved[year..]);
        let time = UtcTime::from_der(&moved).map_err(|_| malformed())?;
        return Ok(from_date_time(time.to_date_time()) - CYCLE_MS);
    }
    let time = match tlv.tag {
        UTC_TIME => UtcTime::from_der(tlv.whole).map(|time| time.to_date_time()),
        GENERALIZED_TIME => GeneralizedTime::from_der(tlv.whole).map(|time| time.to_date_time()),
        _ => return Err(malformed()),
    };
    time.map(from_date_time).map_err(|_| malformed())
}

/// After 28 years the calendar of 1950 to 2049 repeats.
const CYCLE_MS: i64 = (28 * 365 + 7) * 24 * 60 * 60 * 1000;

/// True for a `UTCTime` of 1950 to 1969, which the `der` crate cannot hold.
pub(crate) fn is_early(tlv: &Tlv<'_>) -> bool {
    tlv.tag == UTC_TIME && matches!(tlv.value, [b'5' | b'6', b'0'..=b'9', ..])
}

/// Moves the two digits of a year from 1950 to 1969 by 28 years.
pub(crate) fn move_year(digits: &mut [u8]) {
    if let [tens @ b'5'..=b'6', ones @ b'0'..=b'9', ..] = digits {
        let year = 10 * (*tens - b'0') + (*ones - b'0') + 28;
        (*tens, *ones) = (b'0' + year / 10, b'0' + year % 10);
    }
}

/// The DER of any value that encodes; the values here were decoded, so they do.
pub(crate) fn encoded(value: &impl Encode, what: &'static str) -> Result<Vec<u8>, Error> {
    value.to_der().map_err(|_| Error::malformed(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv::Reader;

    fn utc(text: &str) -> Result<i64, Error> {
        let der = [&[UTC_TIME, 13], text.as_bytes()].concat();
        read(Reader::new(&der, "time").any()?, "time")
    }

    /// Years before 1970 count back from the epoch, leap days included; a day that does not exist is refused.
    #[test]
    fn times_before_the_epoch_are_read() {
        assert_eq!(utc("700101000000Z"), Ok(0));
        assert_eq!(utc("691231235959Z"), Ok(-1000));
        assert_eq!(utc("680229000000Z"), Ok(-58_060_800_000));
        assert_eq!(utc("500101000000Z"), Ok(-631_152_000_000));
        assert!(utc("690229000000Z").is_err());
        assert!(utc("6901010000Z00").is_err());
    }
}
