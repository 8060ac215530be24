//! Whether a certificate makes its holder's signature count: for what it is, by whom, when, and whether it is revoked.

use std::cmp::Reverse;

use pki::path::{self, Error, Policy, Proof, Revocation, Unknown};
use pki::{Certificate, KeyUsage, ObjectIdentifier, Reason, eku};

use super::report::{Code, Findings, Weight, moment};
use super::{Trust, since_then};

/// How far the clock of whoever signed may lie ahead of ours.
pub(super) const AHEAD_MS: i64 = 300_000;

/// When it was signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    /// As the signer says.
    pub(super) claimed_ms: Option<i64>,
    /// As a time-stamp proves: it was there then.
    pub(super) trusted_ms: Option<i64>,
    /// Which list shows that a certificate was good then that has ended since.
    pub(super) shown: Shown,
}

/// Which revocation list shows that a certificate was good at a proven time, when those of now say nothing of it any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// One that was made at the proven time or later. Whoever signed may have chosen what came with the signature, and a list that is older than
    /// a revocation, by as much as lists hold, would hide it.
    Since,
    /// One that held at the proven time. This service chose it, the newest that there was, or it is about an authority or a time-stamper.
    Then,
}

/// What of the certificate's path holds; empty where none does.
pub(super) fn judge(
    signer: &Certificate,
    extra: &[Certificate],
    when: When,
    trust: &Trust<'_>,
    findings: &mut Findings,
) -> Vec<Certificate> {
    usage(signer, findings);
    times(signer, when, trust.now_ms, findings);
    let at_ms = when.trusted_ms.or(when.claimed_ms).unwrap_or(trust.now_ms).min(trust.now_ms);
    let claimed_ms = when.claimed_ms.unwrap_or(at_ms).min(at_ms);
    let (proven, shown) = (when.trusted_ms.is_some(), when.shown);
    let (purpose, said_ms) = (None, None);
    let question = Question { signer, extra, at_ms, claimed_ms, said_ms, proven, shown, purpose, trust };
    let Some(proof) = question.path(findings) else {
        question.revocation_beside_its_time(findings);
        return Vec::new();
    };
    question.revocation(&proof, findings);
    proof.chain().to_vec()
}

/// The same for whoever gave a time-stamp that says this time, and was there at a later one where another proves that.
pub(super) fn judge_time_stamper(
    unit: &Certificate,
    extra: &[Certificate],
    (said_ms, seen_ms): (i64, Option<i64>),
    trust: &Trust<'_>,
    findings: &mut Findings,
) {
    let at_ms = seen_ms.unwrap_or(said_ms).min(trust.now_ms);
    let proven = seen_ms.is_some();
    let purpose = Some(eku::TIME_STAMPING);
    let (claimed_ms, said_ms, shown) = (at_ms, Some(said_ms), Shown::Then);
    let question =
        Question { signer: unit, extra, at_ms, claimed_ms, said_ms, proven, shown, purpose, trust };
    if let Some(proof) = question.path(findings) {
        question.revocation(&proof, findings);
    }
}

/// RFC 5280 4.2.1.3: what commits a person is signed with a key for nonRepudiation. A certificate for TLS or another
/// purpose of its own commits nobody to a document.
fn usage(signer: &Certificate, findings: &mut Findings) {
    let usage = signer.key_usage();
    let commits = usage.is_some_and(|usage| usage.contains(KeyUsage::NON_REPUDIATION));
    if !commits || signer.extended_key_usage().is_some() {
        let usage = usage.map_or_else(|| "none".to_owned(), |usage| usage.to_string());
        findings.fails(
            Code::CertificateUsage,
            format!("the signer's certificate is not for signing documents: its key usage is {usage}"),
        );
    }
}

/// What the signer claims must be possible, whether or not a time-stamp proves more.
fn times(signer: &Certificate, when: When, now_ms: i64, findings: &mut Findings) {
    let Some(claimed) = when.claimed_ms else {
        findings.fails(Code::TimeMissing, "no time of signing is stated");
        return;
    };
    // The last second of validity belongs to it (RFC 5280 4.1.2.5).
    if claimed < signer.not_before_ms() || claimed.div_euclid(1000) * 1000 > signer.not_after_ms() {
        findings.fails(
            Code::CertificateTime,
            format!(
                "the signer's certificate was not valid at the time of signing: it is from {} until {}",
                moment(signer.not_before_ms()),
                moment(signer.not_after_ms())
            ),
        );
    }
    if signer.private_key_usage_period().is_some_and(|period| !period.contains(claimed)) {
        findings.fails(
            Code::KeyPeriod,
            "the signer's key was not to be used at the time of signing (privateKeyUsagePeriod)",
        );
    }
    if claimed > when.trusted_ms.unwrap_or(now_ms).saturating_add(AHEAD_MS) {
        findings.fails(Code::TimeFuture, "the claimed time of signing lies in the future");
    }
}

