//! `lanyard keys`: what the token holds, and what it wraps.

use clap::{Args, Subcommand};

/// `lanyard keys`.
#[derive(Debug, Clone, Subcommand)]
pub enum Keys {
    /// List the token's keys, and how much in the database is under each wrapping key.
    List,
    /// Move people's keys and sealed secrets under the newest wrapping key, while servers run; goes on where it stopped.
    Rewrap(Rewrap),
    /// Make a master key from which cards get their keys; then name its version in `[ca.cards] master_key`.
    Diversify(Diversify),
    /// Go on with the key that `[directory] document_key` names, where the one that the register was filled with is lost; every node is
    /// stopped first.
    ReplaceDocumentKey,
}

/// `lanyard keys diversify`.
#[derive(Debug, Clone, Args)]
pub struct Diversify {
    /// Its version: 1 for the first, and one more for each that follows.
    #[arg(long)]
    pub version: u32,
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
