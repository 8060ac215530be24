//! What a fuzzer does with bytes. A test runs the same functions over a corpus with a fixed budget.

use super::{CertId, Hash, Question, Request, Response};
use crate::{Certificate, Serial};

/// Reads bytes as a question. One that reads is written again and must read as the same.
///
/// # Panics
///
/// When what was read does not survive being written.
pub fn request(bytes: &[u8]) {
    let Ok(request) = Request::from_der(bytes) else { return };
    let again = Request::from_der(&request.to_der());
    assert_eq!(again.as_ref(), Ok(&request), "a question changed when it was written");
    for id in request.ids() {
        let _ = (id.name_hash(), id.key_hash(), id.serial().to_string(), id.matches(id));
    }
}

/// Reads bytes as an answer and checks it against an issuer.
///
/// # Panics
///
/// When the reader does.
pub fn response(bytes: &[u8], issuer: &Certificate) {
    let Ok(Response::Answered(answer)) = Response::from_der(bytes) else { return };
    let _ = format!("{answer:?}");
    let asked = Serial::from_content(&[1]).and_then(|serial| CertId::new(Hash::Sha1, issuer, serial));
    for id in answer.singles().iter().map(|single| &single.id).chain(asked.as_ref()) {
        let question = Question { id, issuer, nonce: answer.nonce(), at_ms: answer.produced_at_ms() };
        let _ = answer.check(&question);
    }
}
