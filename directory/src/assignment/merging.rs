//! Assignments of somebody who had two records: what both had of one position becomes one.

use platform::db::Tx;
use platform::id::UserId;

use super::rules::overlap;
use super::{Assignment, AssignmentEvent, Cause, Ending, end_now};
use crate::acting::Doing;
use crate::api::ChangeKind;
use crate::changes;
use crate::day::Day;
use crate::error::Error;
use crate::store::assignments;

/// Assignments to one position that overlap, as one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct One {
    /// The one that stays: it begins first.
    kept: Assignment,
    /// Its last day then: the latest of all.
    to: Option<Day>,
    /// The others.
    others: Vec<Assignment>,
}

/// Of assignments to one position that overlap, the first stays and reaches as far as any of them; the others are taken
/// away, and say which one stayed.
pub(crate) async fn clear_overlaps(tx: &mut Tx, doing: &Doing, user: &UserId) -> Result<(), Error> {
    let open = assignments::open_of_person(tx, user, None, doing.today()).await?;
    for one in united(open) {
        let why = format!("Two records were one person; the assignment {} stays", one.kept.id);
        end_now(tx, doing, &one.others, &Ending::because(Cause::Merged, Some(why))).await?;
        if one.to != one.kept.to {
            assignments::set_end(tx, std::slice::from_ref(&one.kept.id), one.to).await?;
            let event = AssignmentEvent::Redated {
                assignment: one.kept.id.to_string(),
                user: one.kept.user.to_string(),
                position: one.kept.position.to_string(),
                before: one.kept.to.map(String::from),
                end: one.to.map(String::from),
                request: None,
            };
            audit::record(tx, doing.now, &doing.recorded(), &event).await?;
            let (id, user) = (one.kept.id.to_string(), one.kept.user.to_string());
            changes::tell(tx, doing.now, ChangeKind::AssignmentChanged, &id, Some(&user)).await?;
        }
    }
    Ok(())
}

/// What overlaps, each as one; what stands alone is left out.
fn united(mut open: Vec<Assignment>) -> Vec<One> {
    let order = |one: &Assignment, other: &Assignment| {
        (&one.position, one.from, &one.id).cmp(&(&other.position, other.from, &other.id))
    };
    open.sort_by(order);
    let mut all: Vec<One> = Vec::new();
    for next in open {
        match all.last_mut() {
            Some(one)
                if one.kept.position == next.position
                    && overlap((one.kept.from, one.to), (next.from, next.to)) =>
            {
                one.to = one.to.zip(next.to).map(|(one, other)| one.max(other));
                one.others.push(next);
            }
            _ => all.push(One { to: next.to, kept: next, others: Vec::new() }),
        }
    }
    all.retain(|one| !one.others.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use platform::clock::Millis;
    use proptest::prelude::*;

    use super::*;
    use crate::assignment::{State, Via};
    use crate::version::Version;

    fn assignment(number: usize, position: usize, from: i64, long: Option<i64>) -> Assignment {
        let first: Day = "2026-01-01".parse().unwrap();
        let id = |number: usize| format!("01990000-0000-7000-8000-{number:012}");
        Assignment {
            id: id(number).parse().unwrap(),
            user: "555021942107".parse().unwrap(),
            position: id(position).parse().unwrap(),
            organisation: "RXX".parse().unwrap(),
            from: first.plus_days(from),
            to: long.map(|long| first.plus_days(from + long)),
            state: State::Live,
            notes: None,
            via: Via::Cim,
            made_by: "test".to_owned(),
            made_at: Millis(0),
            version: Version::FIRST,
        }
    }

    proptest! {
        /// Afterwards nothing overlaps, and every position is held on exactly the days on which it was held before.
        #[test]
        fn what_is_held_stays_held(
            rows in proptest::collection::vec((0..2usize, 0..20i64, proptest::option::of(0..8i64)), 0..10),
        ) {
            let before: Vec<Assignment> = rows
                .into_iter()
                .enumerate()
                .map(|(number, (position, from, long))| assignment(number, position, from, long))
                .collect();
            let ones = united(before.clone());
            let gone: BTreeSet<_> = ones.iter().flat_map(|one| &one.others).map(|one| one.id.clone()).collect();
            let mut after: Vec<Assignment> = before.iter().filter(|one| !gone.contains(&one.id)).cloned().collect();
            for one in &mut after {
                if let Some(united) = ones.iter().find(|united| united.kept.id == one.id) {
                    one.to = united.to;
                }
            }
            for (at, one) in after.iter().enumerate() {
                let others = after[..at].iter().filter(|other| other.position == one.position);
                for other in others {
                    prop_assert!(!overlap((one.from, one.to), (other.from, other.to)));
                }
            }
            let first: Day = "2026-01-01".parse().unwrap();
            let held = |rows: &[Assignment], position: &Assignment, day: Day| {
                rows.iter().any(|row| row.position == position.position && row.from <= day && row.to.is_none_or(|to| day <= to))
            };
            for one in &before {
                for day in (0..40).map(|days| first.plus_days(days)) {
                    prop_assert_eq!(held(&before, one, day), held(&after, one, day));
                }
            }
        }
    }
}
