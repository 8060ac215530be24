//! `genm`: questions without effect (RFC 9483 4.3).

use pki::cmp::{Failure, InfoTypeAndValue};

use super::conversation::{Conversation, Reply};
use super::refusal::Refusal;
use super::writing::{self, CA_CERTIFICATES, ROOT_CERTIFICATE, RootUpdate, body};
use crate::book::Book;
use crate::names::IssuerId;

/// The authorities' certificates, or the root that follows one, for whoever has a certificate of ours.
pub(super) fn answer(conversation: &Conversation<'_>, list: &[InfoTypeAndValue]) -> Result<Reply, Refusal> {
    let book = conversation.enrolment.authority().book();
    let content = match list {
        [asked] if asked.kind == CA_CERTIFICATES => authorities(&book),
        [asked] if asked.kind == ROOT_CERTIFICATE => root_update(&book, asked.value.as_deref())?,
        _ => {
            let sentence = "the questions that are answered, one in a message, are caCerts and rootCaCert";
            return Err(Refusal::new(Failure::BadRequest, sentence));
        }
    };
    Ok(Reply::plain(writing::numbered(body::GENERAL, &content)))
}

fn authorities(book: &Book) -> Vec<u8> {
    let mut certificates: Vec<&[u8]> = Vec::new();
    for issuer in book.issuers() {
        certificates.push(issuer.certificate.der());
        // A later root's with what the roots before certified of it, and theirs by it.
        certificates.extend(book.crosses_of(issuer.id()).map(|cross| cross.certificate.der()));
    }
    writing::authorities_info(&certificates)
}

/// The newest root after the one that is named, or after the first (RFC 9483 4.3.2). It is told from the day on which it is
/// made, so that readers have it before anything is below it.
fn root_update(book: &Book, named: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
    let known = match named {
        Some(der) => book.issuers().find(|issuer| issuer.id().is_root() && issuer.certificate.der() == der),
        None => book.find(&IssuerId::root()),
    };
    let sentence = "the certificate that is named is not a root of this authority";
    let old = known.ok_or_else(|| Refusal::new(Failure::BadCertificateId, sentence))?;
    let Some(new) = book.newest(&IssuerId::root()).filter(|new| new.id() != old.id()) else {
        return Ok(writing::root_update_info(None));
    };
    let across = |subject: &IssuerId, signer: &IssuerId| {
        book.crosses_of(subject).find(|cross| cross.signer == *signer).map(|cross| cross.certificate.der())
    };
    Ok(writing::root_update_info(Some(&RootUpdate {
        new_with_new: new.certificate.der(),
        new_with_old: across(new.id(), old.id()),
        old_with_new: across(old.id(), new.id()),
    })))
}
