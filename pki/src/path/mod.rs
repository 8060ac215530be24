//! Certification paths: built, checked, and handed back as proof (RFC 5280 6).
//!
//! The builder and the revocation rules are ours; names, policies, constraints and critical extensions
//! are checked by the `certval` crate (`docs/adr/0002-path-validation.md`).

mod answers;
mod build;
mod error;
mod revocation;
mod rules;

use const_oid::ObjectIdentifier;

use crate::ocsp::Answer;
use crate::{Certificate, Crl, KeyUsage};

pub use error::{Error, Unknown};

/// What a path must satisfy. The default asks for a good path and for revocation, and for nothing else.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// A purpose the leaf must name in its extended key usage. A leaf without that extension is refused, and
    /// `anyExtendedKeyUsage` does not count, as RFC 5280 4.2.1.12 lets an application demand.
    pub purpose: Option<ObjectIdentifier>,
    /// Bits the leaf's key usage must have. A leaf without key usage is refused when any is asked for.
    pub key_usage: KeyUsage,
    /// The path must be valid for one of these certificate policies. None: no policy is required.
    pub required_policies: Vec<ObjectIdentifier>,
    /// Further inputs of RFC 5280 6.1.1, rarely needed.
    pub inputs: PolicyInputs,
    /// Whether every certificate must be shown not to be revoked.
    pub revocation: Revocation,
    /// How many issuers may be tried at most while a path is sought, where that is less than usual: each costs the verification of a signature,
    /// and whoever has several paths to seek for one stranger may share out what all of them may cost.
    pub tries: Option<usize>,
}

/// Inputs of the policy rules (RFC 5280 6.1.1 (c), (e), (f), (g)), for when `required_policies` does not fit.
#[derive(Debug, Clone, Default)]
pub struct PolicyInputs {
    /// user-initial-policy-set; empty means any-policy. Not used when `required_policies` is given.
    pub initial_policies: Vec<ObjectIdentifier>,
    /// initial-explicit-policy; always so when `required_policies` is given.
    pub explicit_policy: bool,
    /// initial-policy-mapping-inhibit.
    pub inhibit_mapping: bool,
    /// initial-any-policy-inhibit.
    pub inhibit_any_policy: bool,
}

/// Whether every certificate of the path must be shown not to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocation {
    /// Yes, by a CRL or an OCSP answer current at the time of the check; to know nothing is a refusal.
    #[default]
    Required,
    /// Yes, by what is current at this later time, in milliseconds: what is known now of a path that was used then. Such
    /// a CRL may have dropped certificates that expired between (RFC 5280 3.3), so those are refused: as revoked where one still says so, and
    /// as unknown otherwise.
    RequiredAsOf(i64),
    /// Not yet: the caller asks for it afterwards, by [`unrevoked`] or [`statuses`]. So an extension that says where CRLs are found is acted upon,
    /// and may be critical (RFC 5280 4.2.1.13).
    Later,
    /// Neither CRLs nor answers are looked at.
    Off,
}

impl Revocation {
    /// The time of which a status is asked for in a path that is checked for this one; none where none is.
    fn asked_for(self, at_ms: i64) -> Option<i64> {
        match self {
            Self::Later | Self::Off => None,
            Self::Required => Some(at_ms),
            Self::RequiredAsOf(later_ms) => Some(later_ms),
        }
    }
}

/// What is known of revocation: where it comes from does not matter, nothing of it is believed unseen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// CRLs of any issuer: complete, delta and indirect ones.
    pub crls: &'a [Crl],
    /// OCSP answers about any certificate, those of authorities too.
    pub answers: &'a [OcspAnswer],
}

/// An OCSP answer that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspAnswer {
    /// The answer.
    pub answer: Answer,
    /// The nonce of the question, which the answer must then repeat (RFC 9654 2.1).
    pub nonce: Option<Vec<u8>>,
}

impl<'a> From<&'a [Crl]> for Known<'a> {
    fn from(crls: &'a [Crl]) -> Self {
        Self { crls, answers: &[] }
    }
}

impl<'a> From<&'a Vec<Crl>> for Known<'a> {
    fn from(crls: &'a Vec<Crl>) -> Self {
        Self::from(&crls[..])
    }
}

impl<'a, const N: usize> From<&'a [Crl; N]> for Known<'a> {
    fn from(crls: &'a [Crl; N]) -> Self {
        Self::from(&crls[..])
    }
}

/// Evidence that a path was good at a time, under a policy. Only [`check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    chain: Vec<Certificate>,
    checked_at_ms: i64,
    revocation: Revocation,
    tries: Option<usize>,
}

impl Proof {
    /// The path, from the leaf to the anchor, both included.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The certificate that was checked.
    pub fn leaf(&self) -> &Certificate {
        &self.chain[0]
    }

