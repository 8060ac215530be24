//! `Provenance`: how a signature travels in a FHIR message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::AuthorTime;

/// Whose signature it is, and over which items, by their places in the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author<'a> {
    pub(crate) who: &'a str,
    pub(crate) targets: &'a [String],
}

/// The resource that is put into the message beside the signed ones. Its time is the one that was signed, to the letter that
/// prepare answered.
pub(crate) fn provenance(id: &str, author: Author<'_>, at: AuthorTime, signature: &str) -> Value {
    let reference = |url: &str| json!({"reference": url});
    let when = at.fhir();
    json!({
        "resourceType": "Provenance",
        "id": id,
        "target": author.targets.iter().map(|target| reference(target)).collect::<Vec<_>>(),
        "recorded": when,
        "agent": [{"who": reference(author.who)}],
        "signature": [{
            // ASTM E1762-95: the author's signature.
            "type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}],
            "when": when,
            "who": reference(author.who),
            "data": STANDARD.encode(signature),
        }],
    })
}
