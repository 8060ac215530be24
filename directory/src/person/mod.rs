//! People: who they are, how that was checked, and what is done to their profile.
//!
//! The rules are synchronous files; an act that changes a profile is a function that takes the transaction, and ends in
//! [`note`], so that no change is without its version, its event, its line of history and its row of the change feed.

mod allowed;
mod changing;
mod closing;
mod contact;
mod contacts;
mod creating;
mod custody;
mod duplicate;
mod events;
mod evidence;
mod import;
mod keyed;
mod known_key;
mod letters;
mod merging;
mod name;
mod national_insurance;
mod note;
mod photo;
mod photographing;
mod profile;
mod registration;
mod retention;
mod showing;
mod state;
mod sweeping;
mod telling;
mod text;
mod told;

pub(crate) use allowed::{Whose, whose};
pub(crate) use changing::{
    change, look_at_change, look_at_rename, note_evidence, register, rename, unregister, verify,
};
pub(crate) use closing::{close, close_who_left, own_closing, reopen};
pub(crate) use contact::{Pending, checked as address};
pub(crate) use contacts::{
    Outcome, add as add_contact, add_asked as add_contact_asked, demand_address, remove as remove_contact,
    send_code, try_code,
};
pub(crate) use creating::{
    Created, Creation, Documents, addresses, create, look_at_new, may_be, registrations,
};
pub(crate) use custody::{give, take_back};
pub(crate) use duplicate::{Traits, likeness, swapped};
pub use events::Event;
pub(crate) use evidence::carry as carry_document;
pub(crate) use evidence::{Proof, Shown};
pub(crate) use import::{Import, LARGEST as LARGEST_IMPORT, import};
pub use keyed::DocumentKey;
pub(crate) use keyed::masked;
pub use known_key::KeyStanding;
pub(crate) use letters::MODULE;
pub(crate) use merging::merge;
pub(crate) use name::{checked as checked_name, keys};
pub(crate) use national_insurance::carry as carry_number;
pub(crate) use national_insurance::{Kept, kept as kept_number};
pub(crate) use photo::LARGEST as LARGEST_PHOTO;
pub(crate) use photographing::{Replaced, remove as remove_photo, set as set_photo};
pub(crate) use profile::Profile;
pub use retention::{Erasure, Retention};
pub(crate) use showing::{View, present, row, shown};
pub(crate) use state::State;
pub(crate) use telling::{Gone, tell};
pub(crate) use text::{composed, line, named, notes as lines, plain};
pub use told::{
    Letter, Told, ToldThere, Unproved, Way, address as typed_address, tell as tell_by_message, tell_at,
    tell_there, ways_to,
};

use crate::day::Day;
use crate::error::Error;

/// Reads a date that somebody typed.
pub(crate) fn day(field: &'static str, text: &str) -> Result<Day, Error> {
    text.trim().parse().map_err(|_| {
        Error::field(
            field,
            "Write the date as YYYY-MM-DD, such as 1984-07-23, and one that the calendar has.",
        )
    })
}

/// Reads a date of birth: of a day that was, of somebody who can be at work.
pub(crate) fn birth(text: &str, today: Day) -> Result<Day, Error> {
    let day = day("birth", text)?;
    if day > today {
        return Err(Error::field("birth", "This day is still to come. Write the date of birth."));
    }
    // Whoever is younger does not work, and whoever is older is a slip of the pen.
    let years = today.days_since(day) / 365;
    if !is_unknown(day) && !(13..=110).contains(&years) {
        return Err(Error::field("birth", "Nobody of that age works here. Look at the year again."));
    }
    Ok(day)
}

/// The date that stands for an unknown date of birth in profiles of before.
pub(crate) fn is_unknown(birth: Day) -> bool {
    birth.to_string() == "1900-01-01"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates of birth lie in the past of people who can be at work; the sign for an unknown one is known.
    #[test]
    fn births_are_in_the_past() {
        let today = "2026-11-29".parse().unwrap();
        assert!(birth(" 1984-07-23 ", today).is_ok_and(|day| !is_unknown(day)));
        assert!(birth("1900-01-01", today).is_ok_and(is_unknown));
        for bad in ["2026-11-30", "2026-11-29", "2020-01-01", "1901-01-01", "1984-02-30", "23/07/1984", ""] {
            assert!(birth(bad, today).is_err(), "{bad}");
        }
    }
}
