//! A release cut into parts, on a thread of its own that never runs far ahead.

use std::collections::HashSet;
use std::io::BufRead;

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use tokio::sync::mpsc;

use super::release::{Manifest, Release};
use crate::api::OrganisationRecord;
use crate::error::Error;
use crate::xml::Fault;

/// How many organisations are in a part: what one transaction writes.
pub(crate) const PART: usize = 500;
/// How many organisations a release may have: their codes are held in memory, so that none is written twice.
const MOST: usize = 3_000_000;
/// How many parts wait to be written.
const WAITING: usize = 3;

/// An organisation with the SHA-256 of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// It.
    pub(crate) record: OrganisationRecord,
    /// SHA-256 over it as JSON, in hexadecimal.
    pub(crate) sha256: String,
}

impl Prepared {
    /// An organisation that was checked.
    pub(crate) fn new(record: OrganisationRecord) -> Result<Self, Error> {
        let json = serde_json::to_vec(&record).map_err(|_| Error::Stored { what: "organisation" })?;
        let digest = aws_lc_rs::digest::digest(&SHA256, &json);
        Ok(Self { record, sha256: hex::encode(digest.as_ref()) })
    }
}

/// An organisation of a release that can be none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The line at which it begins.
    pub line: u64,
    /// Its code as it stands there.
    pub code: String,
    /// What is wrong with it.
    pub sentence: String,
}

/// A part of a release.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its number, the first being 0.
    pub(crate) number: u64,
    /// SHA-256 over the content of its organisations, in hexadecimal.
    pub(crate) sha256: String,
    /// The organisations, none of them twice.
    pub(crate) organisations: Vec<Prepared>,
    /// What can be no organisation.
    pub(crate) refused: Vec<Refused>,
}

/// What the thread says.
#[derive(Debug)]
pub(crate) enum Said {
    /// First: what the release says about itself.
    Manifest(Manifest),
    /// Then: its parts in their order.
    Part(Part),
    /// Last: there is no more, and the file ended as it should.
    End,
}

type Sender = mpsc::Sender<Result<Said, Error>>;

/// Begins to read a release. When nobody listens any more, it stops.
pub(crate) fn read<R: BufRead + Send + 'static>(reader: R) -> mpsc::Receiver<Result<Said, Error>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let last = match cut(reader, &sender) {
            Ok(Heard::All) => Ok(Said::End),
            Ok(Heard::NoLonger) => return,
            Err(error) => Err(error),
        };
        // Whoever has gone needs no last word.
        let _gone = sender.blocking_send(last);
    });
    receiver
}

/// Whether somebody listened to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    All,
    NoLonger,
}

fn cut<R: BufRead>(reader: R, sender: &Sender) -> Result<Heard, Error> {
    let mut release = Release::open(reader)?;
    if sender.blocking_send(Ok(Said::Manifest(release.manifest.clone()))).is_err() {
        return Ok(Heard::NoLonger);
    }
    let mut seen = HashSet::new();
    for number in 0.. {
        let Some(part) = part(&mut release, number, &mut seen)? else { break };
        if sender.blocking_send(Ok(Said::Part(part))).is_err() {
            return Ok(Heard::NoLonger);
        }
    }
    release.finish()?;
    Ok(Heard::All)
}

/// The next part; `None` when the organisations have ended.
fn part<R: BufRead>(
    release: &mut Release<R>,
    number: u64,
    seen: &mut HashSet<[u8; LONGEST_CODE]>,
) -> Result<Option<Part>, Error> {
    let (mut organisations, mut refused) = (Vec::with_capacity(PART), Vec::new());
    let mut digest = Context::new(&SHA256);
    while organisations.len() + refused.len() < PART {
        let Some(read) = release.next()? else { break };
        let (line, code) = (read.line, read.code);
        let record = read.record.and_then(|record| {
            let new = seen.insert(packed(record.ods.as_str()));
            if new { Ok(record) } else { Err("it stands in the release twice".to_owned()) }
        });
        if seen.len() > MOST {
            let sentence = format!("there are more than {MOST} organisations");
            return Err(Error::File { place: format!("line {line}"), sentence });
        }
        match record {
            Ok(record) => {
                let prepared = Prepared::new(record)?;
                digest.update(prepared.sha256.as_bytes());
                organisations.push(prepared);
            }
            Err(sentence) => {
                let code = code.chars().filter(|c| !c.is_control()).take(20).collect();
                refused.push(Refused { line, code, sentence });
            }
        }
    }
    if organisations.is_empty() && refused.is_empty() {
        return Ok(None);
    }
    let sha256 = hex::encode(digest.finish().as_ref());
    Ok(Some(Part { number, sha256, organisations, refused }))
}

/// The longest ODS code.
const LONGEST_CODE: usize = 12;

/// A code in the least memory.
fn packed(code: &str) -> [u8; LONGEST_CODE] {
    let mut packed = [0; LONGEST_CODE];
    for (place, byte) in packed.iter_mut().zip(code.bytes()) {
        *place = byte;
    }
    packed
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::File { place: format!("line {}", fault.line), sentence: fault.sentence }
    }
}
