//! `lanyard init`: a configuration, PINs, an empty token and an empty database. Overwrites nothing, and run again it goes on
//! where it stopped.
//!
//! The server's own PIN lies in `secrets/`. The security officer's, which can set that one anew and which the server never
//! needs, lies apart in `security-officer/` or where `--so-pin` says, to be carried away.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use hsm::Pin;
use platform::clock::Clock;
use platform::db::Db;

use super::softhsm;
use crate::cli::Init;
use crate::config::{Config, Purpose, Template, Token, host, listen_on};
use crate::files::{self, Readers};
use crate::terminal::{Outcome, line};
use crate::{secrets, wiring};

/// The variable by which SoftHSM finds its configuration.
const SOFTHSM2_CONF: &str = "SOFTHSM2_CONF";

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
        BTreeMap::from([(SOFTHSM2_CONF.to_owned(), self.softhsm().display().to_string())])
    }

    /// Writes PINs, the token's configuration and at last ours; what is there already stays as it is. The last file
    /// is the sign that all are there, so a crash before it is made good by running again.
    pub fn write(&self, template: &Template, organisation: &str) -> anyhow::Result<Outcome> {
        if self.configuration().exists() {
            return Ok(Outcome::InPlace(self.configuration().display().to_string()));
        }
        for folder in ["secrets", "tls"] {
            files::private_folder(&self.root.join(folder))?;
        }
        if template.token == Token::Made {
            self.write_pins()?;
            self.write_place()?;
        }
        let document_key = self.root.join("secrets/document.key");
        if !document_key.exists() {
            files::write(&document_key, secrets::key()?.as_bytes(), Readers::Owner)?;
        }
        if !self.ceremony().exists() {
            let specification = super::ceremony::specification(organisation, template.purpose);
            files::write(&self.ceremony(), specification.as_bytes(), Readers::Everyone)?;
        }
        files::write(&self.configuration(), template.render().as_bytes(), Readers::Owner)?;
        Ok(Outcome::Done(self.configuration().display().to_string()))
    }

    /// The PINs of a token that is made here.
    fn write_pins(&self) -> anyhow::Result<()> {
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
        Ok(())
    }

    /// Where SoftHSM keeps a token that is made here.
    fn write_place(&self) -> anyhow::Result<()> {
        let (token, tokens) = (self.root.join("token"), self.root.join("token/tokens"));
        for folder in [&token, &tokens] {
            if !folder.exists() {
                files::private_folder(folder)?;
            }
        }
        if !self.softhsm().exists() {
            files::write(&self.softhsm(), softhsm::configuration(&tokens).as_bytes(), Readers::Owner)?;
        }
        Ok(())
    }

    /// Refuses, before anything is written, a token of others that is not there, and to make PINs for a token that has its own.
    fn demand_fit(&self, template: &Template) -> anyhow::Result<()> {
        match template.token {
            Token::Found => demand_token(&template.module, &template.label),
            Token::Made if self.softhsm().exists() && !self.user_pin().exists() => {
                if token_exists(&template.module, &template.label)? {
                    bail!(
                        "there is a token {} in {}, and its PIN is not in {}; put it there, then run this again",
                        template.label,
                        self.root.join("token").display(),
                        self.user_pin().display()
                    );
                }
                Ok(())
            }
            Token::Made => Ok(()),
        }
    }

    /// Who makes the token of a configuration that is there: we only one of SoftHSM in this folder, with our PIN.
    fn whose(&self, config: &Config) -> Token {
        let [token] = config.hsm.tokens.as_slice() else { return Token::Found };
        let place = config.environment.get(SOFTHSM2_CONF).map(Path::new);
        let ours = matches!(&token.pin, hsm::PinSource::File(file) if *file == self.user_pin());
        if ours && place == Some(self.softhsm().as_path()) && softhsm::is_named(&token.module) {
            Token::Made
        } else {
            Token::Found
        }
    }

    /// Makes the token of the configuration, unless there is one; one that nobody has a PIN for yet gets it.
    pub fn token(&self, config: &Config) -> anyhow::Result<Outcome> {
        let [token] = config.hsm.tokens.as_slice() else {
            bail!("the configuration names several tokens; make them with the tools of their maker")
        };
        let label = &token.label;
        // Before any PIN is read: the security officer's is likely elsewhere by now.
        let exists = token_exists(&token.module, label)?;
        if exists && !hsm::token_lacks_pin(&token.module, label).context("the tokens could not be listed")? {
            return Ok(Outcome::InPlace(format!("token {label}")));
        }
        let pin = |file: &Path| -> anyhow::Result<Pin> {
            Ok(Pin::new(files::read_text(file)?.trim_end().to_owned()))
        };
        let (so_pin, user_pin) = (pin(&self.so_pin)?, pin(&self.user_pin())?);
        // A crash within leaves a token without a PIN, which the next run gives it.
        let made = if exists { hsm::finish_token } else { hsm::init_token };
        made(&token.module, label, &so_pin, &user_pin).context("the token could not be made")?;
        Ok(Outcome::Done(format!("{label} in {}", self.root.join("token").display())))
    }

    /// Refuses to make a token beside a database that was used with another: what of it is wrapped opens by that one alone, and a folder
    /// that is not mounted looks like one that was never made.
    fn demand_its_token(&self, config: &Config) -> anyhow::Result<()> {
        let gone = || {
            format!(
                "the token of {} is not there, and its database is in use: bring the token back (mount it, or restore its copy)",
                self.root.display()
            )
        };
        ensure!(self.softhsm().exists(), "{}", gone());
        for token in &config.hsm.tokens {
            ensure!(token_exists(&token.module, &token.label).with_context(gone)?, "{}", gone());
        }
        Ok(())
    }

    /// Makes what an earlier run did not come to, the token or the tables; what that was.
    async fn go_on(&self, config: &Config) -> anyhow::Result<Vec<String>> {
        let tables = Tables::of(config).await?;
        let mut made = Vec::new();
        match self.whose(config) {
            Token::Made => {
                if !matches!(tables, Tables::Unfinished) {
                    self.demand_its_token(config)?;
                }
                self.write_place()?;
                let outcome = self.token(config).with_context(|| {
                    format!("the token of {} is not whole, and none was made", self.configuration().display())
                })?;
                if let Outcome::Done(what) = outcome {
                    made.push(format!("token {what}"));
                }
            }
            Token::Found => {
                for token in &config.hsm.tokens {
                    demand_token(&token.module, &token.label)?;
                }
            }
        }
        let url = wiring::shown(&config.database.url);
        match tables {
            Tables::Whole => {}
            Tables::Unfinished => {
                drop(super::migrate::migrated(config).await?);
                made.push(format!("tables in {url}"));
            }
            Tables::Behind(missing) => bail!(
                "{missing} migrations are missing in {url}, which is in use: take a backup with the version that migrated it \
                 last; afterwards run `lanyard migrate`"
            ),
        }
        Ok(made)
    }
}

