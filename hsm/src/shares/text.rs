//! A share as text, for a file or a sheet of paper: open, or sealed with its holder's passphrase.

use std::fmt::Write as _;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use zeroize::Zeroizing;

use super::{ShareError, sha256};

/// How a share begins.
const TITLE: &str = "lanyard pin share 1";
/// The longest text that is read.
const LONGEST: usize = 2048;
/// Argon2id over the passphrase: 64 MiB, three passes (RFC 9106 4, second recommendation, in one lane).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const SALT: usize = 16;

/// A share. It has no `Debug` and is wiped when dropped.
pub struct Share {
    pub(super) set: String,
    pub(super) token: String,
    pub(super) holder: String,
    pub(super) number: u8,
    pub(super) threshold: u8,
    pub(super) octets: Zeroizing<Vec<u8>>,
}

/// Whether the octets of a share stand open in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// They do.
    Open,
    /// A passphrase opens them.
    Passphrase,
}

impl Share {
    /// Whose it is.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Which set it is of.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// Its number, from 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// How a text holds its share; an error where it is none.
    pub fn sealed(text: &str) -> Result<Sealed, ShareError> {
        let parts = Parts::read(text)?;
        Ok(if parts.salt.is_some() { Sealed::Passphrase } else { Sealed::Open })
    }

    /// The text of the share: open, or sealed with a passphrase.
    pub fn to_text(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, ShareError> {
        let header = self.header();
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        text.push_str(&header);
        let Some(passphrase) = passphrase else {
            let data = Zeroizing::new(hex::encode(self.octets.as_slice()));
            let _ = writeln!(text, "data: {}", *data);
            return Ok(sign(text));
        };
        let (mut salt, mut nonce) = ([0; SALT], [0; NONCE_LEN]);
        let drawn = fill(&mut salt).and_then(|()| fill(&mut nonce));
        drawn.map_err(|_| ShareError::NotMade)?;
        let mut sealed = self.octets.to_vec();
        let made = key(passphrase, &salt)?.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut sealed,
        );
        made.map_err(|_| ShareError::NotMade)?;
        let _ = writeln!(text, "salt: {}", hex::encode(salt));
        let _ = writeln!(text, "sealed: {}{}", hex::encode(nonce), hex::encode(&sealed));
        Ok(sign(text))
    }

    /// Reads a share, with its holder's passphrase where it is sealed.
    pub fn from_text(text: &str, passphrase: Option<&str>) -> Result<Share, ShareError> {
        let Parts { mut share, salt, data } = Parts::read(text)?;
        let Some(salt) = salt else {
            share.octets = data;
            return Ok(share);
        };
        let wrong = || ShareError::Passphrase { holder: share.holder.clone() };
        let passphrase = passphrase.ok_or_else(wrong)?;
        let (nonce, sealed) = data.split_at_checked(NONCE_LEN).ok_or(ShareError::Changed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| ShareError::Changed)?;
        let mut octets = Zeroizing::new(sealed.to_vec());
        let header = share.header();
        let opened = key(passphrase, &salt)?.open_in_place(nonce, Aad::from(header.as_bytes()), &mut octets);
        let length = opened.map_err(|_| wrong())?.len();
        octets.truncate(length);
        share.octets = octets;
        Ok(share)
    }

    /// What everybody may read, and what the seal is bound to.
    fn header(&self) -> String {
        let Share { set, token, holder, number, threshold, .. } = self;
        format!(
            "{TITLE}\nset: {set}\ntoken: {token}\nholder: {holder}\nnumber: {number}\nneeded: {threshold}\n"
        )
    }
}

/// The lines of a share, after its checksum was found right.
struct Parts {
    share: Share,
    salt: Option<Vec<u8>>,
    data: Zeroizing<Vec<u8>>,
}

