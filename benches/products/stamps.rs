//! Questions for time-stamps, and one answer looked at closely.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{SHA256, digest};

use crate::rig::load::Load;
use crate::rig::site::Site;

/// How long the first key and its certificate may take.
const READY_WITHIN: Duration = Duration::from_secs(30);
const SECTION: &str = "[signer.time_stamps]";

/// Has the server sign time-stamps with this kind of key when it starts the next time.
pub(crate) fn choose(site: &Site, algorithm: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(site.configuration())?;
    ensure!(text.contains(SECTION), "the configuration has no {SECTION}");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("algorithm = ")).collect();
    let kept = kept.join("\n") + "\n";
    let chosen: String = kept
        .lines()
        .flat_map(|line| {
            let more = line.starts_with(SECTION).then(|| format!("algorithm = \"{algorithm}\"\n"));
            [Some(format!("{line}\n")), more].into_iter().flatten()
        })
        .collect();
    std::fs::write(site.configuration(), chosen)?;
    Ok(())
}

/// So many questions, each about another digest and with a nonce of its own.
pub(crate) fn load(site: &Site, count: usize) -> anyhow::Result<Load> {
    let bodies = (0..count).map(|index| question(index as u64)).collect();
    let url = format!("{}/tsa", site.base());
    let client = site.loader(&site.desk())?;
    Ok(Load { client, url, kind: "application/timestamp-query", bodies, check: granted, things: 1 })
}

/// Waits until the server has its key.
pub(crate) async fn ready(site: &Site) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    let load = load(site, 1)?;
    while let Err(error) = load.send(question(0)).await {
        ensure!(Instant::now() < deadline, "no time-stamp is given: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Has OpenSSL verify an answer.
pub(crate) async fn verify(site: &Site) -> anyhow::Result<()> {
    let answer = load(site, 1)?.send(question(7)).await?;
    let (asked, answered) = (site.folder().join("sample.tsq"), site.folder().join("sample.tsr"));
    std::fs::write(&asked, question(7))?;
    std::fs::write(&answered, &answer)?;
    let said = Command::new("openssl")
        .args(["ts", "-verify", "-in"])
        .arg(&answered)
        .arg("-queryfile")
        .arg(&asked)
        .arg("-CAfile")
        .arg(site.root())
        .output()
        .context("no openssl")?;
    ensure!(said.status.success(), "OpenSSL: {}", String::from_utf8_lossy(&said.stderr));
    Ok(())
}

/// A `TimeStampReq` of RFC 3161 with SHA-256, a nonce and certReq.
fn question(index: u64) -> Vec<u8> {
    const HEAD: [u8; 24] = [
        0x30, 0x42, 2, 1, 1, 0x30, 0x31, 0x30, 0x0D, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4,
        0x20,
    ];
    let mut body = HEAD.to_vec();
    body.extend_from_slice(digest(&SHA256, &index.to_be_bytes()).as_ref());
    // A first octet between 1 and 127, so that the number has all eight.
    body.extend([2, 8]);
    body.extend_from_slice(&(index | 0x4000_0000_0000_0000).to_be_bytes());
    body.extend([1, 1, 0xFF]);
    body[1] = u8::try_from(body.len() - 2).unwrap_or(0);
    body
}

/// One, if the answer is a time-stamp.
fn granted(answer: &[u8]) -> anyhow::Result<usize> {
    const GRANTED: [u8; 5] = [0x30, 3, 2, 1, 0];
    let head = answer.get(..16).context("an answer without a time-stamp")?;
    Ok(usize::from(head.windows(5).any(|part| part == GRANTED)))
}
