//! Variables that a PKCS#11 library reads from the environment of the process.
//!
//! Rust rightly calls changing the environment of a running process unsafe, so the process starts
//! itself again with the variables set, before any thread or library exists.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

/// Makes sure that every variable has its value. Returns when they have; otherwise this process
/// becomes a new one with the same arguments, and nothing after this call is reached.
pub fn ensure(variables: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let missing: Vec<_> =
        variables.iter().filter(|(name, value)| std::env::var(name).ok().as_ref() != Some(value)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // The link names the running program even when its file has been replaced by an upgrade.
    let error = Command::new("/proc/self/exe").args(std::env::args_os().skip(1)).envs(missing).exec();
    Err(error).context("could not start again with the variables of [environment] set")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables that are right already change nothing.
    #[test]
    fn returns_when_nothing_is_missing() {
        let path = std::env::var("PATH").unwrap();
        ensure(&BTreeMap::from([("PATH".to_owned(), path)])).unwrap();
        ensure(&BTreeMap::new()).unwrap();
    }
}
