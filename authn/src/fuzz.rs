//! What strangers send that is read before anybody knows who they are, as plain functions: a stable test gives them mutations, and a
//! target in `fuzz/` gives them to cargo-fuzz.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::clock::Millis;
use serde_json::Value;

use crate::cis1::ticket::Ticket;
use crate::cis1::{Answer, Message, response};
use crate::client::assertion;
use crate::config::Config;
use crate::oidc::face::Faces;
use crate::oidc::parameters::Parameters;
use crate::secret::sha256_hex;
use crate::token::dpop::{self, Request};
use crate::token::jws::Jws;

/// When the examples of the standards were made: 2019-07-04, as RFC 9449 has it.
const THEN: Millis = Millis(1_562_262_616_000);

/// Reads a client assertion, and verifies it by whatever key it brings along.
pub fn client_assertion(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let faces = Faces::of(&Config::new("https://server.example.com"));
    for restored in [None, Some(THEN)] {
        match assertion::claimed(text, None, &faces, (restored, THEN)) {
            Ok(claimed) => {
                // What is taken has all that is asked for.
                assert!(
                    !claimed.kid.is_empty() && claimed.expires_at > THEN,
                    "an assertion that is over was taken"
                );
                verify(&claimed.jws);
            }
            Err((_, failure)) => assert!(!failure.sentence.is_empty(), "a refusal says why"),
        }
    }
}

/// Reads a proof of a key.
pub fn dpop_proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let addresses = ["https://server.example.com/token".to_owned()];
    for token in [None, Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")] {
        let request = Request { method: "POST", addresses: &addresses, token };
        if let Ok(proof) = dpop::read(text, &request, THEN) {
            assert!(proof.until > THEN, "a proof that is over was taken");
            assert_eq!(proof.jti_hash.len(), sha256_hex(b"").len(), "the jti is hashed");
        }
    }
    if let Ok(jws) = Jws::parse(text) {
        verify(&jws);
    }
}

/// Reads a message of an agent of CIS1, and has a message of ours repeat what it says: nothing of it leaves its place.
pub fn cis1_message(bytes: &[u8]) {
    let Ok(message) = Message::read(bytes) else { return };
    for (name, said) in message.all() {
        let written =
            Answer::new("https://server.example.com").with_attributes("said", &[("id", name)], said);
        let read = Message::read(written.text().as_bytes()).map(|read| read.get("said").to_owned());
        let plain: String = said.chars().map(visible).collect();
        assert_eq!(read.as_deref().ok(), Some(plain.trim()), "a text left its place");
    }
}

/// A letter as XML may hold it. XML 1.0 2.2.
fn visible(letter: char) -> char {
    if letter < ' ' || matches!(letter, '\u{fffe}' | '\u{ffff}') { ' ' } else { letter }
}

/// Reads what a card has signed for an agent of CIS1: as it is sent, and as the octets that lie in it.
pub fn cis1_response(bytes: &[u8]) {
    let head = "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n";
    let whole = std::str::from_utf8(bytes).map(str::to_owned).unwrap_or_default();
    for text in [whole, STANDARD.encode(bytes), STANDARD.encode(format!("{head}{}", STANDARD.encode(bytes)))]
    {
        if let Ok(signed) = response::read(&text) {
            assert!(!signed.issuer.is_empty(), "whoever signed is named");
        }
    }
}

/// Reads an address of the broker of CIS1 and the ticket in it.
pub fn cis1_address(bytes: &[u8]) {
    let Ok(parameters) = Parameters::parse(bytes) else { return };
    let Some(ticket) = parameters.get("token").and_then(Ticket::parse) else { return };
    let again = Ticket::parse(&ticket.text()).map(|again| again.hash());
    assert_eq!(again, Some(ticket.hash()), "a ticket that is read is one of ours");
}

/// Verifies by the key in the header, and by one that is not there.
fn verify(jws: &Jws<'_>) {
    if let Some(key) = &jws.jwk {
        let _ = jws.is_by(key);
    }
    let other = hex::encode(digest(&SHA256, jws.alg.as_bytes()));
    assert!(!jws.is_by(&Value::String(other)), "a text is no key");
}
