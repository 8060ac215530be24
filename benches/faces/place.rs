//! An installation with so many people in its register, and a server on it that is asked.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use directory::seed::bulk::BLOCK;
use rustls::ClientConfig;

use crate::population::Population;
use crate::rig::line;
use crate::rig::secure::{Target, trusting};
use crate::rig::site::{Running, Site};
use crate::systems;

const LANYARD: &str = env!("CARGO_BIN_EXE_lanyard");
/// The port of LDAP, above those of the installation.
pub(crate) const LDAP: u16 = 21_470;
/// What the registration desk may do besides, whose certificate the load generator shows.
const ACTS: &str = "\"directory:read\", \"directory:look-up\", \"directory:systems\"";
/// The metric that is 1 when what the server keeps of the register in memory is there; a server that keeps nothing has it not.
const MODEL: &str = "directory_model_ready";
/// How long that may take: a goal is measured elsewhere.
const MODEL_WITHIN: Duration = Duration::from_mins(30);
/// How long a server that is told to stop may go on.
const STOPPED_WITHIN: Duration = Duration::from_mins(1);
/// How often is told how far something is.
pub(crate) const OFTEN: Duration = Duration::from_secs(10);
/// How often is looked whether something has come to its end.
const LOOK: Duration = Duration::from_millis(20);

/// Does what is waited for: the bench itself does one thing after the other.
pub(crate) fn wait<T>(doing: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(doing)
}

/// An installation.
pub(crate) struct Place {
    site: Site,
    pub(crate) people: u64,
    pub(crate) population: Population,
    tls: Arc<ClientConfig>,
    /// The port of the three FHIR APIs.
    web: u16,
}

impl Place {
    /// Makes it and fills its register. `reads` says how it is recorded whom it shows; `settings` are added to the configuration.
    pub(crate) fn make(people: u64, reads: &str, settings: &str) -> anyhow::Result<Self> {
        line("\nmaking an installation");
        let site = Site::make()?;
        configure(&site, reads, settings)?;
        line(format_args!("filling its register with {people} people"));
        fill(&site, people)?;
        let tls = trusting(&site.root(), Some(&site.desk()))?;
        let web = site.config()?.listen.systems.port();
        let server = serve(&site)?;
        line(format_args!("bringing in {} systems, and looking up who is asked for", 2 * systems::COUNT));
        systems::bring_in(&site, (people / BLOCK).max(1))?;
        let ldap = Target { process: server.id(), port: LDAP, tls: Arc::clone(&tls) };
        let population = Population::look_up(people, &ldap)?;
        stop(server)?;
        Ok(Self { site, people, population, tls, web })
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Starts the server, and waits until it is ready and has in memory what it keeps there.
    pub(crate) fn serve(&self) -> anyhow::Result<Running> {
        line(format_args!("starting the server with {} people", self.people));
        serve(&self.site)
    }

    /// Its port of LDAP, served by this process.
    pub(crate) fn ldap(&self, process: u32) -> Target {
        Target { process, port: LDAP, tls: Arc::clone(&self.tls) }
    }

    /// Its port for systems, over which FHIR is asked for.
    pub(crate) fn web(&self, process: u32) -> Target {
        Target { process, port: self.web, tls: Arc::clone(&self.tls) }
    }
}

fn configure(site: &Site, reads: &str, settings: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(site.configuration())?;
    let text = text.replace("\"ca:acme\"", &format!("\"ca:acme\", {ACTS}"));
    ensure!(text.contains(ACTS), "the configuration has no registration desk");
    let folder = if reads == "journal" { "reads_journal = \"reads\"\n" } else { "" };
    let recorded = format!("\nreads_recorded = \"{reads}\"\n{folder}document_key");
    let text = text.replace("\ndocument_key", &recorded);
    ensure!(text.contains(&recorded), "the configuration has no register");
    // Everything is read out once, in pages.
    let ldap = format!(
        "\n[directory.ldap]\ntls = \"127.0.0.1:{LDAP}\"\nsize_limit = 1000\nlook_through = 20000000\ntime_limit_s = 600\n"
    );
    std::fs::write(site.configuration(), format!("{text}{ldap}\n{settings}\n"))?;
    Ok(())
}

/// Fills the register, telling now and then how far it is.
fn fill(site: &Site, people: u64) -> anyhow::Result<()> {
    let mut filling = Command::new(LANYARD)
        .arg("--config")
        .arg(site.configuration())
        .args(["seed", "--people", &people.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = filling.stdout.take().context("filling has no output")?;
    let (mut told, mut last) = (Instant::now(), String::new());
    for said in BufReader::new(output).lines() {
        last = said?;
        if told.elapsed() > OFTEN {
            line(format_args!("  {last}"));
            told = Instant::now();
        }
    }
    ensure!(filling.wait()?.success(), "the register was not filled: {last}");
    line(format_args!("  {last}"));
    Ok(())
}

fn serve(site: &Site) -> anyhow::Result<Running> {
    wait(async {
        let server = site.serve().await?;
        in_memory(site).await?;
        anyhow::Ok(server)
    })
}

/// Waits until what a server keeps in memory is there.
pub(crate) async fn in_memory(site: &Site) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (begun, mut told) = (Instant::now(), Instant::now());
    loop {
        let metrics = http.get(format!("{}/metrics", site.private())).send().await?.bytes().await?;
        if is_in_memory(&String::from_utf8_lossy(&metrics)) {
            return Ok(());
        }
        ensure!(begun.elapsed() < MODEL_WITHIN, "{MODEL} did not become 1");
        if told.elapsed() > OFTEN {
            line(format_args!("  the server fills its memory, for {} s now", begun.elapsed().as_secs()));
            told = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn is_in_memory(metrics: &str) -> bool {
    let told = metrics.lines().find(|told| told.split([' ', '{']).next() == Some(MODEL));
    told.is_none_or(|told| told.ends_with(" 1"))
}

/// Tells a server to stop and waits until it has; how long that took.
pub(crate) fn stop(mut server: Running) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status()?;
    ensure!(told.success(), "the server could not be told to stop");
    while server.child.try_wait()?.is_none() {
        ensure!(begun.elapsed() < STOPPED_WITHIN, "the server did not stop");
        std::thread::sleep(LOOK);
    }
    Ok(begun.elapsed())
}
