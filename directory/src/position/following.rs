//! The ranks that positions are stored with follow the release in force.

use std::collections::{BTreeMap, BTreeSet};

use platform::clock::Millis;
use platform::db::Tx;

use super::closure::closure;
use super::rights::Basis;
use crate::api::ChangeKind;
use crate::authority::Rank;
use crate::changes;
use crate::error::Error;
use crate::ids::PositionId;
use crate::store::{position_links, positions};

/// How many kinds of access profiles, and how many positions, are looked at in one step.
const STEP: u32 = 200;

/// Brings the stored rank of every position to what follows from `new`, tells of each that changed, and says how many those
/// were. Of access profiles whose rank is the same by `old` nothing is looked at; without `old` everything is.
pub(crate) async fn rerank(
    tx: &mut Tx,
    now: Millis,
    old: Option<Basis<'_>>,
    new: Basis<'_>,
) -> Result<u64, Error> {
    let (mut after, mut done, mut changed) = (None, BTreeSet::new(), 0);
    loop {
        let kinds = position_links::kinds(tx, after.as_ref(), STEP).await?;
        for kind in &kinds {
            let codes = kind.codes()?;
            if old.is_none_or(|old| codes.rank(old) != codes.rank(new)) {
                changed += touched(tx, now, new, kind, &mut done).await?;
            }
        }
        let Some(last) = kinds.into_iter().next_back() else { return Ok(changed) };
        after = Some(last);
    }
}

/// The positions with access profiles of a kind, and those that include them.
async fn touched(
    tx: &mut Tx,
    now: Millis,
    basis: Basis<'_>,
    kind: &position_links::Kind,
    done: &mut BTreeSet<PositionId>,
) -> Result<u64, Error> {
    let (mut after, mut changed) = (None, 0);
    loop {
        let page = position_links::with_kind(tx, kind, after.as_ref(), STEP).await?;
        let mut affected = page.clone();
        affected.extend(position_links::above_all(tx, &page).await?);
        affected.retain(|id| done.insert(id.clone()));
        for some in affected.chunks(usize::try_from(STEP).unwrap_or(usize::MAX)) {
            changed += some_reranked(tx, now, basis, some).await?;
        }
        let Some(last) = page.into_iter().next_back() else { return Ok(changed) };
        after = Some(last);
    }
}

async fn some_reranked(
    tx: &mut Tx,
    now: Millis,
    basis: Basis<'_>,
    some: &[PositionId],
) -> Result<u64, Error> {
    let inclusions = position_links::inclusions_below(tx, some).await?;
    let mut all: BTreeSet<PositionId> = some.iter().cloned().collect();
    all.extend(inclusions.values().flatten().cloned());
    let all: Vec<PositionId> = all.into_iter().collect();
    let mut given: BTreeMap<PositionId, Option<Rank>> = BTreeMap::new();
    for chunk in all.chunks(usize::try_from(STEP).unwrap_or(usize::MAX)) {
        for profile in position_links::access_profiles(tx, chunk).await? {
            let rank = profile.rank(basis);
            let highest = given.entry(profile.position).or_insert(rank);
            *highest = rank.max(*highest);
        }
    }
    let mut told = Vec::new();
    for position in positions::find_all(tx, some).await? {
        // What is stored includes nothing in a circle; if it did, its rank would stay.
        let Ok(closed) = closure(&position.id, &inclusions) else { continue };
        let rank = closed.iter().filter_map(|id| given.get(id).copied().flatten()).max();
        if rank != position.rank {
            positions::set_rank(tx, &position.id, rank).await?;
            told.push((ChangeKind::PositionChanged, position.id.to_string(), None));
        }
    }
    changes::tell_many(tx, now, &told).await?;
    Ok(u64::try_from(told.len()).unwrap_or(u64::MAX))
}
