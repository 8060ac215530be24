//! Which tokens to use and how.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cryptoki::types::AuthPin;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::Error;

/// The tokens, and the bounds of their use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Tokens with the same keys; they share the load, and one that fails is drained.
    pub tokens: Vec<TokenConfig>,
    /// Calls that may wait for a session; more are refused with [`Error::Busy`].
    #[serde(default = "default_queue")]
    pub queue: usize,
    /// Milliseconds after which a call is given up and its token counts as sick.
    #[serde(default = "default_call_timeout_ms")]
    pub call_timeout_ms: u64,
    /// The same for making a key: RSA takes seconds.
    #[serde(default = "default_generate_timeout_ms")]
    pub generate_timeout_ms: u64,
    /// Which signatures are verified in process before they are given out.
    #[serde(default)]
    pub verify_signatures: VerifySignatures,
}

impl Config {
    /// One token and the default bounds.
    pub fn single(token: TokenConfig) -> Config {
        Config {
            tokens: vec![token],
            queue: default_queue(),
            call_timeout_ms: default_call_timeout_ms(),
            generate_timeout_ms: default_generate_timeout_ms(),
            verify_signatures: VerifySignatures::default(),
        }
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    pub(crate) fn generate_timeout(&self) -> Duration {
        Duration::from_millis(self.generate_timeout_ms.max(self.call_timeout_ms))
    }
}

/// One token of one PKCS#11 library.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The PKCS#11 library.
    pub module: PathBuf,
    /// The token's label.
    pub label: String,
    /// Where the user PIN comes from.
    pub pin: PinSource,
    /// Sessions that sign. One more is opened for slow work such as making keys.
    #[serde(default = "default_sessions")]
    pub sessions: usize,
    /// Wrapped keys kept live in the token, shared out among its sessions.
    #[serde(default = "default_live_keys")]
    pub live_keys: usize,
    /// Whether token keys that sign often are copied into the sessions that sign, by the token and within it. Tokens that keep
    /// their objects in files read a key anew for each signature otherwise.
    #[serde(default = "default_session_copies")]
    pub session_copies: bool,
}

/// Where a PIN is read from: `{ file = "..." }`, `{ env = "..." }` or `{ shares = "..." }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PinSource {
    /// A file that only its owner (and its group, at most) can read; a final line end is dropped.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// Nowhere: several people hold it in [shares](crate::shares), which this file describes.
    Shares(PathBuf),
    /// From those people, who have given their shares; never from a configuration.
    #[serde(skip)]
    Given(Pin),
}

impl PinSource {
    /// Reads the PIN into memory that is wiped when dropped.
    pub fn read(&self) -> Result<Pin, Error> {
        match self {
            PinSource::File(path) => read_file(path),
            PinSource::Env(name) => std::env::var(name)
                .map(Pin::new)
                .map_err(|_| Error::PinUnreadable { detail: format!("the variable {name} is not set") }),
            PinSource::Shares(path) => Err(Error::PinUnreadable {
                detail: format!(
                    "its holders have it in shares, see {}; they give them by lanyard unlock",
                    path.display()
                ),
            }),
            PinSource::Given(pin) => Ok(pin.clone()),
        }
    }
}

fn read_file(path: &Path) -> Result<Pin, Error> {
    let unreadable = |detail: String| Error::PinUnreadable { detail };
    let metadata =
        std::fs::metadata(path).map_err(|e| unreadable(format!("PIN file {}: {e}", path.display())))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(unreadable(format!(
            "PIN file {} has mode {:04o}: it must not be readable by others; use chmod 0600",
            path.display(),
            metadata.mode() & 0o7777
        )));
    }
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|e| unreadable(format!("PIN file {}: {e}", path.display())))?;
    Ok(Pin::new(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}

/// A PIN. It has no readable `Debug` and is wiped when dropped.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl PartialEq for Pin {
    fn eq(&self, other: &Pin) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.as_bytes(), other.as_bytes()).is_ok()
    }
}

impl Eq for Pin {}

impl Pin {
    /// Takes the PIN as it is.
    pub fn new(pin: String) -> Pin {
        Pin(Zeroizing::new(pin))
    }

    pub(crate) fn auth(&self) -> AuthPin {
        AuthPin::new(self.0.as_str().into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// Which signatures are verified with the public key before they are given out.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum VerifySignatures {
    /// Those of every key.
    All,
    /// Those of token keys: authorities, responders and the like. Where many are asked for to be spot-checked, one of each call.
    #[default]
    TokenKeys,
}

fn default_queue() -> usize {
    256
}

fn default_call_timeout_ms() -> u64 {
    5_000
}

fn default_generate_timeout_ms() -> u64 {
    60_000
}

fn default_sessions() -> usize {
    2
}

fn default_session_copies() -> bool {
    true
}

fn default_live_keys() -> usize {
    4_096
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A configuration states only what differs from the defaults, and a misspelt field is refused.
    #[test]
    fn configuration_reads_from_toml() {
        let text = r#"
            verify_signatures = "all"
            [[tokens]]
            module = "/usr/lib/softhsm/libsofthsm2.so"
            label = "lanyard"
            pin = { file = "/run/credentials/pin" }
        "#;
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!((config.queue, config.call_timeout_ms), (256, 5_000));
        assert_eq!(config.tokens[0].pin, PinSource::File("/run/credentials/pin".into()));
        assert_eq!(config.verify_signatures, VerifySignatures::All);
        assert!(toml::from_str::<Config>(&text.replace("label", "lable")).is_err());
    }

    /// A PIN file that others can read is refused with what to do, and the PIN never shows in `Debug`.
    #[test]
    fn pin_file_must_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pin");
        std::fs::write(&path, "4711\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let source = PinSource::File(path.clone());
        let refused = source.read().unwrap_err().to_string();
        assert!(refused.contains("chmod 0600") && !refused.contains("4711"), "{refused}");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let pin = source.read().unwrap();
        assert_eq!(pin.as_bytes(), b"4711");
        assert!(!format!("{pin:?}").contains("4711"));
    }
}
