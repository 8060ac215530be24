//! What the source of the time said last, for whoever must know it in a request.

use tokio::sync::watch;

use super::{Accuracy, Untrusted};

/// Whether the clock can be believed, and how far. Clones share what was said.
#[derive(Clone, Debug)]
pub struct Discipline(watch::Sender<Result<Accuracy, Untrusted>>);

impl Discipline {
    /// Nobody has asked yet: the clock is not believed until somebody has.
    pub fn unknown() -> Self {
        let reason = "the source of the time was not asked yet".to_owned();
        Self(watch::Sender::new(Err(Untrusted::Unreadable { reason })))
    }

    /// What was said last.
    pub fn said(&self) -> Result<Accuracy, Untrusted> {
        self.0.borrow().clone()
    }

    /// Tells what the source says now.
    pub fn tell(&self, said: Result<Accuracy, Untrusted>) {
        self.0.send_modify(|last| *last = said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock is not believed before its source was asked, and all clones know what was said last.
    #[test]
    fn what_is_said_is_known_to_all() {
        let one = Discipline::unknown();
        let other = one.clone();
        assert!(matches!(other.said(), Err(Untrusted::Unreadable { .. })));
        one.tell(Ok(Accuracy { bound: None }));
        assert_eq!(other.said(), Ok(Accuracy { bound: None }));
        other.tell(Err(Untrusted::NotSynchronised));
        assert_eq!(one.said(), Err(Untrusted::NotSynchronised));
    }
}
