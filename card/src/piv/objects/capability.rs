//! The card capability container. NIST SP 800-73-5 part 1, table 9.

use crate::tlv;

use super::{CHECK, MalformedObject, Object, required};

/// The card capability container: by its identifier, programs of an older standard tell cards from each other. All else of it has one
/// value on PIV cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardCapability {
    /// The card's identifier. Some cards have none from the factory.
    pub identifier: Option<[u8; 21]>,
}

/// The registered name of the older standard, an unlisted manufacturer, and a card with a file system.
const HEAD: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02];

impl CardCapability {
    /// One whose identifier has these octets of its own.
    pub fn new(own: [u8; 14]) -> Self {
        let mut identifier = [0; 21];
        identifier[..7].copy_from_slice(&HEAD);
        identifier[7..].copy_from_slice(&own);
        Self { identifier: Some(identifier) }
    }

    /// Reads one.
    pub fn parse(content: &[u8]) -> Result<Self, MalformedObject> {
        let identifier = match required(content, 0xF0) {
            Ok([]) => Ok(None),
            Ok(identifier) => identifier.try_into().map(Some).map_err(|_| tlv::Malformed),
            Err(error) => Err(error),
        };
        Ok(Self { identifier: identifier.map_err(MalformedObject::of(Object::CardCapability))? })
    }

    /// Writes it.
    pub fn to_content(&self) -> Vec<u8> {
        // Versions 2.1, no PKCS #15, data model 10, and no access rules, commands, redirections or further containers.
        let values: [(u32, &[u8]); 13] = [
            (0xF0, self.identifier.as_ref().map_or(&[], <[u8; 21]>::as_slice)),
            (0xF1, &[0x21]),
            (0xF2, &[0x21]),
            (0xF3, &[]),
            (0xF4, &[0x00]),
            (0xF5, &[0x10]),
            (0xF6, &[]),
            (0xF7, &[]),
            (0xFA, &[]),
            (0xFB, &[]),
            (0xFC, &[]),
            (0xFD, &[]),
            (CHECK, &[]),
        ];
        let mut content = Vec::new();
        for (tag, value) in values {
            tlv::append(&mut content, tag, value);
        }
        content
    }
}

/// What is written reads back, and an identifier of another length does not.
#[test]
fn card_capability_reads_back() {
    let capability = CardCapability::new([7; 14]);
    let content = capability.to_content();
    assert_eq!(CardCapability::parse(&content), Ok(capability));
    assert_eq!(content.len(), 23 + 3 + 3 + 2 + 3 + 3 + 7 * 2);
    assert_eq!(CardCapability::parse(&[0xF0, 0]), Ok(CardCapability { identifier: None }));
    assert!(CardCapability::parse(&[0xF0, 1, 0]).is_err());
    assert!(CardCapability::parse(&[]).is_err());
}
