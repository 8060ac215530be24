//! A service for card readers of a test's own, with readers of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::readers::{Content, ReaderName, Readers};
use card::testing::{CardProcess, DRIVER};
use tempfile::TempDir;

/// How long things may take that are no one's promise.
const PATIENCE: Duration = Duration::from_secs(20);

/// By this clients find the service.
const SOCKET: &str = "PCSCLITE_CSOCK_NAME";

/// A service for card readers, alone with its readers: several tests have one each at a time.
pub(crate) struct Rig {
    service: Child,
    folder: TempDir,
    ports: Vec<u16>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

impl Rig {
    /// Starts the service, and has this process use it.
    pub(crate) fn start(readers: usize) -> Self {
        assert!(Path::new(DRIVER).exists(), "the driver of the virtual reader is not there; run: make setup");
        let folder = tempfile::tempdir().unwrap();
        let (run, configuration) = (folder.path().join("run"), folder.path().join("readers"));
        std::fs::create_dir(&run).unwrap();
        std::fs::create_dir(&configuration).unwrap();
        let ports = free_ports(readers);
        let reader = |(number, port): (usize, &u16)| {
            format!(
                "FRIENDLYNAME \"Lanyard Test Reader {number}\"\nDEVICENAME /dev/null:{port}\nLIBPATH {DRIVER}\nCHANNELID {port}\n\n"
            )
        };
        let text: String = ports.iter().enumerate().map(reader).collect();
        std::fs::write(configuration.join("readers"), text).unwrap();
        let socket = run.join("pcscd.comm");
        #[expect(
            unsafe_code,
            reason = "the system's library is told where its service is by the environment only"
        )]
        // SAFETY: a test starts its rig first, before threads that read the environment.
        unsafe {
            std::env::set_var(SOCKET, &socket);
        }
        let rig = Self { service: service(&run, &configuration), folder, ports };
        until("the service answers", || UnixStream::connect(&socket).is_ok());
        rig
    }

    /// A folder for this test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a card into a reader, and waits until the service has seen it. What it knows is in the folder.
    pub(crate) fn insert(&self, reader: usize, folder: Option<&Path>) -> CardProcess {
        let card = CardProcess::insert(self.ports[reader], folder);
        until("the card is seen", || Self::content(reader) == Content::Card);
        card
    }

    /// The same with a chip that has a serial number of its own.
    pub(crate) fn insert_chip(&self, reader: usize, serial: u32) -> CardProcess {
        let folder = self.folder().join(format!("chip-{reader}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("serial"), serial.to_string()).unwrap();
        self.insert(reader, Some(&folder))
    }

    /// The port at which a card is put into a reader.
    pub(crate) fn port(&self, reader: usize) -> u16 {
        self.ports[reader]
    }

    /// What the service sees in a reader.
    pub(crate) fn content(reader: usize) -> Content {
        let states = Readers::open().unwrap().now().unwrap();
        let name = Self::name(reader);
        states.into_iter().find(|state| state.name == name).unwrap().content
    }

    /// A reader's name, which the service makes of ours.
    pub(crate) fn name(reader: usize) -> ReaderName {
        let states = Readers::open().unwrap().now().unwrap();
        let names = states.into_iter().map(|state| state.name);
        let ours = Self::beginning(reader);
        names.into_iter().find(|name| name.to_string().starts_with(&ours)).unwrap()
    }

    /// How a reader's name begins.
    pub(crate) fn beginning(reader: usize) -> String {
        format!("Lanyard Test Reader {reader}")
    }

    /// The agent, with a configuration.
    pub(crate) fn agent(&self, configuration: &str) -> Command {
        let path = self.folder().join("agent.toml");
        std::fs::write(&path, configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lanyard-agent"));
        // The agent's socket lies in the test's own folder.
        command.arg("--config").arg(path).env("XDG_RUNTIME_DIR", self.folder());
        command
    }
}

/// The service's own folder is laid over the system's, for the service alone, so that it is one of many.
fn service(run: &Path, configuration: &Path) -> Child {
    const OVERLAY: &str =
        "mkdir -p /run/pcscd && mount --bind \"$1\" /run/pcscd && exec pcscd --foreground --config \"$2\"";
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = Command::new("unshare");
    if !root {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "sh", "-c", OVERLAY, "sh"])
        .args([run, configuration])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("unshare of util-linux runs")
}

fn free_ports(count: usize) -> Vec<u16> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listeners: Vec<TcpListener> = (0..count).map(bind).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// Looks again and again until it is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a program to its end: whether it succeeded, and all that it said.
pub(crate) fn run(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Runs a program that must succeed, and gives what it said.
pub(crate) fn must(program: &str, arguments: &[&str]) -> String {
    let (good, said) = run(Command::new(program).args(arguments));
    assert!(good, "{program} {arguments:?}: {said}");
    said
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// A file in a folder, as text.
pub(crate) fn file(folder: &Path, name: &str) -> String {
    let path: PathBuf = folder.join(name);
    text(&path).to_owned()
}
