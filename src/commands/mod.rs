//! What each command does, one file each.

pub mod acme;
pub mod audit;
pub mod authn;
pub mod backup;
pub mod ca;
pub mod ceremony;
pub mod check;
pub mod demo;
pub mod directory;
pub mod enrol;
pub mod init;
pub mod keys;
pub mod migrate;
pub mod recover;
pub mod restore;
pub mod seed;
pub mod serve;
pub mod shares;
pub mod sign;
pub mod softhsm;
pub mod verify;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use platform::clock::Clock;

use crate::cli::{Ca, CaCommand, Cli, Command};
use crate::config::Config;
use crate::environment;

/// Runs one command to its end, and says with which status to exit.
pub fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    platform::tls::install_crypto_provider();
    if let Command::Ca(Ca { json, act: CaCommand::Act(act) }) = &cli.command {
        return block_on(ca::run(act, ca::Form::of(*json)));
    }
    plain(cli).map(|()| ExitCode::SUCCESS)
}

/// Commands that succeed or fail.
fn plain(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        // Its status says more: `run` has done it.
        Command::Ca(Ca { json, act: CaCommand::Act(act) }) => {
            block_on(ca::run(act, ca::Form::of(*json))).map(drop)
        }
        Command::Init(options) => {
            environment::ensure(&init::environment(options)?)?;
            block_on(init::run(options))
        }
        Command::Demo(options) => {
            environment::ensure(&init::Folder::new(&options.dir)?.environment())?;
            block_on(demo::run(options))
        }
        Command::Serve => block_on(serve::run(configured(cli)?)),
        Command::Migrate => block_on(migrate::run(&configured(cli)?)),
        Command::Check => check::run(&cli.config),
        Command::Ceremony(options) => block_on(ceremony::run(configured(cli)?, options)),
        Command::Enrol(options) => block_on(enrol::run(configured(cli)?, options)),
        Command::Ca(Ca { json, act: CaCommand::Acme(command) }) => {
            block_on(acme::run(command, ca::Form::of(*json)))
        }
        Command::Directory(options) => block_on(directory::run(options)),
        Command::SplitPin(options) => shares::split_pin(&configured(cli)?, options),
        Command::Unlock(options) => block_on(shares::unlock(&configured(cli)?, options)),
        Command::Authn(options) => block_on(authn::run(options)),
        Command::Sign(options) => block_on(sign::run(options)),
        Command::Verify(options) => verify::run(options, &Clock::system()),
        Command::Audit(command) => audit::run(cli, command),
        Command::Keys(command) => block_on(keys::run(configured(cli)?, command)),
        Command::Backup(options) => block_on(backup::run(cli, configured(cli)?, options)),
        Command::Restore(options) => block_on(restore::run(configured(cli)?, options)),
        Command::Seed(options) => block_on(seed::run(configured(cli)?, options)),
        Command::Recover(options) => block_on(recover::run(configured(cli)?, options)),
    }
}

/// The configuration, with the environment as it says.
pub fn configured(cli: &Cli) -> anyhow::Result<Config> {
    let config = Config::load(&cli.config)?;
    environment::ensure(&config.environment)?;
    Ok(config)
}

/// How long the end waits for threads that are still at work. Whoever needs what they do has waited for it before.
const ENDING: Duration = Duration::from_secs(10);

/// Runs to the end on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    end_within(ENDING, work)
}

/// A thread that waits for a disk that never answers does not keep the process.
fn end_within<T>(ending: Duration, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(ending);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was done is given back although a thread is held up for ever.
    #[test]
    fn held_threads_do_not_keep_the_process() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let done = end_within(Duration::from_millis(20), async {
            // An error says that it was let go.
            drop(tokio::task::spawn_blocking(move || released.recv().is_err()));
            Ok(7)
        });
        assert_eq!(done.unwrap(), 7);
        drop(release);
    }
}
