//! `TSTInfo`: what a time-stamp says (RFC 3161 2.4.2).

use std::time::Duration;

use der::Encode as _;
use pki::ObjectIdentifier;
use platform::clock::{Accuracy, Millis};
use time::OffsetDateTime;

use super::request::Request;
use super::serial::Serial;
use crate::cms::der::{CONTEXT_0, GENERALIZED_TIME, INTEGER, SEQUENCE, element, unsigned};
use crate::error::Error;

/// version 1.
const VERSION: [u8; 3] = [INTEGER, 1, 1];
/// `[0]` and `[1]`, primitive: millis and micros of an accuracy.
const MILLIS: u8 = 0x80;
/// `[4]`, constructed: the directoryName of a `GeneralName`.
const DIRECTORY_NAME: u8 = 0xA4;

/// What one time-stamp says, in DER.
pub(crate) fn write(
    request: &Request,
    policy: &ObjectIdentifier,
    serial: Serial,
    at: Millis,
    accuracy: Accuracy,
    authority: &[u8],
) -> Result<Vec<u8>, Error> {
    let policy = policy.to_der().map_err(|_| Error::StoredRow { what: "policy" })?;
    let nonce = request.nonce.as_deref().unwrap_or_default();
    Ok(element(
        SEQUENCE,
        &[
            &VERSION,
            &policy,
            &request.imprint,
            &unsigned(INTEGER, serial.octets()),
            &generalized_time(at)?,
            &accuracy.bound.map(written).unwrap_or_default(),
            // ordering is FALSE, its default: two that are close together were not ordered by their time.
            nonce,
            authority,
        ],
    ))
}

/// The `tsa` field for a name in DER: it is that of the certificate.
pub(crate) fn authority(subject: &[u8]) -> Vec<u8> {
    element(CONTEXT_0, &[&element(DIRECTORY_NAME, &[subject])])
}

/// RFC 3161 2.4.2: fractions of a second without zeros at their end, and none when there is nothing to say.
fn generalized_time(at: Millis) -> Result<Vec<u8>, Error> {
    let unreadable = Error::StoredRow { what: "time" };
    let Ok(time) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000) else {
        return Err(unreadable);
    };
    let (date, clock) = (time.date(), time.time());
    let (year, month) = (date.year(), u8::from(date.month()));
    let mut text = format!(
        "{year:04}{month:02}{:02}{:02}{:02}{:02}",
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    if clock.millisecond() > 0 {
        let fraction = format!("{:03}", clock.millisecond());
        text = format!("{text}.{}", fraction.trim_end_matches('0'));
    }
    text.push('Z');
    Ok(element(GENERALIZED_TIME, &[text.as_bytes()]))
}

/// `Accuracy`, rounded up; a millisecond more, because the time is cut to one.
fn written(bound: Duration) -> Vec<u8> {
    let millis = bound.as_micros().div_ceil(1000) + 1;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let mut parts = Vec::new();
    if seconds > 0 {
        parts.push(unsigned(INTEGER, &seconds.to_be_bytes()));
    }
    // RFC 3161 2.4.2: 1 to 999, or left out.
    if millis > 0 {
        parts.push(unsigned(MILLIS, &millis.to_be_bytes()));
    }
    element(SEQUENCE, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time has as many digits behind the second as it needs.
    #[test]
    fn times_are_as_short_as_may_be() {
        let text = |at| String::from_utf8(generalized_time(Millis(at)).unwrap()[2..].to_vec()).unwrap();
        assert_eq!(text(1_700_000_000_123), "20231114221320.123Z");
        assert_eq!(text(1_700_000_000_120), "20231114221320.12Z");
        assert_eq!(text(1_700_000_000_005), "20231114221320.005Z");
        assert_eq!(text(1_700_000_000_000), "20231114221320Z");
    }

    /// An accuracy is never told better than it is.
    #[test]
    fn accuracies_are_rounded_up() {
        assert_eq!(written(Duration::from_micros(1)), [0x30, 3, 0x80, 1, 2]);
        assert_eq!(written(Duration::from_millis(250)), [0x30, 4, 0x80, 2, 0, 251]);
        assert_eq!(written(Duration::from_millis(999)), [0x30, 3, 2, 1, 1]);
        assert_eq!(written(Duration::from_millis(1500)), [0x30, 7, 2, 1, 1, 0x80, 2, 1, 0xF5]);
    }
}
