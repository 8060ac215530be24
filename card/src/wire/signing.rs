//! Signing documents with a card: the national loopback protocol, as far as a page and the agent say it to each other.
//!
//! A page calls the method `requestToSign` of the agent's hub with base64 of a [`ToSign`] as JSON, and gets a [`Signed`]. The names of
//! members are those of the national library.
//! <https://github.com/NHSDigital/nhs-credential-manager-prescription-signing>
//!
//! What comes back is believed by nobody: whoever had it asked for looks at certificate and signatures.

use serde::{Deserialize, Serialize};

/// The one type of request, and the one version.
pub const REQUEST_TYPE: u32 = 1;
/// The version of these messages.
pub const VERSION: u32 = 1;
/// How many payloads one request may have: 250 documents, and that the holder is there.
pub const MOST: usize = 251;
/// How a payload begins that is no document, but that the holder is there. Nobody takes it for a document, since none begins so.
pub const PRESENCE: &str = "lanyard-card-presence-1\n";
/// Everything was signed.
pub const DONE: u32 = 0;
/// There is no certificate for signing, that is, no card.
pub const NO_CERTIFICATE: u32 = 0x5349_4705;
/// Everything else that is not done.
pub const INTERNAL: u32 = 0x5349_4703;

/// What a page has the card sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToSign {
    /// How, by its name in JWA: `RS256`, `ES256`, `ES384`.
    pub algorithm: String,
    /// [`REQUEST_TYPE`].
    #[serde(rename = "requestType")]
    pub request_type: u32,
    /// [`VERSION`].
    pub version: u32,
    /// None is known.
    #[serde(default)]
    pub flags: u32,
    /// What.
    pub payloads: Vec<Payload>,
}

impl ToSign {
    /// A request of our version.
    pub fn new(algorithm: &str, payloads: Vec<Payload>) -> Self {
        let algorithm = algorithm.to_owned();
        Self { algorithm, request_type: REQUEST_TYPE, version: VERSION, flags: 0, payloads }
    }
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// What the page calls it.
    pub id: String,
    /// The octets that are signed, base64.
    pub payload: String,
}

/// What a page gets. Only a whole batch is a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The certificate of the key that signed, DER in base64; empty where no card was reached.
    pub certificate: String,
    /// [`DONE`], or why not.
    pub status_code: u32,
    /// `OK` or `ERROR`.
    #[serde(default)]
    pub status_string: String,
    /// The same for people.
    #[serde(default)]
    pub message: String,
    /// When, as the workstation has it: RFC 3339.
    #[serde(default)]
    pub timestamp: String,
    /// What was signed.
    pub signatures: Vec<Signature>,
    /// What was not, without signatures.
    #[serde(default)]
    pub failed_signatures: Vec<Signature>,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What the page calls the document.
    pub id: String,
    /// The signature, base64.
    pub signature: String,
}

impl Signed {
    /// Whether everything was signed, as it says itself.
    pub fn is_done(&self) -> bool {
        self.status_code == DONE && self.failed_signatures.is_empty()
    }

    /// The signature of a document; nothing where it is not there once.
    pub fn signature_of(&self, id: &str) -> Option<&str> {
        let mut found = self.signatures.iter().filter(|signature| signature.id == id);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(&only.signature),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages are written as the national library has them, and read with and without what it leaves out.
    #[test]
    fn messages_have_their_form() {
        let payload = Payload { id: "1".to_owned(), payload: "AQI=".to_owned() };
        let asked = serde_json::to_string(&ToSign::new("RS256", vec![payload])).unwrap();
        let whole = r#"{"algorithm":"RS256","requestType":1,"version":1,"flags":0,"payloads":[{"id":"1","payload":"AQI="}]}"#;
        assert_eq!(asked, whole);
        assert!(serde_json::from_str::<ToSign>(&whole.replace(r#""flags":0,"#, "")).is_ok());
        let said = r#"{"certificate":"AA==","status_code":0,"signatures":[{"id":"1","signature":"AQ=="}]}"#;
        let read: Signed = serde_json::from_str(said).unwrap();
        assert!(read.is_done());
        assert_eq!((read.signature_of("1"), read.signature_of("2")), (Some("AQ=="), None));
    }

    /// A batch that is there in part is no success, and a signature that is there twice is none.
    #[test]
    fn parts_are_no_success() {
        let signature = |id: &str| Signature { id: id.to_owned(), signature: "AQ==".to_owned() };
        let mut said = Signed {
            certificate: String::new(),
            status_code: DONE,
            status_string: "OK".to_owned(),
            message: String::new(),
            timestamp: String::new(),
            signatures: vec![signature("1"), signature("1")],
            failed_signatures: Vec::new(),
        };
        assert!(said.is_done() && said.signature_of("1").is_none());
        said.failed_signatures.push(signature("2"));
        assert!(!said.is_done());
        said.failed_signatures.clear();
        said.status_code = NO_CERTIFICATE;
        assert!(!said.is_done());
    }
}
