//! Where callers are made: in few places, each of which has seen a proof.

use crate::described::outside_tests;
use crate::tree::Source;
use crate::words;

/// The files that make a `Caller`, and what each has seen.
const PLACES: [&str; 10] = [
    // An access token that a client has for itself, or a person's for signing.
    "authn/src/caller.rs",
    // A client certificate of TLS, or of a signed message of CMP; the key of an application.
    "src/callers/rules.rs",
    // A key or certificate that signed a request of ACME.
    "ca/src/acme/certificates.rs",
    "ca/src/acme/sender.rs",
    // A message of CMP under a shared secret, and one under a certificate of a maker of devices.
    "ca/src/enrol/cmp/secret.rs",
    "ca/src/enrol/vendors.rs",
    // A module that asks what somebody may do whom it has signed in; nothing is done.
    "directory/src/http/permissions.rs",
    // The same, for what is their own of cards.
    "ca/src/http/cards/holders.rs",
    // A browser whose session sign-in knows, for what is its holder's own.
    "signer/src/http/dss/account.rs",
    // Whoever had something accepted that is signed later.
    "signer/src/job.rs",
];

/// Finds files outside [`PLACES`] that make a caller.
pub(crate) fn made_elsewhere(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.path.contains("src/") && !source.path.starts_with("platform/src/"))
        .filter(|source| !source.path.contains("tests") && makes_one(&source.text))
        .filter(|source| !PLACES.contains(&source.path.as_str()))
        .map(|source| format!("{}: makes a Caller; who calls is found out in {PLACES:?} alone", source.path))
        .collect()
}

/// Whether a text makes a caller outside its tests.
pub(crate) fn makes_one(text: &str) -> bool {
    words::names(&outside_tests(text)).iter().any(|name| {
        let parts: Vec<&str> = name.parts.iter().map(String::as_str).collect();
        parts.ends_with(&["Caller", "new"])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// A caller made in a handler is found; one made in a test or in its place is not.
    #[test]
    fn caller_made_elsewhere_is_found() {
        let made = "fn f() -> Caller { Caller::new(kind, name, client, []) }";
        let tested = "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { Caller::new(kind, name, client, []); } }";
        let found = made_elsewhere(&[
            source("ca/src/http/issuers.rs", made),
            source("src/callers/rules.rs", made),
            source("signer/src/share.rs", tested),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("ca/src/http/issuers.rs"), "{found:?}");
    }
}