impl Parts {
    fn read(text: &str) -> Result<Parts, ShareError> {
        let text = text.trim_end();
        let (body, checksum) = text.rsplit_once("\nchecksum: ").ok_or(ShareError::Changed)?;
        if text.len() > LONGEST || checksum != sum(&format!("{body}\n")) {
            return Err(ShareError::Changed);
        }
        let mut lines = body.lines();
        if lines.next() != Some(TITLE) {
            return Err(ShareError::Changed);
        }
        let mut next = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::to_owned).ok_or(ShareError::Changed)
        };
        let number = |text: String| text.parse::<u8>().map_err(|_| ShareError::Changed);
        let share = Share {
            set: next("set")?,
            token: next("token")?,
            holder: next("holder")?,
            number: number(next("number")?)?,
            threshold: number(next("needed")?)?,
            octets: Zeroizing::default(),
        };
        let last: Vec<&str> = body.lines().skip(6).collect();
        let octets = |text: &str| hex::decode(text).map(Zeroizing::new).map_err(|_| ShareError::Changed);
        match last.as_slice() {
            [data] => {
                let data = data.strip_prefix("data: ").ok_or(ShareError::Changed)?;
                Ok(Parts { share, salt: None, data: octets(data)? })
            }
            [salt, sealed] => {
                let salt = salt.strip_prefix("salt: ").ok_or(ShareError::Changed)?;
                let sealed = sealed.strip_prefix("sealed: ").ok_or(ShareError::Changed)?;
                Ok(Parts { share, salt: Some(octets(salt)?.to_vec()), data: octets(sealed)? })
            }
            _ => Err(ShareError::Changed),
        }
    }
}

fn key(passphrase: &str, salt: &[u8]) -> Result<LessSafeKey, ShareError> {
    let parameters = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(|_| ShareError::NotMade)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| ShareError::Changed)?;
    let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| ShareError::NotMade)?;
    Ok(LessSafeKey::new(key))
}

/// The text with its checksum: against slips of the pen, not against forgers.
fn sign(mut text: Zeroizing<String>) -> Zeroizing<String> {
    let checksum = sum(&text);
    let _ = writeln!(text, "checksum: {checksum}");
    text
}

fn sum(text: &str) -> String {
    let mut whole = sha256(text.as_bytes());
    whole.truncate(16);
    whole
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;
    use crate::Pin;

    fn share() -> Share {
        let holders = ["Ada Byron", "Zoë O’Neill"].map(str::to_owned);
        let (_, shares) = split(&Pin::new("123456".to_owned()), "lanyard", 2, &holders).unwrap();
        shares.into_iter().next().unwrap()
    }

    /// A share comes back from its text, open and sealed; the text says whose it is and how many are needed.
    #[test]
    fn a_share_comes_back() {
        let share = share();
        for passphrase in [None, Some("correct horse")] {
            let text = share.to_text(passphrase).unwrap();
            assert!(text.contains("holder: Ada Byron\nnumber: 1\nneeded: 2\n"), "{}", *text);
            let read = Share::from_text(&text, passphrase).unwrap();
            assert_eq!((read.octets.as_slice(), read.holder()), (share.octets.as_slice(), "Ada Byron"));
            let sealed = Share::sealed(&text).unwrap() == Sealed::Passphrase;
            assert_eq!(sealed, passphrase.is_some());
            assert_eq!(text.contains(&hex::encode(share.octets.as_slice())), passphrase.is_none());
        }
    }

    /// A wrong passphrase, none, and a changed letter anywhere are refused.
    #[test]
    fn what_is_wrong_is_refused() {
        let text = share().to_text(Some("correct horse")).unwrap();
        let holder = || "Ada Byron".to_owned();
        for wrong in [None, Some("battery staple")] {
            let refused = Share::from_text(&text, wrong).map(drop);
            assert_eq!(refused, Err(ShareError::Passphrase { holder: holder() }));
        }
        for at in (0..text.trim_end().len()).filter(|at| text.is_char_boundary(*at)).step_by(7) {
            let mut changed = text.to_string();
            let letter = if changed[at..].starts_with('x') { "y" } else { "x" };
            let end = at + changed[at..].chars().next().unwrap().len_utf8();
            changed.replace_range(at..end, letter);
            let refused = Share::from_text(&changed, Some("correct horse")).map(drop);
            assert_eq!(refused, Err(ShareError::Changed), "{changed}");
        }
    }
}
