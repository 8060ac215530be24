//! What the server as a whole writes into the audit record.

use serde::Serialize;
use utoipa::ToSchema;

/// An act of the server as a whole.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Event {
    /// People who hold shares of a token's PIN unlocked the server. Their names stand beside the numbers of the shares in the
    /// description of the set.
    Unlocked {
        /// The token.
        token: String,
        /// The set that the shares are of.
        set: String,
        /// The numbers of the shares that opened it.
        shares: Vec<u8>,
        /// How many shares were refused while the server waited.
        refused: u32,
    },
    /// A restored database was taken into use.
    Recovered {
        /// When the copy was taken, milliseconds since 1970.
        taken_at: i64,
        /// When it was restored, milliseconds since 1970.
        restored_at: i64,
    },
    /// Keys and secrets are about to be moved under a wrapping key, which is made next where the token lacks it. It may
    /// begin again after it was broken off.
    RewrappingBegan {
        /// The version of the wrapping key.
        wrapping_version: u32,
        /// How many rows are under others.
        rows: u64,
    },
    /// A master key is made, from which cards get their keys.
    DiversifyingKeyMade {
        /// Its version.
        version: u32,
    },
    /// The key was made under which messages to people lie until they are sent.
    MessageKeyMade {
        /// The version of the wrapping key that seals its private half.
        wrapping_version: u32,
    },
    /// Numbers of documents are hashed under another key from now on, since the one before is lost.
    DocumentKeyReplaced,
    /// A move under a wrapping key came to its end.
    RewrappingEnded {
        /// The version of the wrapping key.
        wrapping_version: u32,
        /// How many rows were moved.
        moved: u64,
        /// How many rows are under others still.
        left: u64,
    },
}

impl audit::Event for Event {
    const MODULE: &'static str = "server";

    fn name(&self) -> &'static str {
        match self {
            Self::Unlocked { .. } => "unlocked",
            Self::Recovered { .. } => "recovered",
            Self::RewrappingBegan { .. } => "rewrapping-began",
            Self::DiversifyingKeyMade { .. } => "diversifying-key-made",
            Self::MessageKeyMade { .. } => "message-key-made",
            Self::DocumentKeyReplaced => "document-key-replaced",
            Self::RewrappingEnded { .. } => "rewrapping-ended",
        }
    }
}
