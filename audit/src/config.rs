//! The `[audit]` section.

use std::path::PathBuf;

use serde::Deserialize;

/// How the log is named, signed and witnessed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of the log, such as `audit.example.org/lanyard`: no scheme, no spaces, never used for another log.
    pub origin: String,
    /// The label of the Ed25519 token key that signs checkpoints.
    #[serde(default = "default_key")]
    pub key: String,
    /// A file to which every checkpoint is appended; best on storage that this machine can only append to.
    #[serde(default)]
    pub sink: Option<PathBuf>,
    /// Witnesses that sign what they have seen.
    #[serde(default)]
    pub witnesses: Vec<WitnessConfig>,
    /// How long one witness may take to answer.
    #[serde(default = "default_witness_time_out_ms")]
    pub witness_time_out_ms: u64,
    /// How long entries are kept, by module; a module that is not listed keeps its entries for ever.
    #[serde(default)]
    pub retention: Vec<RetentionConfig>,
    /// Where recorded events are sent as OpenTelemetry logs.
    #[serde(default)]
    pub otlp: Option<OtlpConfig>,
}

/// A witness: C2SP tlog-witness.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// The submission prefix; `/add-checkpoint` is put behind it.
    pub url: String,
    /// The verifier key of the witness.
    pub key: String,
}

/// How long the entries of one module are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// The module.
    pub module: String,
    /// After how many days its entries are erased.
    pub days: u32,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// The address for logs, such as `http://127.0.0.1:4318/v1/logs`.
    pub endpoint: String,
}

impl Config {
    /// The configuration for a log with every other value at its default.
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            key: default_key(),
            sink: None,
            witnesses: Vec::new(),
            witness_time_out_ms: default_witness_time_out_ms(),
            retention: Vec::new(),
            otlp: None,
        }
    }
}

fn default_key() -> String {
    "lanyard-audit".to_owned()
}

const fn default_witness_time_out_ms() -> u64 {
    5_000
}
