//! The discovery object. NIST SP 800-73-5 part 1, 3.3.2 and table 19.

use crate::tlv;

use super::{MalformedObject, Object, required};

/// The discovery object: which passcodes a card has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The PIN usage policy.
    pub policy: [u8; 2],
}

/// The application's name with its version.
const NAME: [u8; 11] = [0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0];

impl Discovery {
    /// Reads one.
    pub fn parse(content: &[u8]) -> Result<Self, MalformedObject> {
        let read = || {
            let name = required(content, 0x4F)?;
            let policy = required(content, 0x5F2F)?.try_into().map_err(|_| tlv::Malformed)?;
            if name == NAME { Ok(Self { policy }) } else { Err(tlv::Malformed) }
        };
        read().map_err(MalformedObject::of(Object::Discovery))
    }

    /// Whether the card also takes the global PIN, which other applications of it share.
    pub fn takes_global_pin(self) -> bool {
        self.policy[0] & 0x20 != 0
    }

    /// Writes it.
    pub fn to_content(self) -> Vec<u8> {
        let mut content = tlv::tagged(0x4F, &NAME);
        tlv::append(&mut content, 0x5F2F, &self.policy);
        content
    }
}

/// What is written reads back, and the object of another application does not.
#[test]
fn discovery_reads_back() {
    let discovery = Discovery { policy: [0x60, 0x10] };
    assert!(discovery.takes_global_pin() && !Discovery { policy: [0x40, 0x00] }.takes_global_pin());
    let mut content = discovery.to_content();
    assert_eq!(Discovery::parse(&content), Ok(discovery));
    content[3] ^= 1;
    assert!(Discovery::parse(&content).is_err());
}
