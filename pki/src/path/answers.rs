//! Revocation by OCSP answers (RFC 6960 3.2): what those at hand say of one certificate.

use super::revocation::weight;
use super::{Context, Error, OcspAnswer, Unknown};
use crate::ocsp::{CheckError, Question, Single, Status};
use crate::{Certificate, Reason};

/// How many answers about one certificate are tried of those that say revoked, and of the others. Each try verifies a signature; a stranger may
/// send them.
const MAX_ANSWERS: usize = 8;

/// What the answers come to when none says that the certificate is revoked.
pub(super) enum Outcome {
    /// Somebody entitled says that it is good, and that holds.
    Good,
    /// None can be believed, or none says anything; why, where there is one.
    Silent(Option<Unknown>),
}

/// Asks the answers that are about the certificate, those that say revoked and hold first. The worst that one proves counts, whatever others say.
pub(super) fn ask(
    context: &Context<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<Outcome, Error> {
    let (mut good, mut why, mut worst) = (false, None, None);
    for (answer, single) in tried(context, certificate, issuer) {
        match one(context, answer, single, issuer) {
            Ok(Outcome::Good) => good = true,
            Ok(Outcome::Silent(reason)) => why = why.max(reason),
            Err(error) => worst = worst.into_iter().chain([error]).max_by_key(weight),
        }
    }
    match worst {
        Some(error) => Err(error),
        None if good => Ok(Outcome::Good),
        None => Ok(Outcome::Silent(why)),
    }
}

/// The answers that are tried, with what each says of the certificate: in their order, but what would count most first, which is seen without the
/// cost of a signature. So no number of others hides one that says revoked.
fn tried<'a>(
    context: &Context<'a>,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Vec<(&'a OcspAnswer, &'a Single)> {
    let serial = certificate.serial();
    let about = |answer: &'a OcspAnswer| {
        let mut singles = answer.answer.singles().iter();
        // The same serial number may be another issuer's.
        let single = singles.find(|single| single.id.serial() == serial && single.id.is_of(issuer));
        single.map(|single| (answer, single))
    };
    let all = context.known.answers.iter().filter_map(about);
    let (mut revoked, mut others): (Vec<_>, Vec<_>) =
        all.partition(|(_, single)| matches!(single.status, Status::Revoked { .. }));
    for answers in [&mut revoked, &mut others] {
        answers.sort_by_key(|(_, single)| !single.holds(context.statuses_at_ms));
        answers.truncate(MAX_ANSWERS);
    }
    revoked.into_iter().chain(others).collect()
}

fn one(
    context: &Context<'_>,
    answer: &OcspAnswer,
    single: &Single,
    issuer: &Certificate,
) -> Result<Outcome, Error> {
    let OcspAnswer { answer, nonce } = answer;
    let serial = single.id.serial();
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
