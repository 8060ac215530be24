//! The rate of the token alone, in a process of its own: the same library, token and sessions, and no server.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use hsm::Alg;
use hsm::testing::{RawKey, raw_rate};
use lanyard::config::Config;

use super::line;
use super::load::cpu;
use super::site::Site;

/// The first argument of the process that measures.
const ROLE: &str = "raw-rate";
/// How long it measures.
const TIME: Duration = Duration::from_secs(3);

/// Signatures per second of the site's token without a server, and the microseconds of processor that each took, which
/// tell more than the rate when the machine has other work too.
pub(crate) fn rate(site: &Site, alg: Alg, key: RawKey) -> anyhow::Result<(f64, f64)> {
    let kind = match key {
        RawKey::Token => "token",
        RawKey::TokenChecked => "checked",
        RawKey::Copied => "copied",
        RawKey::Wrapped => "wrapped",
    };
    let output = Command::new(std::env::current_exe()?)
        .args([ROLE, alg.as_str(), kind])
        .arg(site.configuration())
        // The library reads its place from the environment, once.
        .envs(&site.config()?.environment)
        .output()
        .context("could not start the measurement of the token")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut numbers = said.split_whitespace().map_while(|number| number.parse().ok());
    let both = numbers.next().zip(numbers.next());
    both.with_context(|| format!("the token alone: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Measures and answers true in the process that [`rate`] started; answers false in any other.
pub(crate) fn in_role() -> anyhow::Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, alg, kind, configuration] = arguments.as_slice() else { return Ok(false) };
    if role != ROLE {
        return Ok(false);
    }
    let alg = match alg {
        name if name == Alg::P256.as_str() => Alg::P256,
        name if name == Alg::Rsa2048.as_str() => Alg::Rsa2048,
        other => bail!("no measurement of {other}"),
    };
    let key = match kind.as_str() {
        "token" => RawKey::Token,
        "checked" => RawKey::TokenChecked,
        "copied" => RawKey::Copied,
        _ => RawKey::Wrapped,
    };
    let config = Config::load(configuration.as_ref())?;
    let token = config.hsm.tokens.first().context("no token")?;
    let rate = raw_rate(token, alg, key, token.sessions, TIME)?;
    // All that this process has used, its start included.
    let each = cpu(std::process::id())? / (rate * TIME.as_secs_f64()) * 1e6;
    line(format_args!("{rate} {each}"));
    Ok(true)
}
