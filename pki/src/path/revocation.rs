//! Revocation by OCSP answers and by CRLs (RFC 5280 6.3.3), complete, partitioned, indirect and delta ones.

use super::answers::{self, Outcome};
use super::{Context, Error, Policy, Unknown};
use crate::crl::{Covers, CrlEntry, Reasons};
use crate::extensions::{AlternativeName, DistributionPoint, Location};
use crate::{Certificate, Crl, Reason};

/// How many certificates of a CRL issuer's name are tried. Each try hashes the CRL; a stranger may send them.
const MAX_SIGNERS: usize = 8;
/// How deep the signer of a CRL may need a CRL of another signer.
const MAX_DEPTH: usize = 4;

/// Checks every certificate of the chain below the anchor, CAs first.
pub(super) fn check(
    context: &Context<'_>,
    chain: &[Certificate],
    active: &mut Vec<Certificate>,
) -> Result<(), Error> {
    (0..chain.len() - 1).rev().try_for_each(|at| ask(context, chain, at, active))
}

/// The status of each certificate of the chain below the anchor, the leaf first, each asked for by itself.
pub(super) fn each(context: &Context<'_>, chain: &[Certificate]) -> Vec<Result<(), Error>> {
    (0..chain.len() - 1).map(|at| ask(context, chain, at, &mut Vec::new())).collect()
}

fn ask(
    context: &Context<'_>,
    chain: &[Certificate],
    at: usize,
    active: &mut Vec<Certificate>,
) -> Result<(), Error> {
    let (certificate, above) = (&chain[at], &chain[at + 1..]);
    active.push(certificate.clone());
    let status = Question { context, certificate, above }.answer(active);
    active.pop();
    status
}

/// One certificate, and the path above it.
struct Question<'a> {
    context: &'a Context<'a>,
    certificate: &'a Certificate,
    above: &'a [Certificate],
}

