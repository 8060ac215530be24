//! What was touched of a part of the tree since a point of the change feed, and what it is now.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use platform::clock::Millis;
use platform::db::Tx;

use super::age::{Age, Before, ages};
use super::answer::Refusal;
use super::dn::Dn;
use super::entry::Entry;
use super::filter::{Filter, Truth};
use super::tree::{self, Branch, Where};
use super::walk::{Range, Turn};
use super::who::Viewer;
use crate::day::Day;
use crate::error::Error;
use crate::register::Register;
use crate::store::reading::Reading;
use crate::touched::{Crowd, Since, Touched, kept, renamed, since, touched};

/// How many changes are read at once.
const STEP: u32 = 500;
/// With how many things a part is full; what one step of changes touches goes into it all the same.
const MOST: usize = 5_000;
/// How many units are given at once.
const AT_ONCE: usize = 50;
/// How many people of a crowd are read at once.
const FROM_A_CROWD: u32 = 1_000;

/// Up to where somebody knows the register. It is the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// The number of the last change that is known.
    pub(super) number: u64,
    /// When that was told: another feed has another time there.
    pub(super) told_at: Millis,
    /// The day: roles begin and end with one without a change.
    pub(super) day: Day,
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

/// What was touched.
#[derive(Debug)]
pub(super) enum Touch {
    /// This, up to a point.
    Part(Box<Part>),
    /// Something that is not kept any more: everything has to be read.
    TooOld,
}

/// What was touched between two points: units by themselves, and crowds of people, who are read when their turn has come. However many
/// look otherwise because of one change, they are never all in memory.
#[derive(Debug)]
pub(super) struct Part {
    named: VecDeque<(Branch, Vec<String>)>,
    crowds: VecDeque<Crowd>,
    /// The last of the first crowd who was read.
    after: String,
    /// What there was where it begins.
    pub(super) before: Before,
    /// Up to where it goes.
    pub(super) point: Point,
    /// Whether more was told behind it.
    pub(super) has_more: bool,
}

impl Part {
    /// Some units of one branch; none when all were given. Somebody who is in two crowds is given twice.
    pub(super) async fn next(
        &mut self,
        register: &Register,
    ) -> Result<Option<(Branch, Vec<String>)>, Refusal> {
        while self.named.is_empty() {
            let Some(crowd) = self.crowds.front() else { return Ok(None) };
            let mut read = Reading::exact(register);
            let people = crowd.page(read.tx().await?, &self.after, FROM_A_CROWD).await?;
            if let Some(last) = people.last() {
                self.after.clone_from(last);
                self.named.extend(people.chunks(AT_ONCE).map(|some| (Branch::People, some.to_vec())));
            } else {
                self.crowds.pop_front();
                self.after.clear();
            }
        }
        Ok(self.named.pop_front())
    }
}

/// What was touched since a point of what lies in a range and is seen: all of it, or as much as one part has.
pub(super) async fn touched_since(
    register: &Register,
    who: &Viewer,
    range: &Range,
    from: Point,
) -> Result<Touch, Refusal> {
    let mut read = Reading::exact(register);
    let read = read.tx().await?;
    let branches: BTreeSet<Branch> = Branch::REGISTER
        .into_iter()
        .filter(|branch| range.reaches(*branch) && who.sees(*branch).is_ok())
        .collect();
    let mut gathered = Gathered::default();
    let (mut point, mut before) = (from, Before::new(from.day));
    let has_more = loop {
        let rows = match since(read, point.number, Some(point.told_at), STEP).await? {
            Since::Changes(rows) => rows,
            Since::TooOld => return Ok(Touch::TooOld),
        };
        for change in &rows {
            (point.number, point.told_at) = (change.number, change.at);
            before.followed_by(change);
            let Some(what) = touched(change) else { continue };
            for branch in &branches {
                gathered.add(*branch, &what);
            }
        }
        if rows.len() < usize::try_from(STEP).unwrap_or(usize::MAX) {
            break false;
        }
        if gathered.many() >= MOST {
            break true;
        }
    };
    before.look_back(read, from.number).await?;
    for position in gathered.positions() {
        before.position_changed(position);
    }
    let organisations: Vec<String> = std::mem::take(&mut gathered.organisations).into_iter().collect();
    for some in organisations.chunks(AT_ONCE) {
        let renamed = renamed(read, some, from.number).await?;
        gathered.crowds.extend(renamed.into_iter().map(|ods| Crowd::Of(Touched::Organisation(ods))));
    }
    if !has_more {
        // Nothing is left but the days that have begun.
        let today = register.today();
        if point.day < today && branches.contains(&Branch::People) {
            gathered.crowds.insert(Crowd::OfDays(point.day, today));
        }
        point.day = point.day.max(today);
    }
    if let Some(own) = Branch::People.id_of(&range.base) {
        gathered.keep_to(read, &own).await?;
    }
    let (named, crowds) = gathered.given();
    Ok(Touch::Part(Box::new(Part { named, crowds, after: String::new(), before, point, has_more })))
}

