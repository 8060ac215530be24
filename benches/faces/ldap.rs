//! LDAP (RFC 4511) over one connection, one question after the other. The same for both servers.

use std::collections::BTreeSet;
use std::io::Write as _;

use anyhow::{Context, bail, ensure};

use crate::ber::{element, first, written};
use crate::rig::secure::{Secure, Target, connect, fill};

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// What is asked, and the kinds of answers. RFC 4511 4.5.
const SEARCH: u8 = 0x63;
const ENTRY: u8 = 0x64;
const DONE: u8 = 0x65;
/// The filter that one value is there.
const EQUALITY: u8 = 0xa3;
/// Numbers of messages begin here, so that each is written in four octets and can be put into a question that is ready.
const NUMBERS: u32 = 0x4000_0000;

/// A search for one value, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    octets: Vec<u8>,
    number_at: usize,
}

impl Search {
    /// For every entry at or below `base` that has this value, with all its attributes.
    pub(crate) fn new(base: &str, attribute: &str, value: &str) -> Self {
        let filter = [written(OCTETS, attribute.as_bytes()), written(OCTETS, value.as_bytes())].concat();
        let request = [
            written(OCTETS, base.as_bytes()),
            // The whole subtree, no alias, no limit of entries or of time, values too.
            written(ENUMERATED, &[2]),
            written(ENUMERATED, &[0]),
            written(INTEGER, &[0]),
            written(INTEGER, &[0]),
            written(BOOLEAN, &[0]),
            written(EQUALITY, &filter),
            written(SEQUENCE, &[]),
        ]
        .concat();
        let message = [written(INTEGER, &NUMBERS.to_be_bytes()), written(SEARCH, &request)].concat();
        let octets = written(SEQUENCE, &message);
        // Behind its own tag and length.
        let number_at = octets.len() - message.len() + 2;
        Self { octets, number_at }
    }
}

/// An entry: its name, and each value with its attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    dn: String,
    values: BTreeSet<(String, String)>,
}

impl Entry {
    fn read(octets: &[u8]) -> anyhow::Result<Self> {
        let dn = element(octets, OCTETS)?;
        let mut attributes = element(dn.rest, SEQUENCE)?.content;
        let mut values = BTreeSet::new();
        while !attributes.is_empty() {
            let attribute = element(attributes, SEQUENCE)?;
            attributes = attribute.rest;
            let name = element(attribute.content, OCTETS)?;
            let mut rest = element(name.rest, SET)?.content;
            let name = text(name.content).to_lowercase();
            while !rest.is_empty() {
                let value = element(rest, OCTETS)?;
                rest = value.rest;
                values.insert((name.clone(), text(value.content)));
            }
        }
        Ok(Self { dn: text(dn.content).to_lowercase(), values })
    }

    /// The values of an attribute, which is named in small letters.
    pub(crate) fn values<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e str> {
        self.values.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// How many values it has.
    pub(crate) fn size(&self) -> usize {
        self.values.len()
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A connection that is kept open.
pub(crate) struct Ldap {
    stream: Secure,
    sent: Vec<u8>,
    answer: Vec<u8>,
    number: u32,
}

impl Ldap {
    pub(crate) fn open(target: &Target) -> anyhow::Result<Self> {
        Ok(Self { stream: connect(target)?, sent: Vec::new(), answer: Vec::new(), number: 0 })
    }

    /// Asks, and counts the entries of the answer.
    pub(crate) fn count(&mut self, search: &Search) -> anyhow::Result<usize> {
        let mut count = 0;
        self.ask(search, |_entry| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Asks, and reads the answer whole.
    pub(crate) fn entries(&mut self, search: &Search) -> anyhow::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.ask(search, |entry| {
            entries.push(Entry::read(entry)?);
            Ok(())
        })?;
        Ok(entries)
    }

    /// Sends a search and takes each entry, up to a good result.
    fn ask(
        &mut self,
        search: &Search,
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.number = (self.number + 1) % NUMBERS;
        let number = (NUMBERS + self.number).to_be_bytes();
        self.sent.clear();
        self.sent.extend_from_slice(&search.octets);
        self.sent[search.number_at..search.number_at + number.len()].copy_from_slice(&number);
        self.stream.write_all(&self.sent)?;
        self.stream.flush()?;
        self.answer.clear();
        let mut read = 0;
        loop {
            let unread = &self.answer[read..];
            let Some(message) = first(unread)? else {
                fill(&mut self.stream, &mut self.answer)?;
                continue;
            };
            read += unread.len() - message.rest.len();
            let to = element(message.content, INTEGER)?;
            ensure!(message.tag == SEQUENCE && to.content == number, "an answer to another question");
            let operation = first(to.rest)?.context("an answer without anything")?;
            match operation.tag {
                ENTRY => take(operation.content)?,
                DONE => return ended(operation.content),
                other => bail!("an answer of the kind {other:02x}"),
            }
        }
    }
}

/// Whether a search went well. RFC 4511 4.1.9.
fn ended(result: &[u8]) -> anyhow::Result<()> {
    let code = element(result, ENUMERATED)?;
    let matched = element(code.rest, OCTETS)?;
    let said = element(matched.rest, OCTETS)?;
    ensure!(code.content == [0], "result {:?}: {}", code.content, text(said.content));
    Ok(())
}
