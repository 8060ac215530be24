//! HTTP/1.1 over one connection that is kept open, one question after the other.

use std::io::Write as _;

use anyhow::{Context, ensure};

use super::secure::{Secure, Target, connect, fill};

/// A connection that is kept open.
pub(crate) struct Web {
    stream: Secure,
    answer: Vec<u8>,
}

impl Web {
    pub(crate) fn open(target: &Target) -> anyhow::Result<Self> {
        Ok(Self { stream: connect(target)?, answer: Vec::new() })
    }

    /// Sends a question and reads the body of its answer, which has to be a good one.
    pub(crate) fn ask(&mut self, question: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(question)?;
        self.stream.flush()?;
        self.answer.clear();
        let body = loop {
            fill(&mut self.stream, &mut self.answer)?;
            if let Some(head) = self.answer.windows(4).position(|octets| octets == b"\r\n\r\n") {
                break head + 4;
            }
        };
        let end = body + length(&self.answer[..body])?;
        while self.answer.len() < end {
            fill(&mut self.stream, &mut self.answer)?;
        }
        ensure!(self.answer.get(9) == Some(&b'2'), "{}", String::from_utf8_lossy(&self.answer));
        Ok(&self.answer[body..end])
    }
}

/// The length of the body that the head of an answer tells.
fn length(head: &[u8]) -> anyhow::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    let named = |line: &&[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let line = head.split(|octet| *octet == b'\n').find(named);
    let line = line.with_context(|| format!("no length: {}", String::from_utf8_lossy(head)))?;
    Ok(std::str::from_utf8(&line[NAME.len()..])?.trim().parse()?)
}