/// What a token's library must find in its environment: what the configuration says, where there is one, and nothing of ours
/// for a token that others made.
pub fn environment(options: &Init) -> anyhow::Result<BTreeMap<String, String>> {
    let folder = Folder::new(&options.dir)?;
    if folder.configuration().exists() {
        return Ok(Config::load(&folder.configuration())?.environment);
    }
    Ok(match whose(options) {
        Token::Made => folder.environment(),
        Token::Found => BTreeMap::new(),
    })
}

/// Makes an installation in the folder, or what an earlier run left to do.
pub async fn run(options: &Init) -> anyhow::Result<()> {
    let folder = Folder::new(&options.dir)?.with_so_pin(options.so_pin.as_deref())?;
    let _alone = files::alone(&folder.root)?;
    if folder.configuration().exists() {
        let config = Config::load(&folder.configuration())?;
        let made = folder.go_on(&config).await?;
        if made.is_empty() {
            bail!(
                "{} exists; nothing was changed. Choose another --dir, or edit the file and run `lanyard check`",
                folder.configuration().display()
            );
        }
        for what in &made {
            line(format_args!("made {what}"));
        }
        tell_next_steps(&folder, &config);
        return Ok(());
    }
    let template = Template {
        listen: listen_on(Ipv4Addr::UNSPECIFIED, &options.ports),
        module: softhsm::find(options.module.as_deref())?,
        label: options.label.clone(),
        token: whose(options),
        host: options.host.clone(),
        purpose: Purpose::Work,
    };
    folder.demand_fit(&template)?;
    folder.write(&template, &options.organisation)?;
    let config = Config::load(&folder.configuration())?;
    folder.go_on(&config).await?;
    line(format_args!("wrote {}", folder.configuration().display()));
    tell_next_steps(&folder, &config);
    Ok(())
}

