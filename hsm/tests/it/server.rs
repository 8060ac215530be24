//! A token behind another process (p11-kit's server), which is killed, stopped and started again.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hsm::{Alg, Config, Error, Hsm, Key, PinSource, TokenConfig, TokenState};
use tempfile::TempDir;

use crate::outage::Load;
use crate::support::{Counts, is_clear, until};

const CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// A SoftHSM token and the server in front of it. Our process loads the client library only.
struct Served {
    dir: TempDir,
    server: Option<Child>,
}

impl Served {
    fn new() -> Served {
        crate::support::show_log();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("tokens")).unwrap();
        let tokens = dir.path().join("tokens");
        let conf = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        std::fs::write(dir.path().join("softhsm2.conf"), conf).unwrap();
        let made = Command::new("softhsm2-util")
            .args([
                "--init-token",
                "--free",
                "--label",
                "served",
                "--so-pin",
                "87654321",
                "--pin",
                "12345678",
            ])
            .env("SOFTHSM2_CONF", dir.path().join("softhsm2.conf"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        let address = format!("unix:path={}", dir.path().join("socket").display());
        #[expect(unsafe_code, reason = "the client is told its server by the environment only")]
        // SAFETY: every test calls this first, before there are other threads that read the environment.
        unsafe {
            std::env::set_var("P11_KIT_SERVER_ADDRESS", address);
            std::env::set_var("HSM_TEST_SERVED_PIN", "12345678");
        }
        let mut served = Served { dir, server: None };
        served.start();
        served
    }

    /// Starts the server in a process group of its own: it serves each client from a child.
    fn start(&mut self) {
        let socket = self.dir.path().join("socket");
        if socket.exists() {
            std::fs::remove_file(&socket).unwrap();
        }
        let mut server = Command::new("p11-kit")
            .args(["server", "--foreground", "--sh", "--provider", "/usr/lib/softhsm/libsofthsm2.so"])
            .arg("--name")
            .arg(&socket)
            .arg("pkcs11:")
            .env("SOFTHSM2_CONF", self.dir.path().join("softhsm2.conf"))
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        // It prints its address once it listens.
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("P11_KIT_SERVER_ADDRESS"), "{line}");
        self.server = Some(server);
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.server.as_ref().unwrap().id());
        assert!(Command::new("kill").args([signal, "--", &group]).status().unwrap().success());
    }

    fn kill(&mut self) {
        self.signal("-KILL");
        self.server.take().unwrap().wait().unwrap();
    }

    fn config(&self) -> Config {
        assert!(self.dir.path().exists());
        let mut config = Config::single(TokenConfig {
            module: PathBuf::from(CLIENT),
            label: "served".to_owned(),
            pin: PinSource::Env("HSM_TEST_SERVED_PIN".to_owned()),
            sessions: 2,
            live_keys: 16,
            session_copies: true,
        });
        config.call_timeout_ms = u64::try_from(CALL_TIMEOUT.as_millis()).unwrap();
        config
    }

    async fn hsm(&self) -> Hsm {
        Hsm::open(self.config()).await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
    }
}

/// Two token keys. There are no wrapped ones: p11-kit 0.24 does not pass on `CKM_AES_KEY_WRAP_PAD`.
async fn keys(hsm: &Hsm) -> [Key; 2] {
    [hsm.generate("one", Alg::P256).await.unwrap(), hsm.generate("two", Alg::P256).await.unwrap()]
}

fn is_sick(hsm: &Hsm) -> bool {
    matches!(hsm.health().tokens[0].state, TokenState::Sick { .. })
}

/// Signs once and says how it failed; the answer comes in good time.
async fn refusal(key: &Key) -> Error {
    let begun = Instant::now();
    let error = key.sign(hsm::Scheme::EcdsaSha256, b"x").await.unwrap_err();
    assert!(begun.elapsed() < CALL_TIMEOUT * 2, "{:?}", begun.elapsed());
    error
}

/// The server is killed under load and started again, twice: calls fail clearly, then recover by themselves. (p11-kit's
/// client sometimes loses the call of a second thread for ever; that thread stays counted, and recovery waits for less.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_is_killed_and_restarted() {
    let mut served = Served::new();
    let hsm = served.hsm().await;
    let keys = keys(&hsm).await;
    for _ in 0..2 {
        let load = Load::start(&keys, 4, Duration::from_millis(20));
        load.signs(50, "it signs").await;
        served.kill();
        until("the token is sick", Duration::from_secs(10), async || is_sick(&hsm)).await;
        for key in &keys {
            let error = refusal(key).await;
            assert!(is_clear(&error), "{error:?}");
        }
        served.start();
        load.signs(50, "it signs again").await;
        let (_, failed) = load.stop().await;
        assert!(failed > 0);
    }
}

