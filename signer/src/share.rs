//! A share for each client of what all of them wait for, so that none can take the whole of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use platform::caller::{Caller, CallerKind};

use crate::error::Error;

/// Who has a share: a system, or a person, whichever program they use.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sharer(String);

impl From<&Caller> for Sharer {
    fn from(caller: &Caller) -> Self {
        match caller.kind {
            // One program serves many people, and one of them must not stand in the way of the others.
            CallerKind::Person => Self(format!("{} {}", caller.client, caller.subject)),
            _ => Self(caller.client.to_string()),
        }
    }
}

impl Sharer {
    /// An application, by its id.
    pub(crate) fn of(client: &str) -> Self {
        Self(client.to_owned())
    }
}

/// Places, so many for each. Clones count together.
///
/// The lock is held to count and never while anybody waits.
#[derive(Clone)]
pub(crate) struct Shares {
    most: usize,
    taken: Arc<Mutex<HashMap<Sharer, usize>>>,
}

impl Shares {
    /// Nobody has a place yet; each may have this many, and one at least.
    pub(crate) fn of(most: usize) -> Self {
        Self { most: most.max(1), taken: Arc::default() }
    }

    /// A place until what is returned is dropped, or a refusal when this one has as many as may be.
    pub(crate) fn take(&self, sharer: &Sharer) -> Result<Place, Error> {
        self.take_many(sharer, 1)
    }

    /// So many places at once. Who has none may have more than a share, or what needs more would never be done.
    pub(crate) fn take_many(&self, sharer: &Sharer, places: usize) -> Result<Place, Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(sharer).copied().unwrap_or(0);
        if count > 0 && count + places > self.most {
            metrics::counter!("signer_share_refusals_total").increment(1);
            return Err(Error::ShareTaken);
        }
        taken.insert(sharer.clone(), count + places);
        Ok(Place { sharer: sharer.clone(), places, taken: Arc::clone(&self.taken) })
    }
}

/// A place that is taken, or several that are given back together.
pub(crate) struct Place {
    sharer: Sharer,
    places: usize,
    taken: Arc<Mutex<HashMap<Sharer, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.sharer) {
            *count -= self.places;
            if *count == 0 {
                taken.remove(&self.sharer);
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn sharer(name: &str) -> Sharer {
    Sharer(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has its share is refused, another is not; a place that is given back can be taken again.
    #[test]
    fn each_has_a_share() {
        let shares = Shares::of(2);
        let (one, other) = (sharer("one"), sharer("other"));
        let places = [shares.take(&one).unwrap(), shares.take(&one).unwrap()];
        assert!(matches!(shares.take(&one), Err(Error::ShareTaken)));
        drop(shares.take(&other).unwrap());
        drop(places);
        drop(shares.take(&one).unwrap());
        assert!(shares.taken.lock().unwrap().is_empty(), "nothing stays behind");
        assert!(Shares::of(0).take(&one).is_ok(), "a share is never nothing");
    }

    /// Places taken together count together, and whoever has none gets as many as it needs.
    #[test]
    fn places_are_taken_together() {
        let (shares, one) = (Shares::of(4), sharer("one"));
        let large = shares.take_many(&one, 9).unwrap();
        assert!(matches!(shares.take(&one), Err(Error::ShareTaken)));
        drop(large);
        let three = shares.take_many(&one, 3).unwrap();
        assert!(matches!(shares.take_many(&one, 2), Err(Error::ShareTaken)));
        drop(shares.take(&one).unwrap());
        drop(three);
        assert!(shares.taken.lock().unwrap().is_empty(), "nothing stays behind");
    }

    /// People who use one program have a share each; a system has one.
    #[test]
    fn people_have_shares_of_their_own() {
        let caller = |kind, subject: &str| {
            Sharer::from(&Caller::new(kind, subject, "program".parse().unwrap(), ["signer:sign"]))
        };
        assert_ne!(caller(CallerKind::Person, "555021942107"), caller(CallerKind::Person, "555021942115"));
        assert_eq!(caller(CallerKind::System, "a"), caller(CallerKind::System, "b"));
    }
}