/// Who makes the token: whoever names a library has one.
fn whose(options: &Init) -> Token {
    if options.module.is_some() { Token::Found } else { Token::Made }
}

fn token_exists(module: &Path, label: &str) -> anyhow::Result<bool> {
    hsm::token_exists(module, label).context("the tokens could not be listed")
}

/// Refuses a token of others that is not there: an empty place at their device is not ours to take.
fn demand_token(module: &Path, label: &str) -> anyhow::Result<()> {
    if !token_exists(module, label)? {
        bail!(
            "there is no token {label} in {}; make it with its own tools, then run this again",
            module.display()
        );
    }
    Ok(())
}

/// How far the tables of a database are.
enum Tables {
    /// Not all are made, and nothing was recorded in them: nobody began, or whoever did broke off.
    Unfinished,
    /// So many migrations are missing in a database that is in use.
    Behind(usize),
    /// All are made.
    Whole,
}

impl Tables {
    /// Those of the configuration's database; the folder of its file is made where there is none.
    async fn of(config: &Config) -> anyhow::Result<Self> {
        let file = config.database.url.strip_prefix("sqlite:").map(Path::new);
        if let Some(folder) = file.and_then(Path::parent)
            && !folder.exists()
        {
            files::private_folder(folder)?;
        }
        let db = wiring::database(config, &Clock::system()).await?;
        let found = Self::in_database(&db).await;
        db.close().await;
        found
    }

    async fn in_database(db: &Db) -> anyhow::Result<Self> {
        let missing = db.pending_migrations().await?;
        if missing == 0 {
            return Ok(Self::Whole);
        }
        Ok(if audit::nothing_recorded(db).await? { Self::Unfinished } else { Self::Behind(missing) })
    }
}

/// Tells what whoever ran this does next.
fn tell_next_steps(folder: &Folder, config: &Config) {
    line("What comes next:");
    for (at, step) in next_steps(folder, config).iter().enumerate() {
        line(format_args!("  {}. {step}", at + 1));
    }
}

/// What comes next; commands can be pasted as they stand.
fn next_steps(folder: &Folder, config: &Config) -> Vec<String> {
    let mut steps = Vec::new();
    if std::env::current_dir().ok().as_deref() != Some(folder.root.as_path()) {
        steps.push(format!("cd {}", quoted(&folder.root)));
    }
    steps.push(match folder.whose(config) {
        Token::Made => format!("carry {} away: {SO_PIN_ADVICE}", folder.so_pin.display()),
        Token::Found => format!(
            "put this token's PIN into {} (mode 0600) before any other command: a wrong one costs a try. Name in \
             [environment] what its library reads from there",
            folder.user_pin().display()
        ),
    });
    steps.push(format!(
        "read lanyard.toml and {}; set [time] source to kernel or chrony, and addresses to a name that others reach, \
         which `lanyard check` notes",
        folder.ceremony().display()
    ));
    let host = config.authn.as_ref().map_or("HOSTNAME", |authn| host(&authn.issuer));
    steps.push("lanyard ceremony --spec ceremony.toml      # makes the root and the authorities".to_owned());
    steps.push(format!(
        "lanyard enrol --kind server {host} --out tls   # then name tls/{host}.pem and tls/{host}.key in [tls]"
    ));
    steps.push("lanyard enrol registration-desk --out clients    # the first client".to_owned());
    steps.push("lanyard check && lanyard serve".to_owned());
    steps
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell takes each path for one word, and nothing in it for its own.
    #[test]
    fn paths_are_one_word() {
        for (path, word) in [
            ("/etc/lanyard", "/etc/lanyard"),
            ("/srv/the ward", "'/srv/the ward'"),
            ("/srv/a'b$(c)", r"'/srv/a'\''b$(c)'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