/// What changes touch, each thing once.
#[derive(Debug, Default)]
struct Gathered {
    /// The ids of units, by branch.
    units: BTreeMap<Branch, BTreeSet<String>>,
    crowds: BTreeSet<Crowd>,
    /// Organisations whose people look otherwise if they have another name.
    organisations: BTreeSet<String>,
}

impl Gathered {
    fn add(&mut self, branch: Branch, what: &Touched) {
        match (branch, what) {
            (Branch::People, Touched::Organisation(ods)) => {
                self.organisations.insert(ods.clone());
            }
            (Branch::People, Touched::Position(_) | Touched::Workgroup(_) | Touched::Everybody) => {
                self.crowds.insert(Crowd::Of(what.clone()));
            }
            _ => {
                if let Some(id) = unit_of(branch, what) {
                    self.units.entry(branch).or_default().insert(id);
                }
            }
        }
    }

    /// Positions of which something has changed.
    fn positions(&self) -> impl Iterator<Item = &str> {
        self.crowds.iter().filter_map(|crowd| match crowd {
            Crowd::Of(Touched::Position(position)) => Some(position.as_str()),
            _ => None,
        })
    }

    /// All of it in the order in which it is given.
    fn given(self) -> (VecDeque<(Branch, Vec<String>)>, VecDeque<Crowd>) {
        let named = self.units.into_iter().flat_map(|(branch, ids)| {
            let ids: Vec<String> = ids.into_iter().collect();
            ids.chunks(AT_ONCE).map(|some| (branch, some.to_vec())).collect::<Vec<_>>()
        });
        (named.collect(), self.crowds.into_iter().collect())
    }

    /// Keeps somebody alone, below whom is searched, if they are among those who look otherwise.
    async fn keep_to(&mut self, tx: &mut Tx, own: &str) -> Result<(), Error> {
        let mut is_among = self.units.get(&Branch::People).is_some_and(|people| people.contains(own));
        for crowd in std::mem::take(&mut self.crowds) {
            is_among = is_among || crowd.has(tx, own).await?;
        }
        self.units.clear();
        if is_among {
            self.units.insert(Branch::People, BTreeSet::from([own.to_owned()]));
        }
        Ok(())
    }

    fn many(&self) -> usize {
        let named: usize = self.units.values().map(BTreeSet::len).sum();
        named + self.crowds.len() + self.organisations.len()
    }
}

/// The unit of a branch that something is, if it is one by itself.
pub(super) fn unit_of(branch: Branch, what: &Touched) -> Option<String> {
    match (branch, what) {
        (Branch::Services, Touched::System(id)) => Some(crate::system::folded(id)),
        (Branch::Organisations, Touched::Organisation(id))
        | (Branch::Workgroups, Touched::Workgroup(id))
        | (Branch::People, Touched::Person(id)) => Some(id.clone()),
        _ => None,
    }
}

/// What touched units are now.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Entries that are found, and how old they are where that was asked.
    pub(super) present: Vec<(Entry, Age)>,
    /// Names of entries that are there and are not found.
    pub(super) left: Vec<Dn>,
    /// Names under which there is nothing.
    pub(super) gone: Vec<Dn>,
}

/// Reads units of a branch again, and holds them against a search. With what there was before it is said of entries whether they are new.
pub(super) async fn read_again(
    register: &Register,
    who: &Viewer,
    (range, filter): (&Range, &Filter),
    (branch, ids): (Branch, &[String]),
    before: Option<&Before>,
) -> Result<Changed, Refusal> {
    let mut read = Reading::exact(register);
    let place = Where::only(branch, String::new());
    let units = place.these(register, &mut read, ids).await?;
    let read = read.tx().await?;
    let mut changed = Changed::default();
    let mut here = HashSet::new();
    let mut turn = Turn::default();
    for unit in units {
        let ages = match before {
            Some(before) => Some(ages(read, branch, &unit, before).await?),
            None => None,
        };
        for entry in unit.entries.into_iter().filter(|entry| range.has(&entry.dn)) {
            let entry = tree::seen(who, branch, entry);
            here.insert(entry.dn.normal());
            let (truth, cost) = filter.of_at_cost(&entry);
            turn.pay(1 + cost).await;
            if truth == Truth::True {
                let age = ages.as_ref().map_or(Age::Known, |ages| ages.of(&entry.dn));
                changed.present.push((entry, age));
            } else {
                changed.left.push(entry.dn);
            }
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
