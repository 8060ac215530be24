//! National insurance numbers: checked, compared, and not kept.

use super::evidence::{KEY_LOST, on_its_way};
use super::keyed::{DocumentKey, mask};
use crate::error::Error;

/// What remains of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its end.
    pub(crate) mask: String,
    /// Its keyed hash.
    pub(crate) hash: String,
}

/// What is carried of a number.
const CARRIED: &[&str] = &["national-insurance"];

/// A number on its way to where it is kept: see [`DocumentKey::carry`].
pub(crate) fn carry(key: &DocumentKey, text: &str) -> Result<String, Error> {
    let Kept { mask, hash } = kept(key, text)?;
    Ok(key.carry(CARRIED, &mask, &hash))
}

/// Takes a number: two letters, six digits, one letter from A to D; blanks may stand anywhere. Or one that was carried.
pub(crate) fn kept(key: &DocumentKey, text: &str) -> Result<Kept, Error> {
    if let Some((mask, hash)) = key.carried(CARRIED, text) {
        return Ok(Kept { mask: mask.to_owned(), hash: hash.to_owned() });
    }
    if on_its_way(text) {
        return Err(Error::field("national_insurance_number", KEY_LOST));
    }
    let number: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    if !is_one(number.as_bytes()) {
        return Err(Error::field(
            "national_insurance_number",
            "Write two letters, six digits and one letter from A to D, such as QQ 12 34 56 C. Numbers that are never \
             given out are not taken.",
        ));
    }
    Ok(Kept { mask: mask(&number), hash: key.hash("national-insurance", &[&number]) })
}

/// HM Revenue and Customs, NIM39110.
fn is_one(number: &[u8]) -> bool {
    let [first, second, digits @ .., suffix] = number else { return false };
    let prefix = [*first, *second];
    digits.len() == 6
        && digits.iter().all(u8::is_ascii_digit)
        && prefix.iter().all(u8::is_ascii_uppercase)
        && !b"DFIQUV".contains(first)
        && !b"DFIOQUV".contains(second)
        && ![*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"].contains(&prefix)
        && (b'A'..=b'D').contains(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that can be given out are taken however they are spaced; others are refused; the number itself is gone.
    #[test]
    fn numbers_are_checked_and_gone() {
        let key = DocumentKey::new(&[7; 32]);
        let one = kept(&key, "ab 12 34 56 c").unwrap();
        assert_eq!(one, kept(&key, "AB123456C").unwrap());
        assert_eq!(one.mask, "*****456C");
        let carried = carry(&key, "AB123456C").unwrap();
        assert!(!carried.contains("AB123456C") && kept(&key, &carried).unwrap() == one);
        let lost = kept(&DocumentKey::new(&[8; 32]), &carried).unwrap_err().to_string();
        assert!(lost.contains("reject it, and make it anew"), "{lost}");
        for bad in
            ["QQ123456C", "AB12345C", "AB123456E", "GB123456A", "AO123456A", "", "AB1234567", "ÄB123456C"]
        {
            let refused = kept(&key, bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !refused.contains(bad), "{refused}");
        }
    }
}
