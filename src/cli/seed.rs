//! `lanyard seed`: invented people, any number of them.

use clap::Args;

/// `lanyard seed`.
#[derive(Debug, Clone, Args)]
pub struct Seed {
    /// How many people; organisations and assignments are in proportion: 1,400,000 people make 300,000 organisations and
    /// 4,000,000 assignments.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=directory::seed::bulk::MOST))]
    pub people: u64,
    /// What everything follows from: the same number gives the same rows.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
}
