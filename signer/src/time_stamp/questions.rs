//! Questions that wait until they are made a group: those of each application in turn, and apart from them those of our own. Those of whom nobody
//! knows are in groups of their own, behind whatever else the token has to do.
//!
//! So an application that asks for very many waits for itself, and what proves the ledger is never refused a place by anybody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::issuing::{self, Asked, Whose};
use super::reply::Failure;
use crate::line::Line;
use crate::share::Sharer;

/// Who asks for a time-stamp.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// Anybody: all of them are like one application.
    Anybody,
    /// An application, for one of its people or for nobody in particular.
    Application(Sharer),
    /// This module, for what it proves and renews.
    Ourselves,
}

/// Under what name those wait whom nobody knows. No application has it: names have no blank.
pub(super) const ANYBODY: &str = "anybody at /tsa";
/// How many of one application may wait; who finds no place is told to come later.
const OF_ONE: usize = 1_024;
/// How many of all applications.
const OF_ALL: usize = 65_536;
/// How many of our own, whatever else waits.
const OUR_OWN: usize = 256;

/// What waits.
pub(super) struct Waiting<T> {
    others: Line<T>,
    ours: VecDeque<T>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { others: Line::default(), ours: VecDeque::new() }
    }
}

impl<T> Waiting<T> {
    fn put(&mut self, asker: &Asker, question: T) -> Result<(), Failure> {
        let anybody = Sharer::of(ANYBODY);
        let who = match asker {
            Asker::Ourselves if self.ours.len() < OUR_OWN => {
                self.ours.push_back(question);
                return Ok(());
            }
            Asker::Ourselves => return Err(Failure::System),
            Asker::Anybody => &anybody,
            Asker::Application(who) => who,
        };
        if self.others.of_application(who) >= OF_ONE || self.others.len() >= OF_ALL {
            return Err(Failure::System);
        }
        self.others.join(who, question);
        Ok(())
    }

    /// Whoever is next. Ours are few, and go first.
    pub(super) fn next(&self) -> Option<&T> {
        self.ours.front().or_else(|| self.others.next())
    }

    /// Takes out whoever is next.
    pub(super) fn take(&mut self) -> Option<T> {
        self.ours.pop_front().or_else(|| self.others.leave())
    }
}

/// The ways to the tasks that make groups.
pub(super) struct Questions {
    known: Way,
    anybody: Way,
}

impl Questions {
    /// Starts the tasks.
    pub(super) fn start() -> Self {
        Self { known: Way::start(Whose::Known), anybody: Way::start(Whose::Anybody) }
    }

    /// Has a question wait for its turn, or says that there is no place for it.
    pub(super) fn ask(&self, asker: &Asker, question: Asked) -> Result<(), Failure> {
        match asker {
            Asker::Anybody => self.anybody.ask(asker, question),
            Asker::Application(_) | Asker::Ourselves => self.known.ask(asker, question),
        }
    }
}

/// The way to a task that makes groups, which ends with this.
struct Way {
    waiting: Arc<Mutex<Waiting<Asked>>>,
    /// Holds one: that something came. The task looks until nothing is left each time.
    came: mpsc::Sender<()>,
}

impl Way {
    fn start(whose: Whose) -> Self {
        let (came, comes) = mpsc::channel(1);
        let waiting = Arc::default();
        tokio::spawn(issuing::group(whose, Arc::clone(&waiting), comes));
        Self { waiting, came }
    }

    fn ask(&self, asker: &Asker, question: Asked) -> Result<(), Failure> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).put(asker, question)?;
        match self.came.try_send(()) {
            // The task will look anyway.
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            Err(TrySendError::Closed(())) => Err(Failure::System),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::sharer;

    /// Whoever asks for more than is for one is refused alone; others have their turns, and our own go before everybody's.
    #[test]
    fn one_that_asks_for_much_waits_for_itself() {
        let mut waiting = Waiting::default();
        let (many, other) = (Asker::Application(sharer("many")), Asker::Application(sharer("other")));
        for number in 0..OF_ONE {
            waiting.put(&many, ("many", number)).unwrap();
            waiting.put(&Asker::Anybody, ("anybody", number)).unwrap();
        }
        assert_eq!(waiting.put(&many, ("many", OF_ONE)), Err(Failure::System));
        assert_eq!(waiting.put(&Asker::Anybody, ("anybody", OF_ONE)), Err(Failure::System));
        waiting.put(&other, ("other", 0)).unwrap();
        waiting.put(&Asker::Ourselves, ("ours", 0)).unwrap();
        assert_eq!(waiting.next(), Some(&("ours", 0)));
        let order: Vec<_> = std::iter::from_fn(|| waiting.take()).take(5).collect();
        assert_eq!(order, [("ours", 0), ("many", 0), ("anybody", 0), ("other", 0), ("many", 1)]);
    }

    /// Our own have places when everybody else's are taken, and are bounded too.
    #[test]
    fn a_reserve_is_kept_for_our_own() {
        let mut waiting = Waiting::default();
        for number in 0..OF_ALL {
            let who = Asker::Application(sharer(&format!("application-{}", number / OF_ONE)));
            waiting.put(&who, number).unwrap();
        }
        assert_eq!(waiting.put(&Asker::Application(sharer("one-more")), 0), Err(Failure::System));
        for number in 0..OUR_OWN {
            waiting.put(&Asker::Ourselves, number).unwrap();
        }
        assert_eq!(waiting.put(&Asker::Ourselves, 0), Err(Failure::System));
    }
}
