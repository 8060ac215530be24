//! `lanyard authn`: what helps those who build relying parties.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

/// `lanyard authn`.
#[derive(Debug, Clone, Args)]
pub struct Authn {
    /// What to do.
    #[command(subcommand)]
    pub act: AuthnAct,
}

/// What `lanyard authn` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum AuthnAct {
    /// Sign in to a relying party with a provider that lies, see what it believes, and keep the evidence.
    CheckClient(CheckClient),
}

/// `lanyard authn check-client`.
#[derive(Debug, Clone, Args)]
pub struct CheckClient {
    /// What is checked, in TOML; docs/sign-in.md says what stands in it.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the evidence is written.
    #[arg(long, value_name = "FILE", default_value = "check-client.json")]
    pub evidence: PathBuf,
    /// Wait until the client must have ended a session that nobody uses, which takes as long as that.
    #[arg(long)]
    pub wait: bool,
    /// Do without a check that is demanded and cannot be made here; once for each. The evidence says so.
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(DEMANDED_CHECKS))]
    pub waive: Vec<String>,
}

/// The checks without which there is no success, unless somebody does without one by its name.
pub const DEMANDED_CHECKS: [&str; 4] = ["idle", "auth-time", "subject", "logout"];
