//! What a header must say before anything else is looked at (RFC 9483 3.1, 3.5).

use pki::cmp::{Failure, Header};
use platform::clock::Millis;

use super::refusal::Refusal;
use crate::error::Error;

/// The fresh part of a message of ours.
pub(super) type Nonce = [u8; 16];

/// How far the time of a message may be from ours. RFC 9483 3.5
const TIME_WITHIN_MS: i64 = 5 * 60 * 1000;
/// RFC 9483 3.1: 128 bits of transaction id and nonce.
const SHORTEST_ID: usize = 16;

/// Evidence that a header is fit.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) transaction_id: Vec<u8>,
    pub(super) sender_nonce: Vec<u8>,
}

/// Checks version, transaction id, nonce and time.
pub(super) fn check(header: &Header, now: Millis) -> Result<Checked, Refusal> {
    if !matches!(header.version, 2 | 3) {
        let sentence = format!("pvno {} is not supported; use 2 or 3", header.version);
        return Err(Refusal::new(Failure::UnsupportedVersion, sentence));
    }
    let long_enough = |octets: &Option<Vec<u8>>| octets.clone().filter(|it| it.len() >= SHORTEST_ID);
    let transaction_id = long_enough(&header.transaction_id)
        .ok_or_else(|| Refusal::new(Failure::BadDataFormat, "transactionID must have 16 octets or more"))?;
    let sender_nonce = long_enough(&header.sender_nonce)
        .ok_or_else(|| Refusal::new(Failure::BadSenderNonce, "senderNonce must have 16 octets or more"))?;
    if header.message_time_ms.is_some_and(|time| (time - now.0).abs() > TIME_WITHIN_MS) {
        let sentence = "messageTime is more than five minutes from this server's clock; check both";
        return Err(Refusal::new(Failure::BadTime, sentence));
    }
    Ok(Checked { transaction_id, sender_nonce })
}

/// A nonce from the system.
pub(super) fn fresh_nonce() -> Result<Nonce, Error> {
    let mut nonce = [0; 16];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    fn checked(change: impl FnOnce(&mut Header)) -> Option<Failure> {
        let mut header = Header {
            version: 2,
            sender: Vec::new(),
            sender_name: None,
            recipient: Vec::new(),
            message_time_ms: Some(NOW.0),
            protection_algorithm: None,
            sender_key_id: None,
            transaction_id: Some(vec![1; 16]),
            sender_nonce: Some(vec![2; 16]),
            recipient_nonce: None,
            general_info: Vec::new(),
        };
        change(&mut header);
        check(&header, NOW).err().map(|refusal| refusal.failure)
    }

    /// Each part of a header that is missing, too short or too far away has its own refusal.
    #[test]
    fn headers_are_checked() {
        assert_eq!(checked(|_| {}), None);
        assert_eq!(checked(|header| header.version = 3), None);
        assert_eq!(checked(|header| header.message_time_ms = None), None);
        assert_eq!(checked(|header| header.message_time_ms = Some(NOW.0 - 299_000)), None);
        assert_eq!(checked(|header| header.version = 1), Some(Failure::UnsupportedVersion));
        assert_eq!(checked(|header| header.transaction_id = None), Some(Failure::BadDataFormat));
        assert_eq!(checked(|header| header.transaction_id = Some(vec![1; 15])), Some(Failure::BadDataFormat));
        assert_eq!(checked(|header| header.sender_nonce = None), Some(Failure::BadSenderNonce));
        assert_eq!(checked(|header| header.sender_nonce = Some(vec![1; 8])), Some(Failure::BadSenderNonce));
        for away in [-301_000, 301_000] {
            let time = Some(NOW.0 + away);
            assert_eq!(checked(|header| header.message_time_ms = time), Some(Failure::BadTime));
        }
    }
}
