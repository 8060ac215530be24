//! Numbers of documents, kept so that they can be compared and not read.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};

/// The key under which numbers are hashed. With it and the table, short numbers could be guessed; it is kept apart.
#[derive(Clone)]
pub struct DocumentKey(hmac::Key);

impl DocumentKey {
    /// Takes the secret. Whoever hands it over wipes their own copy.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The hash of parts that belong together, in hexadecimal. What it is for and the length of each part go in, so that
    /// no two lists of parts are one text.
    pub(super) fn hash(&self, purpose: &str, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in std::iter::once(&purpose).chain(parts) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        hex::encode(context.sign().as_ref())
    }

    /// A number on its way from where it was given to where it is kept, such as in a request: its mask and its hash, with a proof that
    /// they were made here, of this. The number itself is gone.
    pub(super) fn carry(&self, of: &[&str], mask: &str, hash: &str) -> String {
        format!("{CARRIED}{mask}:{hash}:{}", self.proof(of, mask, hash))
    }

    /// Mask and hash of a number on its way; none if the text is not one of ours, of this.
    pub(super) fn carried<'a>(&self, of: &[&str], text: &'a str) -> Option<(&'a str, &'a str)> {
        let (mask, rest) = text.strip_prefix(CARRIED)?.split_once(':')?;
        let (hash, proof) = rest.split_once(':')?;
        same(proof, &self.proof(of, mask, hash)).then_some((mask, hash))
    }

    fn proof(&self, of: &[&str], mask: &str, hash: &str) -> String {
        self.hash("carried", &[of, [mask, hash].as_slice()].concat())
    }
}

/// How a number begins that is on its way.
const CARRIED: &str = "kept:";

/// A number, or one on its way, as it is shown.
pub(crate) fn masked(text: &str) -> String {
    match text.strip_prefix(CARRIED).and_then(|rest| rest.split_once(':')) {
        Some((mask, _)) => mask.to_owned(),
        None => mask(&text.chars().filter(char::is_ascii_alphanumeric).collect::<String>()),
    }
}

/// Nothing of the key.
impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentKey")
    }
}

/// Whether two hashes are one, in a time that tells nothing of where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// The last four characters of a number, with a star for each one before them, eight stars at most.
pub(super) fn mask(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    // Of a short number less is shown: at most half.
    let shown = (letters.len() / 2).min(4);
    let hidden = letters.len() - shown;
    let mut masked = "*".repeat(hidden.min(8));
    masked.extend(&letters[hidden..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same number gives the same hash under one key only, and parts do not run together.
    #[test]
    fn hashes_belong_to_one_key_and_purpose() {
        let (one, other) = (DocumentKey::new(&[1; 32]), DocumentKey::new(&[2; 32]));
        let hash = one.hash("document", &["passport", "GBR", "123456789"]);
        assert_eq!(hash.len(), 64);
        assert!(same(&hash, &one.hash("document", &["passport", "GBR", "123456789"])));
        assert!(!same(&hash, &other.hash("document", &["passport", "GBR", "123456789"])));
        assert_ne!(hash, one.hash("document", &["passport", "GBR1", "23456789"]));
        assert_ne!(one.hash("a", &["b"]), one.hash("ab", &[]));
        assert_eq!(format!("{one:?}"), "DocumentKey");
    }

    /// What is on its way is known again for what it is, and nobody else makes one.
    #[test]
    fn numbers_on_their_way_are_proved() {
        let (key, other) = (DocumentKey::new(&[1; 32]), DocumentKey::new(&[2; 32]));
        let text = key.carry(&["passport", "gbr"], "*****6789", "abc");
        assert_eq!(key.carried(&["passport", "gbr"], &text), Some(("*****6789", "abc")));
        assert_eq!(key.carried(&["passport", "irl"], &text), None);
        assert_eq!(other.carried(&["passport", "gbr"], &text), None);
        assert_eq!(key.carried(&["passport", "gbr"], &text.replace("abc", "abe")), None);
        assert_eq!(key.carried(&["passport", "gbr"], "kept:*****6789:abc"), None);
        assert_eq!((masked(&text).as_str(), masked("123 456 789").as_str()), ("*****6789", "*****6789"));
    }

    /// A mask shows four characters at most, and never more than half of a number.
    #[test]
    fn masks_show_the_end() {
        assert_eq!(mask("123456789"), "*****6789");
        assert_eq!(mask("12345"), "***45");
        assert_eq!(mask("1"), "*");
        assert_eq!(mask("MORGA657054SM9IJ"), "********M9IJ");
    }
}
