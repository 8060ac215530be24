//! Checkpoints: signed notes over the root of the tree.
//!
//! C2SP tlog-checkpoint inside C2SP signed-note, signature type 1 (Ed25519). The name of the key is the origin.

use hsm::{Alg, Key, Scheme};
use signed_note::{Note, NoteError, Signature, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

/// The algorithm octet of Ed25519. C2SP signed-note, "Signature types".
const ED25519: u8 = 1;

/// What comes before the 32 octets of a key in its SPKI. RFC 8410 4.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A tree at one moment: how many leaves, and their root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeHead {
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a checkpoint could not be made or believed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The key of the log is not an Ed25519 key.
    #[error("the key of the audit record must be ed25519, this one is {0}")]
    KeyNotEd25519(Alg),
    /// A verifier key does not read.
    #[error("the verifier key does not read: it must be NAME+HASH+KEY as `lanyard audit key` prints it")]
    VerifierKeyMalformed,
    /// An origin cannot be the name of a key.
    #[error("the origin {0:?} must not be empty and must hold neither spaces nor a plus sign")]
    OriginMalformed(String),
    /// The text is not a signed checkpoint.
    #[error("this is not a signed checkpoint")]
    Malformed,
    /// The checkpoint belongs to another log.
    #[error("the checkpoint is of the log {found:?}, not of {wanted:?}")]
    OtherLog {
        /// The origin in the checkpoint.
        found: String,
        /// The origin asked for.
        wanted: String,
    },
    /// The signature of the log is absent or wrong.
    #[error("the checkpoint is not signed by the log's key")]
    NotSigned(#[source] NoteError),
    /// The token did not sign.
    #[error("the token did not sign the checkpoint")]
    Token(#[source] hsm::Error),
}

/// The public half of a log's key with its name: `NAME+HASH+KEY`. Whoever has it can verify a copy of the log.
#[derive(Clone)]
pub struct VerifierKey {
    text: String,
    verifier: StandardVerifier,
}

impl std::fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VerifierKey").field(&self.text).finish()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl VerifierKey {
    /// Read a verifier key; its hash must fit its name and key.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let text = text.trim();
        let verifier = StandardVerifier::new(text).map_err(|_| CheckpointError::VerifierKeyMalformed)?;
        Ok(Self { text: text.to_owned(), verifier })
    }

    /// The verifier key of a token key under an origin.
    pub fn of(origin: &str, key: &Key) -> Result<Self, CheckpointError> {
        if key.alg() != Alg::Ed25519 {
            return Err(CheckpointError::KeyNotEd25519(key.alg()));
        }
        Self::of_spki(origin, key.public_key())
    }

    /// The verifier key of an Ed25519 key in SPKI DER.
    pub fn of_spki(origin: &str, spki: &[u8]) -> Result<Self, CheckpointError> {
        let raw = spki.strip_prefix(&ED25519_SPKI).ok_or(CheckpointError::VerifierKeyMalformed)?;
        Self::from_public(origin, raw)
    }

    /// The verifier key of 32 raw octets under an origin.
    pub fn from_public(origin: &str, raw: &[u8]) -> Result<Self, CheckpointError> {
        use base64::prelude::{BASE64_STANDARD, Engine};
        if !signed_note::is_key_name_valid(origin) || origin.chars().any(char::is_control) {
            return Err(CheckpointError::OriginMalformed(origin.to_owned()));
        }
        let public = [&[ED25519], raw].concat();
        let hash = signed_note::key_id(origin, &public);
        Self::parse(&format!("{origin}+{hash:08x}+{}", BASE64_STANDARD.encode(public)))
    }

    /// The origin of the log, which is the name of the key.
    pub fn origin(&self) -> &str {
        self.verifier.name()
    }

    /// Believe a checkpoint: of this log, and signed by its key. Signatures of others are left unread.
    pub fn open(&self, note: &str) -> Result<TreeHead, CheckpointError> {
        let note = Note::from_bytes(note.as_bytes()).map_err(|_| CheckpointError::Malformed)?;
        let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|_| CheckpointError::Malformed)?;
        if checkpoint.origin() != self.origin() {
            return Err(CheckpointError::OtherLog {
                found: checkpoint.origin().to_owned(),
                wanted: self.origin().to_owned(),
            });
        }
        let known = VerifierList::new(vec![Box::new(self.verifier.clone())]);
        note.verify(&known).map_err(CheckpointError::NotSigned)?;
        Ok(TreeHead { size: checkpoint.size(), root: *checkpoint.hash() })
    }
}

/// The text that is signed for a tree head.
fn text(origin: &str, head: &TreeHead) -> Result<Vec<u8>, CheckpointError> {
    let checkpoint = Checkpoint::new(origin, head.size, head.root, "")
        .map_err(|_| CheckpointError::OriginMalformed(origin.to_owned()))?;
    Ok(checkpoint.to_bytes())
}

/// Sign a tree head in the token. The result has been verified with the public key before it is returned.
pub(crate) async fn sign(
    verifier: &VerifierKey,
    head: &TreeHead,
    key: &Key,
) -> Result<String, CheckpointError> {
    let text = text(verifier.origin(), head)?;
    let signature = key.sign(Scheme::Ed25519, &text).await.map_err(CheckpointError::Token)?;
    let line = Signature::new(verifier.origin().to_owned(), verifier.verifier.key_id(), signature)
        .map_err(CheckpointError::NotSigned)?;
    let note = Note::new(&text, &[line]).map_err(CheckpointError::NotSigned)?;
    let note = String::from_utf8(note.to_bytes()).map_err(|_| CheckpointError::Malformed)?;
    verifier.open(&note)?;
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the signed-note specification's own implementation: the key reads, keeps its text and names itself.
    #[test]
    fn known_verifier_key_reads() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = VerifierKey::parse(&format!("{text}\n")).unwrap();
        assert_eq!((key.origin(), key.to_string().as_str()), ("PeterNeumann", text));
        assert!(
            VerifierKey::parse(&text.replace("c74f20a3", "c74f20a4")).is_err(),
            "a wrong hash was accepted"
        );
        assert!(VerifierKey::parse("").is_err());
    }

    /// An origin that could break the note's lines cannot become a key name.
    #[test]
    fn origin_with_space_plus_or_newline_is_refused() {
        for origin in ["", "a b", "a+b", "a\nb", "a\u{7}b"] {
            assert!(VerifierKey::from_public(origin, &[7; 32]).is_err(), "{origin:?} was accepted");
        }
    }
}
