//! PINs in shares: which tokens wait for one, and what was given so far.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use hsm::shares::{Gathered, Gathering, Share, ShareError, ShareSet};
use hsm::{Pin, PinSource};

use crate::config::Config;
use crate::files;

/// Whether something still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Shares are missing.
    Locked,
    /// Every PIN is known.
    Open,
}

/// The tokens whose PIN is in shares.
pub struct Locks {
    waiting: Vec<Gathering>,
    /// The PINs that are known, by their set.
    open: BTreeMap<String, Pin>,
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
        Ok(Self { waiting, open: BTreeMap::new() })
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

    /// Takes a share for whichever lock it is of.
    pub fn add(&mut self, share: Share) -> Result<Standing, ShareError> {
        let at = self.waiting.iter().position(|lock| lock.set().set == share.set());
        let Some(lock) = self.waiting.get_mut(at.unwrap_or(0)) else { return Ok(Standing::Open) };
        // One of another set is refused there by its name.
        if let Gathered::Pin(pin) = lock.add(share)? {
            self.open.insert(lock.set().set.clone(), pin);
            let done = lock.set().set.clone();
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
