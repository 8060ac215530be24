//! What the benches have in common: an installation, a server under load, and what the token does alone.

pub(crate) mod load;
pub(crate) mod raw;
pub(crate) mod secure;
pub(crate) mod site;
mod waits;
pub(crate) mod web;

use std::io::Write as _;
use std::process::Command;

use anyhow::Context;

pub(crate) use waits::waits;

/// One line of a report.
pub(crate) fn line(text: impl std::fmt::Display) {
    // A reader that went away needs no report.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What the numbers were taken on, and what else the machine does at this moment.
pub(crate) fn machine() -> anyhow::Result<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").context("could not read about the processor")?;
    let name = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string("/proc/loadavg").context("could not read the load")?;
    let openssl = said("openssl", &["version"])?;
    Ok(format!("{cores} cores of{name}; load {}; {openssl}", load.trim().replace(':', "").trim()))
}

/// The first line that a program prints.
pub(crate) fn said(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("no {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// Which part of the whole, in per cent.
pub(crate) fn percent(part: f64, whole: f64) -> String {
    format!("{:.0} %", 100.0 * part / whole)
}

/// A count as a number to calculate with.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
