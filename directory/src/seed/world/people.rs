//! The people of the world.

use std::collections::BTreeSet;

use crate::api::{Gender, Name, ProfessionalBody, Registration};
use crate::seed::chance::Chance;
use crate::seed::names;

use super::seats::Seat;

/// Somebody before anybody knows them.
#[derive(Debug, Clone)]
pub(crate) struct Newcomer {
    /// The key of the position that they are put into.
    pub(crate) seat: &'static str,
    pub(crate) name: Name,
    /// `YYYY-MM-DD`.
    pub(crate) birth: String,
    pub(crate) gender: Gender,
    pub(crate) mobile: String,
    pub(crate) registration: Option<Registration>,
    pub(crate) passport: String,
    pub(crate) life: Life,
}

/// What is out of the ordinary about somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nothing.
    Ordinary,
    /// Whoever signs the prescription of the demonstration; taken over from another register, then verified.
    Prescriber,
    /// Taken over from another register, then verified.
    TakenOver,
    /// Here for a quarter of a year.
    ForAWhile,
    /// Leaves in a month.
    Leaving,
    /// Left.
    Left,
}

impl Life {
    /// The user id that they bring with them.
    pub(crate) fn user_id(self) -> Option<&'static str> {
        match self {
            Self::Prescriber => Some("555000000108"),
            Self::TakenOver => Some("555000000119"),
            _ => None,
        }
    }
}

impl Newcomer {
    /// Their address at work.
    pub(crate) fn email(&self) -> String {
        format!("{}.{}@nowhere.example", self.name.given, self.name.family).to_ascii_lowercase()
    }
}

/// Who is out of the ordinary: in which position, at which place in it.
const LIVES: [(&str, usize, Life); 5] = [
    ("partners", 0, Life::Prescriber),
    ("ward-nurses", 1, Life::TakenOver),
    ("emergency-nurses", 1, Life::ForAWhile),
    ("midwives", 1, Life::Leaving),
    ("practice-desk", 1, Life::Left),
];

/// Somebody for each place in these positions.
pub(super) fn people(chance: &mut Chance, seats: &'static [Seat]) -> Vec<Newcomer> {
    let (mut families, mut births) = (BTreeSet::new(), BTreeSet::new());
    let mut people = Vec::new();
    for (seat, place) in seats.iter().flat_map(|seat| (0..seat.people).map(move |place| (seat, place))) {
        let life =
            LIVES.iter().find(|row| row.0 == seat.key && row.1 == place).map_or(Life::Ordinary, |row| row.2);
        // Nobody is like another, so that the register takes nobody for a second record.
        let family = until_new(&mut families, || names::family(chance));
        let birth = until_new(&mut births, || names::birth(chance));
        let (given, family) = match life {
            Life::Prescriber => ("Ottoline", "Marchbanks".to_owned()),
            _ => (names::given(chance), family),
        };
        let title = seat.title.map(str::to_owned);
        people.push(Newcomer {
            seat: seat.key,
            name: Name { title, given: given.to_owned(), middle: None, family, on_card: None },
            birth,
            gender: Gender::ALL[chance.place(Gender::ALL.len())],
            mobile: names::mobile(chance),
            registration: seat.body.and_then(|body| registration(chance, body)),
            passport: chance.digits(9),
            life,
        });
    }
    people
}

fn until_new(seen: &mut BTreeSet<String>, mut draw: impl FnMut() -> String) -> String {
    loop {
        let drawn = draw();
        if seen.insert(drawn.clone()) {
            return drawn;
        }
    }
}

/// A number in the form of a body, of a range that it does not give out.
pub(crate) fn registration(chance: &mut Chance, body: &str) -> Option<Registration> {
    let body: ProfessionalBody = body.parse().ok()?;
    let number = match body {
        ProfessionalBody::Gmc => format!("9{}", chance.digits(6)),
        ProfessionalBody::Nmc => format!("99X{}E", chance.digits(4)),
        ProfessionalBody::Gphc => format!("29{}", chance.digits(5)),
        ProfessionalBody::Hcpc => format!("XX{}", chance.digits(6)),
        _ => return None,
    };
    Some(Registration { body, number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::registrations;

    /// The numbers are in the forms of their bodies, and a body without numbers here gives none.
    #[test]
    fn registrations_have_their_form() {
        let mut chance = Chance::new(3);
        for body in ["GMC", "NMC", "GPhC", "HCPC"] {
            let given = registration(&mut chance, body).unwrap();
            assert_eq!(registrations(std::slice::from_ref(&given)).unwrap(), [given]);
        }
        assert_eq!(registration(&mut chance, "GDC"), None);
        assert_eq!(registration(&mut chance, "nobody"), None);
    }
}
