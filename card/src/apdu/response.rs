//! Answers.

use super::Status;

/// A card's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What the card said.
    pub data: Vec<u8>,
    /// How it went.
    pub status: Status,
}

/// Octets that are no answer: there are not even two.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the card answered with less than a status")]
pub struct MalformedResponse;

impl Response {
    /// Reads an answer: its last two octets are the status. ISO/IEC 7816-4, 5.6.
    pub fn parse(mut octets: Vec<u8>) -> Result<Self, MalformedResponse> {
        let (Some(low), Some(high)) = (octets.pop(), octets.pop()) else { return Err(MalformedResponse) };
        Ok(Self { data: octets, status: Status::from_word(u16::from_be_bytes([high, low])) })
    }
}
