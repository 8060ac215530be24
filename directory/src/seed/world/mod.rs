//! The world of the demonstration: what there is in it, before any of it is in a register.

mod people;
mod places;
mod seats;

use super::chance::Chance;

pub(super) use people::{Life, Newcomer};
pub use places::Place;
pub use seats::Seat;

/// The activity that makes local smartcard administrators in this world: the national code is not known, so this one is
/// invented. `[directory] local_smartcard_administrator` names it.
pub const CHECKS_SMARTCARDS: &str = "B9990";

/// An integrated trust, a surgery and a chain of pharmacies, with forty people.
#[derive(Debug, Clone)]
pub struct World {
    /// Organisations, those above first.
    pub places: &'static [Place],
    /// Positions.
    pub seats: &'static [Seat],
    /// People, each in a seat; the first manages the registration authority.
    pub(super) people: Vec<Newcomer>,
}

impl World {
    /// The world that follows from a seed. Only its people differ from seed to seed, and the prescriber never.
    pub fn new(seed: u64) -> Self {
        let people = people::people(&mut Chance::part(seed, 0), seats::SEATS);
        Self { places: places::PLACES, seats: seats::SEATS, people }
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// The seat with this key.
    pub(super) fn seat(&self, key: &str) -> Option<&'static Seat> {
        self.seats.iter().find(|seat| seat.key == key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::authority::Rank;
    use crate::rbac::{ActivityCode, AreaPath, JobRolePath};

    /// Forty people, nobody twice by name, birth or registration; the same each time, and others with another seed.
    #[test]
    fn forty_people_follow_from_the_seed() {
        let world = World::new(1);
        assert_eq!(world.people(), 40);
        let distinct =
            |of: fn(&Newcomer) -> String| world.people.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(|one| format!("{} {}", one.name.given, one.name.family)), 40);
        assert_eq!(distinct(|one| one.birth.clone()), 40);
        assert_eq!(distinct(Newcomer::email), 40);
        let registered = world.people.iter().filter(|one| one.registration.is_some()).count();
        assert_eq!(distinct(|one| format!("{:?} {}", one.registration, one.birth)), 40);
        assert!(registered > 15, "{registered}");
        assert_eq!(format!("{:?}", World::new(1).people), format!("{:?}", world.people));
        assert_ne!(format!("{:?}", World::new(2).people), format!("{:?}", world.people));
        let prescriber =
            |world: &World| world.people.iter().find(|one| one.life == Life::Prescriber).cloned();
        let given = prescriber(&World::new(2)).map(|one| one.name.given);
        assert_eq!(given.as_deref(), Some("Ottoline"));
    }

    /// Every rank that a person can have is somebody's, and the codes of the positions are codes.
    #[test]
    fn every_rank_is_somebodys() {
        let world = World::new(1);
        let ranks: BTreeSet<Rank> = world
            .people
            .iter()
            .filter_map(|one| world.seat(one.seat))
            .map(|seat| {
                let role: JobRolePath = seat.job_role.parse().unwrap();
                assert!(seat.areas.iter().all(|area| area.parse::<AreaPath>().is_ok()), "{}", seat.key);
                assert!(seat.activities.iter().all(|it| it.parse::<ActivityCode>().is_ok()), "{}", seat.key);
                Rank::of(role.code().as_str(), seat.activities.iter().copied(), Some(CHECKS_SMARTCARDS))
                    .unwrap_or(Rank::Everybody)
            })
            .collect();
        let people = Rank::ALL.into_iter().filter(|rank| !matches!(rank, Rank::Personnel | Rank::Operator));
        assert_eq!(ranks, people.collect::<BTreeSet<_>>());
    }

    /// Whatever a seat names is there: its organisation, its workgroup's organisation, what its holders may assign.
    #[test]
    fn seats_name_what_is_there() {
        let world = World::new(1);
        for seat in world.seats {
            assert!(world.places.iter().any(|place| place.code == seat.place), "{}", seat.key);
            assert!(seat.assigns.iter().all(|key| world.seat(key).is_some()), "{}", seat.key);
            assert!(seat.assigns.is_empty() || seat.activities.contains(&"B1300"), "{}", seat.key);
        }
        let mut above = BTreeSet::new();
        for place in world.places {
            assert!(
                place.host.is_none_or(|host| above.contains(host)),
                "{}: its host comes first",
                place.code
            );
            above.insert(place.code);
        }
        assert!(world.people.iter().all(|one| world.seat(one.seat).is_some()));
    }
}
