//! The form of a journal's files: a head that names the file, then frames one after the other, each with its number and a checksum.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// How the first octets of a file say what it is, and in which form.
const FILE: [u8; 8] = *b"LRJ\0\0\0\0\x01";
/// How a frame begins: what is behind a damaged one is found by it.
const FRAME: [u8; 4] = *b"\xF7LRF";
const CHECKSUM: usize = 8;
/// The length of a file's head: what it is, its name, and a checksum.
pub(super) const FILE_HEAD: usize = FILE.len() + Id::LENGTH + CHECKSUM;
/// The length of a frame's head: its beginning, the length of what it holds, its number, and a checksum over all of it.
const HEAD: usize = FRAME.len() + 4 + 8 + CHECKSUM;
/// The most that a frame holds, in octets.
pub(super) const LONGEST: usize = 1 << 20;

/// The name of a file for the database: random, so that no two are taken for each other, whatever they are called on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id([u8; Id::LENGTH]);

impl Id {
    const LENGTH: usize = 16;

    /// The id of these octets, which nobody else has.
    pub(super) fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The head of its file.
    pub(super) fn head(self) -> Vec<u8> {
        [&FILE[..], &self.0, &checksum(&[&FILE, &self.0])].concat()
    }

    /// Whose head this is.
    pub(super) fn of_head(octets: &[u8]) -> Option<Self> {
        let rest = octets.strip_prefix(&FILE)?;
        let (id, rest) = rest.split_first_chunk::<{ Self::LENGTH }>()?;
        let (said, _) = rest.split_first_chunk::<CHECKSUM>()?;
        (*said == checksum(&[&FILE, id])).then_some(Self(*id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What a file holds, in the order in which it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content<'a> {
    /// Frames by their numbers, without a gap.
    pub(super) frames: Vec<(i64, &'a [u8])>,
    /// How many octets of the file those take, with its head.
    pub(super) whole: usize,
    /// How many octets are behind them: the beginning of a frame that never came to its end.
    pub(super) torn: usize,
}

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    /// At which octet.
    pub(super) at: usize,
    /// The frame that cannot be read.
    pub(super) number: i64,
}

/// A frame as it is written.
pub(super) fn written(file: Id, number: i64, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let number = number.to_be_bytes();
    let sum = checksum(&[&file.0, &length, &number, body]);
    [&FRAME[..], &length, &number, &sum, body].concat()
}

/// Reads a file whose head names it.
///
/// A frame that is not whole is torn where no frame is behind it: a process that was killed, or a machine without power, ends so.
/// Where one is behind it, something has changed the file.
pub(super) fn read(file: Id, octets: &[u8]) -> Result<Content<'_>, Damaged> {
    let (mut frames, mut at, mut number) = (Vec::new(), FILE_HEAD.min(octets.len()), 1);
    while let Some((found, body)) = frame(file, &octets[at..])
        && found == number
    {
        frames.push((number, body));
        at += HEAD + body.len();
        number += 1;
    }
    let rest = &octets[at..];
    if (0..rest.len()).any(|behind| frame(file, &rest[behind..]).is_some()) {
        return Err(Damaged { at, number });
    }
    Ok(Content { frames, whole: at, torn: rest.len() })
}

/// The whole frame that begins here.
fn frame(file: Id, octets: &[u8]) -> Option<(i64, &[u8])> {
    let rest = octets.strip_prefix(&FRAME)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (said, rest) = rest.split_first_chunk::<CHECKSUM>()?;
    let many = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|many| *many <= LONGEST)?;
    let body = rest.get(..many)?;
    (*said == checksum(&[&file.0, length, number, body])).then_some((i64::from_be_bytes(*number), body))
}

/// The first octets of SHA-256 over these parts. The name of the file is one of them, so that a frame that an earlier file left on the
/// same place of a disk is none of this one.
fn checksum(parts: &[&[u8]]) -> [u8; CHECKSUM] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut first = [0; CHECKSUM];
    first.copy_from_slice(&context.finish().as_ref()[..CHECKSUM]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Id = Id([7; 16]);

    /// A file with these frames.
    fn file(bodies: &[&[u8]]) -> Vec<u8> {
        let frames = (1..).zip(bodies).flat_map(|(number, body)| written(OURS, number, body));
        OURS.head().into_iter().chain(frames).collect()
    }

    /// What was written is read in its order, an empty frame too; the head says whose it is, and a damaged head nothing.
    #[test]
    fn frames_are_read_in_their_order() {
        let octets = file(&[b"one", b"", b"three"]);
        assert_eq!(Id::of_head(&octets), Some(OURS));
        let content = read(OURS, &octets).unwrap();
        assert_eq!(content.frames, [(1, &b"one"[..]), (2, &b""[..]), (3, &b"three"[..])]);
        assert_eq!((content.whole, content.torn), (octets.len(), 0));
        assert!(read(OURS, &OURS.head()).unwrap().frames.is_empty());
        for at in 0..FILE_HEAD {
            let mut wrong = octets.clone();
            wrong[at] ^= 1;
            assert_eq!(Id::of_head(&wrong), None, "{at}");
            assert_eq!(Id::of_head(&octets[..at]), None, "{at}");
        }
    }

    /// Wherever a file ends in its last frame, and whatever of that was not written, the frames before it are read and it is torn.
    #[test]
    fn torn_frames_are_cut_off() {
        let octets = file(&[b"one", b"two"]);
        let whole = file(&[b"one"]).len();
        for end in whole..octets.len() {
            let content = read(OURS, &octets[..end]).unwrap();
            assert_eq!((content.frames.len(), content.whole, content.torn), (1, whole, end - whole), "{end}");
        }
        // The length of a file reaches the disk before what is in it.
        let mut empty = octets.clone();
        empty[whole + 2..].fill(0);
        empty.extend([0; 5000]);
        assert_eq!(read(OURS, &empty).unwrap().whole, whole);
    }

    /// A frame that is damaged before others, one that is gone, one that comes twice and one of another file are seen.
    #[test]
    fn damage_in_the_middle_is_seen() {
        let octets = file(&[b"one", b"two", b"three"]);
        let (first, second) = (file(&[b"one"]).len(), file(&[b"one", b"two"]).len());
        for at in first..second {
            let mut wrong = octets.clone();
            wrong[at] ^= 1;
            assert_eq!(read(OURS, &wrong), Err(Damaged { at: first, number: 2 }), "{at}");
        }
        let gone = [&octets[..first], &octets[second..]].concat();
        assert_eq!(read(OURS, &gone), Err(Damaged { at: first, number: 2 }));
        let twice = [&octets[..second], &octets[first..]].concat();
        assert_eq!(read(OURS, &twice), Err(Damaged { at: second, number: 3 }));
        let other = [&octets[..first], &written(Id([8; 16]), 2, b"two")].concat();
        assert_eq!(read(OURS, &other).unwrap().whole, first, "it is nothing of this file");
    }
}