/// The server is stopped under load: calls time out, the token is drained and its threads are counted as abandoned;
/// once the server goes on, the threads come back, their late answers count for nothing, and everything signs again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_hangs_and_goes_on() {
    let served = Served::new();
    let counts = Counts::start();
    let hsm = served.hsm().await;
    let keys = keys(&hsm).await;
    let mut given_out = 0;
    for _ in 0..2 {
        let load = Load::start(&keys, 4, Duration::from_millis(20));
        load.signs(50, "it signs").await;
        served.signal("-STOP");
        until("the token is sick", Duration::from_secs(10), async || is_sick(&hsm)).await;
        assert!(hsm.health().tokens[0].abandoned_threads > 0);
        let error = refusal(&keys[0]).await;
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        served.signal("-CONT");
        load.signs(50, "it signs again").await;
        given_out += load.stop().await.0;
        until("every thread came back", Duration::from_secs(10), async || {
            hsm.health().tokens[0].abandoned_threads == 0
        })
        .await;
    }
    assert!(counts.of("hsm_late_replies_total") > 0, "the token answered after its callers had gone");
    assert_eq!(
        counts.of("hsm_signatures_total"),
        given_out,
        "a late answer counts as no signature given out"
    );
}

/// The server hangs, is killed while it hangs, and another takes its place: everything recovers, although p11-kit's
/// client may lose a call for ever when two threads waited in it; a thread lost so stays counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_hangs_and_is_replaced() {
    let mut served = Served::new();
    let hsm = served.hsm().await;
    let keys = keys(&hsm).await;
    let load = Load::start(&keys, 4, Duration::from_millis(20));
    load.signs(50, "it signs").await;
    served.signal("-STOP");
    until("the token is sick", Duration::from_secs(10), async || is_sick(&hsm)).await;
    served.kill();
    served.start();
    load.signs(50, "it signs again").await;
    load.stop().await;
}

/// The server hangs for so long that its calls count as lost and the library is finalised under them; then it goes on.
/// Nothing crashes, the late answers count for nothing, and everything recovers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_hangs_for_very_long() {
    let served = Served::new();
    let hsm = served.hsm().await;
    let keys = keys(&hsm).await;
    let load = Load::start(&keys, 4, Duration::from_millis(50));
    load.signs(50, "it signs").await;
    served.signal("-STOP");
    let stopped = Instant::now();
    until("the calls count as lost", CALL_TIMEOUT * 12, async || {
        let error = refusal(&keys[0]).await;
        assert!(is_clear(&error), "{error:?}");
        stopped.elapsed() > CALL_TIMEOUT * 9
    })
    .await;
    served.signal("-CONT");
    load.signs(50, "it signs again").await;
    load.stop().await;
}

/// A server that is not there yet when the token is opened refuses the opening and harms nothing.
#[tokio::test]
async fn server_is_absent_at_first() {
    let mut served = Served::new();
    served.kill();
    assert!(Hsm::open(served.config()).await.is_err());
    served.start();
    let hsm = served.hsm().await;
    assert!(hsm.generate_one_time(Alg::P256).await.is_ok());
}

/// What the way to a token does not pass on (here wrapping and Ed25519) is found when it is opened and refused by name;
/// beside a token that can, that one is asked.
#[tokio::test]
async fn what_a_token_cannot_do_is_refused() {
    let served = Served::new();
    let hsm = served.hsm().await;
    let health = hsm.health();
    assert_eq!(health.tokens[0].wrapping, None);
    assert!(!health.tokens[0].algs.contains(&Alg::Ed25519));
    assert!(matches!(hsm.create_wrapping_key(1).await, Err(Error::NotSupported { .. })));
    assert!(
        matches!(hsm.generate("log", Alg::Ed25519).await, Err(Error::NotSupported { what }) if what.contains("ed25519"))
    );
    drop(hsm);

    let capable = hsm::testing::TestToken::new();
    let mut config = served.config();
    config.tokens.push(capable.token_config());
    let hsm = Hsm::open(config).await.unwrap();
    let log = hsm.generate("log", Alg::Ed25519).await.unwrap();
    assert!(log.sign(hsm::Scheme::Ed25519, b"x").await.is_ok());
    hsm.create_wrapping_key(1).await.unwrap();
    let person = hsm.wrapped(hsm.generate_wrapped(Alg::P256).await.unwrap());
    assert!(person.sign(hsm::Scheme::EcdsaSha256, b"x").await.is_ok());
    assert_eq!(hsm.health().tokens[1].live_keys, 1);
}
