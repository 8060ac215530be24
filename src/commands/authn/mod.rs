//! `lanyard authn`: what helps those who build relying parties.

mod browser;
mod checks;
mod evidence;
mod forms;
mod liar;
mod logout;
mod plan;
mod requests;
mod token;

use anyhow::{Context, bail};
use platform::clock::Clock;

use crate::cli::{Authn, AuthnAct, CheckClient};
use crate::files::{self, Readers};
use crate::terminal::line;
use plan::Plan;

/// Does it.
pub async fn run(options: &Authn) -> anyhow::Result<()> {
    match &options.act {
        AuthnAct::CheckClient(options) => check_client(options).await,
    }
}

/// Runs every check, writes the evidence, and fails if the client did.
async fn check_client(options: &CheckClient) -> anyhow::Result<()> {
    let plan = Plan::read(&options.file)?;
    let clock = Clock::system();
    let liar = liar::Liar::start(&plan, clock.clone()).await?;
    line(format_args!(
        "A provider for tests listens on {} as {}.",
        plan.provider.listen, plan.provider.issuer
    ));
    let waits = if options.wait { checks::Waits::Yes } else { checks::Waits::No };
    let evidence = checks::run(&plan, &liar, (waits, &options.waive), clock.now()).await?;
    for check in &evidence.checks {
        line(format_args!("{:<11} {}: {}", check.outcome.word(), check.name, check.told));
    }
    let text = serde_json::to_string_pretty(&evidence).context("the evidence could not be put together")?;
    files::write(&options.evidence, text.as_bytes(), Readers::Everyone)?;
    line(format_args!("The evidence is in {}.", options.evidence.display()));
    match (evidence.failed(), evidence.missing().join(", ")) {
        (0, missing) if missing.is_empty() => Ok(()),
        (0, missing) => {
            bail!("not checked: {missing}. Make it possible, or do without it by its name: --waive NAME")
        }
        (failed, _) => bail!("{failed} checks failed"),
    }
}
