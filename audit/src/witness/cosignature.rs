//! Cosignatures: what a witness signs. C2SP tlog-cosignature.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use signed_note::{Note, Signature};

use super::WitnessError;

/// The algorithm octet of `cosignature/v1`. C2SP signed-note, "Signature types".
const COSIGNATURE_V1: u8 = 4;

/// The verifier key of a witness.
#[derive(Clone, Debug)]
pub struct WitnessKey {
    name: String,
    id: u32,
    public: [u8; 32],
}

/// A cosignature that has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// When the witness saw the checkpoint, in seconds since 1970.
    pub seconds: u64,
    /// The line for the note, with its newline.
    pub line: String,
}

impl WitnessKey {
    /// Read `NAME+HASH+KEY` with a key of type 4.
    pub fn parse(text: &str) -> Result<Self, WitnessError> {
        let malformed = || WitnessError::KeyMalformed(text.to_owned());
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed());
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| malformed())?;
        let id = signed_note::key_id(name, &key);
        if !signed_note::is_key_name_valid(name) || format!("{id:08x}") != hash {
            return Err(malformed());
        }
        let [COSIGNATURE_V1, public @ ..] = key.as_slice() else { return Err(malformed()) };
        let public = public.try_into().map_err(|_| malformed())?;
        Ok(Self { name: name.to_owned(), id, public })
    }

    /// The name of the witness.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Take this witness's cosignature from the lines it answered, if it verifies for this checkpoint.
    pub fn accept(&self, note: &str, lines: &str) -> Option<Cosignature> {
        let note = Note::from_bytes(note.as_bytes()).ok()?;
        lines.lines().find_map(|line| self.accept_line(note.text(), line))
    }

    fn accept_line(&self, text: &[u8], line: &str) -> Option<Cosignature> {
        let signature = Signature::from_bytes(line.as_bytes()).ok()?;
        if signature.name() != self.name || signature.id() != self.id {
            return None;
        }
        let (time, signed) = signature.signature().split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*time);
        let message = [format!("cosignature/v1\ntime {seconds}\n").as_bytes(), text].concat();
        UnparsedPublicKey::new(&ED25519, &self.public).verify(&message, signed).ok()?;
        Some(Cosignature { seconds, line: format!("{line}\n") })
    }
}
