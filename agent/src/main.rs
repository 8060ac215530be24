//! The command line of the workstation program.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use agent::desktop::{Form, files};
use agent::doctor::{self, Severity};
use agent::following::Source;
use agent::http::Listening;
use agent::readers::{Event, Readers, Watch};
use agent::settings::{Settings, SettingsError};
use agent::{cards, clock, unlocking};
use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::sync::watch::channel;

/// How long one look for changes lasts.
const LOOK: Duration = Duration::from_mins(1);

/// Lanyard on your workstation: your smartcard, and what asks for it.
#[derive(Parser)]
#[command(name = "lanyard-agent", version)]
struct Arguments {
    /// The configuration
    #[arg(long, global = true, env = "LANYARD_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// The public key, as PEM of Ed25519, by which the configuration must be signed
    #[arg(long, global = true, env = "LANYARD_AGENT_TRUSTED_KEY")]
    trusted_key: Option<PathBuf>,
    #[command(subcommand)]
    command: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Says which cards are in the readers: the serial numbers by which pages and registration authorities know them
    Card,
    /// Says what is wrong, and how to mend it
    Doctor,
    /// Answers browser applications that ask for signatures
    Run,
    /// Signs files with the card's key for signing
    Sign {
        /// The files; what is signed of each lies beside it, as `.sig` or `.p7s`
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Makes CMS messages, which hold the certificate, and not bare signatures
        #[arg(long)]
        cms: bool,
        /// Where the certificate is written, as PEM
        #[arg(long)]
        certificate: Option<PathBuf>,
    },
    /// Unlocks a card where no server is reached, by an unblocking key that its holder was told; it asks for key and passcode
    Unlock {
        /// The serial number of the card, where several are in readers
        #[arg(long)]
        serial: Option<u32>,
    },
    /// Says what is put into readers and pulled, as it happens
    Watch,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match act(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lanyard-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let source = Source { config: arguments.config.clone(), trusted_key: arguments.trusted_key.clone() };
    let settings = source.read()?;
    match &arguments.command {
        Act::Card => cards_present(),
        Act::Doctor => Ok(diagnose(&settings)),
        Act::Run => run(settings, source).map(|()| ExitCode::SUCCESS),
        Act::Sign { files, cms, certificate } => {
            let form = if *cms { Form::Cms } else { Form::Signature };
            sign(&settings, files, form, certificate.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Act::Unlock { serial } => unlock(&settings, *serial).map(|()| ExitCode::SUCCESS),
        Act::Watch => watch().map(|()| ExitCode::SUCCESS),
    }
}

/// One line for each; 1 where there is none, so that a script can ask.
fn cards_present() -> anyhow::Result<ExitCode> {
    let present = cards::present(&Readers::open()?)?;
    for card in &present {
        println!("{card}");
    }
    if present.is_empty() {
        println!("No smartcard that can be read is in a reader.");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn unlock(settings: &Settings, serial: Option<u32>) -> anyhow::Result<()> {
    let card = unlocking::unlock(settings, serial).context("the card is not unlocked")?;
    println!("The card is unlocked, and has the passcode that you chose ({}).", card.reader);
    println!(
        "Somebody told you its unblocking key: have it repaired as soon as a server is reached, which changes that first. Where the server \
         knows the card as locked it then sees that it is not any more, unless an unlock with the server had broken off before: then unlock \
         the card once more with the server."
    );
    Ok(())
}

/// 0 when nothing is wrong, 1 otherwise, so that a script can ask.
fn diagnose(settings: &Settings) -> ExitCode {
    let findings = doctor::findings(&doctor::gather(settings), clock::now_ms());
    for finding in &findings {
        println!("{finding}");
    }
    let bad = findings.iter().filter(|finding| finding.severity == Severity::Bad).count();
    match bad {
        0 => println!("Nothing is wrong."),
        1 => println!("1 problem."),
        bad => println!("{bad} problems."),
    }
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(settings: Settings, source: Source) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listening = Listening::open(&settings).await?;
        match listening.discovery_port() {
            Some(port) => println!("found at port {port}, answering at port {}", listening.hub_port()?),
            None => println!(
                "not found by browsers: every port is taken; answering at port {}",
                listening.hub_port()?
            ),
        }
        let (changing, followed) = channel(settings);
        let tell = |error: &SettingsError| {
            eprintln!("lanyard-agent: {error}; the agent goes on by the configuration of before");
        };
        tokio::spawn(source.follow(changing, tell));
        Ok(listening.serve(followed).await?)
    })
}

fn sign(
    settings: &Settings,
    paths: &[PathBuf],
    form: Form,
    certificate: Option<&Path>,
) -> anyhow::Result<()> {
    let written = files::sign(settings, paths, form)?;
    for path in &written.paths {
        println!("{}", path.display());
    }
    if let Some(path) = certificate {
        files::write(path, written.certificate.to_pem().as_bytes())?;
    }
    match written.failed {
        Some(error) => Err(error).context("the rest is not signed"),
        None => Ok(()),
    }
}

fn watch() -> anyhow::Result<()> {
    let mut watch = Watch::begin()?;
    loop {
        for event in watch.next(LOOK)? {
            match event {
                Event::ReaderAdded(reader) => println!("reader {reader}"),
                Event::ReaderRemoved(reader) => println!("no reader {reader}"),
                Event::CardInserted(reader) => println!("card in {reader}"),
                Event::CardRemoved(reader) => println!("no card in {reader}"),
            }
        }
    }
}
