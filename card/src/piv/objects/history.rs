//! The key history. NIST SP 800-73-5 part 1, 3.3.3 and table 20.

use crate::tlv;

use super::{CHECK, MalformedObject, Object, required};

/// How many retired keys there are, and where certificates lie that do not lie on the card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHistory {
    /// Retired keys whose certificate is on the card.
    pub on_card: u8,
    /// Retired keys whose certificate is elsewhere.
    pub elsewhere: u8,
    /// Where; only with [`KeyHistory::elsewhere`].
    pub address: Option<String>,
}

/// The longest address.
const LONGEST: usize = 118;

impl KeyHistory {
    /// Reads one.
    pub fn parse(content: &[u8]) -> Result<Self, MalformedObject> {
        Self::read(content).map_err(MalformedObject::of(Object::KeyHistory))
    }

    fn read(content: &[u8]) -> Result<Self, tlv::Malformed> {
        let count = |tag| match required(content, tag)? {
            [count @ 0..=20] => Ok(*count),
            _ => Err(tlv::Malformed),
        };
        let (on_card, elsewhere) = (count(0xC1)?, count(0xC2)?);
        if on_card + elsewhere > 20 {
            return Err(tlv::Malformed);
        }
        let address = tlv::find(content, 0xF3)?.filter(|address| !address.is_empty());
        let address = address.map(|address| match std::str::from_utf8(address) {
            Ok(address) if address.len() <= LONGEST && !address.contains(char::is_control) => {
                Ok(address.to_owned())
            }
            _ => Err(tlv::Malformed),
        });
        Ok(Self { on_card, elsewhere, address: address.transpose()? })
    }

    /// Writes it.
    pub fn to_content(&self) -> Vec<u8> {
        let mut content = tlv::tagged(0xC1, &[self.on_card]);
        tlv::append(&mut content, 0xC2, &[self.elsewhere]);
        if let Some(address) = &self.address {
            tlv::append(&mut content, 0xF3, address.as_bytes());
        }
        tlv::append(&mut content, CHECK, &[]);
        content
    }
}

/// What is written reads back; more keys than there can be do not.
#[test]
fn key_history_reads_back() {
    for address in [None, Some("https://keys.example/history".to_owned())] {
        let history = KeyHistory { on_card: 2, elsewhere: 18, address };
        assert_eq!(KeyHistory::parse(&history.to_content()), Ok(history));
    }
    let many = KeyHistory { on_card: 20, elsewhere: 1, address: None };
    assert!(KeyHistory::parse(&many.to_content()).is_err());
    assert!(KeyHistory::parse(&[0xC1, 1, 255, 0xC2, 1, 255]).is_err());
}
