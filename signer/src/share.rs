//! A share for each client of what all of them wait for, so that none can take the whole of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform::caller::{Caller, CallerKind};
use tokio::sync::Notify;

use crate::error::Error;

/// Who has a share: an application, and which of its people it is for, where one calls.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sharer {
    application: String,
    person: Option<String>,
}

impl From<&Caller> for Sharer {
    fn from(caller: &Caller) -> Self {
        // One program serves many people, and one of them must not stand in the way of the others.
        let person = (caller.kind == CallerKind::Person).then(|| caller.subject.clone());
        Self { application: caller.client.to_string(), person }
    }
}

impl Sharer {
    /// An application, by its id.
    pub(crate) fn of(client: &str) -> Self {
        Self { application: client.to_owned(), person: None }
    }

    /// One of an application's people.
    pub(crate) fn of_person(client: &str, person: &str) -> Self {
        Self { application: client.to_owned(), person: Some(person.to_owned()) }
    }

    /// The application.
    pub(crate) fn application(&self) -> &str {
        &self.application
    }
}

/// For how long somebody waits for room.
const PATIENCE: Duration = Duration::from_secs(8);

/// Places, so many for each application, of which one of its people has half at most. Clones count together.
///
/// The lock is held to count and never while anybody waits.
#[derive(Clone)]
pub(crate) struct Shares {
    most: usize,
    taken: Arc<Mutex<HashMap<Sharer, usize>>>,
    /// Told whenever somebody gives a place back.
    freed: Arc<Notify>,
}

impl Shares {
    /// Nobody has a place yet; each may have this many, and one at least.
    pub(crate) fn of(most: usize) -> Self {
        Self { most: most.max(1), taken: Arc::default(), freed: Arc::default() }
    }

    /// A place until what is returned is dropped, or a refusal when this one has as many as may be.
    pub(crate) fn take(&self, sharer: &Sharer) -> Result<Place, Error> {
        self.take_many(sharer, 1)
    }

    /// So many places at once. Who has none may have more than a share, or what needs more would never be done.
    pub(crate) fn take_many(&self, sharer: &Sharer, places: usize) -> Result<Place, Error> {
        self.take_if_room(sharer, places).ok_or_else(refused)
    }

    /// The same as soon as there is room, or a refusal when that takes longer than somebody waits. Waiting takes a place among those who do, or is
    /// refused at once: who waits keeps a place of the port meanwhile.
    pub(crate) async fn take_in_time(
        &self,
        waiting: &Self,
        sharer: &Sharer,
        places: usize,
    ) -> Result<Place, Error> {
        if let Some(place) = self.take_if_room(sharer, places) {
            return Ok(place);
        }
        let _waits = waiting.take(sharer)?;
        let taken = async {
            loop {
                self.room(sharer, places).await;
                if let Some(place) = self.take_if_room(sharer, places) {
                    return place;
                }
            }
        };
        tokio::time::timeout(PATIENCE, taken).await.map_err(|_late| refused())
    }

    /// Waits until there is room for so many, as long as somebody does. Another may take it before whoever waited does.
    pub(crate) async fn room_in_time(&self, sharer: &Sharer, places: usize) {
        let _in_time = tokio::time::timeout(PATIENCE, self.room(sharer, places)).await;
    }

    fn take_if_room(&self, sharer: &Sharer, places: usize) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = self.counted(sharer);
        if is_full(&taken, &counted, places) {
            return None;
        }
        let counted = counted.map(|(who, _)| who);
        for who in &counted {
            *taken.entry(who.clone()).or_default() += places;
        }
        Some(Place { counted, places, taken: Arc::clone(&self.taken), freed: Arc::clone(&self.freed) })
    }

    async fn room(&self, sharer: &Sharer, places: usize) {
        let counted = self.counted(sharer);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // From here on nothing that is given back is missed.
            freed.as_mut().enable();
            if !is_full(&self.taken.lock().unwrap_or_else(PoisonError::into_inner), &counted, places) {
                return;
            }
            freed.await;
        }
    }

    /// Under whom places of somebody count, and how many each may have. An application counts as itself and as nobody in particular of its people.
    fn counted(&self, sharer: &Sharer) -> [(Sharer, usize); 2] {
        let whole = Sharer { application: sharer.application.clone(), person: Some(String::new()) };
        let own = if sharer.person.is_some() { self.most.div_ceil(2) } else { self.most };
        [(whole, self.most), (sharer.clone(), own)]
    }
}

/// A refusal, counted.
fn refused() -> Error {
    metrics::counter!("signer_share_refusals_total").increment(1);
    Error::ShareTaken
}

/// Whether somebody who needs so many has none to be had.
fn is_full(taken: &HashMap<Sharer, usize>, counted: &[(Sharer, usize)], places: usize) -> bool {
    counted.iter().any(|(who, most)| taken.get(who).is_some_and(|count| *count > 0 && count + places > *most))
}

