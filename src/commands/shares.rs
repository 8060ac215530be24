//! `lanyard shares split` and `lanyard unlock`: the PIN of a token in the hands of several people.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context, bail};
use hsm::shares::{Sealed, Share, split};
use zeroize::Zeroizing;

use crate::cli::{SplitPin, Unlock};
use crate::config::Config;
use crate::files::{self, Readers};
use crate::serve::{Given, GivenShare};
use crate::terminal::line;

/// Makes the shares of the configured PIN, each in a file for its holder.
pub fn split_pin(config: &Config, options: &SplitPin) -> anyhow::Result<()> {
    let token = match (&options.token, config.hsm.tokens.as_slice()) {
        (Some(label), tokens) => tokens.iter().find(|token| token.label == *label),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let token =
        token.context("name the token with --token: the configuration has none of that label, or several")?;
    let pin = token.pin.read().context("the PIN to share out could not be read")?;
    let (set, shares) = split(&pin, &token.label, options.threshold, &options.holders)?;
    let mut texts = Vec::new();
    for share in &shares {
        let passphrase = if options.open {
            None
        } else {
            Some(secret_line(&format!("passphrase of {} for this share: ", share.holder()))?)
        };
        texts.push(share.to_text(passphrase.as_ref().map(|text| text.as_str()))?);
    }
    files::private_folder(&options.out)?;
    for (share, text) in shares.iter().zip(&texts) {
        let name = format!("share-{}.txt", share.number());
        files::write(&options.out.join(&name), text.as_bytes(), Readers::Owner)?;
        line(format_args!("{name}: for {}", share.holder()));
    }
    let described = toml::to_string(&set).context("the description of the shares cannot be written")?;
    files::write(&options.out.join("pin-set.toml"), described.as_bytes(), Readers::Everyone)?;
    line("pin-set.toml: name it in the configuration as pin = { shares = \"pin-set.toml\" }");
    line(
        "try all shares, give each to its holder, then destroy this folder and the file or variable with the PIN",
    );
    Ok(())
}

/// Gives one share to a server that waits for it.
pub async fn unlock(config: &Config, options: &Unlock) -> anyhow::Result<()> {
    let text = Zeroizing::new(files::read_text(&options.share)?);
    let passphrase = match Share::sealed(&text)? {
        Sealed::Open => None,
        Sealed::Passphrase => Some(secret_line("passphrase of this share: ")?),
    };
    let share = Share::from_text(&text, passphrase.as_ref().map(|text| text.as_str()))?;
    let open = share.to_text(None)?;
    let body = GivenShare { share: open.to_string() };
    let url = format!("http://{}/unlock", config.listen.private);
    let http = reqwest::Client::builder().no_proxy().build().context("could not prepare a client")?;
    let answer = http.post(&url).json(&body).send().await;
    let answer = answer.with_context(|| format!("no server listens at {url}, or it is unlocked already"))?;
    let (status, said) = (answer.status(), answer.text().await.unwrap_or_default());
    if !status.is_success() {
        bail!("the share was not taken ({status}): {said}");
    }
    let given: Given = serde_json::from_str(&said).context("the server's answer does not read")?;
    line(format_args!("the share of {} was taken; {}", share.holder(), given.said));
    Ok(())
}

/// A line that is not shown and stands in no list of arguments.
fn secret_line(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    if std::io::stdin().is_terminal() {
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "{prompt}").and_then(|()| out.flush());
        let hidden = Echo::off();
        let read = std::io::stdin().lock().read_line(&mut text);
        drop(hidden);
        read.context("the passphrase could not be read")?;
        let _ = writeln!(out);
    } else {
        std::io::stdin().lock().read_line(&mut text).context("the passphrase could not be read")?;
    }
    let trimmed = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if trimmed.is_empty() {
        bail!("the passphrase is empty");
    }
    Ok(trimmed)
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Echo;

impl Echo {
    fn off() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Where there is no `stty`, what is typed is seen, and nothing else is lost.
fn stty(how: &str) {
    let _ = std::process::Command::new("stty").arg(how).stdin(std::process::Stdio::inherit()).status();
}
