//! `lanyard directory import-organisations`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use directory::api::{
    OrganisationImportChange as Change, OrganisationImportLine as Line, OrganisationImportProgress,
    OrganisationImportReport as Report, OrganisationImports, Trial,
};
use serde_json::Value;

use super::progress::{Shown, told};
use super::{Desk, Form};
use crate::client::Refused;
use crate::terminal::line;

const PATH: &str = "/directory/organisations/import";
/// How long to wait before it is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// For how long it is tried again without getting any further. An import that was killed keeps its lock for six
/// seconds.
const PATIENCE: Duration = Duration::from_mins(5);

/// Says what would change.
pub(super) async fn try_out(desk: &Desk, file: &Path) -> anyhow::Result<()> {
    let report = send(desk, file, Trial::Yes, |_| ()).await.map_err(Stopped::into_error)?;
    desk.form.one(&report, |report| {
        for change in &report.changes {
            if change.members.is_empty() {
                line(format_args!("new      {} {}", change.organisation, change.name));
            } else {
                line(format_args!("changes  {} {}", change.organisation, change.name));
                for one in &change.differences {
                    let shown = |value: &Option<Value>| {
                        value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
                    };
                    let (before, after) = (shown(&one.before), shown(&one.after));
                    line(format_args!("         {}: {before} becomes {after}", one.member));
                }
            }
        }
        tell(report, "would bring in");
    })
}

/// Brings a release in.
pub(super) async fn bring(desk: &Desk, file: &Path) -> anyhow::Result<()> {
    match send(desk, file, Trial::No, |_| ()).await {
        Ok(report) => done(desk, &report),
        Err(stopped @ Stopped::ForGood(_)) => Err(stopped.into_error()),
        Err(stopped) => {
            let hint =
                "the import was broken off; what is in stays in, and the same command with --resume goes on";
            Err(stopped.into_error().context(hint))
        }
    }
}

/// Brings a release in, and goes on whenever it is broken off.
pub(super) async fn resume(desk: &Desk, file: &Path) -> anyhow::Result<()> {
    let mut last = Instant::now();
    let mut furthest = 0;
    loop {
        let further = |progress: &OrganisationImportProgress| {
            if progress.read > furthest {
                furthest = progress.read;
                last = Instant::now();
            }
        };
        match send(desk, file, Trial::No, further).await {
            Ok(report) => return done(desk, &report),
            Err(stopped @ Stopped::ForGood(_)) => return Err(stopped.into_error()),
            Err(stopped) if last.elapsed() > PATIENCE => {
                let minutes = PATIENCE.as_secs() / 60;
                let hint = format!("the import came no further in {minutes} minutes; what is in stays in");
                return Err(stopped.into_error().context(hint));
            }
            Err(stopped) => {
                if desk.form == Form::Text {
                    line(format_args!("waiting to go on: {:#}", stopped.into_error()));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn done(desk: &Desk, report: &Report) -> anyhow::Result<()> {
    desk.form.one(report, |report| tell(report, "brought in"))
}

fn tell(report: &Report, done: &str) {
    for refused in &report.refused {
        line(format_args!("refused  line {} {}: {}", refused.line, refused.code, refused.sentence));
    }
    for kept in &report.kept {
        line(format_args!("kept     {kept}: a virtual organisation of this register has the code"));
    }
    for closed in &report.closed {
        let followed = match closed.successors.as_slice() {
            [] => String::new(),
            successors => format!("; {} took its place", successors.join(" and ")),
        };
        line(format_args!(
            "closed   {} {}: {} positions and {} assignments are open there{followed}",
            closed.organisation, closed.name, closed.positions, closed.assignments
        ));
    }
    line(format_args!("{done} {}: {}", report.description, told(&report.progress)));
}

/// Why an import came to an end.
enum Stopped {
    /// The same again would end the same.
    ForGood(anyhow::Error),
    /// It can go on later.
    ForNow(anyhow::Error),
}

impl Stopped {
    fn into_error(self) -> anyhow::Error {
        match self {
            Self::ForGood(error) | Self::ForNow(error) => error,
        }
    }

    /// By a refusal, or because the server went away.
    fn by(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Refused>() {
            Some(refused) if !for_now(refused.status.as_u16(), &refused.said) => Self::ForGood(error),
            _ => Self::ForNow(error),
        }
    }
}

/// Whether what was refused may be taken later: another import holds the lock, or the server is busy.
fn for_now(status: u16, said: &str) -> bool {
    status >= 500 || status == 429 || (status == 409 && said.contains("import-running"))
}

async fn send(
    desk: &Desk,
    file: &Path,
    dry_run: Trial,
    mut further: impl FnMut(&OrganisationImportProgress),
) -> Result<Report, Stopped> {
    // What is wrong with the file here is no matter of the server.
    std::fs::File::open(file)
        .with_context(|| format!("{} cannot be read", file.display()))
        .map_err(Stopped::ForGood)?;
    // Whoever may not, or calls nobody, is told so before the file is sent.
    let _before: OrganisationImports = desk.server.get(PATH).await.map_err(Stopped::by)?;
    let shown = Shown::new();
    let mut last: Option<Line> = None;
    let mut changes: Vec<Change> = Vec::new();
    let path = match dry_run {
        Trial::Yes => format!("{PATH}?dry_run=yes&changes=all"),
        Trial::No => PATH.to_owned(),
    };
    let sent = desk.server.upload(&path, "application/xml", file, |text| {
        let line: Line = serde_json::from_str(text).context("the server answered what does not read")?;
        match line {
            Line::Change(change) => {
                changes.push(change);
                return Ok(());
            }
            Line::Progress(ref progress) => {
                further(progress);
                if desk.form == Form::Text {
                    shown.at(progress);
                }
            }
            Line::Report(_) | Line::Problem(_) => {}
        }
        last = Some(line);
        Ok(())
    });
    let sent = sent.await;
    drop(shown);
    match (sent, last) {
        (_, Some(Line::Report(report))) if dry_run == Trial::Yes => Ok(Report { changes, ..report }),
        (_, Some(Line::Report(report))) => Ok(report),
        (_, Some(Line::Problem(problem))) => {
            let said = format!("{} [{}]", problem.detail, problem.code);
            let error = anyhow!("the server stopped the import ({}): {said}", problem.status);
            Err(if for_now(problem.status, &said) { Stopped::ForNow(error) } else { Stopped::ForGood(error) })
        }
        (Err(error), _) => Err(Stopped::by(error)),
        (Ok(()), _) => Err(Stopped::ForNow(anyhow!("the answer of the server broke off"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be taken later is waited for; a file that is refused is not sent again.
    #[test]
    fn what_may_be_taken_later_is_known() {
        assert!(for_now(503, "Busy. [server-busy]") && for_now(409, "Wait. [import-running]"));
        assert!(
            !for_now(409, "Older. [older-release]")
                && !for_now(400, "Bad. [file-invalid]")
                && !for_now(403, "")
        );
        assert!(matches!(Stopped::by(anyhow!("connection refused")), Stopped::ForNow(_)));
    }
}
