//! A workstation: a service for card readers with one reader, the real agent, and a dialog in which somebody agrees at once.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use card::testing::{DRIVER, PROGRAM};
use serde_json::Value;
use tokio::sync::watch;

use crate::wire::Wire;

/// How long things may take that are no one's promise.
const PATIENCE: Duration = Duration::from_secs(20);
/// By this clients find the service.
const SOCKET: &str = "PCSCLITE_CSOCK_NAME";
/// The page of the registration authority.
const PAGE: &str = "https://desk.example";
/// What holders choose here.
const PASSCODE: &str = "24681012";

/// A workstation. Its programs end with it.
pub(crate) struct Workstation {
    programs: Vec<Child>,
    /// The port at which a card is put into the reader.
    reader: u16,
    /// Whether the service sees a card.
    seen: watch::Receiver<bool>,
    /// Where the agent answers.
    address: String,
    http: reqwest::Client,
}

impl Drop for Workstation {
    fn drop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Workstation {
    /// Sets one up in a folder, for a server given as `host:port` that this root vouches for.
    pub(crate) fn start(folder: &Path, server: &str, root: &Path) -> anyhow::Result<Self> {
        let agent = agent()?;
        let (run, readers) = (folder.join("run"), folder.join("readers"));
        std::fs::create_dir_all(&run)?;
        std::fs::create_dir_all(&readers)?;
        let reader = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let text = format!(
            "FRIENDLYNAME \"Lanyard Bench Reader\"\nDEVICENAME /dev/null:{reader}\nLIBPATH {DRIVER}\nCHANNELID {reader}\n"
        );
        std::fs::write(readers.join("reader"), text)?;
        let socket = run.join("pcscd.comm");
        let (sender, seen) = watch::channel(false);
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(2)).build()?;
        let mut workstation =
            Self { programs: vec![service(&run, &readers)?], reader, seen, address: String::new(), http };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).is_err() {
            ensure!(Instant::now() < deadline, "the service for card readers does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        let start = |arguments: &[&str]| {
            let mut command = Command::new(&agent);
            command.arg("--config").arg(folder.join("agent.toml")).args(arguments).env(SOCKET, &socket);
            command.env("XDG_RUNTIME_DIR", folder).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
        };
        configure(folder, server, root)?;
        let mut watching = start(&["watch"])?;
        let events = watching.stdout.take().context("the agent has no output")?;
        workstation.programs.push(watching);
        std::thread::spawn(move || {
            for line in BufReader::new(events).lines().map_while(Result::ok) {
                let there = line.starts_with("card in ");
                if there || line.starts_with("no card in ") {
                    sender.send_replace(there);
                }
            }
        });
        let mut running = start(&["run"])?;
        let says = running.stdout.take().context("the agent has no output")?;
        workstation.programs.push(running);
        let mut line = String::new();
        BufReader::new(says).read_line(&mut line)?;
        let port = line.trim().rsplit(' ').next().unwrap_or_default();
        let port: u16 = port.parse().with_context(|| format!("the agent says: {line}"))?;
        workstation.address = format!("http://127.0.0.1:{port}/relay");
        Ok(workstation)
    }

    /// Puts a card in, once the one before is seen to be gone, and waits until it is seen.
    pub(crate) async fn insert(&self, chip: &Path) -> anyhow::Result<Wire> {
        self.sees(false).await?;
        let wire = Wire::insert(self.reader, chip)?;
        self.sees(true).await?;
        Ok(wire)
    }

    async fn sees(&self, wanted: bool) -> anyhow::Result<()> {
        let mut seen = self.seen.clone();
        let seen = tokio::time::timeout(PATIENCE, seen.wait_for(|there| *there == wanted)).await;
        let seen = seen.map(|seen| seen.map(drop));
        seen.context("the service for card readers sees no change")?.context("nobody watches the reader")
    }

    /// The page has the agent go on with an errand, which must be done at the end.
    pub(crate) async fn relay(&self, ticket: &Value) -> anyhow::Result<()> {
        let request = self.http.post(&self.address).header("origin", PAGE).json(ticket);
        let answer = request.send().await?;
        let status = answer.status();
        let said = answer.text().await?;
        ensure!(status.is_success(), "the agent: {status}: {said}");
        let said: Value = serde_json::from_str(&said)?;
        if said["done"] != true {
            bail!("the errand stopped: {}", said["words"]);
        }
        Ok(())
    }
}

/// The agent's program, which no default build makes.
fn agent() -> anyhow::Result<PathBuf> {
    let agent = Path::new(env!("CARGO_BIN_EXE_lanyard")).with_file_name("lanyard-agent");
    for (path, made_by) in [
        (agent.as_path(), "cargo build --release --workspace --bin lanyard-agent"),
        (Path::new(PROGRAM), "make setup"),
        (Path::new(DRIVER), "make setup"),
    ] {
        ensure!(path.exists(), "{} is not there; run: {made_by}", path.display());
    }
    Ok(agent)
}

/// The agent's configuration, and its dialog.
fn configure(folder: &Path, server: &str, root: &Path) -> anyhow::Result<()> {
    let dialog = folder.join("pinentry");
    let script = format!(
        "#!/bin/sh\necho 'OK Pleased to meet you'\nwhile read -r line; do\n  case \"$line\" in\n    \
         GETPIN*) echo 'D {PASSCODE}'; echo OK ;;\n    *) echo OK ;;\n  esac\ndone\n"
    );
    std::fs::write(&dialog, script)?;
    std::fs::set_permissions(&dialog, std::fs::Permissions::from_mode(0o700))?;
    let configuration = format!(
        "origins = [\"{PAGE}\"]\ndiscovery_ports = [0]\nport = 0\npinentry = \"{}\"\nserver = \"{server}\"\nserver_roots = \"{}\"\n",
        dialog.display(),
        root.display()
    );
    Ok(std::fs::write(folder.join("agent.toml"), configuration)?)
}

/// The service's own folder is laid over the system's, for the service alone, so that it is one of many.
fn service(run: &Path, readers: &Path) -> anyhow::Result<Child> {
    const OVERLAY: &str =
        "mkdir -p /run/pcscd && mount --bind \"$1\" /run/pcscd && exec pcscd --foreground --config \"$2\"";
    let root = Command::new("id").arg("-u").output()?.stdout == b"0\n";
    let mut command = Command::new("unshare");
    if !root {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c", OVERLAY, "sh"]).args([run, readers]);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().context("unshare of util-linux does not run")
}
