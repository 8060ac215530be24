//! What the agent is told by its configuration.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::server::Roots;
use crate::system::MACHINE_KEY;

/// The ports at which browser applications look for the agent, in the order in which they are tried.
pub const DISCOVERY_PORTS: [u16; 5] = [43487, 44213, 45031, 46478, 48853];

/// The port at which the national program answers, when it is free.
const PORT: u16 = 43485;

/// What the agent is told by its configuration. Without a file it serves no page at all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which of the configurations this is that one key has signed: each has a higher number than the one before.
    pub serial: u64,
    /// The web origins whose pages may ask for signatures, such as `https://prescribing.example`.
    pub origins: Vec<String>,
    /// The server, as `care.example:443`, which the self-diagnosis tries to reach.
    pub server: Option<String>,
    /// A PEM file with the certificates by which the server must be vouched for; without it the agent relays nothing.
    pub server_roots: Option<PathBuf>,
    /// The SHA-256 of that file, which alone is believed then.
    #[serde(deserialize_with = "sha256")]
    pub server_roots_sha256: Option<[u8; 32]>,
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
            serial: 0,
            origins: Vec::new(),
            server: None,
            server_roots: None,
            server_roots_sha256: None,
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
    /// The key's file says that another configuration has taken this one's place.
    #[error(
        "the configuration {} has the serial number {serial}, and this machine follows none below {lowest}: ask who looks after it", .path.display()
    )]
    Outdated {
        /// Which file.
        path: PathBuf,
        /// Its number.
        serial: u64,
        /// The lowest that is followed.
        lowest: u64,
    },
    /// A signed configuration names a file that is not signed.
    #[error("the configuration {} is signed, and must say the SHA-256 of its `server_roots` as `server_roots_sha256`", .0.display())]
    RootsNotSigned(PathBuf),
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

    /// The certificates by which the server must be vouched for.
    pub fn roots(&self) -> Option<Roots> {
        Some(Roots { path: self.server_roots.clone()?, sha256: self.server_roots_sha256 })
    }

    /// Reads the file, or takes what is usual where none is named. Where a key is named, the file must be signed by it, and the signature
    /// lies beside the file with `.sig` behind its name: then who uses the machine cannot let further pages ask. The machine's own key,
    /// where it has one, counts whatever is named.
    pub fn read(path: Option<&Path>, trusted_key: Option<&Path>) -> Result<Self, SettingsError> {
        Self::read_by(Path::new(MACHINE_KEY), path, trusted_key)
    }

    fn read_by(machine: &Path, path: Option<&Path>, named: Option<&Path>) -> Result<Self, SettingsError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let octets = read(path)?;
        let key = match std::fs::symlink_metadata(machine) {
            Err(error) if error.kind() == ErrorKind::NotFound => named,
            // One that is there and cannot be read is not passed over.
            Ok(_) | Err(_) => Some(machine),
        };
        let lowest = key.map(|key| check_signature(path, &octets, key)).transpose()?;
        let settings = Self::parse(path, &octets)?;
        if let Some(lowest) = lowest {
            settings.demand_current(path, lowest)?;
        }
        Ok(settings)
    }

    /// What a signature is worth only with: that no newer configuration has taken its place, and that it says all by itself.
    fn demand_current(&self, path: &Path, lowest: u64) -> Result<(), SettingsError> {
        if self.serial < lowest {
            return Err(SettingsError::Outdated { path: path.to_owned(), serial: self.serial, lowest });
        }
        if self.server_roots.is_some() && self.server_roots_sha256.is_none() {
            return Err(SettingsError::RootsNotSigned(path.to_owned()));
        }
        Ok(())
    }

    fn parse(path: &Path, octets: &[u8]) -> Result<Self, SettingsError> {
        let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        let text = std::str::from_utf8(octets).map_err(|error| unreadable(path)(invalid(error)))?;
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

/// Verifies the signature, and gives the lowest serial number that the key's file lets be followed.
fn check_signature(path: &Path, octets: &[u8], key: &Path) -> Result<u64, SettingsError> {
    let no_key = || SettingsError::NoKey(key.to_owned());
    let pem = read(key)?;
    let public = public_key(&pem).ok_or_else(no_key)?;
    let lowest = lowest_serial(&pem).ok_or_else(no_key)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sig");
    let signature = std::fs::read(beside).unwrap_or_default();
    let verified = UnparsedPublicKey::new(&ED25519, public).verify(octets, &signature);
    verified.map_err(|_| SettingsError::NotSigned(path.to_owned()))?;
    Ok(lowest)
}

/// The lowest serial number, which stands as `lowest-serial: 7` before the key; 0 where nothing does, none where it is no number.
fn lowest_serial(pem: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(pem).ok()?;
    let (before, _) = text.split_once("-----BEGIN")?;
    let said = before.lines().find_map(|line| line.strip_prefix("lowest-serial:"));
    said.map_or(Some(0), |said| said.trim().parse().ok())
}

/// 32 octets in hexadecimal.
fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    let mut octets = [0; 32];
    hex::decode_to_slice(String::deserialize(deserializer)?, &mut octets).map_err(D::Error::custom)?;
    Ok(Some(octets))
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    /// A folder with a configuration that a key has signed, and that key's file.
    struct Signed {
        folder: tempfile::TempDir,
        key: Ed25519KeyPair,
    }

    impl Signed {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), key: Ed25519KeyPair::generate().unwrap() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Writes the key's file with something before the key.
        fn keyed(&self, name: &str, before: &str) -> PathBuf {
            let head = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
            let body = STANDARD.encode([&head[..], self.key.public_key().as_ref()].concat());
            let pem = format!("{before}-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
            std::fs::write(self.path(name), pem).unwrap();
            self.path(name)
        }

        fn configured(&self, text: &str) -> PathBuf {
            let path = self.path("agent.toml");
            std::fs::write(&path, text).unwrap();
            std::fs::write(self.path("agent.toml.sig"), self.key.sign(text.as_bytes()).as_ref()).unwrap();
            path
        }
    }

    /// The machine's own key counts, though another one or none is named; one that is there and is none lets nothing be followed.
    #[test]
    fn machines_key_is_not_passed_over() {
        let (ours, other) = (Signed::new(), Signed::new());
        let (machine, named) = (ours.keyed("machine.pem", ""), other.keyed("named.pem", ""));
        let configuration = other.configured("origins = [\"https://evil.example\"]\n");
        let read = |machine: &Path, named: Option<&Path>| {
            Settings::read_by(machine, Some(configuration.as_path()), named)
        };
        for named in [None, Some(named.as_path())] {
            assert!(matches!(read(&machine, named), Err(SettingsError::NotSigned(_))));
        }
        assert!(read(&ours.path("nowhere.pem"), Some(named.as_path())).is_ok(), "a machine without a key");
        assert!(read(&ours.path("nowhere.pem"), None).is_ok());
        std::fs::write(&machine, "no key").unwrap();
        assert!(matches!(read(&machine, Some(named.as_path())), Err(SettingsError::NoKey(_))));
        assert!(matches!(
            read(ours.folder.path(), Some(named.as_path())),
            Err(SettingsError::Unreadable { .. })
        ));
    }

    /// A configuration that another one has taken the place of is not followed, though its signature is good; nor is one that names
    /// certificates and does not say which.
    #[test]
    fn signed_configurations_end() {
        let signed = Signed::new();
        let read = |before: &str, text: &str| {
            let (key, configuration) = (signed.keyed("key.pem", before), signed.configured(text));
            Settings::read_by(&key, Some(configuration.as_path()), None)
        };
        assert_eq!(read("", "").unwrap().serial, 0);
        assert_eq!(read("lowest-serial: 7\n", "serial = 7\n").unwrap().serial, 7);
        for text in ["serial = 6\n", ""] {
            let outcome = read("lowest-serial: 7\n", text);
            assert!(matches!(outcome, Err(SettingsError::Outdated { lowest: 7, .. })), "{text}");
        }
        assert!(matches!(read("lowest-serial: x\n", "serial = 7\n"), Err(SettingsError::NoKey(_))));
        let roots = "server_roots = \"/etc/lanyard/roots.pem\"\n";
        assert!(matches!(read("", roots), Err(SettingsError::RootsNotSigned(_))));
        let digest = "07".repeat(32);
        let said = read("", &format!("{roots}server_roots_sha256 = \"{digest}\"\n")).unwrap();
        assert_eq!(said.roots().unwrap().sha256, Some([7; 32]));
        for bad in ["07", &"07".repeat(33), &"0x".repeat(32)] {
            let outcome = read("", &format!("{roots}server_roots_sha256 = \"{bad}\"\n"));
            assert!(matches!(outcome, Err(SettingsError::Malformed { .. })), "{bad}");
        }
    }
}
