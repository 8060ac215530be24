//! A throw-away `PostgreSQL` cluster on a socket in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The user that may do everything in the cluster.
const USER: &str = "lanyard";

/// A running cluster, stopped and removed when it is dropped.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    keeps: Keeps,
}

/// What survives the loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Everything that was committed.
    Everything,
    /// Nothing: a test ends before that.
    Nothing,
}

impl Cluster {
    /// Makes and starts a cluster. As root it runs as the user `postgres`, because the server refuses root.
    ///
    /// # Panics
    ///
    /// If the programs are missing or fail; the test cannot go on.
    pub fn start() -> Self {
        Self::with(Keeps::Nothing)
    }

    /// One that keeps what it has said is kept, for measuring.
    ///
    /// # Panics
    ///
    /// As [`Cluster::start`].
    pub fn durable() -> Self {
        Self::with(Keeps::Everything)
    }

    fn with(keeps: Keeps) -> Self {
        let folder = tempfile::Builder::new().prefix("lanyard-pg.").tempdir().expect("a temporary folder");
        let cluster = Self { folder, programs: programs(), keeps };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let data = cluster.data();
        run(cluster
            .command("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-U", USER, "-A", "trust", "-E", "UTF8"])
            .args(["--no-sync", "--locale=C.UTF-8"]));
        cluster.launch();
        cluster
    }

    /// Starts the server of a cluster that was stopped.
    pub fn launch(&self) {
        let careless = match self.keeps {
            Keeps::Everything => "",
            Keeps::Nothing => " -c fsync=off -c full_page_writes=off",
        };
        let options = format!(
            "-k {} -c listen_addresses='' -c max_connections=200{careless}",
            self.folder.path().display()
        );
        run(self
            .command("pg_ctl")
            .arg("-D")
            .arg(self.data())
            .args(["-w", "-t", "60", "-l"])
            .arg(self.folder.path().join("log"))
            .args(["-o", &options, "start"]));
    }

    /// Stops the server without ceremony; its connections break.
    pub fn stop(&self) {
        run(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]));
    }

    /// Where the socket is; what `LANYARD_TEST_POSTGRES` takes.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]);
        // The folder goes in any case; a server that is stopped already is fine.
        let _stopped = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The URL of a database of a server that is given as a socket folder or as a URL without a database.
pub(super) fn url(server: &str, database: &str) -> String {
    if server.starts_with("postgres") {
        let (base, options) = server.split_once('?').map_or((server, ""), |(base, options)| (base, options));
        return format!("{}/{database}?{options}", base.trim_end_matches('/'));
    }
    format!("postgres:///{database}?host={server}&user={USER}")
}

/// Where the server's programs are: on Debian outside the PATH.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        debian.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from("/usr/local/bin"))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} could not be run: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}
