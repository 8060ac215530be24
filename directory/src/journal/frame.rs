//! The form of a journal's files: a head that names the file, then frames one after the other, each with its number, how far the disk had
//! taken the file before it, and a checksum.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// How the first octets of a file say what it is, and in which form.
const FILE: [u8; 8] = *b"LRJ\0\0\0\0\x02";
/// How a frame begins: what is behind a damaged one is found by it.
const FRAME: [u8; 4] = *b"\xF7LRF";
const CHECKSUM: usize = 8;
/// The length of a file's head: what it is, its name, and a checksum.
pub(super) const FILE_HEAD: usize = FILE.len() + Id::LENGTH + CHECKSUM;
/// The length of a frame's head: its beginning, the length of what it holds, its number, up to which octet the disk had taken the file, and
/// a checksum over all of it.
const HEAD: usize = FRAME.len() + 4 + 8 + 8 + CHECKSUM;
/// How much room there is for a frame at first: more than a read of one person takes.
const ROOM: usize = 768;
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
    /// How many octets are behind them, which the disk was never asked to take before anything else was written.
    pub(super) torn: usize,
    /// Whether whole frames are among those: the disk took what is behind a hole before what is in it.
    pub(super) behind: Behind,
}

/// What is behind the frames that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nothing, or the beginning of a frame that never came to its end.
    NoFrame,
    /// Frames that were written before the machine lost power.
    Frames,
}

/// A frame that was found.
struct Frame<'a> {
    number: i64,
    synced: u64,
    body: &'a [u8],
}

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    /// At which octet.
    pub(super) at: usize,
    /// The frame that cannot be read.
    pub(super) number: i64,
}

/// A frame without anything in it: what it holds is put behind what is there, and then it is sealed.
pub(super) fn begun() -> Vec<u8> {
    let mut frame = Vec::with_capacity(ROOM);
    frame.resize(HEAD, 0);
    frame
}

/// How many octets a frame holds.
pub(super) fn held(frame: &[u8]) -> usize {
    frame.len().saturating_sub(HEAD)
}

