//! What the agent is told by its configuration.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The ports at which browser applications look for the agent, in the order in which they are tried.
pub const DISCOVERY_PORTS: [u16; 5] = [43487, 44213, 45031, 46478, 48853];

/// The port at which the national program answers, when it is free.
const PORT: u16 = 43485;

/// What the agent is told by its configuration. Without a file it serves no page at all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The web origins whose pages may ask for signatures, such as `https://prescribing.example`.
    pub origins: Vec<String>,
    /// The server, as `care.example:443`, which the self-diagnosis tries to reach.
    pub server: Option<String>,
    /// A PEM file with the certificates by which the server must be vouched for; without it the agent relays nothing.
    pub server_roots: Option<PathBuf>,
    /// The port at which signatures are asked for; 0 is any that is free.
    pub port: u16,
    /// The ports at which the agent may be looked for; the first that is free is taken.
    pub discovery_ports: Vec<u16>,
    /// A PEM file with a certificate for `localhost`, by which the agent answers by TLS too; without it, plainly only.
    pub localhost_certificate: Option<PathBuf>,
    /// The PEM file of its private key.
    pub localhost_key: Option<PathBuf>,
    /// The program that asks for the passcode: one of the pinentry family.
    pub pinentry: PathBuf,
    /// The Unix socket at which systems of the desktop ask for signatures; without it, `lanyard-agent/socket` in `XDG_RUNTIME_DIR`.
    pub socket: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            server: None,
            server_roots: None,
            port: PORT,
            discovery_ports: DISCOVERY_PORTS.to_vec(),
            localhost_certificate: None,
            localhost_key: None,
            pinentry: PathBuf::from("pinentry"),
            socket: None,
        }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not as it should be.
    #[error("the configuration {} is not as it should be", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where, and how it should be.
        source: Box<toml::de::Error>,
    },
    /// The key by which configurations are signed is not one.
    #[error("{} holds no public key of Ed25519 as PEM", .0.display())]
    NoKey(PathBuf),
    /// The configuration is not signed by that key.
    #[error("the configuration {} is not signed by the key that this machine trusts: ask who looks after it", .0.display())]
    NotSigned(PathBuf),
    /// An origin is not one.
    #[error("`{0}` is no origin: write scheme, host and port alone, as in https://prescribing.example")]
    NoOrigin(String),
}

impl Settings {
    /// Where systems of the desktop find the agent; none where the person has no folder of their own for it.
    pub fn socket(&self) -> Option<PathBuf> {
        let usual = || {
            let folder = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty())?;
            Some(Path::new(&folder).join("lanyard-agent").join("socket"))
        };
        self.socket.clone().or_else(usual)
    }

    /// Reads the file, or takes what is usual where none is named. Where a key is named, the file must be signed by it, and the signature
    /// lies beside the file with `.sig` behind its name: then who uses the machine cannot let further pages ask.
    pub fn read(path: Option<&Path>, trusted_key: Option<&Path>) -> Result<Self, SettingsError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let octets = read(path)?;
        if let Some(key) = trusted_key {
            check_signature(path, &octets, key)?;
        }
        let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        let text = std::str::from_utf8(&octets).map_err(|error| unreadable(path)(invalid(error)))?;
        let malformed = |source| SettingsError::Malformed { path: path.to_owned(), source: Box::new(source) };
        let settings: Self = toml::from_str(text).map_err(malformed)?;
        match settings.origins.iter().find(|origin| !is_origin(origin)) {
            Some(origin) => Err(SettingsError::NoOrigin(origin.clone())),
            None => Ok(settings),
        }
    }
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> SettingsError {
    move |source| SettingsError::Unreadable { path: path.to_owned(), source }
}

fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    std::fs::read(path).map_err(unreadable(path))
}

fn check_signature(path: &Path, octets: &[u8], key: &Path) -> Result<(), SettingsError> {
    let public = public_key(&read(key)?).ok_or_else(|| SettingsError::NoKey(key.to_owned()))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sig");
    let signature = std::fs::read(beside).unwrap_or_default();
    let verified = UnparsedPublicKey::new(&ED25519, public).verify(octets, &signature);
    verified.map_err(|_| SettingsError::NotSigned(path.to_owned()))
}

/// The key in a PEM file. RFC 8410 4: in front of its 32 octets stands always the same.
fn public_key(pem: &[u8]) -> Option<[u8; 32]> {
    const HEAD: [u8; 12] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
    let text = std::str::from_utf8(pem).ok()?;
    let (_, body) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = body.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()?.strip_prefix(&HEAD)?.try_into().ok()
}

/// Whether a text is an origin as browsers send it. RFC 6454 6.2. A page's own machine may do without TLS.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let port = host.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    let local = matches!(name, "localhost" | "127.0.0.1");
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b".-".contains(&octet));
    plain && port && (scheme == "https" || scheme == "http" && local)
}

/// Origins are what browsers send; addresses of pages, foreign plain ones and patterns are none.
#[test]
fn origins_are_told_from_others() {
    for good in ["https://prescribing.example", "https://a.example:8443", "http://localhost:3000"] {
        assert!(is_origin(good), "{good}");
    }
    let bad = [
        "*",
        "null",
        "prescribing.example",
        "https://a.example/",
        "https://*.example",
        "http://a.example",
        "https://",
        "https://a.example:x",
    ];
    for bad in bad {
        assert!(!is_origin(bad), "{bad}");
    }
}
