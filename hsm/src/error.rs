//! What can go wrong, by kind.

use std::time::Duration;

use crate::{Alg, Scheme};

/// Why a token did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// As many calls wait as may wait. Nothing was done.
    #[error("the queue to the token is full; try again shortly")]
    Busy,
    /// No token that has the key is ready. Nothing was given out.
    #[error("no token is ready: {why}; try again in {} s", retry_after.as_secs().max(1))]
    Unavailable {
        /// When trying again makes sense.
        retry_after: Duration,
        /// What is the matter with the tokens.
        why: String,
    },
    /// The token did not answer in time. A late answer is thrown away.
    #[error("the token did not answer in time")]
    TimedOut,
    /// No token has a key with this label.
    #[error("no token has a key labelled `{label}`")]
    KeyNotFound {
        /// The label asked for.
        label: String,
    },
    /// A key with this label exists; labels are used once.
    #[error("a key labelled `{label}` exists already")]
    LabelInUse {
        /// The label asked for.
        label: String,
    },
    /// Somebody in this process holds the key, so it was not destroyed.
    #[error("the key labelled `{label}` is in use")]
    KeyInUse {
        /// The label asked for.
        label: String,
    },
    /// Tokens that should have the same keys have different ones under this label.
    #[error("the tokens hold different keys labelled `{label}`")]
    KeysDiffer {
        /// The label of both.
        label: String,
    },
    /// No token has the wrapping key of this version.
    #[error("no token has wrapping key version {version}")]
    WrappingKeyMissing {
        /// The version asked for.
        version: u32,
    },
    /// A one-time key went away with its session before it was used.
    #[error("the one-time key was lost with its session; make a new one")]
    OneTimeKeyLost,
    /// No token with this label is in a slot of the module.
    #[error("no token labelled `{label}` is present")]
    TokenNotFound {
        /// The configured label.
        label: String,
    },
    /// More than one token carries the label.
    #[error("several tokens are labelled `{label}`; give them different labels")]
    TokenAmbiguous {
        /// The configured label.
        label: String,
    },
    /// The token is initialised already and is not overwritten.
    #[error("a token labelled `{label}` exists already")]
    TokenExists {
        /// The label asked for.
        label: String,
    },
    /// The PKCS#11 library could not be loaded.
    #[error("cannot load the PKCS#11 module {module}: {detail}")]
    Library {
        /// Path of the library.
        module: String,
        /// What the loader said.
        detail: String,
    },
    /// The PIN could not be read from its file or variable.
    #[error("{detail}")]
    PinUnreadable {
        /// What is the matter and what to do.
        detail: String,
    },
    /// The token refused the PIN. This process will not try it again.
    #[error("the token `{label}` refused the PIN; it is not tried again until a restart")]
    PinRefused {
        /// The token.
        label: String,
    },
    /// One wrong PIN more would lock the token, so none is tried.
    #[error("the token `{label}` allows one more PIN only; log in by hand with the right PIN first")]
    PinFinalTry {
        /// The token.
        label: String,
    },
    /// The token's PIN is locked; its security officer has to set a new one.
    #[error("the PIN of token `{label}` is locked")]
    PinLocked {
        /// The token.
        label: String,
    },
    /// The token cannot do this at all.
    #[error("the token does not support {what}")]
    NotSupported {
        /// What was asked for.
        what: String,
    },
    /// A key of this algorithm does not sign in this scheme.
    #[error("a key of type {alg} does not sign with {scheme:?}")]
    SchemeMismatch {
        /// The key's algorithm.
        alg: Alg,
        /// The scheme asked for.
        scheme: Scheme,
    },
    /// A digest has not the length its scheme demands, or the scheme signs no digests.
    #[error("a digest of {actual} octets does not fit {scheme:?}")]
    DigestLength {
        /// The scheme asked for.
        scheme: Scheme,
        /// Octets given.
        actual: usize,
    },
    /// The wrapped key does not belong to its public key: rows were swapped or altered.
    #[error("the wrapped key does not belong to its public key")]
    SwappedKey,
    /// The sealed secret does not open: it was altered, or lies at another place than it was sealed for.
    #[error("the sealed secret does not open: it was altered or moved")]
    SealBroken,
    /// The token made a signature that its public key does not verify; it was not given out.
    #[error("the token made a signature that does not verify")]
    BadSignature,
    /// A public key or signature from the token could not be read.
    #[error("the token answered something unreadable: {0}")]
    Unreadable(&'static str),
    /// The operating system started no thread for a session.
    #[error("no thread could be started for a session")]
    NoThread(#[source] std::io::Error),
    /// The token, or the way to it, failed in the middle of a call. Nothing was given out.
    #[error("{call} failed with {code}")]
    TokenFailed {
        /// The PKCS#11 function.
        call: String,
        /// The return value, such as `CKR_DEVICE_ERROR`.
        code: String,
    },
    /// The token refused this call, and would again.
    #[error("{call} failed with {code}")]
    Token {
        /// The PKCS#11 function.
        call: String,
        /// The return value, such as `CKR_DATA_LEN_RANGE`.
        code: String,
    },
}

/// When a call that broke off is worth another try: the token is being reopened.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// When to ask again about what an operator has to set right.
const AFTER_OPERATOR: Duration = Duration::from_mins(1);

impl Error {
    /// When trying again makes sense, for errors that pass. Nothing was given out, so that nothing is used up.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Busy => Some(Duration::from_secs(1)),
            Error::Unavailable { retry_after, .. } => Some(*retry_after),
            Error::TimedOut => Some(Duration::from_secs(5)),
            Error::TokenFailed { .. } | Error::OneTimeKeyLost => Some(AFTER_FAILURE),
            // The key store as a whole is out of service, whatever is asked of it.
            Error::PinRefused { .. }
            | Error::PinFinalTry { .. }
            | Error::PinLocked { .. }
            | Error::PinUnreadable { .. }
            | Error::TokenNotFound { .. }
            | Error::Library { .. }
            | Error::WrappingKeyMissing { .. }
            | Error::NoThread(_) => Some(AFTER_OPERATOR),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What broke off or is out of service is worth another try; what was refused or does not fit together is not.
    #[test]
    fn errors_that_pass_say_when() {
        let token = |code: &str| (String::from("C_Sign"), String::from(code));
        let (call, code) = token("CKR_DEVICE_ERROR");
        assert_eq!(Error::TokenFailed { call, code }.retry_after(), Some(Duration::from_secs(1)));
        let label = || String::from("demo");
        assert_eq!(Error::PinLocked { label: label() }.retry_after(), Some(Duration::from_mins(1)));
        assert_eq!(Error::WrappingKeyMissing { version: 1 }.retry_after(), Some(Duration::from_mins(1)));
        let (call, code) = token("CKR_DATA_LEN_RANGE");
        for error in [Error::Token { call, code }, Error::SwappedKey, Error::BadSignature] {
            assert_eq!(error.retry_after(), None, "{error}");
        }
    }
}
