//! Bringing in systems from LDIF.
//!
//! The file is read once, as a stream, and written in parts of [`PART`] systems, each with its event and its rows of the change
//! feed in one transaction. A system whose content is as it is, is not written: a file that broke off is sent again.

use std::collections::BTreeMap;
use std::io::BufRead;

use audit::Actor;
use platform::clock::Millis;
use platform::db::Tx;
use tokio::sync::mpsc;

use super::ldif::Entries;
use super::record::{self, Read};
use super::{System, SystemEvent, SystemId, folded};
use crate::acting::in_turn;
use crate::api::{
    ChangeKind, SystemContent, SystemImportProgress as Progress, SystemImportRefusal as Refused,
};
use crate::changes;
use crate::error::Error;
use crate::register::Register;
use crate::store::{stored_number, systems};

/// How many systems are in a part: what one transaction writes.
const PART: usize = 100;
/// How many parts wait to be written.
const WAITING: usize = 2;
/// How many changes and refusals are listed.
const LISTED: usize = 100;
/// How many entries may be refused before the file is given up.
const MOST_REFUSED: u64 = 1_000;

/// What is done with what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing: it is counted what would change.
    DryRun,
    /// It is written.
    Apply,
}

/// What came of an import, or would come of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) progress: Progress,
    pub(crate) changes: Vec<String>,
    pub(crate) refused: Vec<Refused>,
}

/// What is read together.
#[derive(Debug, Default)]
struct Part {
    systems: BTreeMap<String, (SystemId, SystemContent)>,
    refused: Vec<Refused>,
    read: u64,
    passed: u64,
}

/// Brings in the systems of a file, or says what would change. `told` is called after each part; every change that a dry run finds
/// goes to `changes`, as fast as somebody listens.
///
/// Dropping the future stops it between two parts, or after the one that is being written.
pub(crate) async fn import<R>(
    register: &Register,
    reader: R,
    mode: Mode,
    mut told: impl FnMut(&Progress) + Send,
    mut changes: Option<mpsc::Sender<String>>,
    actor: &Actor,
) -> Result<Outcome, Error>
where
    R: BufRead + Send + 'static,
{
    let (started, mut outcome) = (register.now(), Outcome::default());
    let mut parts = read(reader);
    while let Some(part) = parts.recv().await {
        let Part { systems, refused, read, passed } = part?;
        outcome.progress.read += read;
        outcome.progress.passed += passed;
        outcome.progress.refused += u64::try_from(refused.len()).unwrap_or(u64::MAX);
        outcome.refused.extend(refused);
        outcome.refused.truncate(LISTED);
        if let (true, Some(first)) = (outcome.progress.refused > MOST_REFUSED, outcome.refused.first()) {
            let place = format!("line {}, {}", first.line, first.name);
            let sentence =
                format!("more than {MOST_REFUSED} entries are refused, this one because {}", first.sentence);
            return Err(Error::File { place, sentence });
        }
        let sorted = match mode {
            Mode::DryRun => {
                let mut read = register.db.read().acquire().await?;
                sort(&mut read, systems, register.now()).await?
            }
            Mode::Apply => write(register, systems, actor).await?,
        };
        if mode == Mode::DryRun {
            tell_changes(&sorted, &mut changes).await;
        }
        take(&mut outcome, sorted, mode);
        let elapsed = register.now().0.saturating_sub(started.0);
        outcome.progress.elapsed_ms = u64::try_from(elapsed).unwrap_or(0);
        told(&outcome.progress);
    }
    Ok(outcome)
}

/// Whoever no longer listens is told nothing more; the counting goes on.
async fn tell_changes(sorted: &Sorted, changes: &mut Option<mpsc::Sender<String>>) {
    for system in &sorted.written {
        let Some(listener) = changes else { return };
        if listener.send(system.id.to_string()).await.is_err() {
            *changes = None;
        }
    }
}

fn take(outcome: &mut Outcome, sorted: Sorted, mode: Mode) {
    let progress = &mut outcome.progress;
    progress.created += sorted.created;
    progress.changed += sorted.changed;
    progress.unchanged += sorted.unchanged;
    progress.refused += u64::try_from(sorted.refused.len()).unwrap_or(u64::MAX);
    outcome.refused.extend(sorted.refused);
    outcome.refused.truncate(LISTED);
    if mode == Mode::DryRun {
        outcome.changes.extend(sorted.written.iter().map(|system| system.id.to_string()));
        outcome.changes.truncate(LISTED);
    }
}

