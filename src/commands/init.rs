//! `lanyard init`: a configuration, PINs, an empty token and an empty database. Overwrites nothing.
//!
//! The server's own PIN lies in `secrets/`. The security officer's, which can set that one anew and which the server never
//! needs, lies apart in `security-officer/` or where `--so-pin` says, to be carried away.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hsm::Pin;

use super::softhsm;
use crate::cli::Init;
use crate::config::{Config, Purpose, Template, listen_on};
use crate::files::{self, Readers};
use crate::secrets;
use crate::terminal::{Outcome, line};

/// The label of the token that is made.
const TOKEN: &str = "lanyard";

/// Where the security officer's PIN is put unless told otherwise, in the folder of the installation.
const SECURITY_OFFICER: &str = "security-officer";
/// The name of the file with the security officer's PIN.
const SO_PIN: &str = "so.pin";

/// What is to be done with that file.
const SO_PIN_ADVICE: &str = "it sets the token's other PIN anew and the server never needs it, so keep it off this machine, \
                             with whoever answers for the keys";

/// Files with a security officer's PIN that are within reach of whoever reads this PIN file, and what to do about them.
pub fn so_pins_near(user_pin: &Path) -> Vec<String> {
    let Some(folder) = user_pin.parent() else { return Vec::new() };
    let beside = folder.join(SO_PIN);
    let apart = folder.parent().map(|above| above.join(SECURITY_OFFICER).join(SO_PIN));
    let mut found = Vec::new();
    if beside.exists() {
        found.push(format!(
            "{} lies beside the server's own; move it away: {SO_PIN_ADVICE}",
            beside.display()
        ));
    }
    if let Some(apart) = apart.filter(|apart| apart.exists()) {
        found.push(format!("{} is still on this machine; move it away: {SO_PIN_ADVICE}", apart.display()));
    }
    found
}

/// A folder that holds one installation.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    so_pin: PathBuf,
}

impl Folder {
    /// At this path.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let root = std::path::absolute(path)?;
        Ok(Self { so_pin: root.join(SECURITY_OFFICER).join(SO_PIN), root })
    }

    /// With the security officer's PIN in another file.
    fn with_so_pin(self, file: Option<&Path>) -> anyhow::Result<Self> {
        match file {
            Some(file) => Ok(Self { so_pin: std::path::absolute(file)?, ..self }),
            None => Ok(self),
        }
    }

    /// `lanyard.toml`.
    pub fn configuration(&self) -> PathBuf {
        self.root.join("lanyard.toml")
    }

    /// `ceremony.toml`, from which the authorities are made.
    pub fn ceremony(&self) -> PathBuf {
        self.root.join("ceremony.toml")
    }

    fn user_pin(&self) -> PathBuf {
        self.root.join("secrets/user.pin")
    }

    fn softhsm(&self) -> PathBuf {
        self.root.join("token/softhsm2.conf")
    }

    /// What the token's library must find in its environment before it is loaded.
    pub fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("SOFTHSM2_CONF".to_owned(), self.softhsm().display().to_string())])
    }

    /// Writes PINs, the token's configuration and at last ours; what is there already stays as it is. The last file
    /// is the sign that all are there, so a crash before it is made good by running again.
    pub fn write(&self, template: &Template, organisation: &str) -> anyhow::Result<Outcome> {
        if self.configuration().exists() {
            return Ok(Outcome::InPlace(self.configuration().display().to_string()));
        }
        for folder in ["secrets", "token", "token/tokens", "tls"] {
            files::private_folder(&self.root.join(folder))?;
        }
        if self.so_pin.starts_with(&self.root)
            && let Some(folder) = self.so_pin.parent()
        {
            files::private_folder(folder)?;
        }
        for pin in [&self.user_pin(), &self.so_pin] {
            if !pin.exists() {
                files::write(pin, secrets::pin()?.as_bytes(), Readers::Owner)?;
            }
        }
        let document_key = self.root.join("secrets/document.key");
        if !document_key.exists() {
            files::write(&document_key, secrets::key()?.as_bytes(), Readers::Owner)?;
        }
        let tokens = self.root.join("token/tokens");
        files::write(&self.softhsm(), softhsm::configuration(&tokens).as_bytes(), Readers::Owner)?;
        if !self.ceremony().exists() {
            let specification = super::ceremony::specification(organisation, template.purpose);
            files::write(&self.ceremony(), specification.as_bytes(), Readers::Everyone)?;
        }
        files::write(&self.configuration(), template.render().as_bytes(), Readers::Owner)?;
        Ok(Outcome::Done(self.configuration().display().to_string()))
    }

    /// Makes the token of the configuration, unless there is one.
    pub fn token(&self, config: &Config) -> anyhow::Result<Outcome> {
        let [token] = config.hsm.tokens.as_slice() else {
            bail!("the configuration names several tokens; make them with the tools of their maker")
        };
        // Before any PIN is read: the security officer's is likely elsewhere by now.
        let exists = hsm::token_exists(&token.module, TOKEN).context("the tokens could not be listed")?;
        if exists {
            return Ok(Outcome::InPlace(format!("token {TOKEN}")));
        }
        let pin = |file: &Path| -> anyhow::Result<Pin> {
            Ok(Pin::new(files::read_text(file)?.trim_end().to_owned()))
        };
        hsm::init_token(&token.module, TOKEN, &pin(&self.so_pin)?, &pin(&self.user_pin())?)
            .context("the token could not be made")?;
        Ok(Outcome::Done(format!("{TOKEN} in {}", self.root.join("token").display())))
    }
}

/// Makes an installation in the folder.
pub async fn run(options: &Init) -> anyhow::Result<()> {
    let folder = Folder::new(&options.dir)?.with_so_pin(options.so_pin.as_deref())?;
    let _alone = files::alone(&folder.root)?;
    if folder.configuration().exists() {
        bail!(
            "{} exists; nothing was changed. Choose another --dir, or edit the file and run `lanyard check`",
            folder.configuration().display()
        );
    }
    let template = Template {
        listen: listen_on(Ipv4Addr::UNSPECIFIED, &options.ports),
        module: softhsm::find(options.module.as_deref())?,
        host: "localhost".to_owned(),
        purpose: Purpose::Work,
    };
    folder.write(&template, &options.organisation)?;
    let config = Config::load(&folder.configuration())?;
    folder.token(&config)?;
    let database = super::migrate::migrated(&config).await?;
    drop(database);
    line(format_args!("wrote {}", folder.configuration().display()));
    line("What comes next:");
    line(format_args!("  1. carry {} away: {}", folder.so_pin.display(), SO_PIN_ADVICE));
    line(format_args!("  2. read the file, and {}", folder.ceremony().display()));
    line("  3. lanyard ceremony --spec ceremony.toml      makes the root and the authorities");
    line("  4. lanyard enrol --kind server HOSTNAME --out tls   then name the files in [tls]");
    line("  5. lanyard enrol registration-desk --out clients    the first client");
    line("  6. lanyard check && lanyard serve");
    Ok(())
}
