//! `lanyard keys`: what the token holds, and what it wraps.

use clap::{Args, Subcommand};

/// `lanyard keys`.
#[derive(Debug, Clone, Subcommand)]
pub enum Keys {
    /// List the token's keys, and how much in the database is under each wrapping key.
    List,
    /// Move people's keys and sealed secrets under the newest wrapping key, while servers run; goes on where it stopped.
    Rewrap(Rewrap),
}

/// `lanyard keys rewrap`.
#[derive(Debug, Clone, Args)]
pub struct Rewrap {
    /// Make a new wrapping key first.
    #[arg(long)]
    pub new: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}
