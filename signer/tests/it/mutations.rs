//! Mutations of what strangers send before anybody believes it, with a fixed budget.

use platform::hammer::hammer;
use signer::fuzz;

/// How many mutations of each.
const CASES: u32 = 1000;

/// Neither what programs of others make nor a mutation of it makes a reader panic, or is taken for what it is not.
#[test]
fn requests_and_prescriptions_do_no_harm() {
    type Reader = fn(&[u8]);
    let readers: [(&str, Reader); 2] =
        [("signing_request", fuzz::signing_request), ("prescription", fuzz::prescription)];
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
