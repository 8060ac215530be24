//! PINs in shares: which tokens wait for one, and what was given so far.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use hsm::shares::{Gathered, Gathering, Share, ShareError, ShareSet};
use hsm::{Pin, PinSource};

use crate::config::Config;
use crate::files;

/// How long shares that are not enough are kept after the last was given. Those who are needed come together: whoever holds
/// one share more must not find the others' of weeks ago.
pub const KEPT: Duration = Duration::from_mins(30);

/// Whether something still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Shares are missing.
    Locked,
    /// Every PIN is known.
    Open,
}

/// A token whose PIN is known again, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlocked {
    /// The token.
    pub token: String,
    /// The set that the shares are of.
    pub set: String,
    /// The numbers of the shares.
    pub shares: Vec<u8>,
}

/// The tokens whose PIN is in shares.
pub struct Locks {
    waiting: Vec<Gathering>,
    /// The numbers of the shares that were given, by their set.
    numbers: BTreeMap<String, BTreeSet<u8>>,
    unlocked: Vec<Unlocked>,
    /// The PINs that are known, by their set.
    open: BTreeMap<String, Pin>,
    /// When the last share was given.
    given_at: Option<Instant>,
}

impl Locks {
    /// Reads the description of each set that the configuration names, each once.
    pub fn of(config: &Config) -> anyhow::Result<Self> {
        let mut waiting: Vec<Gathering> = Vec::new();
        for token in &config.hsm.tokens {
            let PinSource::Shares(path) = &token.pin else { continue };
            let set = read_set(path)?;
            if set.token != token.label {
                anyhow::bail!(
                    "{} is of the PIN of the token {}, not of {}",
                    path.display(),
                    set.token,
                    token.label
                );
            }
            if waiting.iter().all(|known| known.set().set != set.set) {
                waiting.push(Gathering::new(set));
            }
        }
        Ok(Self::new(waiting))
    }

    fn new(waiting: Vec<Gathering>) -> Self {
        let (numbers, open) = (BTreeMap::new(), BTreeMap::new());
        Self { waiting, numbers, unlocked: Vec::new(), open, given_at: None }
    }

    /// What was unlocked, and by which shares.
    pub fn unlocked(&self) -> &[Unlocked] {
        &self.unlocked
    }

    /// Whether nothing waits.
    pub fn is_open(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What is missing, in words, without a name of who has given.
    pub fn said(&self) -> String {
        if self.is_open() {
            return "unlocked".to_owned();
        }
        let one = |lock: &Gathering| {
            let (given, set) = (lock.given(), lock.set());
            format!("locked: {given} of {} shares given for the token {}", set.threshold, set.token)
        };
        self.waiting.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// Wipes shares that were given so long ago that those who are needed do not come together, and says how many those
    /// were. A PIN that is known already stays.
    pub fn forget(&mut self, now: Instant) -> usize {
        if self.given_at.is_none_or(|at| now.saturating_duration_since(at) < KEPT) {
            return 0;
        }
        self.given_at = None;
        self.numbers.clear();
        self.waiting.iter_mut().map(Gathering::forget).sum()
    }

    /// Takes a share for whichever lock it is of.
    pub fn add(&mut self, share: Share, now: Instant) -> Result<Standing, ShareError> {
        let at = self.waiting.iter().position(|lock| lock.set().set == share.set());
        let Some(lock) = self.waiting.get_mut(at.unwrap_or(0)) else { return Ok(Standing::Open) };
        let number = share.number();
        // One of another set is refused there by its name.
        let gathered = lock.add(share)?;
        self.given_at = Some(now);
        self.numbers.entry(lock.set().set.clone()).or_default().insert(number);
        if let Gathered::Pin(pin) = gathered {
            self.open.insert(lock.set().set.clone(), pin);
            let (done, token) = (lock.set().set.clone(), lock.set().token.clone());
            let shares = self.numbers.remove(&done).unwrap_or_default().into_iter().collect();
            self.unlocked.push(Unlocked { token, set: done.clone(), shares });
            self.waiting.retain(|lock| lock.set().set != done);
        }
        Ok(if self.is_open() { Standing::Open } else { Standing::Locked })
    }

    /// Puts the PINs where the tokens look for them. They are in memory only.
    pub fn hand_over(&mut self, config: &mut Config) {
        for token in &mut config.hsm.tokens {
            let PinSource::Shares(path) = &token.pin else { continue };
            let Ok(set) = read_set(path) else { continue };
            if let Some(pin) = self.open.get(&set.set) {
                token.pin = PinSource::Given(pin.clone());
            }
        }
        self.open.clear();
    }
}

fn read_set(path: &Path) -> anyhow::Result<ShareSet> {
    toml::from_str(&files::read_text(path)?)
        .with_context(|| format!("{} does not describe shares of a PIN", path.display()))
}

#[cfg(test)]
mod tests {
    use hsm::shares::split;

    use super::*;

    /// Shares that do not become enough are forgotten half an hour after the last, and not before; then all are needed again.
    #[test]
    fn lonely_shares_are_forgotten() {
        let holders = ["Ada", "Grace", "Tim"].map(str::to_owned);
        let (set, shares) = split(&Pin::new("4711".to_owned()), "lanyard", 3, &holders).unwrap();
        let copy = |at: usize| Share::from_text(&shares[at].to_text(None).unwrap(), None).unwrap();
        let mut locks = Locks::new(vec![Gathering::new(set.clone())]);
        let start = Instant::now();
        assert_eq!(locks.forget(start + KEPT), 0, "nothing was given");
        assert_eq!(locks.add(copy(0), start), Ok(Standing::Locked));
        let later = start + (KEPT / 2);
        assert_eq!(locks.forget(later), 0);
        assert_eq!(locks.add(copy(1), later), Ok(Standing::Locked));
        assert_eq!(locks.forget(start + KEPT), 0, "it counts from the last");
        assert_eq!(locks.forget(later + KEPT), 2);
        assert!(locks.said().contains("0 of 3"));
        let again = later + KEPT;
        for (at, standing) in [(2, Standing::Locked), (0, Standing::Locked), (1, Standing::Open)] {
            assert_eq!(locks.add(copy(at), again), Ok(standing));
        }
        assert_eq!(locks.forget(again + KEPT), 0, "what is open stays open");
        assert!(locks.is_open());
        let unlocked = Unlocked { token: "lanyard".to_owned(), set: set.set, shares: vec![1, 2, 3] };
        assert_eq!(locks.unlocked(), [unlocked], "what opened it, each share once");
    }

    /// Only the shares that opened it are told of, not one that was given and forgotten before.
    #[test]
    fn forgotten_shares_opened_nothing() {
        let holders = ["Ada", "Grace", "Tim"].map(str::to_owned);
        let (set, shares) = split(&Pin::new("4711".to_owned()), "lanyard", 2, &holders).unwrap();
        let copy = |at: usize| Share::from_text(&shares[at].to_text(None).unwrap(), None).unwrap();
        let mut locks = Locks::new(vec![Gathering::new(set)]);
        let start = Instant::now();
        locks.add(copy(0), start).unwrap();
        assert_eq!((locks.forget(start + KEPT), locks.unlocked()), (1, &[][..]));
        for at in [2, 1] {
            locks.add(copy(at), start + KEPT).unwrap();
        }
        assert_eq!(locks.unlocked()[0].shares, [2, 3]);
    }
}
