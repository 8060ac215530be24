//! Profiles: list, show, compare.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use ca::api::{ProfileHistory, ProfileInfo, percent_encoded};
use ca::{Content, Difference, differences, differences_of};

use super::{Desk, Form};
use crate::cli::{Connection, Profiles};
use crate::files;
use crate::terminal::line;

pub(super) async fn run(command: &Profiles, form: Form) -> anyhow::Result<ExitCode> {
    match command {
        Profiles::List { connection } => {
            let profiles: Vec<ProfileInfo> = Desk::new(connection, form)?.server.get("/ca/profiles").await?;
            form.each(&profiles, |profile| {
                let issuers = profile.issuers.join(", ");
                line(format_args!("{}@{}\t{issuers}\t{}", profile.id, profile.version, profile.title));
            })?;
        }
        Profiles::Show { connection, id } => Form::Json.one(&history(connection, id).await?, |_| ())?,
        Profiles::Diff { connection, old, new } => {
            let (old, new) = (contents(connection, old).await?, contents(connection, new).await?);
            return match (old.as_slice(), new.as_slice()) {
                // One version of a profile and one of the same or another: their fields are what is asked for.
                ([old], [new]) => told(&differences_of(old, new), form),
                (old, new) => told(&differences(old, new), form),
            };
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes each difference, and says by the exit status whether there was one.
fn told(differences: &[Difference], form: Form) -> anyhow::Result<ExitCode> {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "absent".to_owned());
    form.each(differences, |difference| {
        let Difference { profile, field, old, new } = difference;
        line(format_args!("{profile}\t{field}\t{} -> {}", side(old), side(new)));
    })?;
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// The profiles of a file, or one version of one profile from the server.
async fn contents(connection: &Connection, named: &str) -> anyhow::Result<Vec<Content>> {
    if Path::new(named).is_file() {
        let text = files::read_text(Path::new(named))?;
        return Content::of_file(&text).with_context(|| format!("{named} is not a profile file"));
    }
    let Some((id, version)) = named.split_once('@') else {
        bail!("{named} is neither a file nor a profile with its version, such as card-signing@2");
    };
    let version: i64 =
        version.parse().with_context(|| format!("{version} is not the number of a version"))?;
    let history = history(connection, id).await?;
    let found = history.versions.into_iter().find(|known| known.version == version);
    let found = found.with_context(|| format!("the profile {id} has no version {version}"))?;
    Ok(vec![Content::new(id, found.content)])
}

async fn history(connection: &Connection, id: &str) -> anyhow::Result<ProfileHistory> {
    let desk = Desk::new(connection, Form::Json)?;
    desk.server.get(&format!("/ca/profiles/{}", percent_encoded(id))).await
}
