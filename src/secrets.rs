//! PINs and passphrases that are made here, from the system's random numbers.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
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

/// A secret of 256 bits in hexadecimal.
pub fn key() -> anyhow::Result<Zeroizing<String>> {
    random_text(b"0123456789abcdef", 64)
}

/// Reads a secret of 256 bits in hexadecimal from a file that nobody else may read.
pub fn read_key(file: &Path) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let told = || format!("the secret in {} could not be used", file.display());
    let mode = std::fs::metadata(file).with_context(told)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others than its owner; run `chmod 600 {}`", file.display(), file.display());
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).with_context(told)?);
    let mut key = Zeroizing::new([0; 32]);
    if hex::decode_to_slice(text.trim(), key.as_mut()).is_err() {
        bail!("{} does not hold 64 digits in hexadecimal", file.display());
    }
    Ok(key)
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

    /// A key is read back from a file of its owner's alone, and from no other.
    #[test]
    fn keys_lie_in_private_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("document.key");
        std::fs::write(&file, key().unwrap().as_bytes()).unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        assert!(read_key(&file).unwrap_err().to_string().contains("chmod 600"));
        mode(0o600);
        assert_ne!(*read_key(&file).unwrap(), [0; 32]);
        std::fs::write(&file, "0123").unwrap();
        assert!(read_key(&file).unwrap_err().to_string().contains("64 digits"));
    }

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
