//! The serial numbers of time-stamps: each given once, by whichever process, and each larger than the one before.
//!
//! A number has three parts: the millisecond (48 bits), the number of the process (32), and how many were given in that millisecond
//! (32). The database gives each process its number once, when it gives its first time-stamp, so no two processes share numbers and
//! none is given again after a crash; nothing is written for a single time-stamp. The millisecond stands in front, so numbers of all
//! processes grow with time as far as their clocks agree; and a database that went back to a copy, and gives the number of a process
//! again, gives no serial number again.

use std::sync::{Mutex, PoisonError};

use platform::clock::Millis;

/// The numbers of one process.
#[derive(Debug)]
pub(crate) struct Series {
    number: u32,
    /// The last one given. Held for a moment, and never while anybody waits.
    last: Mutex<(u64, u32)>,
}

/// One serial number: its octets, most significant first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Serial([u8; 14]);

impl Series {
    /// The numbers of the process with this number.
    pub(crate) fn new(number: u32) -> Self {
        Self { number, last: Mutex::new((0, 0)) }
    }

    /// The next one; larger than all before, also when the clock went back a little.
    pub(crate) fn next(&self, now: Millis) -> Serial {
        let now = u64::try_from(now.0).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            (before, _) if now > before => (now, 0),
            // More than four billion in a millisecond: the next one's numbers are used.
            (before, u32::MAX) => (before + 1, 0),
            (before, count) => (before, count + 1),
        };
        let mut octets = [0; 14];
        octets[..6].copy_from_slice(&last.0.to_be_bytes()[2..]);
        octets[6..10].copy_from_slice(&self.number.to_be_bytes());
        octets[10..].copy_from_slice(&last.1.to_be_bytes());
        Serial(octets)
    }
}

impl Serial {
    /// Its octets.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// As the record tells it, and every tool that shows serial numbers.
    pub(crate) fn hex(&self) -> String {
        let text = hex::encode(self.0);
        let digits = text.trim_start_matches("00");
        digits.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers grow within a millisecond, from one to the next, and when the clock goes back; two processes share none.
    #[test]
    fn numbers_grow_and_are_given_once() {
        let (one, other) = (Series::new(1), Series::new(2));
        let times = [5, 5, 5, 6, 4, 4, 7, 1_795_540_800_000, 1_795_540_799_000];
        let given: Vec<Serial> = times.iter().map(|at| one.next(Millis(*at))).collect();
        assert!(given.is_sorted_by(|before, after| before < after), "{given:?}");
        let others: Vec<Serial> = times.iter().map(|at| other.next(Millis(*at))).collect();
        let all: BTreeSet<Serial> = given.iter().chain(&others).copied().collect();
        assert_eq!(all.len(), 2 * times.len());
    }

    /// Numbers of a process that starts later are larger, whatever its number; a millisecond that is used up is followed by the next.
    #[test]
    fn numbers_follow_the_time() {
        let before = Series::new(9).next(Millis(1_000));
        assert!(Series::new(1).next(Millis(1_001)) > before);
        let full = Series::new(3);
        *full.last.lock().unwrap() = (5, u32::MAX);
        let next = full.next(Millis(5));
        assert_eq!(next.octets()[..6], [0, 0, 0, 0, 0, 6]);
        assert_eq!(Series::new(1).next(Millis(0x01A2_0000_0000)).hex(), "01a2000000000000000100000000");
    }

    /// Many threads at once are given different numbers.
    #[test]
    fn threads_share_no_number() {
        let series = Series::new(1);
        let given = Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let serial = series.next(Millis(1));
                        given.lock().unwrap().insert(serial);
                    }
                });
            }
        });
        assert_eq!(given.lock().unwrap().len(), 2_000);
    }
}
