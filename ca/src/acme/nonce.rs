//! Nonces against replay: RFC 8555 6.5.
//!
//! A nonce says when it was made, is random, and carries a MAC under a key that every node on the database shares. So
//! giving one out writes nothing, and any node takes what another gave. One that was used is remembered in the
//! database until it would be too old anyway: it counts once, whichever nodes see it.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::clock::Millis;

use super::problem::{Kind, Problem};

/// How long a nonce is taken after it was given.
pub(crate) const LIFE: Duration = Duration::from_hours(1);
/// How far another node's clock may be ahead.
const AHEAD: Duration = Duration::from_mins(1);

const RANDOM: usize = 16;
const MAC: usize = 16;

/// The key under which nonces are given.
pub(crate) struct Nonces {
    key: hmac::Key,
}

/// A nonce that one of our nodes gave lately. Whether it was used before, the store says.
#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) text: String,
    /// When it is too old to be taken.
    pub(crate) until: Millis,
}

impl Nonces {
    pub(crate) fn new(secret: &[u8]) -> Nonces {
        Nonces { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A nonce made now out of these random octets.
    pub(crate) fn give(&self, now: Millis, random: [u8; RANDOM]) -> String {
        let mut octets = now.0.to_be_bytes().to_vec();
        octets.extend(random);
        let mac = hmac::sign(&self.key, &octets);
        octets.extend(&mac.as_ref()[..MAC]);
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// Takes a nonce of ours that is not too old.
    pub(crate) fn take(&self, text: Option<&str>, now: Millis) -> Result<Ours, Problem> {
        let text = text.ok_or_else(|| bad("the protected header has no \"nonce\""))?;
        let strange = || bad("this nonce was not given here");
        let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| strange())?;
        let (at, rest) = octets.split_first_chunk::<8>().ok_or_else(strange)?;
        if rest.len() != RANDOM + MAC {
            return Err(strange());
        }
        let (random, mac) = rest.split_at(RANDOM);
        let right = hmac::sign(&self.key, &[&at[..], random].concat());
        // In constant time: a MAC that could be guessed octet by octet would be none.
        aws_lc_rs::constant_time::verify_slices_are_equal(&right.as_ref()[..MAC], mac)
            .map_err(|_| strange())?;
        let at = Millis(i64::from_be_bytes(*at));
        let until = at.plus(LIFE);
        if now > until || at > now.plus(AHEAD) {
            return Err(bad("this nonce is too old"));
        }
        Ok(Ours { text: text.to_owned(), until })
    }
}

/// The answer to a nonce that was used before.
pub(crate) fn used() -> Problem {
    bad("this nonce was used before")
}

fn bad(detail: &str) -> Problem {
    Problem::new(Kind::BadNonce, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    /// Nonces of any node with the key are taken for an hour; changed, foreign and old ones are not.
    #[test]
    fn nonces_are_ours_for_an_hour() {
        let (here, there) = (Nonces::new(&[1; 32]), Nonces::new(&[1; 32]));
        let nonce = here.give(NOW, [9; RANDOM]);
        assert_eq!(there.take(Some(&nonce), NOW.plus(LIFE)).unwrap().until, NOW.plus(LIFE));
        assert!(there.take(Some(&nonce), NOW.plus(LIFE).plus(Duration::from_millis(1))).is_err());
        assert!(there.take(Some(&nonce), NOW.minus(AHEAD * 2)).is_err());
        assert!(Nonces::new(&[2; 32]).take(Some(&nonce), NOW).is_err());
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let taken = here.take(Some(&changed), NOW);
            assert!(taken.is_err(), "place {at}");
        }
        for strange in [None, Some(""), Some("AAAA"), Some("not base64url!")] {
            assert_eq!(here.take(strange, NOW).unwrap_err().kind, Kind::BadNonce);
        }
    }
}
