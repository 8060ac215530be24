//! Those who wait, and who is next: applications one after the other, and of each its people one after the other.
//!
//! So an application gains nothing by having many people wait, and one of its people nothing by waiting with much.

use std::collections::VecDeque;

use crate::share::Sharer;

/// What waits, the next in front.
pub(crate) struct Line<T> {
    applications: VecDeque<Application<T>>,
    length: usize,
}

/// What waits of one application; there is something of each.
struct Application<T> {
    name: String,
    people: VecDeque<Waiter<T>>,
    length: usize,
}

/// What waits of one of its people, or of nobody in particular; there is something of each.
struct Waiter<T> {
    who: Sharer,
    items: VecDeque<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { applications: VecDeque::new(), length: 0 }
    }
}

impl<T> Line<T> {
    /// Puts one behind what waits of the same application and person.
    pub(crate) fn join(&mut self, who: &Sharer, item: T) {
        self.length += 1;
        let name = who.application();
        let Some(application) = self.applications.iter_mut().find(|one| one.name == name) else {
            let people = VecDeque::from([Waiter { who: who.clone(), items: VecDeque::from([item]) }]);
            self.applications.push_back(Application { name: name.to_owned(), people, length: 1 });
            return;
        };
        application.length += 1;
        match application.people.iter_mut().find(|one| one.who == *who) {
            Some(waiter) => waiter.items.push_back(item),
            None => application.people.push_back(Waiter { who: who.clone(), items: VecDeque::from([item]) }),
        }
    }

    /// Takes out whoever is next; what else waits of that person and that application goes behind the others.
    pub(crate) fn leave(&mut self) -> Option<T> {
        let mut application = self.applications.pop_front()?;
        // There is somebody of each application, and something of each person.
        let mut waiter = application.people.pop_front()?;
        let item = waiter.items.pop_front()?;
        self.length -= 1;
        application.length -= 1;
        if !waiter.items.is_empty() {
            application.people.push_back(waiter);
        }
        if !application.people.is_empty() {
            self.applications.push_back(application);
        }
        Some(item)
    }

    /// Whoever is next.
    pub(crate) fn next(&self) -> Option<&T> {
        self.applications.front()?.people.front()?.items.front()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// How many wait of the application of this one.
    pub(crate) fn of_application(&self, who: &Sharer) -> usize {
        let found = self.applications.iter().find(|one| one.name == who.application());
        found.map_or(0, |application| application.length)
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::{of_person, sharer};

    /// However many people of an application wait, and with however much, each application has every turn that is its own, and so has each person in it.
    #[test]
    fn applications_take_turns_and_their_people_inside() {
        let mut line = Line::default();
        for number in 0..3 {
            line.join(&of_person("many", "one"), format!("one {number}"));
        }
        for person in ["two", "three"] {
            line.join(&of_person("many", person), format!("{person} 0"));
        }
        line.join(&sharer("other"), "other 0".to_owned());
        line.join(&sharer("other"), "other 1".to_owned());
        assert_eq!((line.len(), line.of_application(&of_person("many", "nobody"))), (7, 5));
        assert_eq!(line.next().map(String::as_str), Some("one 0"));
        let order: Vec<String> = std::iter::from_fn(|| line.leave()).collect();
        assert_eq!(order, ["one 0", "other 0", "two 0", "other 1", "three 0", "one 1", "one 2"]);
        assert!(line.is_empty() && line.next().is_none() && line.of_application(&sharer("other")) == 0);
    }
}
