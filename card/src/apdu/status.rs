//! Status words.

use std::fmt;

/// How a command went. ISO/IEC 7816-4, 5.6, with the meanings of NIST SP 800-73-5 part 1, 5.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 9000.
    Success,
    /// 61xx: so many octets more may be fetched; 0 says 256 or more.
    MoreAvailable(u8),
    /// 6300.
    VerificationFailed,
    /// 63Cx: so many tries are left.
    WrongWithTries(u8),
    /// 6581.
    MemoryFailure,
    /// 6700.
    WrongLength,
    /// 6882.
    SecureMessagingNotSupported,
    /// 6883.
    LastOfChainExpected,
    /// 6884.
    ChainingNotSupported,
    /// 6982.
    SecurityNotSatisfied,
    /// 6983.
    Blocked,
    /// 6985.
    ConditionsNotSatisfied,
    /// 6987 and 6988.
    SecureMessagingFailed,
    /// 6A80.
    IncorrectData,
    /// 6A81.
    FunctionNotSupported,
    /// 6A82.
    NotFound,
    /// 6A84.
    NoSpace,
    /// 6A86 and 6B00.
    IncorrectParameters,
    /// 6A88.
    ReferenceNotFound,
    /// 6Cxx: the answer has exactly so many octets; 0 says 256.
    ExactLength(u8),
    /// 6D00.
    InstructionNotSupported,
    /// 6E00.
    ClassNotSupported,
    /// Another one.
    Other(u16),
}

impl Status {
    /// What a word says.
    pub fn from_word(word: u16) -> Self {
        let [high, low] = word.to_be_bytes();
        match (high, low) {
            (0x90, 0) => Self::Success,
            (0x61, more) => Self::MoreAvailable(more),
            (0x63, 0) => Self::VerificationFailed,
            (0x63, tries @ 0xC0..=0xCF) => Self::WrongWithTries(tries & 0x0F),
            (0x65, 0x81) => Self::MemoryFailure,
            (0x67, 0) => Self::WrongLength,
            (0x68, 0x82) => Self::SecureMessagingNotSupported,
            (0x68, 0x83) => Self::LastOfChainExpected,
            (0x68, 0x84) => Self::ChainingNotSupported,
            (0x69, 0x82) => Self::SecurityNotSatisfied,
            (0x69, 0x83) => Self::Blocked,
            (0x69, 0x85) => Self::ConditionsNotSatisfied,
            (0x69, 0x87 | 0x88) => Self::SecureMessagingFailed,
            (0x6A, 0x80) => Self::IncorrectData,
            (0x6A, 0x81) => Self::FunctionNotSupported,
            (0x6A, 0x82) => Self::NotFound,
            (0x6A, 0x84) => Self::NoSpace,
            (0x6A, 0x86) | (0x6B, 0) => Self::IncorrectParameters,
            (0x6A, 0x88) => Self::ReferenceNotFound,
            (0x6C, exact) => Self::ExactLength(exact),
            (0x6D, 0) => Self::InstructionNotSupported,
            (0x6E, 0) => Self::ClassNotSupported,
            _ => Self::Other(word),
        }
    }

    /// Whether the card does not know the command at all.
    pub fn is_unsupported(self) -> bool {
        matches!(self, Self::FunctionNotSupported | Self::InstructionNotSupported | Self::ClassNotSupported)
    }

    /// What it means to who holds the card, as the rest of a sentence that begins with "the card".
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "did it",
            Self::MoreAvailable(_) => "has more to say",
            Self::VerificationFailed => "did not accept what was entered",
            Self::WrongWithTries(0) | Self::Blocked => "is locked after too many wrong entries",
            Self::WrongWithTries(_) => "did not accept what was entered and counts the tries",
            Self::MemoryFailure => "cannot write to its memory: it is worn out or damaged",
            Self::WrongLength => "was told something of a wrong length",
            Self::SecureMessagingNotSupported => "has no secure messaging",
            Self::LastOfChainExpected => "expected the end of a long command",
            Self::ChainingNotSupported => "takes no long commands",
            Self::SecurityNotSatisfied => "wants a passcode or key first",
            Self::ConditionsNotSatisfied => "cannot do this in its present state",
            Self::SecureMessagingFailed => "did not accept a protected message",
            Self::IncorrectData => "did not accept the data",
            Self::FunctionNotSupported | Self::InstructionNotSupported | Self::ClassNotSupported => {
                "cannot do this: it is of another kind"
            }
            Self::NotFound => "does not hold this",
            Self::NoSpace => "is full",
            Self::IncorrectParameters => "does not know this key or object",
            Self::ReferenceNotFound => "does not know this key or passcode",
            Self::ExactLength(_) => "was asked for another length than it has",
            Self::Other(_) => "answered with an unknown status",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(word) => write!(f, "the card {} ({word:04X})", self.meaning()),
            _ => write!(f, "the card {}", self.meaning()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word is read, and those that people meet say what they mean.
    #[test]
    fn words_are_read() {
        for word in 0..=u16::MAX {
            assert!(!Status::from_word(word).to_string().is_empty());
        }
        assert_eq!(Status::from_word(0x63C2), Status::WrongWithTries(2));
        assert_eq!(Status::from_word(0x63C0).meaning(), Status::Blocked.meaning());
        assert_eq!(Status::from_word(0x6F00).to_string(), "the card answered with an unknown status (6F00)");
        assert!(Status::from_word(0x6D00).is_unsupported() && !Status::from_word(0x6A82).is_unsupported());
    }
}