/// Writes the head of a frame that holds everything, where the disk has taken the file up to an octet.
pub(super) fn seal(file: Id, number: i64, synced: u64, frame: &mut [u8]) {
    let Some((head, body)) = frame.split_at_mut_checked(HEAD) else { return };
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    let (number, synced) = (number.to_be_bytes(), synced.to_be_bytes());
    let sum = checksum(&[&file.0, &length, &number, &synced, &*body]);
    let mut at = 0;
    for part in [&FRAME[..], &length, &number, &synced, &sum] {
        head[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

/// Reads a file whose head names it.
///
/// Up to where any of its frames says that the disk had taken it, everything must be there: where it is not, something has changed the
/// file. What cannot be read behind that is torn: a process that was killed ends so, and so does a machine without power, on which the
/// kernel has written what it was not asked for yet in an order of its own.
pub(super) fn read(file: Id, octets: &[u8]) -> Result<Content<'_>, Damaged> {
    let (mut frames, mut at, mut number) = (Vec::new(), FILE_HEAD.min(octets.len()), 1);
    while let Some(found) = frame(file, &octets[at..])
        && found.number == number
    {
        frames.push((number, found.body));
        at += HEAD + found.body.len();
        number += 1;
    }
    let rest = &octets[at..];
    // What the frames before say of the disk ends before them.
    let synced =
        (0..rest.len()).filter_map(|from| frame(file, &rest[from..])).map(|found| found.synced).max();
    if synced.is_some_and(|synced| u64::try_from(at).is_ok_and(|at| synced > at)) {
        return Err(Damaged { at, number });
    }
    let behind = if synced.is_some() { Behind::Frames } else { Behind::NoFrame };
    Ok(Content { frames, whole: at, torn: rest.len(), behind })
}

/// The whole frame that begins here.
fn frame(file: Id, octets: &[u8]) -> Option<Frame<'_>> {
    let rest = octets.strip_prefix(&FRAME)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (synced, rest) = rest.split_first_chunk::<8>()?;
    let (said, rest) = rest.split_first_chunk::<CHECKSUM>()?;
    let many = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|many| *many <= LONGEST)?;
    let body = rest.get(..many)?;
    let (number, synced, sum) = (
        i64::from_be_bytes(*number),
        u64::from_be_bytes(*synced),
        checksum(&[&file.0, length, number, synced, body]),
    );
    (*said == sum).then_some(Frame { number, synced, body })
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

    /// A frame that holds this.
    fn written(file: Id, number: i64, synced: u64, body: &[u8]) -> Vec<u8> {
        let mut frame = begun();
        frame.extend_from_slice(body);
        seal(file, number, synced, &mut frame);
        frame
    }

    /// What a frame is on the disk does not change: files that an earlier build left are read by a later one.
    #[test]
    fn frames_stay_as_they_are() {
        let frame = written(OURS, 3, 40, b"one");
        let sum = checksum(&[
            &OURS.0,
            &[0, 0, 0, 3],
            &[0, 0, 0, 0, 0, 0, 0, 3],
            &[0, 0, 0, 0, 0, 0, 0, 40],
            b"one",
        ]);
        let head =
            [&b"\xF7LRF"[..], &[0, 0, 0, 3], &[0, 0, 0, 0, 0, 0, 0, 3], &[0, 0, 0, 0, 0, 0, 0, 40]].concat();
        assert_eq!(frame, [&head[..], &sum, b"one"].concat());
        assert_eq!(held(&frame), 3);
    }

    /// A file with these frames, each of which the disk took before the next.
    fn file(bodies: &[&[u8]]) -> Vec<u8> {
        let mut octets = OURS.head();
        for (number, body) in (1..).zip(bodies) {
            let synced = u64::try_from(octets.len()).unwrap();
            octets.extend(written(OURS, number, synced, body));
        }
        octets
    }

    /// A file with these frames, of which the disk was never told to take any.
    fn unsynced(bodies: &[&[u8]]) -> Vec<u8> {
        let frames = (1..).zip(bodies).flat_map(|(number, body)| written(OURS, number, 0, body));
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

    /// Wherever a file ends in its last frame, and whatever of that was not written, the frames before it are read and it is torn; so is a
    /// hole with whole frames behind it, where the disk was not told to keep what is in it before those were written.
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
        let content = read(OURS, &empty).unwrap();
        assert_eq!((content.whole, content.behind), (whole, Behind::NoFrame));

        let octets = unsynced(&[b"one", b"two", b"three"]);
        let (first, second) = (unsynced(&[b"one"]).len(), unsynced(&[b"one", b"two"]).len());
        let mut hole = octets.clone();
        hole[first..second].fill(0);
        let content = read(OURS, &hole).unwrap();
        assert_eq!(content.frames, [(1, &b"one"[..])]);
        assert_eq!((content.torn, content.behind), (octets.len() - first, Behind::Frames));
        // The same hole in what the disk had taken.
        hole.extend(written(OURS, 4, u64::try_from(second).unwrap(), b"four"));
        assert_eq!(read(OURS, &hole), Err(Damaged { at: first, number: 2 }));
    }

    /// A frame that is damaged before others that were written after the disk had taken it, one that is gone, one that comes twice and one of
    /// another file are seen.
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
        let third = file(&[b"one", b"two", b"three", b"four"]);
        let twice = [&octets[..second], &octets[first..second], &third[octets.len()..]].concat();
        assert_eq!(read(OURS, &twice), Err(Damaged { at: second, number: 3 }));
        let other = [&octets[..first], &written(Id([8; 16]), 2, 0, b"two")].concat();
        assert_eq!(read(OURS, &other).unwrap().whole, first, "it is nothing of this file");
    }
}
