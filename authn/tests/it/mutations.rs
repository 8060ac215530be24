//! Mutations of what strangers send before anybody knows who they are, with a fixed budget.

use authn::fuzz;
use platform::hammer::hammer;

/// How many mutations of each.
const CASES: u32 = 2000;

type Reader = fn(&[u8]);

/// Neither what clients of npm make nor a mutation of it makes a reader panic, or is taken for what it is not.
#[test]
fn assertions_and_proofs_do_no_harm() {
    try_all(&[("client_assertion", fuzz::client_assertion), ("dpop_proof", fuzz::dpop_proof)]);
}

/// Neither what agents of CIS1 and cards send nor a mutation of it makes a reader panic, or leaves its place in what we say.
#[test]
fn messages_of_agents_do_no_harm() {
    try_all(&[
        ("cis1_message", fuzz::cis1_message),
        ("cis1_response", fuzz::cis1_response),
        ("cis1_address", fuzz::cis1_address),
    ]);
}

fn try_all(readers: &[(&str, Reader)]) {
    for (target, reader) in readers {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(seeds.len() > 1, "{target}");
        for seed in seeds {
            let octets = std::fs::read(&seed).unwrap();
            hammer(&octets, CASES, reader).unwrap_or_else(|said| panic!("{}: {said}", seed.display()));
        }
    }
}
