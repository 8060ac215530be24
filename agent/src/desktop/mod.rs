//! Signing for systems of the desktop: what they ask of the agent of the same person, and what they get. `docs/agent.md` describes it for
//! whoever writes such a system. [`files`] signs files from the command line.

pub mod files;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use card::piv::Slot;
use card::wire::signing::PRESENCE;
use pki::Certificate;
use serde::{Deserialize, Serialize};

use crate::readers::Readers;
use crate::settings::Settings;
use crate::signing::cms::Unsigned;
use crate::signing::{self, Document, Request, SignatureAlgorithm, SigningCard, SigningError};
use crate::{clock, passcode};

/// The version of these messages.
pub const VERSION: u32 = 1;
/// How many documents one request may have.
pub const MOST: usize = 250;
/// The name of an application is no longer.
const LONGEST_NAME: usize = 100;

/// What the card makes of each document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A signature over the very octets, as over a `SignedInfo` in its canonical form. ECDSA is in DER.
    Signature,
    /// A CMS message in DER, without the document. RFC 5652.
    Cms,
}

/// What a system asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToSign {
    /// [`VERSION`].
    pub version: u32,
    /// What the system calls itself, for the holder to see.
    pub application: String,
    /// What it wants.
    pub form: Form,
    /// What is signed.
    pub documents: Vec<Payload>,
}

/// One document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// What the system calls it.
    pub id: String,
    /// Its octets, base64.
    pub octets: String,
}

/// What a system gets. Only where nothing failed was everything signed.
#[derive(Debug, Serialize)]
pub struct Signed {
    /// [`VERSION`].
    pub version: u32,
    /// The certificate of the key that signed, DER in base64.
    pub certificate: String,
    /// How it signed: `ES256`, `ES384` or `RS256`.
    pub algorithm: &'static str,
    /// What was signed.
    pub signatures: Vec<Signature>,
    /// What was not.
    pub failed: Vec<String>,
    /// Why not, in words; empty where nothing failed.
    pub words: String,
}

/// What was made of a document.
#[derive(Debug, Serialize)]
pub struct Signature {
    /// What the system calls it.
    pub id: String,
    /// The signature or message, base64.
    pub octets: String,
}

/// What is not signed at all.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// The request is of another version.
    #[error("the request is of another version than 1: bring the agent or the system up to date")]
    OtherVersion,
    /// The name cannot be shown.
    #[error("the name of an application is one line of 1 to 100 characters")]
    NoName,
    /// There is nothing, or too much.
    #[error("a request has between 1 and 250 documents, each with an id of its own")]
    Count,
    /// A document cannot be read.
    #[error("a document is not base64")]
    NotBase64,
    /// What is to be signed is no document, but that the holder is there, which only a page has them say.
    #[error("a document may not begin as the statement that its signer is present")]
    Presence,
    /// The card did not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// What the card made.
pub struct Made {
    /// The certificate of the key that signed.
    pub certificate: Certificate,
    /// How it signed.
    pub algorithm: SignatureAlgorithm,
    /// Signatures or messages, each with what the asker calls the document.
    pub octets: Vec<(String, Vec<u8>)>,
    /// What was not signed, and why.
    pub failed: Option<(Vec<String>, SigningError)>,
}

impl From<Made> for Signed {
    fn from(made: Made) -> Self {
        let signature = |(id, octets): (String, Vec<u8>)| Signature { id, octets: STANDARD.encode(octets) };
        let (failed, words) = match made.failed {
            Some((failed, error)) => (failed, error.to_string()),
            None => (Vec::new(), String::new()),
        };
        Self {
            version: VERSION,
            certificate: STANDARD.encode(made.certificate.der()),
            algorithm: made.algorithm.name(),
            signatures: made.octets.into_iter().map(signature).collect(),
            failed,
            words,
        }
    }
}

/// A request that can be put before the holder.
pub struct Asked {
    asker: String,
    form: Form,
    documents: Vec<Document>,
}

impl Asked {
    /// Reads what a system asks for. `program` is what the machine knows of who asks.
    pub fn read(asked: ToSign, program: &str) -> Result<Self, NotSigned> {
        if asked.version != VERSION {
            return Err(NotSigned::OtherVersion);
        }
        let document = |Payload { id, octets }: Payload| {
            let octets = STANDARD.decode(octets).map_err(|_| NotSigned::NotBase64);
            octets.map(|octets| Document { id, octets })
        };
        let documents: Result<Vec<_>, NotSigned> = asked.documents.into_iter().map(document).collect();
        Self::new(&asked.application, program, asked.form, documents?)
    }

