//! When a key may be used.

use crate::tlv;

/// When a key wants the passcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinPolicy {
    /// Never.
    Never,
    /// Once, until the card loses power.
    Once,
    /// Before every use.
    Always,
}

/// When a key wants to be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchPolicy {
    /// Never.
    Never,
    /// Before every use.
    Always,
    /// Once in fifteen seconds.
    Cached,
}

/// Both policies, as they are set when a key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// When it wants the passcode.
    pub pin: PinPolicy,
    /// When it wants to be touched.
    pub touch: TouchPolicy,
}

impl Policies {
    pub(in crate::piv) fn append_to(self, template: &mut Vec<u8>) {
        tlv::append(template, 0xAA, &[self.pin.identifier()]);
        tlv::append(template, 0xAB, &[self.touch.identifier()]);
    }

    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let &[pin, touch] = octets else { return None };
        let pins = [PinPolicy::Never, PinPolicy::Once, PinPolicy::Always];
        let touches = [TouchPolicy::Never, TouchPolicy::Always, TouchPolicy::Cached];
        Some(Self {
            pin: pins.into_iter().find(|policy| policy.identifier() == pin)?,
            touch: touches.into_iter().find(|policy| policy.identifier() == touch)?,
        })
    }
}

impl PinPolicy {
    fn identifier(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Once => 2,
            Self::Always => 3,
        }
    }
}

impl TouchPolicy {
    fn identifier(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Always => 2,
            Self::Cached => 3,
        }
    }
}
