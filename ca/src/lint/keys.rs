//! Lints on the subject's public key.

use hsm::Family;
use x509_cert::ext::pkix::KeyUsage;

use super::{Case, Lint, Outcome, encoded, must};
use crate::subject_key::SubjectKey;

pub(super) const LINTS: &[Lint] = &[
    Lint { id: "key_as_given", clause: "docs/cps.md 3.5", check: key_as_given },
    Lint { id: "key_policy", clause: "docs/cps.md 3.5, RFC 3279 2.3, RFC 5480 2", check: key_policy },
    Lint { id: "key_fits_profile", clause: "docs/cps.md 3.5", check: key_fits_profile },
    Lint {
        id: "key_usage_fits_key",
        clause: "RFC 3279 2.3, RFC 8410 5, RFC 9881 5",
        check: key_usage_fits_key,
    },
    Lint { id: "key_is_not_the_issuers", clause: "docs/cps.md 3.5", check: key_is_not_the_issuers },
];

fn key_as_given(case: &Case<'_>) -> Outcome {
    let key = encoded(case.tbs.subject_public_key_info())?;
    must(key == case.intent.key.spki(), || "not the very bytes of the key that was given".to_owned())
}

fn key_policy(case: &Case<'_>) -> Outcome {
    let key = encoded(case.tbs.subject_public_key_info())?;
    SubjectKey::parse(&key).map(|_| ()).map_err(|error| error.to_string())
}

fn key_fits_profile(case: &Case<'_>) -> Outcome {
    let alg = case.intent.key.alg();
    must(case.intent.profile.keys.contains(&alg), || format!("the profile does not take {alg}"))
}

/// What a key of its family can do, whatever the profile says. Keys that only sign must have a use that is signing.
fn key_usage_fits_key(case: &Case<'_>) -> Outcome {
    let usage = case.tbs.get_extension::<KeyUsage>().map_err(|error| error.to_string())?;
    let Some((_, usage)) = usage else { return Ok(()) };
    let signs =
        usage.digital_signature() || usage.non_repudiation() || usage.key_cert_sign() || usage.crl_sign();
    let enciphers = usage.key_encipherment() || usage.data_encipherment();
    let agrees = usage.key_agreement() || usage.encipher_only() || usage.decipher_only();
    let alg = case.intent.key.alg();
    let fits = match alg.family() {
        Family::Rsa => !agrees,
        Family::Ecdsa => !enciphers,
        Family::EdDsa | Family::MlDsa => signs && !enciphers && !agrees,
    };
    must(fits, || format!("{usage:?} is not for {alg} keys"))
}

fn key_is_not_the_issuers(case: &Case<'_>) -> Outcome {
    let key = encoded(case.tbs.subject_public_key_info())?;
    must(case.intent.is_self_signed() == (key == case.intent.issuer.spki), || {
        "only a root certifies its own key".to_owned()
    })
}
