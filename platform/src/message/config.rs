//! The `[messages]` section of the configuration file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

/// How messages reach people. Without a way a message waits until it is of no use any more.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// From whom e-mail comes: `somebody@example.org`, or `A name <somebody@example.org>`.
    pub from: String,
    /// For how many days it is kept what became of a message.
    pub kept_days: u32,
    /// The mail server that takes e-mail.
    pub smtp: Option<SmtpConfig>,
    /// Where text messages are handed over.
    pub text: Option<HookConfig>,
    /// How programs are told that something has changed; without the section none is.
    pub rest_hooks: Option<RestHookConfig>,
    /// A folder that takes what has no other way, for trying out: each message is a file that its owner can read.
    pub mailbox: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        let from = "Lanyard <lanyard@localhost>".to_owned();
        Self { from, kept_days: 30, smtp: None, text: None, rest_hooks: None, mailbox: None }
    }
}

/// A mail server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port: 587, or 465 with `tls = "wrapped"`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// As whom this server signs in there.
    pub user: Option<String>,
    /// The file with the password, which nobody but this server may read.
    pub password: Option<PathBuf>,
    /// PEM file of the only anchors that its certificate may lead to; those of the system if it is left out.
    pub anchors: Option<PathBuf>,
    /// How long a try may take, in seconds.
    #[serde(default = "default_time_out")]
    pub time_out_seconds: u32,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTls {
    /// By STARTTLS, without which nothing is sent. RFC 3207
    #[default]
    Starttls,
    /// By TLS from the first octet on. RFC 8314 3.3
    Wrapped,
    /// Not at all: only for a server on this machine.
    None,
}

/// A program that sends text messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// Where messages are posted: `https://…`, or `http://` on this machine.
    pub url: String,
    /// The file with the secret under which each is signed: 64 digits in hexadecimal, readable by this server alone.
    pub secret: PathBuf,
    /// PEM file of the only anchors that its certificate may lead to; those of the system if it is left out.
    pub anchors: Option<PathBuf>,
    /// How long a try may take, in seconds.
    #[serde(default = "default_time_out")]
    pub time_out_seconds: u32,
}

/// How programs are told that something has changed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestHookConfig {
    /// PEM file of the only anchors that their certificates may lead to; those of the system if it is left out.
    pub anchors: Option<PathBuf>,
    /// How long a try may take, in seconds.
    #[serde(default = "default_time_out")]
    pub time_out_seconds: u32,
}

const fn default_time_out() -> u32 {
    20
}

/// The longest that a try may take; a claim on a message is longer.
const LONGEST: u32 = 30;

/// Why messages cannot be sent as the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting makes no sense.
    #[error("[messages] {setting}: {sentence}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it may be.
        sentence: String,
    },
    /// A file cannot be used.
    #[error("[messages] {} cannot be used: {sentence}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        sentence: String,
    },
    /// A file of certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] crate::tls::Error),
}

impl Error {
    pub(super) fn setting(setting: &'static str, sentence: impl Into<String>) -> Self {
        Self::Setting { setting, sentence: sentence.into() }
    }
}

