//! The whole configuration: one TOML file, put together from what each module asks for.
//!
//! Unknown keys are refused with their line, and paths that are not absolute start at the folder of
//! the file, so that a configuration means the same wherever the server is started from.

mod addresses;
mod clients;
mod limits;
mod listen;
mod template;
mod time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use addresses::{host, host_name, is_loopback};
pub use clients::{Client, Clients, PERSON_CLIENT};
pub use limits::LimitsConfig;
pub use listen::{Listen, TlsFiles};
pub use template::{Purpose, Template, Token, listen_on};
pub use time::{Source, TimeConfig};

/// Everything that can be set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    #[serde(default)]
    pub listen: Listen,
    /// The certificate of this server.
    pub tls: TlsFiles,
    /// Where rows go.
    pub database: platform::db::Config,
    /// Variables that the PKCS#11 library reads; values that begin with `./` are paths.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The token.
    pub hsm: hsm::Config,
    /// How far the clock is trusted.
    pub time: TimeConfig,
    /// The certificate authority.
    pub ca: ca::Config,
    /// Prescription signing; without it this process does not sign.
    pub signer: Option<signer::Config>,
    /// The register of people, organisations and roles; without it this process does not keep one.
    pub directory: Option<directory::Config>,
    /// Sign-in for relying parties; without it this process signs nobody in.
    pub authn: Option<authn::Config>,
    /// How messages reach people.
    #[serde(default)]
    pub messages: platform::message::Config,
    /// The record of acts.
    pub audit: audit::Config,
    /// Logs, metrics and traces.
    #[serde(default)]
    pub telemetry: platform::telemetry::Config,
    /// How much callers may ask.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Who may call, and for what.
    #[serde(default)]
    pub clients: Clients,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file, or it may not be read.
    #[error(
        "could not read the configuration {}; name it with --config or LANYARD_CONFIG, or let `lanyard init` write one",
        .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML, or says something unknown.
    #[error("the configuration {} is not right\n{message}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why: line, column, the line itself.
        message: String,
    },
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of the file at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let mut config: Self = toml::from_str(text)
            .map_err(|error| Error::Malformed { path: path.to_owned(), message: error.to_string() })?;
        config.anchor(&folder_of(path));
        if let Some(message) = config.pin_in_the_file().or_else(|| config.device_that_is_a_client()) {
            return Err(Error::Malformed { path: path.to_owned(), message });
        }
        Ok(config)
    }

    /// Whether people sign in here without proving who they are, which is served beside the authorities of a demonstration alone.
    pub fn is_sandbox(&self) -> bool {
        self.authn.as_ref().is_some_and(|authn| authn.sandbox.is_some())
    }

    /// A PIN in the file itself would be in every backup, beside the database that it opens.
    fn pin_in_the_file(&self) -> Option<String> {
        self.hsm.tokens.iter().find_map(|token| match &token.pin {
            hsm::PinSource::Env(name) if self.environment.contains_key(name) => Some(format!(
                "[environment] sets {name}, the variable with the PIN of the token \"{}\": the PIN must not stand in this \
                 file. Set the variable where the server is started, or name a file: pin = {{ file = \"…\" }}",
                token.label
            )),
            _ => None,
        })
    }

    /// A device that a road admits by its maker's certificate gets one of ours in its name; were that the name of a
    /// client, it would be the client.
    fn device_that_is_a_client(&self) -> Option<String> {
        for (road, settings) in &self.ca.enrol.roads {
            let Some(vendors) = &settings.vendors else { continue };
            if let Some((client, _)) = self.clients.all().find(|(client, _)| vendors.admits(client.as_str()))
            {
                return Some(format!(
                    "the devices of the road \"{road}\" may have the name of the client \"{client}\"; narrow \
                     [ca.enrol.roads.{road}.vendors] devices, or rename the client"
                ));
            }
        }
        None
    }

    /// Lets every relative path start at `base`.
    fn anchor(&mut self, base: &Path) {
        self.tls.anchor(base);
        anchor_database(&mut self.database.url, base);
        for value in self.environment.values_mut() {
            if let Some(relative) = value.strip_prefix("./") {
                *value = base.join(relative).display().to_string();
            }
        }
        if let Some(file) = &mut self.telemetry.file {
            anchor_path(file, base);
        }
        if let Some(sink) = &mut self.audit.sink {
            anchor_path(sink, base);
        }
        if let Some(key) = self.directory.as_mut().and_then(|directory| directory.document_key.as_mut()) {
            anchor_path(key, base);
        }
        if let Some(folder) = self.directory.as_mut().and_then(|directory| directory.reads_journal.as_mut()) {
            anchor_path(folder, base);
        }
        if let Some(ldap) = self.directory.as_mut().and_then(|directory| directory.ldap.as_mut()) {
            for account in ldap.accounts.values_mut() {
                anchor_path(&mut account.password, base);
            }
        }
        if let Some(authn) = &mut self.authn {
            for file in [&mut authn.anchors, &mut authn.webauthn.metadata].into_iter().flatten() {
                anchor_path(file, base);
            }
        }
        self.messages.each_path(|path| anchor_path(path, base));
        if let Some(profiles) = &mut self.ca.profiles {
            anchor_path(profiles, base);
        }
        if let Some(keys) = &mut self.ca.refused_keys {
            anchor_path(keys, base);
        }
        let cards = &mut self.ca.cards;
        for path in [&mut cards.attestation_anchors, &mut cards.content_signers, &mut cards.face_template]
            .into_iter()
            .flatten()
        {
            anchor_path(path, base);
        }
        if let Some(acme) = &mut self.ca.acme {
            for roots in acme.attestation_roots.values_mut() {
                anchor_path(roots, base);
            }
        }
        for road in self.ca.enrol.roads.values_mut() {
            if let Some(vendors) = &mut road.vendors {
                anchor_path(&mut vendors.roots, base);
            }
        }
        for token in &mut self.hsm.tokens {
            anchor_path(&mut token.module, base);
            if let hsm::PinSource::File(file) | hsm::PinSource::Shares(file) = &mut token.pin {
                anchor_path(file, base);
            }
        }
    }
}