/// Reads a file on a thread of its own that never runs far ahead. When nobody listens any more, it stops.
fn read<R: BufRead + Send + 'static>(reader: R) -> mpsc::Receiver<Result<Part, Error>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut entries = Entries::new(reader);
        loop {
            let part = next_part(&mut entries);
            let last = !matches!(&part, Ok(Some(_)));
            let Some(part) = part.transpose() else { return };
            if sender.blocking_send(part).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn next_part<R: BufRead>(entries: &mut Entries<R>) -> Result<Option<Part>, Error> {
    let mut part = Part::default();
    while part.systems.len() + part.refused.len() < PART {
        let Some(entry) = entries.next()? else { break };
        part.read += 1;
        match record::read(&entry) {
            // The same entry again is what is meant now.
            Ok(Read::System(id, content)) => {
                drop(part.systems.insert(folded(id.as_str()), (id, *content)));
            }
            Ok(Read::Other) => part.passed += 1,
            Err(sentence) => {
                let name = entry.dn.chars().filter(|c| !c.is_control()).take(100).collect();
                part.refused.push(Refused { line: entry.line, name, sentence });
            }
        }
    }
    Ok((part.read > 0).then_some(part))
}

/// The systems of a part, by what is to be done with them.
#[derive(Default)]
struct Sorted {
    created: u64,
    changed: u64,
    unchanged: u64,
    written: Vec<System>,
    refused: Vec<Refused>,
}

async fn sort(
    tx: &mut Tx,
    read: BTreeMap<String, (SystemId, SystemContent)>,
    now: Millis,
) -> Result<Sorted, Error> {
    let wanted: Vec<String> = read.keys().cloned().collect();
    let known = systems::find_all(&mut *tx, &wanted).await?;
    let mut known: BTreeMap<String, System> =
        known.into_iter().map(|system| (folded(system.id.as_str()), system)).collect();
    let mut sorted = Sorted::default();
    for (folded, (id, content)) in read {
        match known.remove(&folded) {
            None => {
                sorted.created += 1;
                sorted.written.push(System::new(id, content, now));
            }
            Some(system) if system.withdrawn_at.is_some() => {
                sorted.refused.push(refusal(&system, "it was withdrawn"));
            }
            Some(system) if system.content == content => sorted.unchanged += 1,
            Some(system) if system.content.kind() != content.kind() => {
                sorted.refused.push(refusal(&system, "a system stays of its kind"));
            }
            Some(system) => {
                sorted.changed += 1;
                sorted.written.push(system.rewritten(content, now));
            }
        }
    }
    Ok(sorted)
}

/// A refusal that is found only when the register is asked: its line is not known any more.
fn refusal(system: &System, sentence: &str) -> Refused {
    Refused { line: 0, name: system.id.to_string(), sentence: sentence.to_owned() }
}

async fn write(
    register: &Register,
    read: BTreeMap<String, (SystemId, SystemContent)>,
    actor: &Actor,
) -> Result<Sorted, Error> {
    let (register, actor, now) = (register.clone(), actor.clone(), register.now());
    let db = register.db.clone();
    db.write(move |tx| {
        Box::pin(async move {
            in_turn(tx, &register).await?;
            let sorted = sort(tx, read, now).await?;
            if sorted.written.is_empty() {
                return Ok(sorted);
            }
            let mut digests = String::new();
            for system in &sorted.written {
                digests.push_str(&systems::write(tx, system).await?);
            }
            let event = SystemEvent::SystemsImported {
                created: stored_number(sorted.created),
                changed: stored_number(sorted.changed),
                content_sha256: super::digest(&digests),
            };
            audit::record(tx, now, &actor, &event).await?;
            let told: Vec<_> = sorted
                .written
                .iter()
                .map(|system| (ChangeKind::SystemChanged, system.id.to_string(), None))
                .collect();
            changes::tell_many(tx, now, &told).await?;
            Ok(sorted)
        })
    })
    .await
}
