//! The rules of RFC 5280 6.1 for one chain, without revocation.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aws_lc_rs::digest::{Context, SHA256};
use certval::{
    CertificationPath, CertificationPathResults, CertificationPathResultsTypes, CertificationPathSettings,
    PR_PROCESSED_EXTENSIONS, PathValidationStatus, PkiEnvironment, TimeOfInterest,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ANY_POLICY;
use const_oid::db::rfc5912;

use super::{Error, Policy, PolicyInputs, Revocation};
use crate::{Certificate, KeyUsage, eku};

/// One rule of `certval`.
type Rule = fn(
    &PkiEnvironment,
    &CertificationPathSettings,
    &CertificationPath,
    &mut CertificationPathResults,
) -> certval::Result<()>;

/// The rules in the order in which `certval` itself applies them. Validity is checked here, so that the
/// error has the time, and signatures were checked by the builder.
const RULES: [Rule; 6] = [
    certval::check_key_sizes,
    certval::check_basic_constraints,
    certval::check_names,
    certval::policy_graph::check_certificate_policies_graph,
    certval::check_key_usage,
    certval::check_critical_extensions,
];

/// `certval` asks for an environment; the rules used here take nothing from it.
static ENVIRONMENT: LazyLock<PkiEnvironment> = LazyLock::new(PkiEnvironment::new);

/// Checks a chain, ordered from the leaf to the anchor.
pub(super) fn check(chain: &[Certificate], at_ms: i64, policy: &Policy) -> Result<(), Error> {
    check_validity(chain, at_ms)?;
    check_rules(chain, policy)?;
    check_usage(&chain[0], policy)?;
    policy.purpose.map_or(Ok(()), |purpose| check_purpose(chain, purpose))
}

/// RFC 5280 6.1.3 (a) (2), and the same for the anchor. Both ends belong to the period, to the second.
fn check_validity(chain: &[Certificate], at_ms: i64) -> Result<(), Error> {
    let second = at_ms.div_euclid(1000) * 1000;
    for certificate in chain {
        let serial = certificate.serial();
        if second < certificate.not_before_ms() {
            return Err(Error::NotYetValid { serial, not_before_ms: certificate.not_before_ms() });
        }
        if second > certificate.not_after_ms() {
            return Err(Error::Expired { serial, not_after_ms: certificate.not_after_ms() });
        }
    }
    Ok(())
}

/// RFC 5280 6.1.3 (b) to (f), 6.1.4 and 6.1.5, by `certval`. A success is remembered with the leaf and costs nothing again.
fn check_rules(chain: &[Certificate], policy: &Policy) -> Result<(), Error> {
    let (target, above) = (&chain[0], &chain[1..]);
    let asked = asked(chain, policy);
    if target.is_ruled(&asked) {
        return Ok(());
    }
    let (anchor, intermediates) = (&above[above.len() - 1], &above[..above.len() - 1]);
    let anchor_value = anchor.anchor().ok_or_else(|| Error::Malformed { serial: anchor.serial() })?;
    // certval wants them from the anchor down.
    let intermediates =
        intermediates.iter().rev().map(|certificate| certificate.validated().clone()).collect();
    let path = CertificationPath::new(anchor_value.clone(), intermediates, target.validated().clone());
    let settings = settings(policy);
    let mut results = understood(policy);
    for rule in RULES {
        rule(&ENVIRONMENT, &settings, &path, &mut results).map_err(|error| named(error, &results, chain))?;
    }
    target.rule(asked);
    Ok(())
}

/// A digest of all that the rules look at: the certificates, and what of the policy goes into [`settings`] and [`understood`]. No time is among
/// it, so that the same is answered whenever it is asked.
fn asked(chain: &[Certificate], policy: &Policy) -> [u8; 32] {
    let Policy { required_policies, inputs, revocation, purpose: _, key_usage: _, tries: _ } = policy;
    let PolicyInputs { initial_policies, explicit_policy, inhibit_mapping, inhibit_any_policy } = inputs;
    let mut context = Context::new(&SHA256);
    let asks = *revocation != Revocation::Off;
    context.update(&[asks, *explicit_policy, *inhibit_mapping, *inhibit_any_policy].map(u8::from));
    for policies in [required_policies, initial_policies] {
        context.update(&policies.len().to_be_bytes());
        for policy in policies {
            context.update(&policy.as_bytes().len().to_be_bytes());
            context.update(policy.as_bytes());
        }
    }
    for certificate in chain {
        context.update(&certificate.fingerprint_sha256());
    }
    let mut asked = [0; 32];
    asked.copy_from_slice(context.finish().as_ref());
    asked
}

/// Results that begin with the extensions acted upon outside the rules, so that critical ones are understood.
fn understood(policy: &Policy) -> CertificationPathResults {
    // `check_purpose`
    let mut extensions = BTreeSet::from([rfc5912::ID_CE_EXT_KEY_USAGE]);
    if policy.revocation != Revocation::Off {
        extensions.insert(rfc5912::ID_CE_CRL_DISTRIBUTION_POINTS);
    }
    let mut results = CertificationPathResults::new();
    let extensions = CertificationPathResultsTypes::ObjectIdentifierSet(extensions);
    results.0.insert(PR_PROCESSED_EXTENSIONS, extensions);
    results
}

fn settings(policy: &Policy) -> CertificationPathSettings {
    let mut settings = CertificationPathSettings::new();
    // certval checks no time here; without this it would ask the clock for a default.
    settings.set_time_of_interest(TimeOfInterest::disabled());
    settings.set_require_ta_store(false);
    let required = !policy.required_policies.is_empty();
    let policies = if required { &policy.required_policies } else { &policy.inputs.initial_policies };
    let set: BTreeSet<ObjectIdentifier> =
        if policies.is_empty() { BTreeSet::from([ANY_POLICY]) } else { policies.iter().copied().collect() };
    settings.set_initial_policy_set_from_oid_set(set);
    settings.set_initial_explicit_policy_indicator(required || policy.inputs.explicit_policy);
    settings.set_initial_policy_mapping_inhibit_indicator(policy.inputs.inhibit_mapping);
    settings.set_initial_inhibit_any_policy_indicator(policy.inputs.inhibit_any_policy);
    settings
}

/// Our name for what a rule found, with the certificate it was found in.
fn named(error: certval::Error, results: &CertificationPathResults, chain: &[Certificate]) -> Error {
    // Counted from the anchor, which is 0.
    let index =
        results.get_failure_index().and_then(|index| usize::try_from(index).ok()).unwrap_or(chain.len() - 1);
    let serial = chain[(chain.len() - 1).saturating_sub(index)].serial();
    let certval::Error::PathValidation(status) = error else { return Error::Malformed { serial } };
    match status {
        PathValidationStatus::MissingBasicConstraints | PathValidationStatus::InvalidBasicConstraints => {
            Error::NotAuthority { serial }
        }
        PathValidationStatus::InvalidPathLength => Error::TooLong { serial },
        PathValidationStatus::InvalidKeyUsage => Error::KeyUsageNotAllowed { serial },
        PathValidationStatus::NameChainingFailure | PathValidationStatus::NameConstraintsViolation => {
            Error::NameNotAllowed { serial }
        }
        PathValidationStatus::NullPolicySet | PathValidationStatus::InvalidPolicyMapping => {
            Error::PolicyNotAllowed
        }
        PathValidationStatus::UnprocessedCriticalExtension => Error::UnknownCriticalExtension { serial },
        PathValidationStatus::InsufficientKeySize => Error::KeyTooShort { serial },
        _ => Error::Malformed { serial },
    }
}

/// Bits that the caller wants in the leaf's key usage.
fn check_usage(leaf: &Certificate, policy: &Policy) -> Result<(), Error> {
    let wanted = policy.key_usage;
    if wanted == KeyUsage::NONE || leaf.key_usage().is_some_and(|usage| usage.contains(wanted)) {
        return Ok(());
    }
    Err(Error::KeyUsageNotAllowed { serial: leaf.serial() })
}

/// The leaf names the purpose; each CA below the anchor that limits purposes allows it.
fn check_purpose(chain: &[Certificate], purpose: ObjectIdentifier) -> Result<(), Error> {
    let (leaf, above) = (&chain[0], &chain[1..]);
    let refused =
        |certificate: &Certificate| Error::PurposeNotAllowed { serial: certificate.serial(), purpose };
    if !leaf.extended_key_usage().is_some_and(|purposes| purposes.contains(&purpose)) {
        return Err(refused(leaf));
    }
    let forbids =
        |purposes: &[ObjectIdentifier]| !purposes.contains(&purpose) && !purposes.contains(&eku::ANY);
    let limiting = above[..above.len() - 1].iter().find(|ca| ca.extended_key_usage().is_some_and(forbids));
    limiting.map_or(Ok(()), |ca| Err(refused(ca)))
}
