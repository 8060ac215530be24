//! Any number of people in an empty register, for tests and for measuring.
//!
//! The rows are written straight into the tables, many in one statement and two thousand in one transaction, so that millions
//! come in minutes. No act of the register is done: of all of it the audit record has two events, a beginning and an end. So it
//! is refused in a register that holds anything already, and what it makes is fit for nothing but being looked at.
//!
//! A block is a trust with 299 organisations that it hosts, 1,400 people and 4,000 assignments. The same seed gives the same
//! block at the same place, whatever the number of people: 1,400,000 people are 300,000 organisations and 4,000,000
//! assignments. Who was killed goes on after the last transaction.

mod block;
mod events;
mod people;
mod places;
mod positions;
mod rows;

use std::time::Duration;

use audit::Actor;

pub use events::SeedingEvent;
pub(crate) use rows::{Table, Value};

use crate::error::Error;
use crate::rbac;
use crate::register::Register;
use crate::store::seeding::{self, Begun, Step};

/// How many people a whole block has.
pub const BLOCK: u64 = 1_400;
/// How many numbers of role profiles, and of people in organisations, are set aside for a block.
pub(crate) const NUMBERS: u64 = 10_000;
/// How many people there are at most: the numbers of professional bodies are enough for these.
pub const MOST: u64 = 10_000 * BLOCK;

/// What is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How many people.
    pub people: u64,
    /// What everything follows from.
    pub seed: u64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// People that are in.
    pub people: u64,
    /// People that are to be in.
    pub of: u64,
    /// Organisations that are in.
    pub organisations: u64,
    /// Assignments that are in.
    pub assignments: u64,
    /// People that were in when this time began.
    pub before: u64,
    /// How long it has taken this time.
    pub elapsed: Duration,
}

impl Progress {
    /// How long it will take from now on, if what follows takes as long as what was done this time.
    pub fn remaining(&self) -> Option<Duration> {
        let done = u32::try_from(self.people.checked_sub(self.before)?).ok().filter(|done| *done > 0)?;
        let left = u32::try_from(self.of.checked_sub(self.people)?).ok()?;
        // In this order, or a fast machine's share of one person would be nothing.
        self.elapsed.checked_mul(left)?.checked_div(done)
    }
}

impl Order {
    /// How many blocks it has.
    fn blocks(self) -> u64 {
        self.people.div_ceil(BLOCK)
    }

    /// How many people the block at this place has.
    fn people_in(self, block: u64) -> u64 {
        self.people.saturating_sub(block * BLOCK).min(BLOCK)
    }

    /// By what its marker is known.
    fn name(self) -> String {
        format!("seed {} people from {}", self.people, self.seed)
    }

    /// How far it is when so many blocks are in.
    fn after(self, blocks: u64) -> Progress {
        let whole = blocks.min(self.blocks());
        let each = (0..whole).map(|block| self.people_in(block));
        let organisations = each.clone().map(places::organisations).sum();
        let assignments = each.clone().map(people::assignments).sum();
        Progress { people: each.sum(), of: self.people, organisations, assignments, ..Progress::default() }
    }
}

/// Fills an empty register, or goes on where it was broken off. `progress` is called after each transaction, and counts
/// whole blocks.
///
/// Dropping the future stops it between two transactions, or after the one that is under way.
pub async fn fill(
    register: &Register,
    order: Order,
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Progress, Error> {
    if !(1..=MOST).contains(&order.people) {
        return Err(Error::field("people", format!("Give a number from 1 to {MOST}.")));
    }
    let actor = Actor::system("seed");
    let started = register.now();
    let begun = begin(register, order, &actor).await?;
    let Begun::At { block: first, part: mut done } = begun else {
        return Ok(order.after(order.blocks()));
    };
    if (first, done) == (0, 0) {
        rbac::import(register, super::national_roles()?, rbac::Mode::Apply, &actor).await?;
    }
    let before = order.after(first).people;
    let mut told = order.after(first);
    for number in first..order.blocks() {
        let parts = block::parts(block::block(order.seed, number, order.people_in(number)));
        let last = parts.len();
        for (at, part) in parts.into_iter().enumerate().skip(std::mem::take(&mut done)) {
            write(register, order, Step::of(number, at, last), part).await?;
            told = order.after(if at + 1 == last { number + 1 } else { number });
            told = Progress { before, elapsed: register.now().since(started), ..told };
            progress(&told);
        }
    }
    end(register, order, &actor).await?;
    Ok(told)
}

async fn write(register: &Register, order: Order, step: Step, part: Vec<Table>) -> Result<(), Error> {
    let name = order.name();
    register.db.write(move |tx| Box::pin(async move { seeding::part(tx, &name, step, part).await })).await
}

async fn begin(register: &Register, order: Order, actor: &Actor) -> Result<Begun, Error> {
    let (name, actor, now) = (order.name(), actor.clone(), register.now());
    register
        .db
        .write(move |tx| {
            Box::pin(async move {
                let begun = seeding::begin(tx, &name, order.blocks()).await?;
                if begun == (Begun::At { block: 0, part: 0 }) {
                    let event = SeedingEvent::SeedingBegan { people: order.people, seed: order.seed };
                    audit::record(tx, now, &actor, &event).await?;
                }
                Ok(begun)
            })
        })
        .await
}

async fn end(register: &Register, order: Order, actor: &Actor) -> Result<(), Error> {
    let (name, actor, now) = (order.name(), actor.clone(), register.now());
    register
        .db
        .write(move |tx| {
            Box::pin(async move {
                seeding::end(tx, &name, order.people, order.blocks()).await?;
                let event = SeedingEvent::SeedingEnded { people: order.people, seed: order.seed };
                audit::record(tx, now, &actor, &event).await?;
                Ok(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the measurements are made with are those of the whole nation.
    #[test]
    fn the_numbers_are_in_proportion() {
        for (people, organisations, assignments) in
            [(1_400_000, 300_000, 4_000_000), (14_000, 3_000, 40_000), (1_400, 300, 4_000)]
        {
            let order = Order { people, seed: 1 };
            let whole = order.after(order.blocks());
            assert_eq!((whole.people, whole.organisations), (people, organisations));
            assert_eq!(whole.assignments, assignments);
        }
        assert_eq!(Order { people: 1_401, seed: 1 }.people_in(1), 1);
    }

    /// What remains is told from what was done this time, not from what was there before.
    #[test]
    fn what_remains_is_told_from_this_time() {
        let elapsed = Duration::from_secs(10);
        let at = |people, before| Progress { people, of: 3_000, before, elapsed, ..Progress::default() };
        assert_eq!(at(2_000, 0).remaining(), Some(Duration::from_secs(5)));
        assert_eq!(at(2_000, 1_000).remaining(), Some(Duration::from_secs(10)));
        assert_eq!(at(1_000, 1_000).remaining(), None);
    }
}