impl Question<'_> {
    /// Asks answers and lists. Each of them can say that the certificate is revoked, and one is enough to say that it is
    /// not.
    fn answer(&self, active: &mut Vec<Certificate>) -> Result<(), Error> {
        let serial = self.certificate.serial();
        let answered = answers::ask(self.context, self.certificate, &self.above[0]);
        let listed = self.listed(active);
        // A CRL need not list a certificate beyond its expiry (RFC 5280 3.3), nor does a responder have to keep its
        // status (RFC 6960 4.4.4), so silence after that says nothing. One that still says revoked is believed.
        let ended = self.certificate.not_after_ms().max(self.context.at_ms)
            < self.context.statuses_at_ms.div_euclid(1000) * 1000;
        match (listed, answered) {
            (Err(listed @ Error::Revoked { .. }), Err(answered)) => {
                Err(if weight(&listed) > weight(&answered) { listed } else { answered })
            }
            (Err(error @ Error::Revoked { .. }), Ok(_)) | (_, Err(error)) => Err(error),
            _ if ended => Err(Error::RevocationUnknown { serial, why: Unknown::Expired }),
            (Err(Error::RevocationUnknown { .. }), Ok(Outcome::Good)) => Ok(()),
            (Err(Error::RevocationUnknown { serial, why }), Ok(Outcome::Silent(other))) => {
                Err(Error::RevocationUnknown { serial, why: other.map_or(why, |other| other.max(why)) })
            }
            (outcome, Ok(_)) => outcome,
        }
    }

    /// Goes through distribution points and CRLs until all reasons are covered (RFC 5280 6.3.3), and through every further CRL that has the
    /// certificate: what one says that is believed counts, wherever it stands among them, since a revocation is not taken back.
    fn listed(&self, active: &mut Vec<Certificate>) -> Result<(), Error> {
        let serial = self.certificate.serial();
        let mut covered = Reasons::NONE;
        let mut why = Unknown::NoCrl;
        let mut worst: Option<(&Crl, CrlEntry)> = None;
        for point in self.points() {
            for crl in self.complete() {
                // (b), (d), (e)
                let reasons =
                    point.reasons.unwrap_or(Reasons::ALL) & crl.scope().reasons.unwrap_or(Reasons::ALL);
                let needed = !covered.contains(reasons) || self.may_tell(crl);
                if !needed || !self.corresponds(crl, &point) {
                    continue;
                }
                match self.entry(crl, &point, active) {
                    Ok(Some(entry)) if self.is_lifted(crl, entry, &point, active) => {
                        covered = covered | reasons;
                    }
                    Ok(Some(entry)) => {
                        let rank =
                            |(crl, entry): &(&Crl, CrlEntry)| (gravity(entry.reason), crl.this_update_ms());
                        worst = worst.into_iter().chain([(crl, entry)]).max_by_key(rank);
                    }
                    Ok(None) => covered = covered | reasons,
                    Err(missing) => why = why.max(missing),
                }
            }
        }
        if let Some((_, entry)) = worst {
            return Err(revoked(entry));
        }
        if covered == Reasons::ALL {
            return Ok(());
        }
        if covered != Reasons::NONE {
            why = why.max(Unknown::SomeReasons);
        }
        Err(Error::RevocationUnknown { serial, why })
    }

    /// The complete CRLs that are known.
    fn complete(&self) -> impl Iterator<Item = &Crl> {
        self.context.known.crls.iter().filter(|crl| crl.delta_base().is_none())
    }

    /// Whether the certificate stands in this CRL, or in a delta CRL that may be about it: found without the cost of a signature.
    fn may_tell(&self, crl: &Crl) -> bool {
        let has = |list: &Crl| list.entry_of(self.certificate.issuer(), &self.certificate.serial()).is_some();
        let mut deltas = self.context.known.crls.iter().filter(|list| list.delta_base().is_some());
        has(crl) || deltas.any(has)
    }

    /// Whether a hold in this CRL is over: a newer CRL of the same scope does not have it. What is left out of a CRL that is made when the
    /// certificate has ended says nothing (RFC 5280 3.3), and no other reason is ever taken back (RFC 5280 5.3.1).
    fn is_lifted(
        &self,
        held_in: &Crl,
        entry: CrlEntry,
        point: &DistributionPoint,
        active: &mut Vec<Certificate>,
    ) -> bool {
        let newer = |crl: &&Crl| {
            crl.this_update_ms() > held_in.this_update_ms()
                && crl.this_update_ms() <= self.certificate.not_after_ms()
                && crl.scope() == held_in.scope()
                && crl.issuer().matches(held_in.issuer())
        };
        entry.reason == Some(Reason::CertificateHold)
            && self.complete().filter(newer).any(|crl| matches!(self.entry(crl, point, active), Ok(None)))
    }

    /// The certificate's distribution points, and then the one that is implied: the issuer's own CRLs.
    fn points(&self) -> Vec<DistributionPoint> {
        let issuer = AlternativeName::Directory(self.certificate.issuer().clone());
        let implied = DistributionPoint {
            location: Some(Location::Full(vec![issuer])),
            reasons: None,
            crl_issuer: Vec::new(),
        };
        self.certificate.crl_distribution_points().iter().cloned().chain([implied]).collect()
    }

    /// Whether the CRL is of this distribution point and covers this certificate (RFC 5280 6.3.3 (b)).
    fn corresponds(&self, crl: &Crl, point: &DistributionPoint) -> bool {
        let scope = crl.scope();
        // (b) (1)
        let issued = if point.crl_issuer.is_empty() {
            crl.issuer().matches(self.certificate.issuer())
        } else {
            scope.indirect && point.crl_issuer.iter().any(|issuer| issuer.matches(crl.issuer()))
        };
        let kind = match scope.covers {
            Covers::All => true,
            Covers::EndEntities => !self.certificate.is_ca(),
            Covers::Authorities => self.certificate.is_ca(),
            Covers::AttributeCertificates => false,
        };
        issued && kind && crl.is_at(point)
    }

    /// The entry of this certificate in a CRL that is current, signed and understood.
    fn entry(
        &self,
        crl: &Crl,
        point: &DistributionPoint,
        active: &mut Vec<Certificate>,
    ) -> Result<Option<CrlEntry>, Unknown> {
        if crl.has_unknown_critical() {
            return Err(Unknown::UnknownCriticalExtension);
        }
        let signer = self.signer(crl, point, active).ok_or(Unknown::Unsigned)?;
        let at_ms = self.context.statuses_at_ms;
        let delta = self.delta(crl, &signer);
        // (a) A complete CRL that has run out is still good with a delta CRL that has not.
        if crl.this_update_ms() > at_ms || !(crl.is_current(at_ms) || delta.is_some()) {
            return Err(Unknown::Stale);
        }
        let find = |list: &Crl| list.entry_of(self.certificate.issuer(), &self.certificate.serial());
        // (i), (j), (k)
        match delta.and_then(find) {
            Some(CrlEntry { reason: Some(Reason::RemoveFromCrl), .. }) => Ok(None),
            Some(entry) => Ok(Some(entry)),
            None => Ok(find(crl)),
        }
    }

    /// The newest current delta CRL that brings this complete CRL up to date (RFC 5280 5.2.4, 6.3.3 (c), (h)).
    fn delta(&self, complete: &Crl, signer: &Certificate) -> Option<&Crl> {
        let number = complete.number()?;
        let fits = |delta: &&Crl| {
            delta.delta_base().is_some_and(|base| base <= number)
                && delta.number().is_some_and(|newer| number <= newer)
                && delta.issuer().matches(complete.issuer())
                && delta.scope() == complete.scope()
                && delta.authority_key_id() == complete.authority_key_id()
                && delta.is_current(self.context.statuses_at_ms)
                && !delta.has_unknown_critical()
        };
        let mut deltas: Vec<&Crl> = self.context.known.crls.iter().filter(fits).collect();
        deltas.sort_by_key(|delta| std::cmp::Reverse(delta.number()));
        deltas.into_iter().find(|delta| delta.verify(signer).is_ok())
    }

    /// The certificate whose key signed the CRL, when it may (RFC 5280 6.3.3 (f), (g)).
    fn signer(
        &self,
        crl: &Crl,
        point: &DistributionPoint,
        active: &mut Vec<Certificate>,
    ) -> Option<Certificate> {
        let direct = &self.above[0];
        if crl.verify(direct).is_ok() {
            return Some(direct.clone());
        }
        // The CA itself may name the subject of a certificate as the signer of the CRL that covers it; the path above
        // is being checked already. Without the CA's word nobody vouches for himself.
        if !point.crl_issuer.is_empty() && crl.verify(self.certificate).is_ok() {
            return Some(self.certificate.clone());
        }
        let anchor = &self.above[self.above.len() - 1];
        // (f): the path of the CRL's signer must end at the same anchor.
        let known = self.above.iter().chain(self.context.extra);
        let mut candidates = known.filter(|signer| signer.subject().matches(crl.issuer())).take(MAX_SIGNERS);
        let trusted = |signer: &&Certificate| {
            crl.verify(signer).is_ok() && (*signer == anchor || self.may_be_trusted(signer, anchor, active))
        };
        candidates.find(trusted).cloned()
    }

    /// Whether the signer of a CRL has a good path of its own. A signer whose status is being asked for already
    /// cannot vouch for itself.
    fn may_be_trusted(
        &self,
        signer: &Certificate,
        anchor: &Certificate,
        active: &mut Vec<Certificate>,
    ) -> bool {
        if active.len() >= MAX_DEPTH || active.contains(signer) {
            return false;
        }
        let at_ms = self.context.statuses_at_ms;
        let context = Context { anchors: std::slice::from_ref(anchor), at_ms, ..*self.context };
        context.check(signer, &Policy::default(), active).is_ok()
    }
}

/// How much it says that a certificate may not be used, where several things say so: most that it was never issued.
pub(super) fn weight(error: &Error) -> u8 {
    match error {
        Error::NeverIssued { .. } => 3,
        Error::Revoked { reason, .. } => gravity(*reason),
        _ => 0,
    }
}

/// How much a reason says, where several CRLs or answers have one: a key in other hands most, a hold least.
fn gravity(reason: Option<Reason>) -> u8 {
    match reason {
        Some(Reason::KeyCompromise | Reason::CaCompromise | Reason::AaCompromise) => 2,
        Some(Reason::CertificateHold) => 0,
        _ => 1,
    }
}

fn revoked(entry: CrlEntry) -> Error {
    let CrlEntry { serial, revoked_at_ms, reason, invalidity_date_ms } = entry;
    Error::Revoked { serial, at_ms: revoked_at_ms, reason, invalidity_date_ms }
}
