//! Damages samples of what a reader reads, the same way on every run: for the tests of readers of what strangers send.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::{any, prop_assert};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A fixed sequence of so many cases: a failure can be seen again.
pub fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Reads a sample, then so many damaged ones: up to three octets changed, the end cut off or a piece doubled.
///
/// # Errors
///
/// The octets on which the reader panicked, in hexadecimal.
pub fn hammer(sample: &[u8], cases: u32, read: impl Fn(&[u8])) -> Result<(), String> {
    read(sample);
    let edits = proptest::collection::vec((0..sample.len(), any::<u8>()), 0..4);
    let outcome = runner(cases).run(&(edits, 0..sample.len(), 0_u8..8), |(edits, at, kind)| {
        let mut octets = sample.to_vec();
        for (place, octet) in edits {
            octets[place] = octet;
        }
        match kind {
            0 => octets.truncate(at),
            1 => octets.extend_from_within(at..),
            _ => {}
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&octets)));
        prop_assert!(outcome.is_ok(), "panicked on {}", hex::encode(&octets));
        Ok(())
    });
    outcome.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that believes a length is found within the budget; a careful one is not accused.
    #[test]
    fn careless_readers_are_found() {
        let sample = [&[40][..], &[7; 40]].concat();
        let careless = |octets: &[u8]| {
            if let [length, rest @ ..] = octets {
                let _ = rest[..usize::from(*length)].len();
            }
        };
        let careful = |octets: &[u8]| {
            if let [length, rest @ ..] = octets {
                let _ = rest.get(..usize::from(*length));
            }
        };
        assert!(hammer(&sample, 500, careless).is_err_and(|said| said.contains("panicked on")));
        assert_eq!(hammer(&sample, 500, careful), Ok(()));
    }
}