struct Question<'a> {
    signer: &'a Certificate,
    extra: &'a [Certificate],
    at_ms: i64,
    /// What the signer says of the time, where that is earlier.
    claimed_ms: i64,
    /// The time that its time-stamp says, where it gave one.
    said_ms: Option<i64>,
    /// Whether somebody else than the signer vouches for the time.
    proven: bool,
    shown: Shown,
    /// What its certificate must be for.
    purpose: Option<ObjectIdentifier>,
    trust: &'a Trust<'a>,
}

impl Question<'_> {
    fn policy(&self, revocation: Revocation) -> Policy {
        let required_policies = self.trust.policies.to_vec();
        let tries = Some(self.trust.work.tries());
        Policy { purpose: self.purpose, revocation, required_policies, tries, ..Policy::default() }
    }

    fn check(&self, revocation: Revocation) -> Result<Proof, Error> {
        let Trust { anchors, known, .. } = self.trust;
        path::check(self.signer, self.extra, anchors, *known, self.at_ms, &self.policy(revocation))
    }

    /// The path as it was when it was signed, revocation aside.
    fn path(&self, findings: &mut Findings) -> Option<Proof> {
        let error = match self.check(Revocation::Later) {
            Ok(proof) => return Some(proof),
            Err(error) => error,
        };
        let own = self.signer.serial();
        match &error {
            Error::PolicyNotAllowed => findings.fails(
                Code::CertificatePolicy,
                "the signer's certificate is not of a policy that is asked for here",
            ),
            // Told of already, by its own dates.
            Error::Expired { serial, .. } | Error::NotYetValid { serial, .. }
                if *serial == own && findings.has(Code::CertificateTime) => {}
            _ => findings
                .fails(Code::NotTrusted, format!("the signer's certificate is not to be trusted: {error}")),
        }
        None
    }

    /// The same of a certificate that was not valid when it signed: each reason is told, as the service of today tells them. Asked is for a
    /// time at which it was valid; what no path leads to then has no lists that are believed.
    fn revocation_beside_its_time(&self, findings: &mut Findings) {
        let (from_ms, until_ms) = (self.signer.not_before_ms(), self.signer.not_after_ms());
        if from_ms > until_ms {
            return;
        }
        let valid_ms = self.at_ms.clamp(from_ms, until_ms);
        let policy = self.policy(Revocation::Later);
        let Trust { anchors, known, now_ms, .. } = self.trust;
        let Ok(proof) = path::check(self.signer, self.extra, anchors, *known, valid_ms, &policy) else {
            return;
        };
        // The list of now says it if it still lists what has ended; the one of then otherwise.
        let now = self.statuses(&proof, Revocation::RequiredAsOf(*now_ms));
        let then = self.statuses(&proof, Revocation::Required);
        for (place, both) in now.iter().zip(&then).enumerate() {
            if let Some((since, reason)) = since(both.0).or_else(|| since(both.1)) {
                self.revoked(place > 0, since, reason, findings);
            }
        }
    }

    /// What is known of each certificate of a path, the signer's first.
    fn statuses(&self, proof: &Proof, revocation: Revocation) -> Vec<Result<(), Error>> {
        path::statuses(proof, self.extra, self.trust.known, revocation)
    }

    /// What is known of revocation now, held against the time of signing. What speaks against any certificate of the path is told, whatever is
    /// or is not known of the others.
    fn revocation(&self, proof: &Proof, findings: &mut Findings) {
        let now = Revocation::RequiredAsOf(self.trust.now_ms);
        let Trust { anchors, known, .. } = self.trust;
        // One good path is enough, and it is mostly the one that was found.
        if path::unrevoked(proof, self.extra, anchors, *known, now).is_ok() || self.check(now).is_ok() {
            return;
        }
        for (place, status) in self.statuses(proof, now).iter().enumerate() {
            match status {
                Ok(()) => {}
                Err(error @ Error::RevocationUnknown { .. }) => self.unknown(place, error, proof, findings),
                Err(error) => match since(status) {
                    Some((since, reason)) => self.revoked(place > 0, since, reason, findings),
                    None => findings.fails(
                        Code::NotTrusted,
                        format!("the signer's certificate is not to be trusted: {error}"),
                    ),
                },
            }
        }
    }

    fn revoked(&self, authority: bool, since_ms: i64, reason: Option<Reason>, findings: &mut Findings) {
        let (code, what) = if authority {
            (Code::AuthorityRevoked, "a certificate above the signer's")
        } else {
            (Code::Revoked, "the signer's certificate")
        };
        let since = moment(since_ms);
        if !authority && self.said_ms.is_some_and(|said_ms| said_ms < since_ms) && is_retired(reason) {
            let sentence = format!(
                "{what} was revoked at {since}, after it was used, for a reason that leaves that good"
            );
            findings.add(Code::RevokedLater, Weight::Note, sentence);
        } else if is_compromised(reason) {
            // Whoever has the key signs with any time that is wanted.
            findings
                .fails(code, format!("{what} is revoked, because its key is in other hands, since {since}"));
        } else if self.claimed_ms >= since_ms {
            findings.fails(code, format!("{what} is revoked since {since}"));
        } else if self.proven && self.at_ms < since_ms {
            let sentence = format!("{what} was revoked at {since}, after the proven time of signing");
            findings.add(Code::RevokedLater, Weight::Note, sentence);
        } else {
            let sentence = format!(
                "{what} was revoked at {since}; the signature claims to be older, and nothing proves it"
            );
            findings.open(Code::RevokedLaterUnproven, sentence);
        }
    }

    /// No list of now says anything. The authority itself may; what came with the signature may say how it was then.
    fn unknown(&self, place: usize, error: &Error, proof: &Proof, findings: &mut Findings) {
        let told = self.trust.told.iter().find(|told| told.certificate == proof.chain()[place]);
        let then = self.statuses(proof, Revocation::Required);
        let then = &then[place];
        let later = if self.proven {
            since_then::statuses((proof, place), self.extra, self.trust.known, self.at_ms)
        } else {
            Vec::new()
        };
        let worst = || {
            let said = later.iter().chain([then]).filter_map(since);
            said.max_by_key(|(since_ms, reason)| (is_compromised(*reason), Reverse(*since_ms)))
        };
        let revoked = told.and_then(|told| told.revoked).or_else(worst);
        if let Some((since, reason)) = revoked {
            self.revoked(place > 0, since, reason, findings);
            return;
        }
        let good = told.is_some()
            || later.contains(&Ok(()))
            || (then.is_ok() && (place > 0 || self.shown == Shown::Then));
        if self.proven && good {
            // It is proven that it was signed then, and that the certificate was good then.
        } else if self.proven && then.is_ok() {
            findings.open(
                Code::RevocationUnknown,
                "what is known of the revocation of the signer's certificate is older than the proven time of signing: it may have been \
                 revoked between",
            );
        } else if matches!(error, Error::RevocationUnknown { why: Unknown::Expired, .. }) {
            if !findings.has(Code::ExpiredUnproven) {
                let sentence = if self.proven {
                    "a certificate has ended since, and nothing that is known says how it was at the proven time of signing"
                } else {
                    "a certificate has ended since; the signature claims to be older, and nothing proves it"
                };
                findings.open(Code::ExpiredUnproven, sentence);
            }
        } else {
            findings.open(Code::RevocationUnknown, format!("{error}"));
        }
    }
}

/// Since when a certificate is revoked, and why, if its status says so.
fn since(status: &Result<(), Error>) -> Option<(i64, Option<Reason>)> {
    match status {
        Err(Error::Revoked { at_ms, reason, invalidity_date_ms, .. }) => {
            Some((invalidity_date_ms.map_or(*at_ms, |date| date.min(*at_ms)), *reason))
        }
        _ => None,
    }
}

/// Whether the reason is that the key is in other hands.
pub(super) fn is_compromised(reason: Option<Reason>) -> bool {
    matches!(reason, Some(Reason::KeyCompromise | Reason::CaCompromise | Reason::AaCompromise))
}

/// Whether what a time-stamper had given before stays good: RFC 3161 4 (1) has it so where one of these reasons is said. Where none is, nothing
/// does.
fn is_retired(reason: Option<Reason>) -> bool {
    use Reason::{AffiliationChanged, CessationOfOperation, Superseded, Unspecified};
    matches!(reason, Some(Unspecified | AffiliationChanged | Superseded | CessationOfOperation))
}