    /// A request for documents that are there.
    pub fn new(
        application: &str,
        program: &str,
        form: Form,
        documents: Vec<Document>,
    ) -> Result<Self, NotSigned> {
        let is_line = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        if !is_line(application) || application.chars().count() > LONGEST_NAME {
            return Err(NotSigned::NoName);
        }
        let mut ids: Vec<_> = documents.iter().map(|document| document.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if documents.is_empty() || documents.len() > MOST || ids.len() != documents.len() {
            return Err(NotSigned::Count);
        }
        if documents.iter().any(|document| document.octets.starts_with(PRESENCE.as_bytes())) {
            return Err(NotSigned::Presence);
        }
        Ok(Self { asker: format!("{application} ({program})"), form, documents })
    }

    /// What the holder is asked.
    fn question(&self, card: &SigningCard) -> String {
        let count = match self.documents.len() {
            1 => "1 document".to_owned(),
            count => format!("{count} documents"),
        };
        let holder = card.certificate().common_name().unwrap_or_default();
        format!(
            "{} asks for your signature on {count}.\nEnter the passcode of the smartcard of {holder} to sign.",
            self.asker
        )
    }

    /// Asks the holder, and signs. It waits for readers, card and holder, and stops at the first document that fails.
    pub fn sign(self, settings: &Settings) -> Result<Made, NotSigned> {
        let readers = Readers::open().map_err(SigningError::from)?;
        let now_ms = clock::now_ms();
        let card = signing::find_card_for(&readers, Slot::Signature, now_ms)?;
        let question = self.question(&card);
        let passcode =
            passcode::ask(&settings.pinentry, &question, passcode::PATIENCE).map_err(SigningError::from)?;
        let (request, messages) = self.prepared(&card, now_ms);
        let signed = signing::sign(&readers, &card, passcode, &request)?;
        // What failed is the end of the list, so that messages and signatures are in the same order.
        let mut messages = messages.into_iter();
        let finished = |(id, signature): (String, Vec<u8>)| match messages.next() {
            Some(message) => (id, message.finish(&signature)),
            None => (id, signature),
        };
        let octets = signed.signatures.into_iter().map(finished).collect();
        let certificate = card.certificate().clone();
        Ok(Made { certificate, algorithm: card.algorithm(), octets, failed: signed.failed })
    }

    /// What the card signs, and the messages that wait for it, if there are any.
    fn prepared(self, card: &SigningCard, now_ms: i64) -> (Request, Vec<Unsigned>) {
        let algorithm = card.algorithm();
        let (mut documents, mut messages) = (self.documents, Vec::new());
        if self.form == Form::Cms {
            for document in &mut documents {
                let message = Unsigned::new(card.certificate(), algorithm, &document.octets, now_ms);
                document.octets = message.to_be_signed();
                messages.push(message);
            }
        }
        (Request { origin: self.asker, algorithm, documents }, messages)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &serde_json::Value) -> Result<Asked, String> {
        let asked: ToSign = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        Asked::read(asked, "/usr/bin/prescribing").map_err(|error| error.to_string())
    }

    /// A request that says who asks, and for what, is put before the holder; a name that could pass for other words, nothing, too much,
    /// two of one name and rubbish are not.
    #[test]
    fn requests_are_read() {
        let one = json!([{ "id": "1", "octets": "AQI=" }]);
        let asked = |application: &str, form: &str, documents: &serde_json::Value| {
            let mut asked = json!({ "version": 1, "application": application, "form": form });
            asked["documents"] = documents.clone();
            asked
        };
        let good = read(&asked("Prescribing", "cms", &one)).unwrap();
        assert_eq!(good.asker, "Prescribing (/usr/bin/prescribing)");
        let many: serde_json::Value =
            (0..251).map(|id| json!({ "id": id.to_string(), "octets": "" })).collect();
        let twice = json!([{ "id": "1", "octets": "" }, { "id": "1", "octets": "" }]);
        let mut newer = asked("Prescribing", "signature", &one);
        newer["version"] = 2.into();
        for bad in [
            asked("Pre\nscribing", "cms", &one),
            asked(" ", "cms", &one),
            asked(&"x".repeat(101), "cms", &one),
            asked("Prescribing", "pdf", &one),
            asked("Prescribing", "cms", &json!([])),
            asked("Prescribing", "cms", &many),
            asked("Prescribing", "cms", &twice),
            asked("Prescribing", "cms", &json!([{ "id": "1", "octets": "no base64" }])),
            asked(
                "Prescribing",
                "signature",
                &json!([{ "id": "1", "octets": STANDARD.encode(format!("{PRESENCE}x")) }]),
            ),
            newer,
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
