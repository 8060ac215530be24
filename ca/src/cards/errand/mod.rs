//! What is done with a card in a reader, as a transaction that can be gone on with.
//!
//! An errand is a row. Each of its steps is done on the card, and then written; a step that was written is not done again. Between a
//! step on the card and its row the card may be pulled, the network cut, the agent or the server killed: then the step is done again,
//! and every step may be done twice. The steps of an issue:
//!
//! 1. `keyed`: the card is the one that it should be; retries are set; its management key and its unblocking key are ours. Which key
//!    comes next is written before it is set, so that a card that may have either is known as such. A key that the card refused is
//!    written down and never tried again; a management key whose answer was lost is not either, unless somebody says so.
//!    In a renewal the holder has entered their passcode at the agent before any of it, and it stays the card's; in an issue the card
//!    gets one that nobody knows. A renewal that would end without certificates stops before any of it, and the card keeps what it has.
//! 2. `first-key`, `second-key`: 9A and 9C were made on the card and have signed what was asked; their public halves are written. Once
//!    that of 9A is written, its certificate is made while the card makes 9C.
//! 3. `certified`: both have certificates; that of 9A may be on the card already, which it was written on while that of 9C was made. Their
//!    requests bear the errand's id, so the same certificates come when they are asked for again. From `first-key` on there may be
//!    certificates that are on no card.
//! 4. `written`: certificates and objects are on the card and read back as they were written.
//! 5. `done`: the holder has chosen a passcode or kept theirs, or the card has one that nobody knows; the card is moved in the same
//!    transaction.
//!
//! An errand that is not done in time, or is given up, ends: its certificates are revoked. So does one with whose card something else
//! was done meanwhile, such as a cancelled one. A renewal that stopped before anything was done ends once the card is to be unlocked
//! (`giving_way`).

mod approval;
mod begin;
mod certify;
mod clear;
mod ending;
mod entry;
mod fault;
mod foreseeing;
mod giving_way;
mod hand;
mod issue;
mod objects;
mod opened;
mod opening;
mod own;
mod protecting;
mod proving;
mod repair;
mod run;
mod second_try;
mod secrets;
mod unlock;
mod window;

use std::str::FromStr;

pub(super) use begin::began;
pub(super) use ending::close;
pub(super) use giving_way::{end_untouched, gives_way, stopped_renewal};
pub(crate) use hand::Hand;
pub(super) use opening::{Opening, Ticket, goes_on};
pub(crate) use run::LONGEST_RUN;

/// How far an errand has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Nothing is done.
    Begun,
    /// The card's keys are ours.
    Keyed,
    /// 9A was made and proved itself.
    FirstKey,
    /// 9C was.
    SecondKey,
    /// Both have certificates.
    Certified,
    /// Everything is on the card.
    Written,
    /// All is done.
    Done,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Begun,
        Self::Keyed,
        Self::FirstKey,
        Self::SecondKey,
        Self::Certified,
        Self::Written,
        Self::Done,
    ];

    /// Its word on the wire and in the database.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Keyed => "keyed",
            Self::FirstKey => "first-key",
            Self::SecondKey => "second-key",
            Self::Certified => "certified",
            Self::Written => "written",
            Self::Done => "done",
        }
    }
}

/// A word that is no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no errand has this step")]
pub(crate) struct NotAStep;

impl FromStr for Step {
    type Err = NotAStep;

    fn from_str(word: &str) -> Result<Self, NotAStep> {
        Self::ALL.into_iter().find(|step| step.word() == word).ok_or(NotAStep)
    }
}

/// Steps are in their order, and their words read back.
#[test]
fn steps_read_back() {
    assert!(Step::ALL.is_sorted());
    for step in Step::ALL {
        assert_eq!(step.word().parse(), Ok(step));
    }
}
