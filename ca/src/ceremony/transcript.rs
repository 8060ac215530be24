//! What was done in a ceremony, line by line.

use std::fmt;

use platform::clock::Millis;

use crate::digest::sha256_hex;

/// The lines of a ceremony, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    lines: Vec<(Millis, String)>,
}

impl Transcript {
    pub(crate) fn new(lines: Vec<(Millis, String)>) -> Transcript {
        Transcript { lines }
    }

    /// One line as it stands in the transcript.
    pub(crate) fn render(at: Millis, line: &str) -> String {
        format!("{at} {line}")
    }

    /// Each line with its time.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.lines.iter().map(|(at, line)| Transcript::render(*at, line))
    }

    /// SHA-256 of the text, in hexadecimal: the one in the audit record.
    pub fn sha256(&self) -> String {
        sha256_hex(self.to_string().as_bytes())
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().try_for_each(|line| writeln!(f, "{line}"))
    }
}
