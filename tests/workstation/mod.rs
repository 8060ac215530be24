//! A workstation: a service for card readers with one reader, a card in it, and the agent of whoever sits there, each a process. Tests of
//! several binaries have one.
//!
//! Between card and reader stands a gate, at which a command can be held: so a test knows where an act has come to.

mod gate;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use card::testing::{CardProcess, DRIVER};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use gate::{Gate, Wanted};

/// What whoever sits here enters when they are asked for a passcode.
pub(crate) const PASSCODE: &str = "24681012";

/// How long things may take that are no one's promise.
const PATIENCE: Duration = Duration::from_mins(1);

/// By this programs find the service for card readers.
const SOCKET: &str = "PCSCLITE_CSOCK_NAME";

/// The service and its reader. It ends when it is dropped.
pub(crate) struct Workstation {
    service: Child,
    folder: TempDir,
    pub(crate) gate: Gate,
}

impl Drop for Workstation {
    fn drop(&mut self) {
        // It may have ended already; its folder goes in any case.
        let _ended = self.service.kill();
        let _status = self.service.wait();
    }
}

impl Workstation {
    /// Starts the service. Its own folder is laid over the system's, for the service alone, so that it is one of many.
    pub(crate) fn set_up() -> Self {
        const OVERLAY: &str = "mkdir -p /run/pcscd && mount --bind \"$1\" /run/pcscd && exec pcscd --foreground --config \"$2\"";
        assert!(Path::new(DRIVER).exists(), "the driver of the virtual reader is not there; run: make setup");
        let folder = TempDir::with_prefix("lanyard-workstation-").expect("a temporary folder can be made");
        let (run, readers) = (folder.path().join("run"), folder.path().join("readers"));
        for made in [&run, &readers] {
            std::fs::create_dir(made).expect("a folder can be made");
        }
        let port = free_port();
        let text = format!(
            "FRIENDLYNAME \"Lanyard Test Reader\"\nDEVICENAME /dev/null:{port}\nLIBPATH {DRIVER}\nCHANNELID {port}\n"
        );
        std::fs::write(readers.join("reader"), text).expect("the reader can be written down");
        let asked = Command::new("id").arg("-u").output().expect("id of coreutils runs");
        let mut command = Command::new("unshare");
        if asked.stdout != b"0\n" {
            command.args(["--user", "--map-root-user"]);
        }
        let quiet =
            command.args(["--mount", "sh", "-c", OVERLAY, "sh"]).args([&run, &readers]).stdin(Stdio::null());
        let service = quiet.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let service = service.expect("unshare of util-linux runs");
        let workstation = Self { service, gate: Gate::before(port), folder };
        until("the service answers", || UnixStream::connect(workstation.socket()).is_ok());
        workstation
    }

    /// Where programs find the service.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("run/pcscd.comm")
    }

    /// Puts the chip with a serial number in, and waits until it can be read. It keeps what it knows when it is pulled.
    pub(crate) fn insert(&self, serial: u32) -> CardProcess {
        let folder = self.folder.path().join(format!("chip-{serial}"));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::write(folder.join("serial"), serial.to_string()).expect("a number can be written down");
        let card = CardProcess::insert(self.gate.port(), Some(&folder));
        until("the card can be read", || {
            let output = self.program().arg("card").output().expect("the agent's program runs");
            output.status.success()
        });
        card
    }

    /// The agent's program at this workstation. `--workspace` builds it beside the server's.
    fn program(&self) -> Command {
        let path = Path::new(env!("CARGO_BIN_EXE_lanyard")).with_file_name("lanyard-agent");
        assert!(path.exists(), "{} is not there; build with --workspace", path.display());
        let mut command = Command::new(path);
        command.env(SOCKET, self.socket()).env("XDG_RUNTIME_DIR", self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Signs a file with the card's own key, by the passcode that whoever sits here enters: whether it did, and what was said.
    pub(crate) fn signs(&self, file: &Path) -> (bool, String) {
        let output = self.program().arg("--config").arg(self.configuration()).arg("sign").arg(file).output();
        let output = output.expect("the agent's program runs");
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&told).into_owned())
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("agent.toml")
    }

    /// Starts the agent of somebody who agrees to what the pages of a server at `localhost` ask, and enters their passcode.
    pub(crate) fn agent(&self, server: u16, roots: &Path) -> Agent {
        let (dialog, configuration) = (self.folder.path().join("pinentry"), self.configuration());
        let script = format!(
            "#!/bin/sh\necho OK\nwhile read -r line; do\n  case \"$line\" in GETPIN*) echo 'D {PASSCODE}' ;; esac\n  echo OK\ndone\n"
        );
        std::fs::write(&dialog, script).expect("a dialog can be written");
        std::fs::set_permissions(&dialog, std::fs::Permissions::from_mode(0o700)).expect("it is ours");
        let text = format!(
            "origins = [\"https://localhost:{server}\"]\ndiscovery_ports = [0]\nport = 0\npinentry = \"{}\"\n\
             server = \"localhost:{server}\"\nserver_roots = \"{}\"\n",
            dialog.display(),
            roots.display()
        );
        std::fs::write(&configuration, text).expect("a configuration can be written");
        let mut command = self.program();
        let command = command.arg("--config").arg(&configuration).arg("run").stdout(Stdio::piped());
        let mut process = command.spawn().expect("the agent runs");
        let mut line = String::new();
        let out = process.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it is");
        let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok());
        Agent { process, port: port.unwrap_or_else(|| panic!("{line}")), server }
    }
}

/// The agent, which ends as `kill -9` ends it.
pub(crate) struct Agent {
    process: Child,
    port: u16,
    server: u16,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

impl Agent {
    /// A page of the server has it go on with an errand: what the page is told at the end, or nothing where the agent is gone.
    pub(crate) fn relay(&self, ticket: &Value) -> JoinHandle<Option<Value>> {
        let (port, server, body) = (self.port, self.server, ticket.to_string());
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
            let head = format!(
                "POST /relay HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost:{server}\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            let (_, body) = answer.split_once("\r\n\r\n")?;
            Some(serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
        })
    }

    /// The same to its end, which must be that all is done.
    pub(crate) fn carry(&self, ticket: &Value) {
        let told = self.relay(ticket).join().expect("the page hears its answer");
        assert_eq!(told.as_ref().map(|told| &told["done"]), Some(&Value::Bool(true)), "{told:?}");
    }
}

/// Looks again and again until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it listens").port()
}
