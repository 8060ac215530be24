//! The list of keys that are never certified, such as Debian's weak keys of 2008 (CVE-2008-0166).
//!
//! A text file with one key a line, in either of two forms: the SHA-256 of a `SubjectPublicKeyInfo` in hexadecimal, or
//! an entry of Debian's openssl-blacklist, whose files can be put in as they are: the last 20 hexadecimal digits of the
//! SHA-1 of `Modulus=`, the RSA modulus in capital hexadecimal, and a line end (openssl-vulnkey(1)). Lines that begin with
//! `#` and empty ones say nothing. It is read when the process starts.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::subject_key::{KeyRefused, SubjectKey};

/// How many keys a list may have: 128 MB in memory.
const MOST: usize = 4_000_000;

/// Keys that are refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefusedKeys {
    /// Sorted.
    sha256: Vec<[u8; 32]>,
    /// Sorted.
    moduli: Vec<[u8; 10]>,
}

/// Why a list cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListRefused {
    /// Not a hash.
    #[error("line {0} is neither a SHA-256 in hexadecimal nor 20 digits of openssl-blacklist")]
    Line(usize),
    /// Longer than we hold.
    #[error("more than {MOST} keys")]
    TooLong,
}

impl RefusedKeys {
    /// Reads a list.
    pub(crate) fn parse(text: &str) -> Result<RefusedKeys, ListRefused> {
        let (mut sha256, mut moduli) = (Vec::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |_| ListRefused::Line(at + 1);
            if line.len() == 20 {
                let mut end = [0; 10];
                hex::decode_to_slice(line, &mut end).map_err(wrong)?;
                moduli.push(end);
            } else {
                let mut hash = [0; 32];
                hex::decode_to_slice(line, &mut hash).map_err(wrong)?;
                sha256.push(hash);
            }
            if sha256.len() + moduli.len() > MOST {
                return Err(ListRefused::TooLong);
            }
        }
        sha256.sort_unstable();
        moduli.sort_unstable();
        Ok(RefusedKeys { sha256, moduli })
    }

    /// Refuses a key that is on the list.
    pub(crate) fn check(&self, key: &SubjectKey) -> Result<(), KeyRefused> {
        let hash = crate::digest::sha256(key.spki());
        let by_key = self.sha256.binary_search_by(|known| known.as_slice().cmp(&hash)).is_ok();
        let by_modulus = !self.moduli.is_empty()
            && key.modulus().is_some_and(|modulus| self.moduli.binary_search(&entry(&modulus)).is_ok());
        if by_key || by_modulus { Err(KeyRefused::Listed) } else { Ok(()) }
    }
}

/// The entry of openssl-blacklist for a modulus: what `openssl rsa -noout -modulus | sha1sum | cut -c 21-40` tells.
fn entry(modulus: &[u8]) -> [u8; 10] {
    let line = format!("Modulus={}\n", hex::encode_upper(modulus));
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, line.as_bytes());
    let mut entry = [0; 10];
    entry.copy_from_slice(&hash.as_ref()[10..20]);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256_hex;

    fn key() -> SubjectKey {
        use rcgen::PublicKeyData as _;
        let pair = rcgen::KeyPair::generate().unwrap();
        SubjectKey::parse(&pair.subject_public_key_info()).unwrap()
    }

    /// A listed key is refused, another is not, and comments say nothing.
    #[test]
    fn listed_keys_are_refused() {
        let (listed, other) = (key(), key());
        let text = format!("# weak\n\n{}\n{}\n", sha256_hex(b"x"), sha256_hex(listed.spki()).to_uppercase());
        let list = RefusedKeys::parse(&text).unwrap();
        assert_eq!(list.check(&listed), Err(KeyRefused::Listed));
        assert_eq!(list.check(&other), Ok(()));
        assert_eq!(RefusedKeys::default().check(&listed), Ok(()));
    }

    /// A line that is no hash is told by its number, so that no key is let through by a misprint.
    #[test]
    fn misprints_are_told() {
        assert_eq!(RefusedKeys::parse("# a\nabcd\n").unwrap_err(), ListRefused::Line(2));
        assert_eq!(RefusedKeys::parse("3c430072d96e4a1e180x\n").unwrap_err(), ListRefused::Line(1));
    }

    /// Files of openssl-blacklist are read beside hashes of keys, and a modulus is known by its end of the hash.
    #[test]
    fn files_of_openssl_blacklist_are_read() {
        // `printf 'Modulus=C0FFEE\n' | sha1sum`
        assert_eq!(hex::encode(entry(&[0xc0, 0xff, 0xee])), "6149ed99475722f13e18");
        let text = format!("# RSA-2048\n3c430072d96e4a1e1809\n{}\n", sha256_hex(b"x"));
        let list = RefusedKeys::parse(&text).unwrap();
        assert_eq!((list.sha256.len(), list.moduli.len()), (1, 1));
        assert_eq!(list.check(&key()), Ok(()), "a key on a curve has no modulus");
    }
}
