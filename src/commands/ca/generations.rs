//! `lanyard ca rollover` and `lanyard ca generations`.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::api::{GenerationInfo, GenerationState, Import, ImportInfo, RolloverRequest, percent_encoded};
use platform::clock::Millis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Desk, Form};
use crate::files::{self, Readers};
use crate::terminal::line;

/// Gives an authority a new key and leaves what came of it in a folder.
pub(super) async fn roll_over(
    desk: &Desk,
    authority: &str,
    request: &RolloverRequest,
    out: &Path,
) -> anyhow::Result<()> {
    let path = format!("/ca/issuers/{}/generations", percent_encoded(authority));
    let made: GenerationInfo = desk.server.post(&path, request).await?;
    desk.form.one(&made, |made| made.transcript.iter().for_each(line))?;
    if made.state == GenerationState::Planned {
        say(desk, "nothing was done: this is what would be");
        return Ok(());
    }
    let written = keep(&made, out)?;
    say(desk, format_args!("written into {}: {}", out.display(), written.join(", ")));
    Ok(())
}

/// Says to people what programs read from the answer.
fn say(desk: &Desk, what: impl Display) {
    if desk.form == Form::Text {
        line(what);
    }
}

/// Writes what came of a roll-over, and says the names of the files.
fn keep(made: &GenerationInfo, out: &Path) -> anyhow::Result<Vec<String>> {
    let mut written = Vec::new();
    let mut write = |name: String, text: &str| {
        written.push(name.clone());
        files::write(&out.join(name), text.as_bytes(), Readers::Everyone)
    };
    let id = &made.issuer;
    let pem = |base64: &String| {
        let der = STANDARD.decode(base64).context("the server answered what is not base64")?;
        anyhow::Ok(pki::to_pem("CERTIFICATE", &der))
    };
    match (&made.certificate, &made.request) {
        (Some(certificate), _) => write(format!("{id}.pem"), &pem(certificate)?)?,
        (None, Some(request)) => write(format!("{id}.csr"), request)?,
        (None, None) => bail!("{id} was begun and has no key yet; run this again to take it up"),
    }
    for (at, cross) in made.cross_certificates.iter().enumerate() {
        write(format!("{id}-cross-{}.pem", at + 1), &pem(cross)?)?;
    }
    write(format!("{id}.transcript"), &(made.transcript.join("\n") + "\n"))?;
    Ok(written)
}

/// Brings certificates and lists.
pub(super) async fn import(desk: &Desk, files: &[PathBuf]) -> anyhow::Result<()> {
    let texts = files.iter().map(|file| files::read_text(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let taken: ImportInfo = desk.server.post("/ca/imports", &Import { pem: texts.join("\n") }).await?;
    desk.form.one(&taken, |taken| {
        taken.issuers.iter().for_each(|id| line(format_args!("{id} has its certificate")));
        taken.lists.iter().for_each(|list| line(format_args!("list {list} is published")));
    })
}

/// Every generation in a line, or the transcript of one.
pub(super) async fn list(desk: &Desk, id: Option<&str>) -> anyhow::Result<()> {
    let all: Vec<GenerationInfo> = desk.server.get("/ca/generations").await?;
    let Some(id) = id else {
        return desk.form.each(&all, |one| {
            let (state, from) = (format!("{:?}", one.state).to_lowercase(), super::time(one.signs_from));
            line(format_args!("{}\t{}\t{state}\tsigns from {from}", one.issuer, one.subject));
        });
    };
    let one = all.into_iter().find(|one| one.issuer == id);
    let one = one.with_context(|| format!("there is no generation {id}"))?;
    desk.form.one(&one, |one| one.transcript.iter().for_each(line))
}

/// A moment as it is typed.
pub(super) fn time(text: &str) -> anyhow::Result<Millis> {
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .with_context(|| format!("\"{text}\" is not a time such as 2026-11-24T09:00:00Z"))?;
    Ok(Millis(i64::try_from(moment.unix_timestamp_nanos() / 1_000_000)?))
}
