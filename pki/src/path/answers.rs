//! Revocation by OCSP answers (RFC 6960 3.2): what those at hand say of one certificate.

use super::{Context, Error, OcspAnswer, Unknown};
use crate::ocsp::{CheckError, Question, Status};
use crate::{Certificate, Reason};

/// How many answers about one certificate are tried. Each try verifies a signature; a stranger may send them.
const MAX_ANSWERS: usize = 8;

/// What the answers come to when none says that the certificate is revoked.
pub(super) enum Outcome {
    /// Somebody entitled says that it is good, and that holds.
    Good,
    /// None can be believed, or none says anything; why, where there is one.
    Silent(Option<Unknown>),
}

/// Asks every answer that is about the certificate. One that proves a revocation ends the search whatever others say.
pub(super) fn ask(
    context: &Context<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<Outcome, Error> {
    let (mut good, mut why) = (false, None);
    let about = |answer: &&OcspAnswer| {
        answer.answer.singles().iter().any(|single| single.id.serial() == certificate.serial())
    };
    for answer in context.known.answers.iter().filter(about).take(MAX_ANSWERS) {
        match one(context, answer, certificate, issuer)? {
            Outcome::Good => good = true,
            Outcome::Silent(reason) => why = why.max(reason),
        }
    }
    Ok(if good { Outcome::Good } else { Outcome::Silent(why) })
}

fn one(
    context: &Context<'_>,
    answer: &OcspAnswer,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<Outcome, Error> {
    let OcspAnswer { answer, nonce } = answer;
    let serial = certificate.serial();
    let single =
        answer.singles().iter().find(|single| single.id.serial() == serial && single.id.is_of(issuer));
    // The same serial number of another issuer.
    let Some(single) = single else { return Ok(Outcome::Silent(None)) };
    let question =
        Question { id: &single.id, issuer, nonce: nonce.as_deref(), at_ms: context.statuses_at_ms };
    let evidence = match answer.check(&question) {
        Ok(evidence) => evidence,
        Err(why) => return Ok(Outcome::Silent(Some(unbelieved(why)))),
    };
    match evidence.status() {
        Status::Good => Ok(Outcome::Good),
        Status::Unknown => Ok(Outcome::Silent(Some(Unknown::UnknownToResponder))),
        // RFC 6960 2.2: so a responder answers of what was never issued, when it says that it does so.
        Status::Revoked { at_ms: 0, reason: Some(Reason::CertificateHold) }
            if answer.says_extended_revoke() =>
        {
            Err(Error::NeverIssued { serial })
        }
        Status::Revoked { at_ms, reason } => {
            Err(Error::Revoked { serial, at_ms, reason, invalidity_date_ms: evidence.invalidity_date_ms() })
        }
    }
}

fn unbelieved(why: CheckError) -> Unknown {
    match why {
        CheckError::NotCurrent => Unknown::AnswerStale,
        other => Unknown::AnswerNotBelieved(other),
    }
}