/// A place that is taken, or several that are given back together.
pub(crate) struct Place {
    counted: [Sharer; 2],
    places: usize,
    taken: Arc<Mutex<HashMap<Sharer, usize>>>,
    freed: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for who in &self.counted {
            if let Some(count) = taken.get_mut(who) {
                *count -= self.places;
                if *count == 0 {
                    taken.remove(who);
                }
            }
        }
        drop(taken);
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
pub(crate) fn sharer(name: &str) -> Sharer {
    Sharer::of(name)
}

#[cfg(test)]
pub(crate) fn of_person(name: &str, person: &str) -> Sharer {
    Sharer::of_person(name, person)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

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

    /// Whether what waits is done waiting.
    fn goes_on<F: Future>(waiting: &mut Pin<&mut F>) -> bool {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Who waits for room goes on when enough was given back, and not when others give something back.
    #[tokio::test]
    async fn room_is_waited_for() {
        let (shares, one) = (Shares::of(2), sharer("one"));
        shares.room(&one, 9).await;
        let (first, second) = (shares.take(&one).unwrap(), shares.take(&one).unwrap());
        let others = shares.take(&sharer("other")).unwrap();
        let mut waiting = std::pin::pin!(shares.room(&one, 2));
        assert!(!goes_on(&mut waiting));
        drop(others);
        assert!(!goes_on(&mut waiting), "another's");
        drop(first);
        assert!(!goes_on(&mut waiting), "half of it");
        drop(second);
        assert!(goes_on(&mut waiting));
    }

    /// Places are taken as soon as there is room for all of them, by one of those who wait.
    #[tokio::test]
    async fn places_are_waited_for() {
        let (shares, waiting, one) = (Shares::of(2), Shares::of(2), sharer("one"));
        let first = shares.take_in_time(&waiting, &one, 2).await.unwrap();
        let mut second = Box::pin(shares.take_in_time(&waiting, &one, 2));
        let mut third = Box::pin(shares.take_in_time(&waiting, &one, 1));
        assert!(!goes_on(&mut second.as_mut()) && !goes_on(&mut third.as_mut()));
        drop(first);
        let second = second.await.unwrap();
        assert!(!goes_on(&mut third.as_mut()), "the other was first");
        drop(second);
        drop(third.await.unwrap());
        assert!(shares.taken.lock().unwrap().is_empty(), "nothing stays behind");
    }

    /// So many of one application wait, half of them for one of its people; those beyond are refused at once, and others are let in and wait.
    #[tokio::test]
    async fn those_who_wait_are_counted() {
        let (shares, waiting) = (Shares::of(2), Shares::of(4));
        let [one, two, three] = ["one", "two", "three"].map(|person| of_person("many", person));
        let held = shares.take_many(&sharer("many"), 2).unwrap();
        let taking = |who: &Sharer| {
            let (shares, waiting, who) = (shares.clone(), waiting.clone(), who.clone());
            Box::pin(async move { shares.take_in_time(&waiting, &who, 1).await })
        };
        let at_once = async |who: &Sharer| tokio::time::timeout(Duration::ZERO, taking(who)).await;
        let mut half = [&one, &one].map(taking);
        assert!(half.iter_mut().all(|it| !goes_on(&mut it.as_mut())));
        assert!(matches!(at_once(&one).await, Ok(Err(Error::ShareTaken))), "half of it");
        let mut whole = [&two, &two].map(taking);
        assert!(whole.iter_mut().all(|it| !goes_on(&mut it.as_mut())));
        assert!(matches!(at_once(&three).await, Ok(Err(Error::ShareTaken))), "no more for more people");
        let others = [at_once(&sharer("other")).await, at_once(&sharer("other")).await];
        assert!(others.iter().all(|it| matches!(it, Ok(Ok(_)))), "another application is let in");
        let mut behind = taking(&sharer("other"));
        assert!(!goes_on(&mut behind.as_mut()), "and waits where it has its share");
        drop((half, whole, behind, others, held));
        drop(at_once(&one).await.unwrap().unwrap());
        for counted in [&shares, &waiting] {
            assert!(counted.taken.lock().unwrap().is_empty(), "nothing stays behind");
        }
    }

    /// People who use one program have half of its share each, and all of them together no more than the whole.
    #[test]
    fn people_share_what_their_application_has() {
        let caller = |kind, subject: &str| {
            Sharer::from(&Caller::new(kind, subject, "program".parse().unwrap(), ["signer:sign"]))
        };
        assert_ne!(caller(CallerKind::Person, "555021942107"), caller(CallerKind::Person, "555021942115"));
        assert_eq!(caller(CallerKind::System, "a"), caller(CallerKind::System, "b"));
        let shares = Shares::of(4);
        let mut places = vec![shares.take_many(&of_person("many", "one"), 2).unwrap()];
        assert!(matches!(shares.take(&of_person("many", "one")), Err(Error::ShareTaken)), "half of it");
        for person in ["two", "three"] {
            places.push(shares.take(&of_person("many", person)).unwrap());
        }
        for who in [of_person("many", "four"), sharer("many")] {
            assert!(matches!(shares.take(&who), Err(Error::ShareTaken)), "{who:?}: no more for more people");
        }
        drop(shares.take_many(&sharer("other"), 4).unwrap());
        places.pop();
        drop(shares.take(&of_person("many", "four")).unwrap());
        drop(places);
        assert!(shares.taken.lock().unwrap().is_empty(), "nothing stays behind");
    }
}
