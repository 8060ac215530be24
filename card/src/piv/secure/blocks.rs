//! What is computed of messages, the same at both ends: AES in CBC, and CMAC. NIST SP 800-73-5 part 2, 4.2.2, 4.2.3 and 4.2.5.

use aws_lc_rs::cipher::{
    DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::cmac;
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

use super::{SessionKeys, Suite};
use crate::tlv;

/// How many octets a block has, and a code before it is cut.
pub(crate) const BLOCK: usize = 16;

/// How many octets of a code are sent.
pub(crate) const CODE_LENGTH: usize = 8;

/// Encrypted data, behind the octet that says that they are filled up.
pub(crate) const ENCRYPTED: u32 = 0x87;
/// A code.
pub(crate) const CODE: u32 = 0x8E;
/// Le.
pub(crate) const EXPECTED: u32 = 0x97;
/// A status.
pub(crate) const STATUS: u32 = 0x99;

/// Data are filled up by 80 and zeros.
const FILLED_UP: u8 = 0x01;

/// The number of an answer is that of its command with the first octet 80. NIST SP 800-73-5 part 2, 4.2.2.
pub(crate) fn of_answer(number: u128) -> u128 {
    const FIRST: u128 = 0x80 << 120;
    number | FIRST
}

/// Data as they are sent: filled up, encrypted, and in their tag.
pub(crate) fn encrypted(keys: &SessionKeys, number: u128, data: &[u8]) -> Result<Vec<u8>, Unspecified> {
    // At least one octet is added, also to whole blocks.
    let length = (data.len() / BLOCK + 1) * BLOCK;
    // All at once: a vector that grows leaves copies of what it holds.
    let mut octets = Zeroizing::new(Vec::<u8>::with_capacity(1 + length));
    octets.push(FILLED_UP);
    octets.extend_from_slice(data);
    octets.push(0x80);
    octets.resize(1 + length, 0);
    let context = EncryptionContext::Iv128(first_block(keys, number)?.into());
    let key = UnboundCipherKey::new(keys.suite.cipher(), &keys.encryption)?;
    EncryptingKey::cbc(key)?.less_safe_encrypt(&mut octets[1..], context)?;
    Ok(tlv::tagged(ENCRYPTED, &octets))
}

/// The data in what the tag holds; nothing where they were not filled up as they must be.
pub(crate) fn decrypted(keys: &SessionKeys, number: u128, value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (&FILLED_UP, encrypted) = value.split_first()? else { return None };
    if encrypted.is_empty() || !encrypted.len().is_multiple_of(BLOCK) {
        return None;
    }
    let mut octets = Zeroizing::new(encrypted.to_vec());
    let context = DecryptionContext::Iv128(first_block(keys, number).ok()?.into());
    let key = UnboundCipherKey::new(keys.suite.cipher(), &keys.encryption).ok()?;
    DecryptingKey::cbc(key).ok()?.decrypt(&mut octets, context).ok()?;
    let end = octets.iter().rposition(|octet| *octet != 0)?;
    if octets[end] != 0x80 || octets.len() - end > BLOCK {
        return None;
    }
    octets.truncate(end);
    Some(octets)
}

/// What stands before the first block: the number, encrypted.
fn first_block(keys: &SessionKeys, number: u128) -> Result<[u8; BLOCK], Unspecified> {
    let mut block = number.to_be_bytes();
    let key = UnboundCipherKey::new(keys.suite.cipher(), &keys.encryption)?;
    EncryptingKey::ecb(key)?.less_safe_encrypt(&mut block, EncryptionContext::None)?;
    Ok(block)
}

/// A code of parts that stand behind each other. NIST SP 800-38B.
pub(crate) fn code(suite: Suite, key: &[u8], parts: &[&[u8]]) -> Result<[u8; BLOCK], Unspecified> {
    let key = cmac::Key::new(suite.code(), key)?;
    let mut context = cmac::Context::with_key(&key);
    for part in parts {
        context.update(part)?;
    }
    context.sign()?.as_ref().try_into().map_err(|_| Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SessionKeys {
        let key = |octet: u8| Zeroizing::new(vec![octet; 16]);
        SessionKeys { suite: Suite::P256, command: key(1), encryption: key(2), answer: key(3) }
    }

    /// The vectors of RFC 4493, 4, and of NIST SP 800-38B, D.3.
    #[test]
    fn standard_codes_are_met() {
        let message =
            hex::decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51").unwrap();
        let long = [&message[..], &hex::decode("30c81c46a35ce411").unwrap()[..]].concat();
        let short = "2b7e151628aed2a6abf7158809cf4f3c";
        let wide = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
        for (suite, key, octets, expected) in [
            (Suite::P256, short, &message[..0], "bb1d6929e95937287fa37d129b756746"),
            (Suite::P256, short, &message[..16], "070a16b46b4d4144f79bdd9dd04a287c"),
            (Suite::P256, short, &long[..], "dfa66747de9ae63030ca32611497c827"),
            (Suite::P384, wide, &message[..0], "028962f61b7bf89efc6b551f4667d983"),
            (Suite::P384, wide, &message[..16], "28a7023f452e8f82bd4bf28d8c37c35c"),
            (Suite::P384, wide, &long[..], "aaf3d8f1de5640c232f5b169b9c911e6"),
        ] {
            let key = hex::decode(key).unwrap();
            let made =
                code(suite, &key, &[&octets[..octets.len() / 2], &octets[octets.len() / 2..]]).unwrap();
            assert_eq!(hex::encode(made), expected);
        }
    }

    /// Data of every length come back, and octets that were not filled up, or are no blocks, give nothing.
    #[test]
    fn data_come_back() {
        let keys = keys();
        for length in 0..50 {
            let data = vec![0x80; length];
            let sent = encrypted(&keys, 7, &data).unwrap();
            let value = tlv::only(&sent, ENCRYPTED).unwrap();
            assert!((value.len() - 1).is_multiple_of(BLOCK));
            assert_eq!(decrypted(&keys, 7, value).unwrap()[..], data[..]);
            assert_ne!(decrypted(&keys, of_answer(7), value).map(|data| data.to_vec()), Some(data));
            for bad in [&value[..value.len() - 1], &value[1..], &[1], &[]] {
                assert!(decrypted(&keys, 7, bad).is_none(), "{length}");
            }
        }
    }
}
