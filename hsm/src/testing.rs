//! Throw-away tokens for tests and benches: SoftHSM's, and Kryoptic's, which know ML-DSA.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

pub use crate::raw::{RawKey, raw_rate};
use crate::{Alg, Config, Hsm, Pin, PinSource, TokenConfig, init_token};

mod template;

/// The user PIN of test tokens.
pub const USER_PIN: &str = "test-user-pin";
/// The security officer's PIN of test tokens.
pub const SO_PIN: &str = "test-so-pin";
/// Debian's SoftHSM library.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The Kryoptic library that `tools/setup-test` builds.
pub const KRYOPTIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/kryoptic/libkryoptic.so");
/// Kryoptic's slots are set before it is started, so a process has this many tokens at most.
const KRYOPTIC_SLOTS: u32 = 4;

/// A library reads its place once, when it is started, so all test tokens of a process share one.
static PLACE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A new, empty token.
#[derive(Debug)]
pub struct TestToken {
    module: &'static str,
    label: String,
    token_dir: PathBuf,
    place: Arc<TempDir>,
}

impl TestToken {
    /// Makes a SoftHSM token. The first token of a process sets `SOFTHSM2_CONF` and `KRYOPTIC_CONF`: make it before other
    /// threads read the environment.
    ///
    /// # Panics
    ///
    /// When SoftHSM is not installed or the token cannot be made.
    pub fn new() -> TestToken {
        TestToken::of(MODULE)
    }

    /// Makes a SoftHSM token that has these keys, by label: an RSA key takes longer to make than most tests. Where
    /// `LANYARD_TEST_TEMPLATES` names a folder, as `tools/with-postgres` says, the first process of a run makes the token and the others
    /// take a copy, so these keys are the same in all of them.
    ///
    /// # Panics
    ///
    /// As [`TestToken::new`].
    pub fn with_keys(keys: &[(&str, Alg)]) -> TestToken {
        let first = NEXT.load(Ordering::Relaxed) == 1;
        let Some(template) = template::of(keys).filter(|_| first) else {
            return TestToken::new().filled(keys);
        };
        if !template.exists() {
            let token = TestToken::new().filled(keys);
            template::keep(&token.token_dir, &template);
            return token;
        }
        let place = place();
        let token_dir = place.path().join("tokens/copied");
        template::copy(&template, &token_dir);
        TestToken { module: MODULE, label: next_label(), token_dir, place }
    }

    /// With these keys made.
    fn filled(self, keys: &[(&str, Alg)]) -> TestToken {
        // On a thread of its own: the test may be inside a runtime.
        std::thread::scope(|scope| scope.spawn(|| self.fill(keys)).join().expect("the keys are made"));
        self
    }

    fn fill(&self, keys: &[(&str, Alg)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let hsm = self.hsm().await;
            for (label, alg) in keys {
                hsm.generate(label, *alg).await.expect("a key is made");
            }
        });
    }

    /// Makes a token of Kryoptic, which has ML-DSA, and wraps other keys than those.
    ///
    /// # Panics
    ///
    /// When Kryoptic was not built or has no slot left.
    pub fn kryoptic() -> TestToken {
        assert!(Path::new(KRYOPTIC).exists(), "the token Kryoptic is not there; run: make setup");
        TestToken::of(KRYOPTIC)
    }

    fn of(module: &'static str) -> TestToken {
        let dir = place();
        let label = next_label();
        let before = token_dirs(dir.path());
        let pin = |pin: &str| Pin::new(pin.to_owned());
        init_token(Path::new(module), &label, &pin(SO_PIN), &pin(USER_PIN)).expect("a token is made");
        let token_dir = token_dirs(dir.path()).into_iter().find(|token| !before.contains(token));
        // Kryoptic keeps a file beside them.
        let token_dir = token_dir.unwrap_or_else(|| dir.path().join("tokens"));
        TestToken { module, label, token_dir, place: dir }
    }

    /// The directory that holds the configuration, the PIN file and all tokens of this process.
    pub fn dir(&self) -> &Path {
        self.place.path()
    }

    /// The library.
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// The directory of this token's objects, if it is SoftHSM's.
    pub fn token_dir(&self) -> &Path {
        &self.token_dir
    }

    /// The token's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The token as configured in [`TestToken::config`].
    pub fn token_config(&self) -> TokenConfig {
        TokenConfig {
            module: PathBuf::from(self.module),
            label: self.label.clone(),
            pin: PinSource::File(self.dir().join("pin")),
            sessions: 2,
            live_keys: 4_096,
            session_copies: true,
        }
    }

    /// A configuration that uses the token.
    pub fn config(&self) -> Config {
        Config::single(self.token_config())
    }

    /// The token, opened.
    ///
    /// # Panics
    ///
    /// When it does not open.
    pub async fn hsm(&self) -> Hsm {
        Hsm::open(self.config()).await.expect("the test token opens")
    }
}

impl Default for TestToken {
    fn default() -> TestToken {
        TestToken::new()
    }
}

/// The place of all test tokens of this process.
fn place() -> Arc<TempDir> {
    let mut place = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    place.upgrade().unwrap_or_else(|| {
        let dir = Arc::new(new_place());
        *place = Arc::downgrade(&dir);
        dir
    })
}

fn next_label() -> String {
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn new_place() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("tokens")).expect("a new directory");
    let conf = dir.path().join("softhsm2.conf");
    let tokens = dir.path().join("tokens");
    std::fs::write(&conf, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .expect("a new file");
    write_private(&dir.path().join("pin"), USER_PIN);
    let kryoptic = dir.path().join("kryoptic.conf");
    std::fs::write(&kryoptic, kryoptic_slots(dir.path())).expect("a new file");
    #[expect(unsafe_code, reason = "the libraries are told their place by the environment only")]
    // SAFETY: tests make their token first, before threads that read the environment are started.
    unsafe {
        std::env::set_var("SOFTHSM2_CONF", &conf);
        std::env::set_var("KRYOPTIC_CONF", &kryoptic);
    }
    dir
}

fn kryoptic_slots(dir: &Path) -> String {
    let slot = |number| {
        let store = dir.join(format!("kryoptic-{number}.sql"));
        format!("[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", store.display())
    };
    (0..KRYOPTIC_SLOTS).map(slot).collect()
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).expect("a new file");
    file.write_all(text.as_bytes()).expect("the PIN is written");
}

fn token_dirs(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.join("tokens")).expect("the tokens' directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
