//! Bringing in a release of the Organisation Data Service.
//!
//! The file is read once, as a stream, and written in parts of [`super::parts::PART`] organisations, each with its events
//! and its rows of the change feed in one transaction. An organisation whose content is as it is, is not written. With each
//! part its number and digest are kept: an import that was broken off, by whatever, is begun again with the same file and
//! passes over the parts that are in. Another release in between makes it begin anew.

use std::io::BufRead;
use std::time::Duration;

use audit::Actor;
use platform::clock::Millis;
use platform::id::OdsCode;
use serde::Serialize;
use tokio::sync::mpsc;

use super::closed::{self, Closed};
use super::parts::{self, Part, Said};
use super::release::Manifest;
use super::run::{Outcome, Run, SIGN, Sorted, codes, refuse_older};
use crate::api::OrganisationRecord;
use crate::error::Error;
use crate::register::Register;
use crate::store::{organisations, organisations_written as written};

pub use super::parts::Refused;

/// How many changes and refusals are listed in the report. Of a dry run every change is told besides, one after the other.
const LISTED: usize = 100;
/// How many organisations may be refused before the file is given up.
const MOST_REFUSED: u64 = 1_000;

/// What is done with what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: it is counted what would change.
    DryRun,
    /// It is written.
    Apply,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many organisations were read.
    pub read: u64,
    /// How many there are, if the manifest says so.
    pub records: Option<u64>,
    /// How many were in already, from an import that was broken off.
    pub passed: u64,
    /// How many are new.
    pub created: u64,
    /// How many have changed.
    pub changed: u64,
    /// How many are as they are.
    pub unchanged: u64,
    /// How many were refused.
    pub refused: u64,
    /// How long it has taken.
    pub elapsed: Duration,
}

impl Progress {
    /// How long it will take from now on, if what follows takes as long as what was read.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.records?.checked_sub(self.read)?;
        let each = self.elapsed.checked_div(u32::try_from(self.read).ok()?)?;
        Some(each.saturating_mul(u32::try_from(left).ok()?))
    }
}

/// How an organisation changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its code.
    pub organisation: OdsCode,
    /// Its name in the release.
    pub name: String,
    /// The members that change; none if it is new.
    pub members: Vec<String>,
    /// What is in each of them, and what will be.
    pub differences: Vec<Difference>,
}

/// What is in a member of an organisation, and what a release has there; nothing where one of them has nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The member.
    pub member: String,
    /// What is there.
    pub before: Option<serde_json::Value>,
    /// What the release has.
    pub after: Option<serde_json::Value>,
}

/// What came of an import, or would come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the release says about itself.
    pub manifest: Manifest,
    /// The numbers.
    pub progress: Progress,
    /// The first new and changed organisations; only a dry run lists them.
    pub changes: Vec<Change>,
    /// The first that were refused; those were left as they were before.
    pub refused: Vec<Refused>,
    /// The first virtual organisations of this register whose codes the release has; they stay as they are.
    pub kept: Vec<OdsCode>,
    /// The first organisations that are closed, or would be, while positions are open there: of an import all that the register
    /// has, of a dry run those that the release changes.
    pub closed: Vec<Closed>,
}

/// Brings in a release, or says what would change. `progress` is called after each part.
///
/// Dropping the future stops it between two parts, or after the one that is being written.
pub async fn import<R>(
    register: &Register,
    reader: R,
    mode: Mode,
    progress: impl FnMut(&Progress) + Send,
    actor: &Actor,
) -> Result<Report, Error>
where
    R: BufRead + Send + 'static,
{
    import_telling(register, reader, mode, progress, None, actor).await
}

/// The same, and every change that a dry run finds is told, as fast as somebody listens.
pub(crate) async fn import_telling<R>(
    register: &Register,
    reader: R,
    mode: Mode,
    mut progress: impl FnMut(&Progress) + Send,
    mut changes: Option<mpsc::Sender<Change>>,
    actor: &Actor,
) -> Result<Report, Error>
where
    R: BufRead + Send + 'static,
{
    let started = register.now();
    let mut said = parts::read(reader);
    let manifest = match said.recv().await {
        Some(Ok(Said::Manifest(manifest))) => manifest,
        Some(Err(error)) => return Err(error),
        _ => return Err(Error::Stored { what: "release" }),
    };
    let mut run = match mode {
        Mode::DryRun => {
            refuse_older(&mut *register.db.read().acquire().await?, &manifest).await?;
            None
        }
        Mode::Apply => Some(Run::begin(register, &manifest, actor).await?),
    };
    let mut report = Report::new(manifest);
    let done = loop {
        let heard = match heard(register, run.as_mut(), &mut said).await {
            Ok(heard) => heard,
            Err(error) => break Err(error),
        };
        match heard {
            Some(Ok(Said::Part(part))) => {
                if let Err(error) = take(register, run.as_mut(), part, &mut report, &mut changes).await {
                    break Err(error);
                }
                report.progress.elapsed = since(started, register.now());
                progress(&report.progress);
            }
            Some(Ok(Said::End)) => break report.demand_all(),
            Some(Err(error)) => break Err(error),
            Some(Ok(Said::Manifest(_))) | None => break Err(Error::Stored { what: "release" }),
        }
    };
    match (done, run) {
        (Ok(()), Some(run)) => {
            run.finish(register, &report).await?;
            report.closed = closed::all(register, u32::try_from(LISTED).unwrap_or(u32::MAX)).await?;
        }
        (Ok(()), None) => {}
        (Err(error), run) => {
            if let Some(run) = run {
                run.release(register).await?;
            }
            return Err(error);
        }
    }
    Ok(report)
}

