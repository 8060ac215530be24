//! What can be seen of the requests that a client made in a whole run.

use std::collections::BTreeSet;

use super::evidence::Check;
use super::liar::Seen;

/// Looks at every request, of the first sign-in and of those in which the provider lied.
pub(super) fn checks(scopes: &[String], seen: &Seen) -> Vec<Check> {
    vec![
        Check::of(
            "new-state",
            is_new_each_time(seen, "state"),
            "each request has a state of its own",
            "a request has no state, or one that came before",
        ),
        Check::of(
            "new-nonce",
            is_new_each_time(seen, "nonce"),
            "each request has a nonce of its own",
            "a request has no nonce, or one that came before",
        ),
        proof_key(seen),
        least_scope(scopes, seen),
        proves_itself(seen),
    ]
}

fn is_new_each_time(seen: &Seen, name: &str) -> bool {
    let values: BTreeSet<&String> = seen.asked.iter().filter_map(|asked| asked.get(name)).collect();
    !seen.asked.is_empty() && values.len() == seen.asked.len()
}

/// A confidential client may rely on its nonce in place of a proof key. RFC 9700 2.1.1
fn proof_key(seen: &Seen) -> Check {
    let name = "proof-key";
    if seen.proof_keys.iter().all(Option::is_none) && is_new_each_time(seen, "nonce") {
        return Check::left(
            name,
            "the client sends no code_challenge and relies on its nonce (RFC 9700 2.1.1)",
        );
    }
    Check::of(
        name,
        seen.proof_keys.iter().all(|belongs| *belongs == Some(true)),
        "each code is exchanged with the proof key of its request",
        "a code is exchanged without a proof key, or with another (RFC 7636)",
    )
}

fn least_scope(scopes: &[String], seen: &Seen) -> Check {
    let asked = seen.asked.iter().filter_map(|asked| asked.get("scope")).flat_map(|text| text.split(' '));
    let beyond: BTreeSet<&str> = asked.filter(|word| !scopes.iter().any(|granted| granted == word)).collect();
    let beyond: Vec<&str> = beyond.into_iter().collect();
    Check::of(
        "least-scope",
        beyond.is_empty(),
        "nothing is asked for beyond what was granted",
        format!("more is asked for than was granted: {}", beyond.join(" ")),
    )
}

fn proves_itself(seen: &Seen) -> Check {
    let methods: BTreeSet<&str> = seen.proofs.iter().map(|proof| proof.method).collect();
    let wrong = seen.proofs.iter().find_map(|proof| proof.wrong);
    let good = !methods.is_empty() && !methods.contains("none") && wrong.is_none();
    let failed = match wrong {
        Some(wrong) => format!("its assertion would be refused: {wrong}"),
        None => "the client does not prove who it is".to_owned(),
    };
    let methods: Vec<&str> = methods.into_iter().collect();
    Check::of(
        "proves-itself",
        good,
        &format!("the client proves itself by {}", methods.join(" and ")),
        failed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::authn::evidence::Outcome;
    use crate::commands::authn::liar::Proof;

    /// A run in which these states came, one after the other, with a nonce each and with or without proof keys.
    fn run(states: &[&str], proof_keys: &[Option<bool>]) -> Seen {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let asked = |(at, state): (usize, &&str)| {
            [pair("state", state), pair("nonce", &at.to_string()), pair("scope", "openid profile")].into()
        };
        Seen {
            asked: states.iter().enumerate().map(asked).collect(),
            proofs: vec![Proof { method: "private_key_jwt", wrong: None }],
            proof_keys: proof_keys.to_vec(),
            ..Seen::default()
        }
    }

    fn outcome(name: &str, seen: &Seen) -> Outcome {
        let scopes = ["openid".to_owned(), "profile".to_owned()];
        checks(&scopes, seen).into_iter().find(|check| check.name == name).unwrap().outcome
    }

    /// A state that came any time before is not new, and one that is left out is none.
    #[test]
    fn states_are_new_over_the_whole_run() {
        assert_eq!(outcome("new-state", &run(&["a", "b", "c"], &[])), Outcome::Passed);
        assert_eq!(outcome("new-state", &run(&["a", "b", "a"], &[])), Outcome::Failed);
        assert_eq!(outcome("new-nonce", &run(&["a", "b", "a"], &[])), Outcome::Passed);
        let mut seen = run(&["a", "b", "c"], &[]);
        seen.asked[1].remove("state");
        assert_eq!(outcome("new-state", &seen), Outcome::Failed);
        assert_eq!(outcome("new-state", &Seen::default()), Outcome::Failed);
    }

    /// A proof key may be left out by whoever has nonces, and is right where it is used.
    #[test]
    fn proof_keys_are_right_where_they_are_used() {
        let seen = |keys: &[Option<bool>]| run(&["a", "b"], keys);
        assert_eq!(outcome("proof-key", &seen(&[Some(true), Some(true)])), Outcome::Passed);
        assert_eq!(outcome("proof-key", &seen(&[None, None])), Outcome::NotChecked);
        for keys in [[Some(true), None], [Some(true), Some(false)], [None, Some(false)]] {
            assert_eq!(outcome("proof-key", &seen(&keys)), Outcome::Failed, "{keys:?}");
        }
        let mut bare = seen(&[None, None]);
        bare.asked[0].remove("nonce");
        assert_eq!(outcome("proof-key", &bare), Outcome::Failed);
    }

    /// One request beyond what was granted, and one time without proof, are found among many.
    #[test]
    fn one_lapse_is_found() {
        let mut seen = run(&["a", "b"], &[]);
        assert_eq!(
            (outcome("least-scope", &seen), outcome("proves-itself", &seen)),
            (Outcome::Passed, Outcome::Passed)
        );
        seen.asked[1].insert("scope".to_owned(), "openid email".to_owned());
        assert_eq!(outcome("least-scope", &seen), Outcome::Failed);
        seen.proofs.push(Proof { method: "none", wrong: None });
        assert_eq!(outcome("proves-itself", &seen), Outcome::Failed);
        seen.proofs[1] = Proof { method: "private_key_jwt", wrong: Some("its header has no kid") };
        assert_eq!(outcome("proves-itself", &seen), Outcome::Failed);
        assert_eq!(outcome("proves-itself", &Seen::default()), Outcome::Failed);
    }
}
