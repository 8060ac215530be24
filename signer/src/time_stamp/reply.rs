//! What the time-stamp authority answers (RFC 3161 2.4.2).

use crate::cms::der::{BIT_STRING, INTEGER, SEQUENCE, UTF8_STRING, element};

/// Why there is no time-stamp: `PKIFailureInfo` of RFC 3161 2.4.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The hash is not known here, or not accepted.
    BadAlgorithm,
    /// It reads, but nobody may ask so.
    BadRequest,
    /// It does not read.
    BadDataFormat,
    /// It is not known well enough what time it is.
    TimeNotAvailable,
    /// Another policy is asked for.
    UnacceptedPolicy,
    /// An extension is asked for, and none is known.
    UnacceptedExtension,
    /// Something that is needed is not to be had.
    System,
}

impl Failure {
    /// Which bit says so.
    fn bit(self) -> u8 {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadRequest => 2,
            Self::BadDataFormat => 5,
            Self::TimeNotAvailable => 14,
            Self::UnacceptedPolicy => 15,
            Self::UnacceptedExtension => 16,
            Self::System => 25,
        }
    }

    /// What to tell people, and what to do.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::BadAlgorithm => "The hash is not accepted: use SHA-256, SHA-384 or SHA-512.",
            Self::BadRequest => "The request is not one of version 1, or its nonce is longer than 64 octets.",
            Self::BadDataFormat => {
                "The request is not a TimeStampReq in DER whose digest has the length of its hash."
            }
            Self::TimeNotAvailable => "The clock is not to be trusted now. Try again later.",
            Self::UnacceptedPolicy => "Time-stamps are not given under this policy: ask for none.",
            Self::UnacceptedExtension => "No extension is known here: ask without any.",
            Self::System => "Time-stamps cannot be given now. Try again later.",
        }
    }

    /// The same for metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BadAlgorithm => "bad-algorithm",
            Self::BadRequest => "bad-request",
            Self::BadDataFormat => "bad-data-format",
            Self::TimeNotAvailable => "time-not-available",
            Self::UnacceptedPolicy => "unaccepted-policy",
            Self::UnacceptedExtension => "unaccepted-extension",
            Self::System => "system-failure",
        }
    }
}

/// granted(0).
const GRANTED: [u8; 5] = [SEQUENCE, 3, INTEGER, 1, 0];
/// rejection(2).
const REJECTION: [u8; 3] = [INTEGER, 1, 2];

/// A `TimeStampResp` with its token.
pub(crate) fn granted(token: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&GRANTED, token])
}

/// A `TimeStampResp` that says why there is none.
pub(crate) fn refused(failure: Failure) -> Vec<u8> {
    let text = element(SEQUENCE, &[&element(UTF8_STRING, &[failure.sentence().as_bytes()])]);
    let status = element(SEQUENCE, &[&REJECTION, &text, &failure_info(failure)]);
    element(SEQUENCE, &[&status])
}

/// A named bit, without zeros behind it (X.690 11.2.2).
fn failure_info(failure: Failure) -> Vec<u8> {
    let bit = usize::from(failure.bit());
    let mut octets = vec![0; bit / 8 + 1];
    octets[bit / 8] = 0x80 >> (bit % 8);
    let unused = u8::try_from(7 - bit % 8).unwrap_or(0);
    element(BIT_STRING, &[&[unused], &octets])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Named bits are written as DER has them.
    #[test]
    fn bits_are_named() {
        assert_eq!(failure_info(Failure::BadAlgorithm), [3, 2, 7, 0x80]);
        assert_eq!(failure_info(Failure::BadRequest), [3, 2, 5, 0x20]);
        assert_eq!(failure_info(Failure::TimeNotAvailable), [3, 3, 1, 0, 2]);
        assert_eq!(failure_info(Failure::UnacceptedExtension), [3, 4, 7, 0, 0, 0x80]);
        assert_eq!(failure_info(Failure::System), [3, 5, 6, 0, 0, 0, 0x40]);
    }

    /// A refusal has status, text and failure, and a token goes behind its status.
    #[test]
    fn answers_have_their_parts() {
        assert_eq!(granted(&[5, 0]), [0x30, 7, 0x30, 3, 2, 1, 0, 5, 0]);
        let refused = refused(Failure::BadRequest);
        assert!(refused.windows(4).any(|part| part == [3, 2, 5, 0x20]));
        assert!(refused.windows(9).any(|part| part == b"version 1"));
    }
}