/// What the reading thread says next. Until it says something, signs of life are given.
async fn heard(
    register: &Register,
    mut run: Option<&mut Run>,
    said: &mut mpsc::Receiver<Result<Said, Error>>,
) -> Result<Option<Result<Said, Error>>, Error> {
    loop {
        match tokio::time::timeout(SIGN, said.recv()).await {
            Ok(heard) => return Ok(heard),
            Err(_nothing_yet) => {
                if let Some(run) = &mut run {
                    run.stay(register).await?;
                }
            }
        }
    }
}

fn since(then: Millis, now: Millis) -> Duration {
    Duration::from_millis(u64::try_from(now.0.saturating_sub(then.0)).unwrap_or(0))
}

impl Report {
    fn new(manifest: Manifest) -> Self {
        let progress = Progress {
            read: 0,
            records: manifest.records,
            passed: 0,
            created: 0,
            changed: 0,
            unchanged: 0,
            refused: 0,
            elapsed: Duration::ZERO,
        };
        Self {
            manifest,
            progress,
            changes: Vec::new(),
            refused: Vec::new(),
            kept: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Goes on if there are as many organisations as the release says: a file that lost some on its way is no release.
    fn demand_all(&self) -> Result<(), Error> {
        match self.manifest.records {
            Some(records) if records != self.progress.read => Err(Error::File {
                place: "the Manifest".to_owned(),
                sentence: format!(
                    "it says that there are {records} organisations, and the file has {}. The import is not \
                     ended. Fetch the file again and send it",
                    self.progress.read
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// Takes one part into the register, or into the report alone.
async fn take(
    register: &Register,
    run: Option<&mut Run>,
    mut part: Part,
    report: &mut Report,
    changes: &mut Option<mpsc::Sender<Change>>,
) -> Result<(), Error> {
    let refused = std::mem::take(&mut part.refused);
    let read = stored_length(part.organisations.len()) + stored_length(refused.len());
    report.progress.refused += stored_length(refused.len());
    report.refused.extend(refused);
    report.refused.truncate(LISTED);
    if let (true, Some(first)) = (report.progress.refused > MOST_REFUSED, report.refused.first()) {
        return Err(Error::File {
            place: format!("line {}, organisation {}", first.line, first.code),
            sentence: format!(
                "more than {MOST_REFUSED} organisations are refused, this one because {}",
                first.sentence
            ),
        });
    }
    let outcome = if let Some(run) = run {
        run.write(register, part).await?
    } else {
        let known = written::known(register.db.read(), &codes(&part.organisations)).await?;
        let sorted = Sorted::of(&part.organisations, &known);
        list(register, &sorted, &mut report.changes, changes).await?;
        report.closed.extend(closed::by(register, &sorted.changed).await?);
        report.closed.truncate(LISTED);
        Outcome::Written(sorted.counts(), sorted.kept.into_iter().cloned().collect())
    };
    report.progress.read += read;
    match outcome {
        Outcome::Passed(many) => report.progress.passed += many,
        Outcome::Written(counts, kept) => {
            report.progress.created += counts.created;
            report.progress.changed += counts.changed;
            report.progress.unchanged += counts.unchanged;
            report.kept.extend(kept);
            report.kept.truncate(LISTED);
        }
    }
    Ok(())
}

pub(super) fn stored_length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Lists what would change up to the bound, and tells all of it if somebody listens.
async fn list(
    register: &Register,
    sorted: &Sorted<'_>,
    listed: &mut Vec<Change>,
    told: &mut Option<mpsc::Sender<Change>>,
) -> Result<(), Error> {
    for one in &sorted.created {
        if told.is_none() && listed.len() >= LISTED {
            return Ok(());
        }
        let (organisation, name) = (one.record.ods.clone(), one.record.name.clone());
        note(Change { organisation, name, members: Vec::new(), differences: Vec::new() }, listed, told).await;
    }
    let mut read = register.db.read().acquire().await?;
    for one in &sorted.changed {
        if told.is_none() && listed.len() >= LISTED {
            return Ok(());
        }
        let Some(before) = organisations::find(&mut read, &one.record.ods).await? else { continue };
        note(changed(&before.record, &one.record)?, listed, told).await;
    }
    Ok(())
}

/// Whoever no longer listens is told nothing more; the counting goes on.
async fn note(change: Change, listed: &mut Vec<Change>, told: &mut Option<mpsc::Sender<Change>>) {
    if listed.len() < LISTED {
        listed.push(change.clone());
    }
    if let Some(listener) = told
        && listener.send(change).await.is_err()
    {
        *told = None;
    }
}

/// How an organisation changes.
fn changed(before: &OrganisationRecord, after: &OrganisationRecord) -> Result<Change, Error> {
    let json = |record| serde_json::to_value(record).map_err(|_| Error::Stored { what: "organisation" });
    let (organisation, name) = (after.ods.clone(), after.name.clone());
    let (before, after) = (json(before)?, json(after)?);
    let members = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
    };
    let mut differ: Vec<String> = members(&before).into_iter().chain(members(&after)).collect();
    differ.sort();
    differ.dedup();
    differ.retain(|member| before.get(member) != after.get(member));
    let difference = |member: &String| Difference {
        member: member.clone(),
        before: before.get(member).cloned(),
        after: after.get(member).cloned(),
    };
    let differences = differ.iter().map(difference).collect();
    Ok(Change { organisation, name, members: differ, differences })
}
