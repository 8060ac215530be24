//! `lanyard check`: one line for each thing the server needs, and what to do about those that are not right.

use std::net::TcpListener;
use std::path::Path;

use anyhow::bail;
use directory::KeyStanding;
use platform::clock::Clock;
use platform::db::Db;
use platform::message::{Carriers, Channel};

use super::init;
use crate::config::{Config, Source, host, is_loopback};
use crate::keypair::Pair;
use crate::terminal::line;
use crate::{document_key, environment, files, wiring};

/// What was found.
enum Finding {
    /// As it must be.
    Good(&'static str, String),
    /// Worth knowing; the server starts all the same.
    Note(&'static str, String),
    /// Not right: what happened, and what to do.
    Bad(&'static str, String),
}

/// Checks everything and ends in an error when something is not right.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    environment::ensure(&config.environment)?;
    let mut findings = vec![Finding::Good("configuration", path.display().to_string())];
    findings.extend(settings(&config));
    findings.extend(addresses(&config));
    findings.extend(pin_files(&config));
    findings.extend(so_pins(&config));
    findings.extend(server_certificate(&config));
    findings.extend(config.listen.all().map(|(name, address)| port(name, address)));
    findings.extend(super::block_on(async { Ok(services(&config).await) })?);
    let mut bad = 0;
    for finding in &findings {
        match finding {
            Finding::Good(name, what) => line(format_args!("ok    {name:<14} {what}")),
            Finding::Note(name, what) => line(format_args!("note  {name:<14} {what}")),
            Finding::Bad(name, what) => {
                bad += 1;
                line(format_args!("FAIL  {name:<14} {what}"));
            }
        }
    }
    if bad > 0 {
        bail!("{bad} of {} checks failed", findings.len());
    }
    Ok(())
}

/// Values that read, and that the server would refuse all the same.
fn settings(config: &Config) -> Vec<Finding> {
    const NAME: &str = "setting";
    let mut refused: Vec<String> = Vec::new();
    refused.extend(wiring::demand_profiles(config).err().map(|error| format!("{error:#}")));
    refused.extend(config.signer.as_ref().and_then(|it| it.check().err()).map(|error| error.to_string()));
    refused.extend(config.directory.as_ref().and_then(|it| it.check().err()).map(|error| error.to_string()));
    refused.extend(config.authn.as_ref().and_then(|it| it.check().err()).map(|error| error.to_string()));
    let ports = config.listen.all();
    for (at, (name, address)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports[..at].iter().find(|(_, before)| before == address) {
            refused.push(format!("[listen] gives {address} to {other} and to {name}; each needs its own"));
        }
    }
    refused.into_iter().map(|what| Finding::Bad(NAME, what)).collect()
}

/// Addresses that others cannot use; a demonstration is for this machine alone.
fn addresses(config: &Config) -> Vec<Finding> {
    const NAME: &str = "address";
    if config.is_sandbox() {
        return Vec::new();
    }
    let local = config.addresses().into_iter().filter(|(_, address)| is_loopback(host(address)));
    local
        .map(|(setting, address)| {
            let what = format!(
                "{setting} is {address}, this machine alone, for whoever keeps it: set it before anything is issued"
            );
            Finding::Note(NAME, what)
        })
        .collect()
}

async fn services(config: &Config) -> Vec<Finding> {
    let mut findings = vec![clock(config).await];
    findings.extend(token(config).await);
    findings.extend(database(config).await);
    if config.directory.is_some() {
        findings.push(messages(config));
    }
    findings
}

/// How codes and notices reach people. That a server takes them is seen when the first is sent.
fn messages(config: &Config) -> Finding {
    const NAME: &str = "messages";
    // A client of HTTP is made with it.
    platform::tls::install_crypto_provider();
    let carriers = match Carriers::open(&config.messages) {
        Ok(carriers) => carriers,
        Err(error) => return Finding::Bad(NAME, error.to_string()),
    };
    let without: Vec<&str> = [Channel::Email, Channel::Text]
        .into_iter()
        .filter(|channel| !carriers.carries(*channel))
        .map(Channel::word)
        .collect();
    if without.is_empty() {
        return Finding::Good(NAME, "e-mail and text messages have a way".to_owned());
    }
    let what =
        format!("nothing is sent by {}: no address can be verified so; see [messages]", without.join(" or "));
    Finding::Note(NAME, what)
}

fn pin_files(config: &Config) -> Vec<Finding> {
    const NAME: &str = "PIN file";
    config
        .hsm
        .tokens
        .iter()
        .map(|token| match &token.pin {
            hsm::PinSource::Env(name) => Finding::Good(NAME, format!("from the variable {name}")),
            hsm::PinSource::Shares(path) => {
                Finding::Good(NAME, format!("in shares, which {} describes", path.display()))
            }
            hsm::PinSource::Given(_) => Finding::Good(NAME, "given by its holders".to_owned()),
            hsm::PinSource::File(path) => match files::open_to_others(path) {
                Ok(None) => Finding::Good(NAME, path.display().to_string()),
                Ok(Some(mode)) => Finding::Bad(
                    NAME,
                    format!(
                        "{} has mode {mode:04o}, so others may read it; `chmod 0600 {0}`",
                        path.display()
                    ),
                ),
                Err(error) => Finding::Bad(
                    NAME,
                    format!("{}: {error}; name the right file in [[hsm.tokens]] pin", path.display()),
                ),
            },
        })
        .collect()
}

/// Whoever has the security officer's PIN can set the other anew: the two are not to be found together.
fn so_pins(config: &Config) -> Vec<Finding> {
    let files = config.hsm.tokens.iter().filter_map(|token| match &token.pin {
        hsm::PinSource::File(path) => Some(path),
        hsm::PinSource::Env(_) | hsm::PinSource::Shares(_) | hsm::PinSource::Given(_) => None,
    });
    files.flat_map(|path| init::so_pins_near(path)).map(|what| Finding::Note("SO PIN", what)).collect()
}

fn server_certificate(config: &Config) -> Vec<Finding> {
    const NAME: &str = "TLS";
    let pair = Pair { certificate: config.tls.certificate.clone(), key: config.tls.key.clone() };
    let mut findings = Vec::new();
    match pair.in_force(Clock::system().now()) {
        Some(certificate) => findings.push(Finding::Good(NAME, certificate.subject().to_string())),
        None => findings.push(Finding::Bad(
            NAME,
            format!(
                "there is no certificate at {} that is good for another three weeks, or no key; `lanyard enrol --kind server HOSTNAME` makes both",
                pair.certificate.display()
            ),
        )),
    }
    if let Ok(Some(mode)) = files::open_to_others(&pair.key) {
        let path = pair.key.display();
        findings.push(Finding::Bad(NAME, format!("{path} has mode {mode:04o}; `chmod 0600 {path}`")));
    }
    findings
}

async fn clock(config: &Config) -> Finding {
    const NAME: &str = "clock";
    match config.time.source.check(config.time.limit()).await {
        Ok(_) if config.time.source == Source::HostTrusted && !config.is_sandbox() => Finding::Note(
            NAME,
            "the host's word is taken for it, which is for trying out; set [time] source to kernel or chrony"
                .to_owned(),
        ),
        Ok(accuracy) => Finding::Good(NAME, wiring::told(accuracy)),
        Err(error) => Finding::Bad(NAME, error.to_string()),
    }
}

fn port(name: &'static str, address: std::net::SocketAddr) -> Finding {
    const NAME: &str = "port";
    match TcpListener::bind(address) {
        Ok(_) => Finding::Good(NAME, format!("{name} {address}")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::Note(
            NAME,
            format!(
                "{name} {address} is in use; right if this server is running, otherwise change it in [listen]"
            ),
        ),
        Err(error) => Finding::Bad(NAME, format!("{name} {address}: {error}; change it in [listen]")),
    }
}

async fn token(config: &Config) -> Vec<Finding> {
    const NAME: &str = "token";
    let hsm = match hsm::Hsm::open(config.hsm.clone()).await {
        Ok(hsm) => hsm,
        Err(error @ hsm::Error::TokenNotFound { .. }) => {
            let what = format!(
                "{error}; see [[hsm.tokens]] and [environment]. `lanyard init` makes it where it wrote the configuration \
                 with one of its own; any other is made with its own tools"
            );
            return vec![Finding::Bad(NAME, what)];
        }
        Err(error) => {
            return vec![Finding::Bad(NAME, format!("{error}; see [[hsm.tokens]] and [environment]"))];
        }
    };
    let mut findings = Vec::new();
    for token in hsm.health().tokens {
        findings.push(match token.state {
            hsm::TokenState::Ready => Finding::Good(NAME, format!("{} is ready", token.label)),
            state => Finding::Bad(NAME, format!("{} is not ready: {state:?}", token.label)),
        });
    }
    findings.extend(abilities(&hsm.health().tokens));
    findings.push(match hsm.key(&config.audit.key).await {
        Ok(_) => Finding::Good("audit key", config.audit.key.clone()),
        Err(hsm::Error::KeyNotFound { .. }) => Finding::Note(
            "audit key",
            format!("{} is not there yet; `lanyard ceremony` makes it", config.audit.key),
        ),
        Err(error) => Finding::Bad("audit key", error.to_string()),
    });
    findings
}

/// What one of the tokens must be able to do, whichever it is.
fn abilities(tokens: &[hsm::TokenHealth]) -> [Finding; 2] {
    let signs = tokens.iter().find(|token| token.algs.contains(&hsm::Alg::Ed25519));
    let wraps = tokens.iter().find_map(|token| Some((token, token.wrapping?)));
    let no_ed25519 = "no token has Ed25519, which the audit record is signed with; use one that has it";
    let no_wrapping = "no token can wrap keys (CKM_AES_KEY_WRAP_PAD or CKM_AES_GCM); people's signing keys and \
                       sealed secrets need it";
    [
        signs.map_or_else(
            || Finding::Bad("Ed25519", no_ed25519.to_owned()),
            |token| Finding::Good("Ed25519", format!("{} signs the audit record with it", token.label)),
        ),
        wraps.map_or_else(
            || Finding::Bad("key wrapping", no_wrapping.to_owned()),
            |(token, how)| Finding::Good("key wrapping", format!("{} by {how:?}", token.label)),
        ),
    ]
}

async fn database(config: &Config) -> Vec<Finding> {
    const NAME: &str = "database";
    let url = wiring::shown(&config.database.url);
    let db = match Db::connect(&config.database, Clock::system()).await {
        Ok(db) => db,
        Err(error) => return vec![Finding::Bad(NAME, format!("{url}: {error}; see [database]"))],
    };
    if let Err(what) = fit(&db).await {
        return vec![Finding::Bad(NAME, what)];
    }
    let mut findings = vec![Finding::Good(NAME, url)];
    if let Some(section) = &config.directory {
        findings.push(register_key(section, &db).await);
    }
    findings
}

/// Whether the register has this key. The first one it meets is its own for good, so that of a second machine must not be.
async fn register_key(section: &directory::Config, db: &Db) -> Finding {
    const NAME: &str = "document key";
    match document_key::look(section, db).await {
        Ok((key, KeyStanding::Unknown)) => Finding::Note(
            NAME,
            format!(
                "this register has none yet: the first server to start gives it the one in {} ({}…); compare the files of all \
                 machines first",
                section.document_key.as_deref().unwrap_or(Path::new("")).display(),
                key.fingerprint()
            ),
        ),
        Ok((key, _)) => Finding::Good(NAME, format!("the one of this register ({}…)", key.fingerprint())),
        Err(error) => Finding::Bad(NAME, format!("{error:#}")),
    }
}

/// Why a server does not take the database into use, where it does not.
async fn fit(db: &Db) -> Result<(), String> {
    match db.pending_migrations().await {
        Ok(0) => {}
        Ok(pending) => return Err(format!("{pending} migrations are missing; run `lanyard migrate`")),
        Err(error) => return Err(error.to_string()),
    }
    match db.restored().await {
        Ok(None) => Ok(()),
        Ok(Some(restored)) => Err(wiring::in_recovery(&restored)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(algs: Vec<hsm::Alg>, wrapping: Option<hsm::WrapMechanism>) -> hsm::TokenHealth {
        hsm::TokenHealth {
            label: "lanyard".to_owned(),
            module: "/usr/lib/softhsm/libsofthsm2.so".into(),
            state: hsm::TokenState::Ready,
            wrapping,
            algs,
            live_keys: 0,
            abandoned_threads: 0,
        }
    }

    /// Tokens of which none signs with Ed25519, or none wraps keys, are told as such; one that can is enough.
    #[test]
    fn what_no_token_can_do_is_told() {
        use hsm::{Alg, WrapMechanism};

        let is_bad = |finding: &Finding| matches!(finding, Finding::Bad(..));
        let plain = || token(vec![Alg::P256, Alg::Rsa2048], None);
        let able = || token(vec![Alg::P256, Alg::Ed25519], Some(WrapMechanism::AesKeyWrapPad));
        for (tokens, expected) in [
            (vec![], [true, true]),
            (vec![plain()], [true, true]),
            (vec![token(vec![Alg::Ed25519], None)], [false, true]),
            (vec![token(vec![Alg::P256], Some(WrapMechanism::AesKeyWrapPad))], [true, false]),
            (vec![plain(), able()], [false, false]),
        ] {
            assert_eq!(abilities(&tokens).each_ref().map(is_bad), expected, "{} tokens", tokens.len());
        }
    }
}