impl Config {
    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !(1..=3_650).contains(&self.kept_days) {
            return Err(Error::setting("kept_days", "it is between 1 and 3650"));
        }
        if let Some(smtp) = &self.smtp {
            if smtp.tls == SmtpTls::None && !is_this_machine(&smtp.host) {
                return Err(Error::setting("smtp.tls", "only a mail server on this machine goes without"));
            }
            if smtp.user.is_some() != smtp.password.is_some() {
                return Err(Error::setting("smtp.password", "user and password belong together"));
            }
            time_out("smtp.time_out_seconds", smtp.time_out_seconds)?;
        }
        if let Some(hook) = &self.text {
            let rest = hook.url.strip_prefix("http://");
            let host = rest.map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
            if !hook.url.starts_with("https://") && !host.is_some_and(is_this_machine) {
                return Err(Error::setting("text.url", "it begins with https://, or is on this machine"));
            }
            time_out("text.time_out_seconds", hook.time_out_seconds)?;
        }
        if let Some(hooks) = &self.rest_hooks {
            time_out("rest_hooks.time_out_seconds", hooks.time_out_seconds)?;
        }
        Ok(())
    }

    /// Calls this with every path, so that it can be said from where those begin that are not absolute.
    pub fn each_path(&mut self, mut each: impl FnMut(&mut PathBuf)) {
        self.mailbox.iter_mut().for_each(&mut each);
        if let Some(smtp) = &mut self.smtp {
            [&mut smtp.password, &mut smtp.anchors].into_iter().flatten().for_each(&mut each);
        }
        if let Some(hook) = &mut self.text {
            each(&mut hook.secret);
            hook.anchors.iter_mut().for_each(&mut each);
        }
        if let Some(hooks) = &mut self.rest_hooks {
            hooks.anchors.iter_mut().for_each(each);
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

fn time_out(setting: &'static str, seconds: u32) -> Result<Duration, Error> {
    if (1..=LONGEST).contains(&seconds) {
        return Ok(Duration::from_secs(seconds.into()));
    }
    Err(Error::setting(setting, format!("it is between 1 and {LONGEST}")))
}

/// Reads a secret from a file that nobody else may read.
pub(super) fn secret(file: &Path) -> Result<Zeroizing<String>, Error> {
    let cannot = |sentence: String| Error::File { file: file.to_owned(), sentence };
    let mode = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(cannot("others than its owner can read it; run `chmod 600` on it".to_owned()));
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?);
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<&'static str> {
        let config: Config = toml::from_str(text).unwrap();
        match config.check() {
            Err(Error::Setting { setting, .. }) => Some(setting),
            _ => None,
        }
    }

    /// Codes leave this machine protected or not at all, and a try ends before somebody else begins one.
    #[test]
    fn settings_are_held_to_what_is_safe() {
        for (text, setting) in [
            ("", None),
            ("kept_days = 0", Some("kept_days")),
            ("smtp = { host = 'mail.example.org' }", None),
            ("smtp = { host = 'mail.example.org', tls = 'none' }", Some("smtp.tls")),
            ("smtp = { host = '127.0.0.1', tls = 'none' }", None),
            ("smtp = { host = 'm.example', user = 'me' }", Some("smtp.password")),
            ("smtp = { host = 'm.example', time_out_seconds = 31 }", Some("smtp.time_out_seconds")),
            ("text = { url = 'https://sms.example/in', secret = 's' }", None),
            ("text = { url = 'http://sms.example/in', secret = 's' }", Some("text.url")),
            ("text = { url = 'http://localhost.example/in', secret = 's' }", Some("text.url")),
            ("text = { url = 'http://127.0.0.1:8000/in', secret = 's' }", None),
            ("text = { url = 'ftp://x', secret = 's' }", Some("text.url")),
            (
                "text = { url = 'https://x', secret = 's', time_out_seconds = 0 }",
                Some("text.time_out_seconds"),
            ),
            ("rest_hooks = {}", None),
            ("rest_hooks = { time_out_seconds = 31 }", Some("rest_hooks.time_out_seconds")),
        ] {
            assert_eq!(refused(text), setting, "{text}");
        }
        assert!(toml::from_str::<Config>("smtp = { host = 'x', tls = 'maybe' }").is_err());
    }

    /// A secret lies in a file of its owner's alone, and a line's end does not count.
    #[test]
    fn secrets_lie_in_private_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "open sesame\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(secret(&file).unwrap_err().to_string().contains("chmod 600"));
        mode(0o600);
        assert_eq!(secret(&file).unwrap().as_str(), "open sesame");
        assert!(secret(&folder.path().join("none")).is_err());
    }

    /// Every file that a setting names is found from the folder of the configuration.
    #[test]
    fn every_path_is_named() {
        let text = "mailbox = 'a'\nsmtp = { host = 'x', user = 'u', password = 'b', anchors = 'c' }\n\
                    text = { url = 'https://x', secret = 'd', anchors = 'e' }\nrest_hooks = { anchors = 'f' }";
        let mut config: Config = toml::from_str(text).unwrap();
        let mut named = Vec::new();
        config.each_path(|path| named.push(path.display().to_string()));
        assert_eq!(named, ["a", "b", "c", "d", "e", "f"]);
    }
}
