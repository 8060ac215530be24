//! How far the clock is trusted.

use std::time::Duration;

pub use platform::clock::Source;
use serde::Deserialize;

/// The `[time]` section.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeConfig {
    /// Who keeps the machine's clock right.
    pub source: Source,
    /// By how much it may be wrong at most.
    #[serde(default = "default_limit_ms")]
    pub limit_ms: u64,
}

impl TimeConfig {
    /// By how much the clock may be wrong at most.
    pub fn limit(&self) -> Duration {
        Duration::from_millis(self.limit_ms)
    }
}

const fn default_limit_ms() -> u64 {
    1_000
}