    /// The certificate that signed the leaf.
    pub fn issuer(&self) -> &Certificate {
        &self.chain[1]
    }

    /// The anchor the path ends at.
    pub fn anchor(&self) -> &Certificate {
        &self.chain[self.chain.len() - 1]
    }

    /// The time the path was checked for.
    pub fn checked_at_ms(&self) -> i64 {
        self.checked_at_ms
    }

    /// Whether revocation was looked at.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }
}

/// Builds a path from `leaf` to one of `anchors` through `extra`, and checks it for the time `at_ms`.
///
/// `known` is CRLs, or CRLs and OCSP answers. Returning `Ok` promises that every signature, validity, constraint, usage
/// and policy of the path holds at that time and, when revocation is required, that for each certificate below the anchor
/// a CRL current at that time covers it or an OCSP answer current at that time, by its issuer or a responder it
/// delegated (RFC 6960 4.2.2.2), says good, and that no CRL or answer that can be believed says revoked: of two that
/// contradict each other the worse counts, wherever it stands, but for a hold that a newer CRL of the same scope has lifted. An entry counts
/// whatever its date; [`Error::Revoked`] carries the date. When there are several paths, the first good one is taken; when none is good, the
/// error of the one that came furthest is returned.
pub fn check<'a>(
    leaf: &Certificate,
    extra: &[Certificate],
    anchors: &[Certificate],
    known: impl Into<Known<'a>>,
    at_ms: i64,
    policy: &Policy,
) -> Result<Proof, Error> {
    let statuses_at_ms = policy.revocation.asked_for(at_ms).unwrap_or(at_ms);
    let tries = policy.tries;
    let context = Context { extra, anchors, known: known.into(), at_ms, statuses_at_ms, tries };
    let chain = context.check(leaf, policy, &mut Vec::new())?;
    Ok(Proof { chain, checked_at_ms: at_ms, revocation: policy.revocation, tries })
}

/// Whether nothing is revoked in a path that was found, and all of it is known: what [`check`] asks beside the rules that the path has satisfied
/// already, which are not gone through again. Nothing is asked where `revocation` is off, or later.
pub fn unrevoked<'a>(
    proof: &Proof,
    extra: &[Certificate],
    anchors: &[Certificate],
    known: impl Into<Known<'a>>,
    revocation: Revocation,
) -> Result<(), Error> {
    let at_ms = proof.checked_at_ms;
    let Some(statuses_at_ms) = revocation.asked_for(at_ms) else { return Ok(()) };
    let tries = proof.tries;
    let context = Context { extra, anchors, known: known.into(), at_ms, statuses_at_ms, tries };
    revocation::check(&context, &proof.chain, &mut Vec::new())
}

/// What is known of the revocation of each certificate of a path below its anchor, the leaf first. [`check`] tells one fault; here each is
/// asked for by itself, so that what is not known of an authority hides nothing that is known of a leaf, nor the other way round. Nothing is asked
/// where `revocation` is off, or later.
pub fn statuses<'a>(
    proof: &Proof,
    extra: &[Certificate],
    known: impl Into<Known<'a>>,
    revocation: Revocation,
) -> Vec<Result<(), Error>> {
    let at_ms = proof.checked_at_ms;
    let Some(statuses_at_ms) = revocation.asked_for(at_ms) else { return Vec::new() };
    let anchors = std::slice::from_ref(proof.anchor());
    let tries = proof.tries;
    let context = Context { extra, anchors, known: known.into(), at_ms, statuses_at_ms, tries };
    revocation::each(&context, &proof.chain)
}

/// What is known while one question is answered.
#[derive(Clone, Copy)]
struct Context<'a> {
    extra: &'a [Certificate],
    anchors: &'a [Certificate],
    known: Known<'a>,
    at_ms: i64,
    statuses_at_ms: i64,
    tries: Option<usize>,
}

impl Context<'_> {
    /// The first good path. `active` holds the certificates whose status is being asked for, against loops.
    fn check(
        &self,
        leaf: &Certificate,
        policy: &Policy,
        active: &mut Vec<Certificate>,
    ) -> Result<Vec<Certificate>, Error> {
        let (chains, mut worst) = build::chains(leaf, self.extra, self.anchors, self.tries);
        for chain in chains {
            let result = rules::check(&chain, self.at_ms, policy).and_then(|()| match policy.revocation {
                Revocation::Required | Revocation::RequiredAsOf(_) => revocation::check(self, &chain, active),
                Revocation::Later | Revocation::Off => Ok(()),
            });
            match result {
                Ok(()) => return Ok(chain),
                Err(error) if error.rank() > worst.rank() => worst = error,
                Err(_) => {}
            }
        }
        Err(worst)
    }
}
