//! What was touched of a part of the tree since a point of the change feed, and what it is now.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use platform::clock::Millis;

use super::answer::Refusal;
use super::dn::Dn;
use super::entry::Entry;
use super::filter::{Filter, Truth};
use super::tree::{self, Branch, Where};
use super::walk::{Range, Turn};
use super::who::Viewer;
use crate::day::Day;
use crate::register::Register;
use crate::store::reading::Reading;
use crate::touched::{Since, Touched, kept, people_of, people_of_days, since, touched};

/// How many changes are read at once.
const STEP: u32 = 500;
/// How many units are named at most; where more were touched it is less to read everything.
const MOST: usize = 20_000;
/// How many people one change touches at most.
const MOST_OF_ONE: u32 = 5_000;

/// Up to where somebody knows the register. It is the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// The number of the last change that is known.
    pub(super) number: u64,
    /// When that was told: another feed has another time there.
    told_at: Millis,
    /// The day: roles begin and end with one without a change.
    day: Day,
}

impl Point {
    /// Where the register is now. What is read after it is this, or newer.
    pub(super) async fn now(register: &Register) -> Result<Self, Refusal> {
        let day = register.today();
        let kept = kept(register.db.read()).await?;
        Ok(Self { number: kept.last, told_at: kept.last_at, day })
    }

    /// As a client keeps it.
    pub(super) fn text(&self) -> String {
        format!("{}.{}.{}", self.number, self.told_at.0, self.day)
    }

    /// Reads what [`Point::text`] wrote.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let number = parts.next()?.parse().ok()?;
        let told_at = Millis(parts.next()?.parse().ok()?);
        Some(Self { number, told_at, day: parts.next()?.parse().ok()? })
    }
}

/// The ids of units, by branch.
pub(super) type Units = BTreeMap<Branch, BTreeSet<String>>;

/// What was touched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// These units, up to this point.
    Units(Units, Point),
    /// So much, or so long ago, that everything has to be read.
    TooMuch,
}

/// What was touched since a point of what lies in a range and is seen.
pub(super) async fn touched_since(
    register: &Register,
    who: &Viewer,
    range: &Range,
    from: Point,
) -> Result<Touch, Refusal> {
    let mut read =
        register.db.read().acquire().await.map_err(|error| Refusal::from(crate::Error::from(error)))?;
    let branches: BTreeSet<Branch> = Branch::REGISTER
        .into_iter()
        .filter(|branch| range.reaches(*branch) && who.sees(*branch).is_ok())
        .collect();
    let mut units = Units::new();
    let mut point = from;
    loop {
        let rows = match since(&mut read, point.number, Some(point.told_at), STEP).await? {
            Since::Changes(rows) => rows,
            Since::TooOld => return Ok(Touch::TooMuch),
        };
        for change in &rows {
            (point.number, point.told_at) = (change.number, change.at);
            let Some(what) = touched(change) else { continue };
            for branch in &branches {
                let ids = match (branch, &what) {
                    (Branch::Services, Touched::System(id)) => vec![crate::system::folded(id)],
                    (Branch::Organisations, Touched::Organisation(ods)) => vec![ods.clone()],
                    (Branch::Workgroups, Touched::Workgroup(id)) => vec![id.clone()],
                    (Branch::People, what) => match people_of(&mut read, what, MOST_OF_ONE).await? {
                        Some(people) => people,
                        None => return Ok(Touch::TooMuch),
                    },
                    _ => continue,
                };
                units.entry(*branch).or_default().extend(ids);
            }
        }
        if units.values().map(BTreeSet::len).sum::<usize>() > MOST {
            return Ok(Touch::TooMuch);
        }
        if rows.len() < usize::try_from(STEP).unwrap_or(usize::MAX) {
            break;
        }
    }
    let today = register.today();
    if branches.contains(&Branch::People) {
        match people_of_days(&mut read, point.day, today, MOST_OF_ONE).await? {
            Some(people) if people.is_empty() => {}
            Some(people) => units.entry(Branch::People).or_default().extend(people),
            None => return Ok(Touch::TooMuch),
        }
    }
    point.day = point.day.max(today);
    Ok(Touch::Units(units, point))
}

/// What touched units are now.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Entries that are found.
    pub(super) present: Vec<Entry>,
    /// Names of entries that are there and are not found.
    pub(super) left: Vec<Dn>,
    /// Names under which there is nothing.
    pub(super) gone: Vec<Dn>,
}

/// Reads units of a branch again, and holds them against a search.
pub(super) async fn read_again(
    register: &Register,
    who: &Viewer,
    (range, filter): (&Range, &Filter),
    branch: Branch,
    ids: &[String],
) -> Result<Changed, Refusal> {
    let mut read = Reading::exact(register);
    let place = Where::only(branch, String::new());
    let units = place.these(register, &mut read, ids).await?;
    let read = read.tx().await?;
    let mut changed = Changed::default();
    let mut here = HashSet::new();
    let entries = units.into_iter().flat_map(|unit| unit.entries).filter(|entry| range.has(&entry.dn));
    let entries: Vec<Entry> = entries.map(|entry| tree::seen(who, branch, entry)).collect();
    let mut turn = Turn::default();
    for entry in entries {
        here.insert(entry.dn.normal());
        let (truth, cost) = filter.of_at_cost(&entry);
        turn.pay(1 + cost).await;
        if truth == Truth::True {
            changed.present.push(entry);
        } else {
            changed.left.push(entry.dn);
        }
    }
    for id in ids {
        let names = tree::names_of(read, branch, id).await?;
        changed.gone.extend(names.into_iter().filter(|dn| range.has(dn) && !here.contains(&dn.normal())));
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point reads back; anything else is none.
    #[test]
    fn points_read_back() {
        let day = "2026-11-30".parse().unwrap();
        let point = Point { number: 7, told_at: Millis(1_795_540_800_000), day };
        assert_eq!(Point::read(&point.text()), Some(point));
        for bad in ["", "7", "7.1", "7.1.x", "x.1.2026-11-30", "-7.1.2026-11-30"] {
            assert_eq!(Point::read(bad), None, "{bad}");
        }
    }
}
