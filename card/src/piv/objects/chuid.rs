//! The cardholder unique identifier. NIST SP 800-73-5 part 1, table 10.

use crate::tlv;

use super::{CHECK, MalformedObject, Object, required};

/// The cardholder unique identifier: what tells one card from another, and one state of a card from the next. Windows keeps what it
/// read of a card by it, so it must change with the card's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chuid {
    /// The federal number, or [`Chuid::NOT_FEDERAL`].
    pub fasc_n: [u8; 25],
    /// The card's UUID.
    pub guid: [u8; 16],
    /// The last day, as YYYYMMDD.
    pub expires: [u8; 8],
    /// The holder's UUID, which stays when the card does not.
    pub holder: Option<[u8; 16]>,
    /// The issuer's signature, where there is one.
    pub signature: Vec<u8>,
}

impl Chuid {
    /// A federal number whose agency is 9999, as cards have it that are not of the federal government. NIST SP 800-73-5 part 1, 3.1.2.
    pub const NOT_FEDERAL: [u8; 25] = [
        0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42,
        0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB,
    ];

    /// Reads one.
    pub fn parse(content: &[u8]) -> Result<Self, MalformedObject> {
        Self::read(content).map_err(MalformedObject::of(Object::Chuid))
    }

    fn read(content: &[u8]) -> Result<Self, tlv::Malformed> {
        fn exactly<const LENGTH: usize>(value: &[u8]) -> Result<[u8; LENGTH], tlv::Malformed> {
            value.try_into().map_err(|_| tlv::Malformed)
        }
        let expires = exactly(required(content, 0x35)?)?;
        if !expires.iter().all(u8::is_ascii_digit) {
            return Err(tlv::Malformed);
        }
        Ok(Self {
            fasc_n: exactly(required(content, 0x30)?)?,
            guid: exactly(required(content, 0x34)?)?,
            expires,
            holder: tlv::find(content, 0x36)?.map(exactly).transpose()?,
            signature: tlv::find(content, 0x3E)?.unwrap_or_default().to_vec(),
        })
    }

    /// Writes it.
    pub fn to_content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        tlv::append(&mut content, 0x30, &self.fasc_n);
        tlv::append(&mut content, 0x34, &self.guid);
        tlv::append(&mut content, 0x35, &self.expires);
        if let Some(holder) = &self.holder {
            tlv::append(&mut content, 0x36, holder);
        }
        tlv::append(&mut content, 0x3E, &self.signature);
        tlv::append(&mut content, CHECK, &[]);
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is written reads back; what is cut off does not.
        #[test]
        fn chuid_reads_back(
            guid in any::<[u8; 16]>(),
            holder in any::<Option<[u8; 16]>>(),
            signature in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let chuid = Chuid { fasc_n: Chuid::NOT_FEDERAL, guid, expires: *b"20291231", holder, signature };
            let content = chuid.to_content();
            prop_assert!(Chuid::parse(&content[..40]).is_err());
            prop_assert_eq!(Chuid::parse(&content), Ok(chuid));
        }
    }
}
