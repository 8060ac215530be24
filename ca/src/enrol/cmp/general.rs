//! `genm`: questions without effect (RFC 9483 4.3).

use pki::cmp::{Failure, InfoTypeAndValue};

use super::conversation::{Conversation, Reply};
use super::refusal::Refusal;
use super::writing::{self, CA_CERTIFICATES, body};
use crate::authority::Authority;

/// The authorities' certificates, for whoever has a certificate of ours.
pub(super) fn answer(conversation: &Conversation<'_>, list: &[InfoTypeAndValue]) -> Result<Reply, Refusal> {
    match list {
        [asked] if asked.kind == CA_CERTIFICATES => {}
        _ => return Err(Refusal::new(Failure::BadRequest, "the one question that is answered is caCerts")),
    }
    let authority: &Authority = conversation.enrolment.authority();
    let book = authority.book();
    let mut certificates: Vec<&[u8]> = Vec::new();
    for issuer in book.issuers() {
        certificates.push(issuer.certificate.der());
        // A later root's with what the roots before certified of it, and theirs by it.
        certificates.extend(book.crosses_of(issuer.id()).map(|cross| cross.certificate.der()));
    }
    let content = writing::authorities_info(&certificates);
    Ok(Reply::plain(writing::numbered(body::GENERAL, &content)))
}
