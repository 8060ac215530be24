//! How often the threads of a server go to sleep: what hand-overs between them cost, whatever else the machine does.

use anyhow::Context;

/// How often the threads of a process have gone to sleep by themselves. A thread that ends takes its count with it.
pub(crate) fn waits(process: u32) -> anyhow::Result<f64> {
    let mut waits = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).context("the process has ended")? {
        // One may end while we look.
        let status = std::fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        waits += count.map_or(Ok(0.0), |count| count.trim().parse::<f64>())?;
    }
    Ok(waits)
}
