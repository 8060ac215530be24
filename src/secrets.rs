//! PINs and passphrases that are made here, from the system's random numbers.

use anyhow::bail;
use aws_lc_rs::rand::fill;
use zeroize::Zeroizing;

/// A PIN of 16 digits: what the smallest PKCS#11 keypad still takes.
pub fn pin() -> anyhow::Result<Zeroizing<String>> {
    random_text(b"0123456789", 16)
}

/// A passphrase of four groups that a person could type.
pub fn passphrase() -> anyhow::Result<Zeroizing<String>> {
    let text = random_text(b"abcdefghjkmnpqrstuvwxyz23456789", 20)?;
    Ok(Zeroizing::new(format!("{}-{}-{}-{}", &text[..5], &text[5..10], &text[10..15], &text[15..])))
}

/// Characters of an alphabet, each equally likely.
fn random_text(alphabet: &[u8], length: usize) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    // Octets beyond the last whole multiple would make the first characters likelier.
    let fair = 256 - 256 % alphabet.len();
    while text.len() < length {
        let mut octet = [0];
        if fill(&mut octet).is_err() {
            bail!("the system has no random numbers");
        }
        let octet = usize::from(octet[0]);
        if octet < fair {
            text.push(char::from(alphabet[octet % alphabet.len()]));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PINs are digits, passphrases four groups, and no two are alike.
    #[test]
    fn secrets_have_their_shape() {
        let one = pin().unwrap();
        assert!(one.len() == 16 && one.bytes().all(|octet| octet.is_ascii_digit()));
        assert_ne!(one, pin().unwrap());
        let phrase = passphrase().unwrap();
        assert_eq!(phrase.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 5, 5]);
    }
}
