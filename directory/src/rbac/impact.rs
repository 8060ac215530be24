//! Whom another release touches: of the role profiles there are, those that gain or lose rights by it.

use std::collections::{BTreeSet, HashSet};

use platform::db::Tx;

use super::{ActivityCode, Book};
use crate::api::Difference;
use crate::day::Day;
use crate::error::Error;
use crate::ids::PositionId;
use crate::position::Codes;
use crate::store::{assignments, position_links};

/// How many kinds of access profiles, and positions, are looked at in one step.
const STEP: u32 = 200;
/// How many holders are read in one step.
const HOLDERS: u32 = 2000;
/// How many positions are named.
const NAMED: usize = 100;

/// Counts what `new` gives otherwise than `old`, by the positions that are open and the assignments that are live today.
pub(crate) async fn count(
    tx: &mut Tx,
    old: &Book,
    new: &Book,
    today: Day,
    difference: &mut Difference,
) -> Result<(), Error> {
    let (mut positions, mut after) = (BTreeSet::new(), None);
    loop {
        let kinds = position_links::kinds(tx, after.as_ref(), STEP).await?;
        for kind in &kinds {
            let (gains, loses) = shifted(&kind.codes()?, old, new);
            difference.profiles += kind.many;
            difference.profiles_gaining += if gains { kind.many } else { 0 };
            difference.profiles_losing += if loses { kind.many } else { 0 };
            if gains || loses {
                touched(tx, kind, &mut positions).await?;
            }
        }
        match kinds.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let positions: Vec<PositionId> = positions.into_iter().collect();
    difference.positions_affected = u64::try_from(positions.len()).unwrap_or(u64::MAX);
    difference.people_affected = holders(tx, &positions, today).await?;
    difference.positions = positions.iter().take(NAMED).map(ToString::to_string).collect();
    Ok(())
}

/// Whether an access profile with these codes gains rights, and whether it loses some.
fn shifted(codes: &Codes, old: &Book, new: &Book) -> (bool, bool) {
    let of = |book| -> BTreeSet<ActivityCode> { codes.effective(book).into_iter().collect() };
    let (had, has) = (of(old), of(new));
    (!has.is_subset(&had), !had.is_subset(&has))
}

/// Takes in the positions with access profiles of a kind, and those that include them.
async fn touched(
    tx: &mut Tx,
    kind: &position_links::Kind,
    positions: &mut BTreeSet<PositionId>,
) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = position_links::with_kind(tx, kind, after.as_ref(), STEP).await?;
        positions.extend(position_links::above_all(tx, &page).await?);
        let last = page.last().cloned();
        positions.extend(page);
        match last {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

/// How many people hold one of the positions today.
async fn holders(tx: &mut Tx, positions: &[PositionId], today: Day) -> Result<u64, Error> {
    let mut people = HashSet::new();
    for some in positions.chunks(usize::try_from(STEP).unwrap_or(usize::MAX)) {
        let mut after = None;
        loop {
            let page = assignments::holders(tx, some, today, after.as_ref(), HOLDERS).await?;
            // A user id is a number of twelve digits, and there may be a million of them.
            people.extend(page.iter().filter_map(|user| user.as_str().parse::<u64>().ok()));
            match page.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    Ok(u64::try_from(people.len()).unwrap_or(u64::MAX))
}
