//! What was said of a certificate of a path at a proven time or later: all that speaks against it, and some of the rest. What is silent of a
//! certificate, or calls it good, counts only if it was made before its end (RFC 5280 3.3, RFC 6960 4.4.4); a revocation counts whenever it is told.
//!
//! Each list and answer that is looked at costs the verification of signatures, and strangers may send them. So their number is bounded, and what
//! speaks against the certificate has places of its own: no number of lists that do not name it, nor of answers that call it good, hides one that does.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use pki::ocsp::{Single, Status};
use pki::path::{self, Error, Known, OcspAnswer, Proof, Revocation};
use pki::{Certificate, Crl, CrlEntry};

use super::certificate::is_compromised;

/// How many are looked at of each sort.
const MOST: usize = 8;

/// What lists and answers that were made from this time on say of the certificate at this place of a path, each in its time.
pub(super) fn statuses(
    (proof, place): (&Proof, usize),
    extra: &[Certificate],
    known: Known<'_>,
    from_ms: i64,
) -> Vec<Result<(), Error>> {
    let subject = Subject { proof, place, extra };
    let until_ms = subject.certificate().not_after_ms();
    let since: Vec<&Crl> = known.crls.iter().filter(|crl| crl.this_update_ms() >= from_ms).collect();
    let while_valid: Vec<&Crl> =
        since.iter().copied().filter(|crl| crl.this_update_ms() <= until_ms).collect();
    let (telling, silent) = (subject.telling(&since), subject.silent(&while_valid));
    let lists: Vec<&Crl> = telling.into_iter().chain(&silent).collect();
    let complete =
        if lists.iter().any(|crl| subject.is_delta(crl)) { subject.complete(known.crls) } else { Vec::new() };
    let of_lists = lists.into_iter().filter_map(|crl| {
        let base = subject.base_of(crl, &complete);
        let crls = [std::slice::from_ref(crl), &silent, base.as_slice()].concat();
        subject.status((&crls).into(), crl.this_update_ms())
    });
    let answers = subject.answers(known.answers, &(from_ms..=until_ms));
    let of_answers = answers.into_iter().filter_map(|(answer, single)| {
        let known = Known { crls: &[], answers: std::slice::from_ref(answer) };
        subject.status(known, single.this_update_ms)
    });
    of_lists.chain(of_answers).collect()
}

/// A certificate of a path, by its place there: the leaf is the first, and the anchor is none of them.
struct Subject<'p> {
    proof: &'p Proof,
    place: usize,
    extra: &'p [Certificate],
}

impl Subject<'_> {
    fn certificate(&self) -> &Certificate {
        &self.proof.chain()[self.place]
    }

    fn issuer(&self) -> &Certificate {
        &self.proof.chain()[self.place + 1]
    }

    /// What this says of it at this time.
    fn status(&self, known: Known<'_>, at_ms: i64) -> Option<Result<(), Error>> {
        let all = path::statuses(self.proof, self.extra, known, Revocation::RequiredAsOf(at_ms));
        all.into_iter().nth(self.place)
    }

    /// Its entry in a list, which is seen without the cost of a signature.
    fn entry(&self, crl: &Crl) -> Option<CrlEntry> {
        crl.entry_of(self.certificate().issuer(), &self.certificate().serial())
    }

    /// The lists that name it: of those that its issuer signed the ones that say most, and then others in their order, in which what is known here
    /// is before what came.
    fn telling<'a>(&self, crls: &[&'a Crl]) -> Vec<&'a Crl> {
        let named = crls.iter().copied().filter(|crl| self.entry(crl).is_some());
        let (mut own, others): (Vec<&Crl>, Vec<&Crl>) =
            named.partition(|crl| crl.verify(self.issuer()).is_ok());
        own.sort_by_key(|crl| {
            self.entry(crl).map(|entry| (Reverse(is_compromised(entry.reason)), entry.revoked_at_ms))
        });
        own.into_iter().take(MOST).chain(others.into_iter().take(MOST)).collect()
    }

    /// Lists of the issuer that do not name it; those of other places than it names come last.
    fn silent(&self, crls: &[&Crl]) -> Vec<Crl> {
        let (issuer, points) = (self.issuer().subject(), self.certificate().crl_distribution_points());
        let is_silent = |crl: &&Crl| crl.issuer().matches(issuer) && self.entry(crl).is_none();
        let mut found: Vec<&Crl> = crls.iter().copied().filter(is_silent).collect();
        found.sort_by_key(|crl| {
            crl.scope().location.is_some() && !points.iter().any(|point| crl.is_at(point))
        });
        found.into_iter().take(MOST).cloned().collect()
    }

    /// Whether a list is understood, and signed by the issuer itself.
    fn is_own(&self, crl: &Crl) -> bool {
        !crl.has_unknown_critical() && crl.verify(self.issuer()).is_ok()
    }

    /// Whether it is a delta list that counts at its moment. What only looks like one must not: a list from before the proven time counts with it.
    fn is_delta(&self, crl: &Crl) -> bool {
        crl.delta_base().is_some() && crl.is_current(crl.this_update_ms()) && self.is_own(crl)
    }

    /// The issuer's complete lists, whenever they were made.
    fn complete<'a>(&self, crls: &'a [Crl]) -> Vec<&'a Crl> {
        crls.iter().filter(|crl| crl.delta_base().is_none() && self.is_own(crl)).collect()
    }

    /// The newest of these complete lists that a delta list brings up to date, if it is one (RFC 5280 5.2.4).
    fn base_of(&self, delta: &Crl, complete: &[&Crl]) -> Option<Crl> {
        let (base, newer) = (delta.delta_base()?, delta.number()?);
        let fits = |crl: &&&Crl| {
            crl.number().is_some_and(|number| (base..=newer).contains(&number))
                && crl.scope() == delta.scope()
                && crl.authority_key_id() == delta.authority_key_id()
        };
        let newest = complete.iter().filter(fits).max_by_key(|crl| crl.number())?;
        self.is_delta(delta).then(|| (*newest).clone())
    }

    /// Answers about it with what each says: those that call it revoked, and others of while it was valid.
    fn answers<'a>(
        &self,
        answers: &'a [OcspAnswer],
        while_valid: &RangeInclusive<i64>,
    ) -> Vec<(&'a OcspAnswer, &'a Single)> {
        let (serial, issuer) = (self.certificate().serial(), self.issuer());
        let about = |answer: &'a OcspAnswer| {
            let mut singles = answer.answer.singles().iter();
            let single = singles.find(|single| single.id.serial() == serial && single.id.is_of(issuer))?;
            (single.this_update_ms >= *while_valid.start()).then_some((answer, single))
        };
        let (revoked, others): (Vec<_>, Vec<_>) = answers
            .iter()
            .filter_map(about)
            .partition(|(_, single)| matches!(single.status, Status::Revoked { .. }));
        let others = others.into_iter().filter(|(_, single)| while_valid.contains(&single.this_update_ms));
        revoked.into_iter().take(MOST).chain(others.take(MOST)).collect()
    }
}