/// The folder of a file as an absolute path.
fn folder_of(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

fn anchor_path(path: &mut PathBuf, base: &Path) {
    *path = crate::files::from_base(base, path);
}

/// `sqlite:lanyard.db` means the file beside the configuration.
fn anchor_database(url: &mut String, base: &Path) {
    if let Some(file) = url.strip_prefix("sqlite:")
        && !file.starts_with('/')
        && !file.starts_with(":memory:")
    {
        *url = format!("sqlite:{}", base.join(file.trim_start_matches("./")).display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> String {
        Template::example().render()
    }

    fn refused(text: &str) -> String {
        match Config::parse(text, Path::new("/etc/lanyard/lanyard.toml")) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("the configuration was taken"),
        }
    }

    /// What `lanyard init` writes is a configuration that can be read.
    #[test]
    fn the_template_is_a_configuration() {
        let config = Config::parse(&template(), Path::new("/etc/lanyard/lanyard.toml")).unwrap();
        assert_eq!(config.listen.public.port(), 8443);
        assert_eq!(config.database.url, "sqlite:/etc/lanyard/lanyard.db");
        assert_eq!(config.tls.certificate, Path::new("/etc/lanyard/tls/server.pem"));
        assert_eq!(
            config.environment.get("SOFTHSM2_CONF").map(String::as_str),
            Some("/etc/lanyard/token/softhsm2.conf")
        );
    }

    /// An unknown key is refused, and the message names its line and the key.
    #[test]
    fn unknown_keys_are_refused_with_their_line() {
        let text = template().replace("[time]\n", "[time]\nsorce = \"kernel\"\n");
        let line = 1 + text.lines().position(|line| line.starts_with("sorce")).unwrap();
        let message = refused(&text);
        assert!(message.contains(&format!("line {line}")), "{message}");
        assert!(message.contains("sorce"), "{message}");
    }

    /// An unknown section, an unknown client key and a wrong port are refused, each with its name.
    #[test]
    fn mistakes_are_named() {
        for (wrong, named) in [
            ("\n[cas]\nx = 1\n", "cas"),
            ("\n[clients.oops]\nacts = []\nrole = \"x\"\n", "role"),
            ("\n[clients.oops]\nacts = [\"signer:anything\"]\n", "signer:anything"),
            ("\n[clients.\"no good\"]\nacts = []\n", "no good"),
            ("\n[clients.sign-in-certificate]\nacts = []\n", "sign-in-certificate"),
            ("\n[clients.\"module:signer\"]\nacts = []\n", "module:signer"),
            ("\n[clients.oops]\nacts = [\"ca:issue\"]\n", "profiles"),
            ("\n[clients.oops]\nacts = [\"ca:issue\"]\nprofiles = []\n", "profiles"),
            ("\n[clients.oops]\nacts = [\"ca:read\"]\nprofiles = [\"person-sign-in\"]\n", "ca:issue"),
            ("\n[clients.oops]\nacts = []\nprofiles = [\"No Profile\"]\n", "No Profile"),
            (
                "\n[clients.oops]\nacts = [\"ca:issue\"]\nprofiles = [\"prescriber-remote-signing\"]\n",
                "prescriber-remote-signing",
            ),
        ] {
            let message = refused(&(template() + wrong));
            assert!(message.contains(named) && message.contains("line"), "{wrong}: {message}");
        }
        let named =
            |letters: usize| format!("{}\n[clients.{}]\nacts = []\n", template(), "a".repeat(letters));
        assert!(refused(&named(65)).contains("at most 64 letters"));
        assert!(Config::parse(&named(64), Path::new("/etc/lanyard/lanyard.toml")).is_ok());
        for wide in ["0.0.0.0/0", "::/0"] {
            let listen = format!("[listen]\nbalancers = [\"10.0.9.0/28\", \"{wide}\"]\n");
            let message = refused(&template().replace("[listen]\n", &listen));
            assert!(
                message.contains(&format!("balancers has {wide}")) && message.contains("line"),
                "{message}"
            );
        }
        let message = refused(&template().replace(":8443\"", ":84430\""));
        assert!(message.contains("line"), "{message}");
    }

    /// Devices that a maker vouches for cannot take a client's name; their roots are found beside the file.
    #[test]
    fn devices_are_no_clients() {
        let with = |devices: &str| {
            format!(
                "{}\n[ca.enrol.roads.d]\nprofile = \"device-tls-client\"\n\
                 vendors = {{ roots = \"makers.pem\", devices = [\"{devices}\"] }}\n[clients.lab-desk]\nacts = []\n",
                template()
            )
        };
        let message = refused(&with("lab-*"));
        assert!(message.contains("lab-desk") && message.contains("vendors"), "{message}");
        let config = Config::parse(&with("lab-0*"), Path::new("/etc/lanyard/lanyard.toml")).unwrap();
        let vendors = config.ca.enrol.roads.values().find_map(|road| road.vendors.as_ref()).unwrap();
        assert_eq!(vendors.roots, Path::new("/etc/lanyard/makers.pem"));
    }

    /// A PIN in the configuration itself is refused without showing it; one in a variable of the process is not.
    #[test]
    fn pins_do_not_stand_in_the_file() {
        let from_variable = template().replace("{ file = \"secrets/user.pin\" }", "{ env = \"TOKEN_PIN\" }");
        assert!(Config::parse(&from_variable, Path::new("/etc/lanyard/lanyard.toml")).is_ok());
        let message = refused(&from_variable.replace("SOFTHSM2_CONF", "TOKEN_PIN = \"4711\"\nSOFTHSM2_CONF"));
        assert!(message.contains("TOKEN_PIN") && !message.contains("4711"), "{message}");
    }

    /// The journal of reads lies beside the file that names it.
    #[test]
    fn the_journal_is_beside_the_file() {
        let settings = "\nreads_recorded = \"journal\"\nreads_journal = \"reads\"\ndocument_key";
        let text = template().replace("\ndocument_key", settings);
        let config = Config::parse(&text, Path::new("/etc/lanyard/lanyard.toml")).unwrap();
        let folder = config.directory.unwrap().reads_journal;
        assert_eq!(folder.as_deref(), Some(Path::new("/etc/lanyard/reads")));
    }

    /// Absolute paths stay as they are.
    #[test]
    fn absolute_paths_stay() {
        let text = template().replace("sqlite:lanyard.db", "sqlite:/var/lib/lanyard.db");
        let config = Config::parse(&text, Path::new("/etc/lanyard/lanyard.toml")).unwrap();
        assert_eq!(config.database.url, "sqlite:/var/lib/lanyard.db");
    }
}
